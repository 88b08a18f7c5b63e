"""What can be said of a limit: PASS, FAIL, INCONCLUSIVE or INVALID; and who is told of it.

A test compares, ``run.latency.p99 < 2 * ms``, and keeps nothing of the `Verdict` that it gets. Whoever has to know of it, such
as a report, listens: else it would know only of those that did not hold.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from pytest_villas.measure.quantity import format_apart, format_range


class Outcome(enum.Enum):
    """What can be said about a limit."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    """It holds, with the confidence asked for."""
    FAIL = "FAIL"
    """It is broken, with the confidence asked for."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The data cannot tell; the verdict says what is missing."""
    INVALID = "INVALID"
    """The measurement failed, not the device: nothing is said about it."""


_SEVERITY: Final = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.INVALID, Outcome.FAIL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison of a measure with a limit came to. True for PASS alone.

    Attributes:
        outcome: PASS, FAIL, INCONCLUSIVE or INVALID.
        what: the measure, such as ``"latency p99"``.
        limit: in `unit`.
        comparison: ``"<"``, ``"<="``, ``">"``, ``">="``, ``"=="`` or ``"!="``.
        estimate: the best single value, in `unit`; NaN where there is none, inf where samples were lost.
        lower, upper: where the true value lies with `confidence`, in `unit`.
        n: how many samples it rests on.
        confidence: of `lower` and of `upper`, each on its own for quantiles; None where the values are exact.
        unit: ``"ns"``, ``"1"`` for ratios, ``""`` for counts, or any other unit as text.
        why: what is missing, what makes it invalid, or what a reader should know of a PASS.
        effective: how many independent samples the n are worth; None where that was not asked.
        more: how many more samples would decide at the present rate; None where it is decided, or no number would do.
    """

    outcome: Outcome
    what: str
    limit: float
    comparison: str
    estimate: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    n: int = 0
    confidence: float | None = None
    unit: str = ""
    why: str = ""
    effective: float | None = None
    more: int | None = None

    def __bool__(self) -> bool:
        """Say whether the limit holds: INCONCLUSIVE and INVALID are false, and whoever takes them for that is noted."""
        if self.outcome in {Outcome.INCONCLUSIVE, Outcome.INVALID}:
            doubt(self)
        return self.outcome is Outcome.PASS

    def __ne__(self, other: object) -> bool:
        # no verdict equals True or False, so `verdict != False` would hold whatever came out
        if isinstance(other, bool):
            raise TypeError(f"a verdict is not {other}: take it as it is, or compare its outcome")
        return not self == other

    def __str__(self) -> str:
        """Write the verdict in one line."""
        claim, *facts = self._parts()
        return f"{claim}: {', '.join(facts)}" + (f": {self.why}" if self.why else "")

    def lines(self) -> list[str]:
        """Write the verdict in several lines: the claim, then one line for each fact."""
        claim, *facts = self._parts()
        return [claim, *(f"  {fact}" for fact in facts), *([f"  {self.why}"] if self.why else [])]

    def _parts(self) -> list[str]:
        limit, estimate = format_apart(self.limit, self.estimate, self.unit)
        parts = [f"{self.outcome.value}: {self.what} {self.comparison} {limit}", f"estimate {estimate}"]
        if self.unit == "" and self.confidence is None:
            parts[1] = "unknown" if math.isnan(self.estimate) else f"is {estimate}"
        if self.lower != self.upper and not math.isnan(self.lower + self.upper):
            sure = "" if self.confidence is None else f"{100 * self.confidence:.4g} % "
            parts.append(f"{sure}interval {format_range(self.lower, self.upper, self.unit)}")
        if self.n:
            worth = "" if self.effective is None or self.effective > 0.995 * self.n else f" (effective {self.effective:.0f})"
            parts.append(f"n = {self.n}{worth}")
        return parts


def worst(verdicts: Iterable[Verdict]) -> Outcome:
    """Return the gravest outcome: FAIL, then INVALID, INCONCLUSIVE, PASS; INCONCLUSIVE where nothing was judged."""
    return max((verdict.outcome for verdict in verdicts), key=_SEVERITY.index, default=Outcome.INCONCLUSIVE)


Listener: TypeAlias = Callable[[object, Verdict, str], None]
"""Is told what was asked (a measure, a channel or a run), the verdict, and the name of the limit where it has one."""

Doubter: TypeAlias = Callable[[Verdict], None]
"""Is told of a verdict that is neither PASS nor FAIL and was taken for true or false."""

_listeners: list[Listener] = []
_doubters: list[Doubter] = []


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tell this listener, and no other, of every verdict that is asked for in here."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def doubted_by(doubter: Doubter) -> Iterator[None]:
    """Tell this one of every verdict that nobody knows and that is taken for true or false in here."""
    _doubters.append(doubter)
    try:
        yield
    finally:
        _doubters.remove(doubter)


def doubt(verdict: Verdict) -> None:
    """Tell whoever has to know that a verdict was taken for false that is no FAIL: ``not (x > y)`` is true then."""
    if _doubters:
        _doubters[-1](verdict)


def nobody(_source: object, _verdict: Verdict, _limit: str) -> None:
    """Hear nothing."""


def told(source: object, verdict: Verdict, limit: str = "") -> Verdict:
    """Tell whoever listens of a verdict, and return it."""
    if _listeners:
        _listeners[-1](source, verdict, limit)
    return verdict
