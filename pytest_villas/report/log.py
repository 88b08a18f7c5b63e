"""What the running test has done so far: its runs, and the verdicts it asked for, each with the run that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path

import msgspec

from pytest_villas.errors import LimitsNotKept
from pytest_villas.measure import ChannelFidelity, Delivery, Distribution, Fidelity, Measure, Verdict
from pytest_villas.replay.run import Run
from pytest_villas.report.build import hashes, run_record, verdict_record
from pytest_villas.report.record import RigRecord, RunRecord, TestRecord, VerdictRecord

_PARTS = (Measure, Distribution, Delivery, Fidelity, ChannelFidelity)


def _unheard(_event: str, /, **_values: object) -> None:
    """Tell nobody."""


@dataclass
class TestLog:
    """The log of one test with one rig.

    Attributes:
        test: node id, `case` the same without the rig.
        rig: with which it runs.
        root: of the project.
        name_run: gives the next run its id.
        hashed: whether raw captures are to be hashed.
        impaired: what is done to the runs.
        secrets: what no text may tell.
        event: is told what happens.
        runs: made so far, with their records.
        problems: what went wrong beside the test.
        doubts: verdicts that are neither PASS nor FAIL, and that the test took for true or false.
        logs: the folder with the logs of the rig.
    """

    __test__ = False

    test: str
    case: str
    rig: RigRecord
    root: Path
    name_run: Callable[[], str]
    hashed: bool = False
    impaired: str = ""
    secrets: frozenset[str] = frozenset()
    logs: Path | None = None
    event: Callable[..., None] = _unheard
    runs: list[tuple[Run, RunRecord]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    doubts: list[Verdict] = field(default_factory=list)
    _verdicts: list[tuple[int | None, VerdictRecord]] = field(default_factory=list)
    _owners: dict[int, int] = field(default_factory=dict)

    def ran(self, run: Run) -> None:
        """Take a new run."""
        index = len(self.runs)
        record = run_record(
            run, test=self.test, number_in_test=index + 1, identity=self.name_run(), root=self.root, impaired=self.impaired
        )
        self.runs.append((run, record))
        self._owners |= {id(part): index for part in (run, *_parts(run))}
        self.event("run", **msgspec.to_builtins(record))

    def heard(self, source: object, verdict: Verdict, limit: str) -> None:
        """Take a verdict that was asked for. It belongs to the run of which `source` is a part, else to the only run there is."""
        run = self._owners.get(id(source), self._owners.get(id(getattr(source, "of", None))))
        if run is None and len(self.runs) == 1:
            run = 0
        record = verdict_record(verdict, limit)
        self._verdicts.append((run, record))
        self.event("verdict", test=self.test, run=None if run is None else self.runs[run][1].id, **msgspec.to_builtins(record))

    def check(self) -> None:
        """Raise LimitsNotKept where the test, which passed, rests on something that nobody knows."""
        if self.doubts:
            why = "the test passed, and took for true or false what nobody knows (ask for what should hold, or look at .outcome)"
            lines = [line for verdict in dict.fromkeys(self.doubts) for line in verdict.lines()]
            raise LimitsNotKept("\n".join([why, *lines]), failed=False)

    def record(self) -> TestRecord:
        """Return all that is known by now; outcome and duration are for others to add."""
        runs = [
            msgspec.structs.replace(
                record,
                verdicts=[verdict for of, verdict in self._verdicts if of == index],
                hashes=hashes(run.folder) if self.hashed else {},
            )
            for index, (run, record) in enumerate(self.runs)
        ]
        return TestRecord(
            test=self.test,
            case=self.case,
            rig=self.rig.name,
            runs=runs,
            verdicts=[verdict for of, verdict in self._verdicts if of is None],
            problems=self.problems,
        )


def _parts(thing: object) -> Iterator[object]:
    """Yield the measures, distributions and channels in a run: by them a verdict is known to be of it."""
    if isinstance(thing, _PARTS):
        yield thing
    if isinstance(thing, (Run, *_PARTS)) and is_dataclass(thing):
        for each in fields(thing):
            if each.name != "floor":  # of the harness: all runs of a session share it
                yield from _parts(getattr(thing, each.name))
    elif isinstance(thing, tuple | Mapping):
        for item in thing.values() if isinstance(thing, Mapping) else thing:
            yield from _parts(item)
