"""Several runs of one stimulus: how often, until what can be said, and how they are judged together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast, overload

from pytest_villas.limits import judge_all, require_all
from pytest_villas.measure.across import Each
from pytest_villas.measure.timing.delivery import Delivery
from pytest_villas.measure.timing.gate import CONFIDENCE
from pytest_villas.measure.timing.latency import Latency
from pytest_villas.measure.verdict import Outcome, Verdict, heard_by, nobody, worst
from pytest_villas.measure.waveforms.fidelity import Fidelity
from pytest_villas.replay.run import Run

MOST: Final = 1000
"""Runs that are made at most, whatever time there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs(Sequence[Run]):
    """Independent runs of one stimulus, with the attributes of a `Run`.

    Times are judged on the samples of all runs: each has its own dependence between samples, and runs that differ from
    each other are worth less. Delivery and fidelity are judged in each run, and the worst one counts.

    Attributes:
        runs: the single runs, in order.
        confidence: of each bound of a verdict on times; higher where verdicts were looked at before the last run.
    """

    runs: tuple[Run, ...]
    confidence: float = CONFIDENCE

    @property
    def rig(self) -> str:
        """Name of the rig."""
        return self.runs[0].rig

    @property
    def limits(self) -> Mapping[str, Any]:
        """What `check` holds the runs against."""
        return self.runs[0].limits

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where each run is stored."""
        return tuple(run.folder for run in self.runs)

    @property
    def delivery(self) -> Delivery:
        """Delivery in each run: the worst one counts."""
        return cast("Delivery", self._each("delivery"))

    @property
    def latency(self) -> Latency:
        """Latency and other times, of all runs together."""
        return cast("Latency", self._each("latency"))

    @property
    def fidelity(self) -> Fidelity:
        """Fidelity in each run: the worst one counts."""
        return cast("Fidelity", self._each("fidelity"))

    def _each(self, name: str) -> Each:
        """Return what has the attributes of one run's, each of which stands for all runs."""
        return Each([getattr(run, name) for run in self.runs], self.confidence)

    def judge(self, **limits: Any) -> list[Verdict]:
        """Hold all runs against every limit; see `Run.judge`."""
        return judge_all(self, limits)

    def check(self, **limits: Any) -> None:
        """Raise LimitsNotKept unless every limit is known to hold; see `Run.check`."""
        require_all(self, limits)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Run, ...]: ...
    def __getitem__(self, index: int | slice) -> Run | tuple[Run, ...]:
        """Return a single run, or some of them."""
        return self.runs[index]

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the single runs."""
        return iter(self.runs)


def repeated(replay: Callable[[], Run], runs: int) -> Runs:
    """Make so many runs."""
    return Runs(runs=tuple(replay() for _ in range(runs)))


def until_conclusive(
    replay: Callable[[], Run], *, fewest: int = 1, within: int, clock: Callable[[], int] = time.monotonic_ns
) -> Runs:
    """Replay until every declared limit is kept or one is broken, or more samples would not help, or time is short.

    Who looks again and again sees any limit pass some day. So the i-th look has only 1/(i (i + 1)) of the chance of error
    that a single one has: together they have no more than that.

    Args:
        replay: makes one run; the first must declare limits.
        fewest: runs before the first look.
        within: no run is begun that would not be finished within so many ns, as long as the longest one took.
        clock: what the time is, in ns.
    """
    began, longest = clock(), 0
    made: list[Run] = []
    look = 0
    while True:
        start = clock()
        made.append(replay())
        longest = max(longest, clock() - start)
        time_is_short = clock() - began + longest > within or len(made) >= MOST
        if len(made) < fewest and not time_is_short:
            continue
        look += 1
        so_far = Runs(runs=tuple(made), confidence=1 - (1 - CONFIDENCE) / (look * (look + 1)))
        with heard_by(nobody):  # what counts is what is asked of all runs in the end
            verdicts = so_far.judge()
        if time_is_short or not _worth_another(verdicts):
            return so_far


def _worth_another(verdicts: Sequence[Verdict]) -> bool:
    return worst(verdicts) is Outcome.INCONCLUSIVE and any(verdict.more is not None for verdict in verdicts)
