"""From the process that ran a test to the one that reports: a record travels with the report of a test's tear-down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pytest_villas.report import files
from pytest_villas.report.outcome import status_of
from pytest_villas.report.record import RUN_FILE, Environment, Record, RigRecord, RunFile, TestOutcome, TestRecord
from pytest_villas.report.secrets import without

if TYPE_CHECKING:
    import pytest

    from pytest_villas.report.log import TestLog

_ATTRIBUTE: Final = "villas"
_LONGEST_MESSAGE: Final = 4000


class Parcel(Record, frozen=True, kw_only=True):
    """What travels: a test, and the rig it used."""

    test: TestRecord
    rig: RigRecord


def pack(log: TestLog, phases: Iterable[pytest.TestReport]) -> Parcel:
    """Join the log of a test with the reports of its phases: set-up, call and tear-down."""
    reports = list(phases)
    test = msgspec.structs.replace(
        log.record(),
        outcome=outcome_of(reports),
        duration=sum(report.duration for report in reports),
        message=without(_message(reports), log.secrets),
    )
    return Parcel(test=test, rig=log.rig)


def attach(parcel: Parcel, report: pytest.TestReport) -> None:
    """Leave the parcel on a report, with which it travels between the processes of pytest-xdist."""
    setattr(report, _ATTRIBUTE, msgspec.to_builtins(parcel))


def detach(report: Any) -> Parcel | None:
    """Return the parcel on a report, if there is one."""
    packed = getattr(report, _ATTRIBUTE, None)
    return None if packed is None else msgspec.convert(packed, Parcel)


def outcome_of(reports: Iterable[pytest.TestReport]) -> TestOutcome:
    """Return what became of a test, from the reports of its phases."""
    result: TestOutcome = "interrupted"
    for report in reports:
        status = status_of(report)
        if report.failed:
            kinds: dict[str | None, TestOutcome] = {"broken": "rig broke", "undecided": "inconclusive"}
            return kinds.get(status) or ("failed" if report.when == "call" else "error")
        if report.skipped:
            return "xfailed" if hasattr(report, "wasxfail") else "skipped"
        if report.when == "call":
            result = "xpassed" if hasattr(report, "wasxfail") else "passed"
    return result


def _message(reports: Iterable[pytest.TestReport]) -> str:
    """Return why a test did not pass: the end of what pytest says of it."""
    for report in reports:
        if report.failed:
            return report.longreprtext[-_LONGEST_MESSAGE:]
        if report.skipped and isinstance(report.longrepr, tuple):
            return str(report.longrepr[2])
    return ""


def store(parcel: Parcel, folders: Iterable[Path], environment: Environment) -> None:
    """Write each run of a test, with its verdicts, into its folder. Raises OSError."""
    for run, folder in zip(parcel.test.runs, folders, strict=True):
        test = msgspec.structs.replace(parcel.test, runs=[run])
        content = msgspec.json.encode(RunFile(test=test, rig=parcel.rig, environment=environment))
        files.write(folder / RUN_FILE, msgspec.json.format(content, indent=1))
