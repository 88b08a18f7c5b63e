"""Keeps what tests with a rig did, from the first phase of a test to the reports at the end of the session.

What needs msgspec or NumPy is imported when a rig is used: other sessions do not pay for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_villas.report.writers import reason, write_all, writer_for

if TYPE_CHECKING:
    from pytest_villas.report.collect import Parcel
    from pytest_villas.report.log import TestLog
    from pytest_villas.report.record import Environment, RigRecord, SessionRecord
    from pytest_villas.rig.file import RigFile


@dataclass
class Recorder:
    """The record of a session while it grows.

    Attributes:
        root: of the project.
        reports: files to write at the end.
        impaired: what is done to all runs, as text.
        worker: the name of this process among those of pytest-xdist; empty in the one that reports.
        log: of the running test, if it has a rig.
        parcels: finished tests; only in the process that reports.
        problems: what went wrong beside the tests.
        status: pytest's exit status, once it is known.
    """

    root: Path
    reports: Sequence[Path] = ()
    impaired: str = ""
    worker: str = ""
    log: TestLog | None = None
    parcels: list[Parcel] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    status: int = 0
    started: int = field(default_factory=time.time_ns)
    _phases: list[pytest.TestReport] = field(default_factory=list)
    _rigs: dict[str, RigRecord] = field(default_factory=dict)
    _mute: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def check(self) -> None:
        """Raise ConfigError for a report that cannot be, before anything runs."""
        if not self.worker:
            for path in self.reports:
                writer_for(path).check(path)
            for path in self._streams:
                self._begin(path)

    @contextmanager
    def recording(self, item: pytest.Item, name: str, file: RigFile, path: Path, scheduling: str) -> Iterator[TestLog]:
        """Record what a test does with this rig, and every verdict that it asks for."""
        from pytest_villas.measure.verdict import doubted_by, heard_by
        from pytest_villas.report.log import TestLog
        from pytest_villas.report.rigs import rig_record, secrets_of

        if name not in self._rigs:
            self._rigs[name] = rig_record(name, file, path, scheduling)
        self.log = TestLog(
            item.nodeid,
            case_of(item.nodeid, name),
            self._rigs[name],
            self.root,
            name_run=lambda: f"{self.worker}{'-' if self.worker else ''}{next(self._numbers)}",
            hashed=bool(self.reports),
            impaired=self.impaired,
            secrets=secrets_of(file),
            event=self.event,
        )
        self.event("test", test=item.nodeid, rig=name)
        with heard_by(self.log.heard), doubted_by(self.log.doubts.append):
            yield self.log

    def phase(self, report: pytest.TestReport, config: pytest.Config) -> None:
        """Take a phase of the running test. With the last one the test is packed up, and stored with its runs."""
        self._phases.append(report)
        if report.when != "teardown":
            return
        if self.log is not None:
            self._finish_test(report, config)
        self._phases.clear()

    def _finish_test(self, report: pytest.TestReport, config: pytest.Config) -> None:
        from pytest_villas.report import elsewhere, junit
        from pytest_villas.report.blackbox import pictures
        from pytest_villas.report.collect import attach

        assert self.log is not None
        runs = [run for run, _ in self.log.runs]
        parcel = self._packed()
        try:
            elsewhere.show(pictures(runs), report, config)
        except Exception as error:  # noqa: BLE001 - the report of another plugin costs no verdict
            parcel.test.problems.append(f"the pictures could not be attached: {reason(error)}")
        report.user_properties += junit.properties(parcel.test, parcel.rig)
        attach(parcel, report)

    def _packed(self) -> Parcel:
        from pytest_villas.report.blackbox import leave
        from pytest_villas.report.collect import pack, store

        assert self.log is not None
        log, self.log = self.log, None
        parcel = pack(log, self._phases)
        try:
            store(parcel, [run.folder for run, _ in log.runs], self.environment)
        except Exception as error:  # noqa: BLE001 - a file that cannot be written costs no verdict, whyever
            parcel.test.problems.append(f"the verdicts could not be stored with the run: {reason(error)}")
        parcel.test.problems.extend(leave(parcel, log, self.environment))
        self.event("outcome", test=parcel.test.test, outcome=parcel.test.outcome, message=parcel.test.message)
        return parcel

    @property
    def _streams(self) -> list[Path]:
        return [path for path in self.reports if path.suffix == ".jsonl"]

    def _begin(self, path: Path) -> None:
        from pytest_villas.report import events

        try:
            events.begin(path)
        except OSError as error:
            self.problems.append(f"--villas-report={path}: could not be written: {error.strerror or error}")

    def event(self, name: str, /, **values: Any) -> None:
        """Tell whoever follows the session in a file what happens."""
        if not self._streams or self._mute:
            return
        from pytest_villas.report import events

        for path in self._streams:
            try:
                events.append(path, name, self.worker, values)
            except OSError:
                self._mute = True  # the end of the session says so; a full disk does not end a test
            except Exception as error:  # noqa: BLE001 - nor does a fault of ours
                self._mute = True
                self.problems.append(f"--villas-report={path}: {name!r} could not be written, nor what followed: {reason(error)}")

    def take(self, report: Any) -> None:
        """Take a test that finished here or in another process."""
        if not self.worker and hasattr(report, "villas"):
            from pytest_villas.report.collect import detach

            parcel = detach(report)
            if parcel is not None:
                self.parcels.append(parcel)

    def describe_suite(self, plugins: Iterable[object]) -> None:
        """Give JUnit XML, where pytest writes it, the properties of the session."""
        if self.parcels and not self.worker:
            from pytest_villas.report.junit import add_to_suite

            try:
                add_to_suite(plugins, self.session())
            except Exception as error:  # noqa: BLE001 - the file is written without them
                self.problems.append(f"--junitxml: without the properties of the session: {reason(error)}")

    def finish(self, status: int) -> None:
        """Write the reports. What was interrupted is in them; what cannot be written is a problem, and no verdict is lost by it."""
        self.status = status
        if self.log is not None:
            self.parcels.append(self._packed())
        if self.reports and not self.worker:
            self.problems += write_all(self.session(), self.reports, self.root)

    def session(self) -> SessionRecord:
        """Return all that is known by now."""
        from pytest_villas.report.record import SessionRecord

        rigs = {parcel.rig.name: parcel.rig for parcel in self.parcels}
        return SessionRecord(
            started=self.started,
            finished=time.time_ns(),
            status=self.status,
            impaired=self.impaired,
            environment=self.environment,
            rigs=list(rigs.values()),
            tests=[parcel.test for parcel in self.parcels],
            problems=self.problems,
        )

    @cached_property
    def environment(self) -> Environment:
        """This machine and its software."""
        from pytest_villas.report.environment import environment

        return environment(self.root)


def case_of(nodeid: str, rig: str) -> str:
    """Return the node id of a test without its rig, which pytest put between other parameters.

    >>> case_of("t.py::test_it[lab1]", "lab1"), case_of("t.py::test_it[lab1-50]", "lab1")
    ('t.py::test_it', 't.py::test_it[50]')
    """
    head, bracket, rest = nodeid.partition("[")
    if not bracket:
        return nodeid
    left = re.sub(rf"(?:^|-){re.escape(rig)}(?=-|$)", "", rest.removesuffix("]"), count=1).removeprefix("-")
    return f"{head}[{left}]" if left else head
