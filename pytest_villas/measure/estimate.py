"""A measured quantity compared with a limit gives a `Verdict`: PASS, FAIL, INCONCLUSIVE or INVALID.

::

    assert run.latency.p99 < 2 * ms        # a Verdict is true for PASS alone
    assert run.delivery.lost == 0

Ask for what should hold. ``not (lost > 0)`` is true as well where nobody knows how many were lost; a test with a rig that
takes such a verdict for true or false, and passes, ends INCONCLUSIVE all the same. Whoever means it looks at `outcome`.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final, TypeAlias, TypeGuard

from pytest_villas.errors import ConfigError
from pytest_villas.measure.quantity import format_range, format_value, read_text
from pytest_villas.measure.verdict import Outcome, Verdict, told

Limit: TypeAlias = "float | str | Count"
"""A number in the unit of the measure, text with a unit (``"2 ms"``, ``"1 %"``), or another exact count."""

OPERATORS: Final = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
"""What each comparison asks."""


class Measure:
    """A measured quantity. Comparing it with a limit gives a `Verdict`; `float()` gives the estimate.

    A subclass has `what` and `unit`, and says in `judge` what can be said. A measure is no dictionary key and has no
    truth of its own; ``==`` is for exact counts.
    """

    __slots__ = ()
    # np.float64(2) > measure has to come here: NumPy would make an array of it
    __array_ufunc__: Final = None

    what: str
    unit: str

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a limit: ``judge("<", "2 ms")``."""
        raise NotImplementedError

    def _takes(self, limit: object) -> TypeGuard[Limit]:
        """Say whether it can be compared with that: a number, a count, or text."""
        return isinstance(limit, (Real, Count, str))

    def __lt__(self, limit: Limit) -> Verdict:
        return told(self, self.judge("<", limit)) if self._takes(limit) else NotImplemented

    def __le__(self, limit: Limit) -> Verdict:
        return told(self, self.judge("<=", limit)) if self._takes(limit) else NotImplemented

    def __gt__(self, limit: Limit) -> Verdict:
        return told(self, self.judge(">", limit)) if self._takes(limit) else NotImplemented

    def __ge__(self, limit: Limit) -> Verdict:
        return told(self, self.judge(">=", limit)) if self._takes(limit) else NotImplemented

    def __eq__(self, other: object) -> Any:
        return told(self, self.judge("==", other)) if self._takes(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        # Python's own would be `not (self == other)`, which is true where nothing is known
        return told(self, self.judge("!=", other)) if self._takes(other) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equality is a verdict here, so there is no hash

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no truth of its own: compare it with a limit")

    def __float__(self) -> float:
        raise NotImplementedError

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __str__(self) -> str:
        return format_value(float(self), self.unit)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Estimate(Measure):
    """A value with an uncertainty. A limit inside of its interval is INCONCLUSIVE.

    Attributes:
        what: its name, such as ``"fidelity v delay"``.
        value: the best single value, in `unit`; NaN never passes.
        unit: as in `Verdict`.
        u: standard uncertainty, in `unit`; 0 where the value is exact.
        k: coverage factor: the interval is value - k u .. value + k u.
        n: how many samples it rests on.
        floor: the smallest limit that can be judged; a limit below is INCONCLUSIVE.
        status: ``"ok"``, or why there is no judging (``"ambiguous"``, ``"no_information"``): INCONCLUSIVE.
        why: that reason as a sentence.
        interval: lower and upper bound, where they are not symmetric.
        confidence: of that interval; else it follows from k for a normal distribution.
        invalid: what makes the measurement invalid, if anything: INVALID.
        harness: what the harness has of it without a rig: a limit below is INVALID.
        doubt: why what it was held against may be wrong, if so: then nothing is a FAIL, but INCONCLUSIVE.
    """

    what: str
    value: float
    unit: str = "1"
    u: float = 0.0
    k: float = 2.0
    n: int = 0
    floor: float | None = None
    status: str = "ok"
    why: str = ""
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    invalid: str = ""
    doubt: str = ""
    harness: float | None = None

    @property
    def lower(self) -> float:
        """The lower end of the interval."""
        return self.interval[0] if self.interval else self.value - self.k * self.u if self.u else self.value

    @property
    def upper(self) -> float:
        """The upper end of the interval."""
        return self.interval[1] if self.interval else self.value + self.k * self.u if self.u else self.value

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a limit: PASS if the interval is inside, FAIL if it is outside, else INCONCLUSIVE."""
        if comparison in {"==", "!="}:
            raise TypeError(f"{self.what} is an estimate and never exactly a number: compare it with <, <=, > or >=")
        number = read_limit(limit, self.unit)
        confidence = self.confidence
        if confidence is None and self.interval is None and self.u:
            confidence = math.erf(self.k / math.sqrt(2))
        outcome, why = self._outcome(comparison, number)
        return Verdict(
            outcome, self.what, number, comparison, self.value, self.lower, self.upper, self.n, confidence, self.unit, why
        )

    def _outcome(self, comparison: str, limit: float) -> tuple[Outcome, str]:
        if self.invalid:
            return Outcome.INVALID, self.invalid
        if self.status != "ok":
            return Outcome.INCONCLUSIVE, f"{self.status}: {self.why}" if self.why else self.status
        if math.isnan(self.value) or math.isnan(self.lower) or math.isnan(self.upper):
            return Outcome.INCONCLUSIVE, self.why or "it is not a number"
        if self.harness is not None and limit < self.harness:
            takes = format_value(self.harness, self.unit)
            return Outcome.INVALID, f"the harness itself has {takes}: a limit below its floor cannot be judged"
        if self.floor is not None and not limit >= self.floor:
            return Outcome.INCONCLUSIVE, f"no limit below {format_value(self.floor, self.unit)} can be judged here"
        holds = [OPERATORS[comparison](end, limit) for end in (self.lower, self.value, self.upper)]
        if all(holds):
            return Outcome.PASS, self.why
        if not any(holds):
            return (Outcome.INCONCLUSIVE, self.doubt) if self.doubt else (Outcome.FAIL, self.why)
        return Outcome.INCONCLUSIVE, "the limit lies within the uncertainty"

    def __float__(self) -> float:
        return float(self.value)

    def __abs__(self) -> Estimate:
        """Return the size of a signed estimate, as in ``abs(offset) < "50 us"``."""
        sizes = sorted((abs(self.lower), abs(self.upper)))
        low = 0.0 if self.lower <= 0 <= self.upper else sizes[0]
        exact = self.interval is None and not self.u
        confidence = self.confidence if self.interval or exact else math.erf(self.k / math.sqrt(2))
        return Estimate(
            f"abs({self.what})", abs(self.value), self.unit, 0.0, self.k, self.n, self.floor, self.status, self.why,
            None if exact else (low, sizes[1]), confidence, self.invalid, self.doubt, self.harness,
        )  # fmt: skip

    def __repr__(self) -> str:
        """Say name, value, uncertainty and unit."""
        spread = "" if self.lower == self.upper else f", {format_range(self.lower, self.upper, self.unit)}"
        state = "" if self.status == "ok" else f", {self.status}"
        return f"<{self.what}: {format_value(self.value, self.unit)}{spread}{state}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Count(Measure):
    """An exact number of things, or None where it could not be known: then every comparison is INCONCLUSIVE.

    Attributes:
        what: its name, such as ``"lost"``.
        value: the number, or the least that it may be, or None.
        why: why it is not known.
        n: out of how many.
        most: where not all was seen the greatest that it may be, infinite where nobody can tell; None where it is exact.
    """

    what: str
    value: int | None
    why: str = ""
    n: int = 0
    most: float | None = None

    @property
    def unit(self) -> str:  # type: ignore[override]  # a count has no unit, and no field for one
        """A count has none."""
        return ""

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a number or another count; exact, so PASS or FAIL, unless one of them is not known."""
        number = read_limit(limit, "")
        exact = limit.value if isinstance(limit, Count) and limit.most is None else None if isinstance(limit, Count) else number
        if self.value is None or exact is None:
            source = limit if isinstance(limit, Count) and self.value is not None else self
            why = source.why or "it could not be counted"
            return Verdict(Outcome.INCONCLUSIVE, self.what, number, comparison, float(self), n=self.n, why=why)
        low, high = self.value, self.value if self.most is None else self.most
        holds = [bool(OPERATORS[comparison](value, exact)) for value in (low, min(max(low, exact), high), high)]
        outcome = Outcome.PASS if all(holds) else Outcome.INCONCLUSIVE if any(holds) else Outcome.FAIL
        value = float(low)
        return Verdict(outcome, self.what, number, comparison, value, value, float(high), self.n, why=self.why)

    def __bool__(self) -> bool:
        return bool(int(self))

    def __int__(self) -> int:
        if self.value is None or self.most is not None:
            raise ValueError(f"{self.what} is not known: {self.why or 'it could not be counted'}")
        return int(self.value)

    __index__ = __int__

    def __float__(self) -> float:
        return math.nan if self.value is None else float(self.value)

    def __str__(self) -> str:
        """Write the number, or what is known of it."""
        if self.value is None:
            return "unknown"
        return str(self.value) if self.most is None else f"at least {self.value}"

    def __repr__(self) -> str:
        """Say name and number, and why there is none."""
        return f"<{self.what}: {self}{f', {self.why}' if self.why else ''}>"


def read_limit(limit: Limit | object, unit: str) -> float:
    """Read a limit into the unit of its measure. Text without a unit is refused for durations.

    >>> read_limit("2 ms", "ns"), read_limit("1 %", "1"), read_limit(3, ""), read_limit("20 ppm", "ppm")
    (2000000.0, 0.01, 3.0, 20.0)

    Raises ConfigError for text that is no such quantity, and for NaN.
    """
    if isinstance(limit, str):
        return read_text(limit, unit)
    if not isinstance(limit, (Real, Count)):
        raise TypeError(f"{limit!r} is no limit: a number, or text with a unit")
    number = float(limit)
    if math.isnan(number) and not isinstance(limit, Count):
        raise ConfigError("nan is no limit: nothing is below it and nothing above")
    return number
