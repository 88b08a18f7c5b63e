"""The time grid that all generators share, and what they check of their arguments."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.samples.samples import Column, Int64s, Samples
from pytest_villas.samples.signal import Signal

LONGEST: Final = 10**9
"""The most samples that one generator makes: 8 GB a column. Beyond it the unit of `duration` is more likely wrong."""
_NS: Final = 10**9
_EXACT: Final = 2**62

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """n instants, `rate` of them a second; `start` is the `origin` of the first in ns."""

    count: int
    rate: float
    start: int = 0

    @classmethod
    def of(cls, rate: float, duration: float | None, count: int | None, start: int) -> Grid:
        """Check the common keywords. `duration` in s gives the nearest whole number of samples."""
        rate = number("rate", rate, above=0)
        start = integer("start", start)
        if (duration is None) == (count is None):
            raise SignalError(
                f"duration is {duration!r} and count is {count!r}: give one of them, seconds or a number of samples"
            )
        if count is None:
            seconds = number("duration", duration, above=0)
            if seconds * rate > LONGEST:
                raise SignalError(
                    f"duration={seconds:g} s at rate={rate:g} Hz is above {LONGEST} samples: duration is in seconds"
                )
            count = round(seconds * rate)
            if count < 1:
                raise SignalError(
                    f"duration={seconds:g} s at rate={rate:g} Hz holds no sample: it has to be at least {1 / rate:g} s"
                )
        return cls(checked_count("count", count), rate, start)

    @property
    def ticks(self) -> Floats:
        """The numbers of the samples, 0 .. n-1, as floats."""
        return np.arange(self.count, dtype=np.float64)

    @property
    def duration(self) -> float:
        """The time that they take, n / rate, in s."""
        return self.count / self.rate

    def turns(self, frequency: float, phase: float = 0.0) -> Floats:
        """Return frac(f t + phase / 2 pi), in [0, 1), for every sample; `phase` in rad."""
        # reduced before the division, where a product of whole numbers is still exact: no error grows with k
        turns: Floats = np.mod(self.ticks * frequency, self.rate) / self.rate
        return np.mod(turns + math.fmod(phase / math.tau, 1.0), 1.0) if phase else turns

    def index(self, seconds: float) -> int:
        """Return the first k at or after `seconds`; a millionth of a sample before counts as at."""
        return math.ceil(seconds * self.rate - 1e-6)

    @property
    def origin(self) -> Int64s:
        """The stamps, start + round(k * 1e9 / rate), int64 ns; exact, halves to the even nanosecond."""
        period = Fraction(_NS) / Fraction(self.rate)
        if period * self.count + abs(self.start) >= 2**63:
            raise SignalError(f"start={self.start} and {self.duration:g} s do not fit into 64 bits of nanoseconds")
        k = np.arange(self.count, dtype=np.int64)
        whole, rest = divmod(period.numerator, period.denominator)
        stamps: Int64s = k * whole
        if 2 * self.count * period.denominator < _EXACT:
            part, left = np.divmod(k * rest, period.denominator)
            stamps += part
            twice = 2 * left
            stamps += (twice > period.denominator) | ((twice == period.denominator) & (stamps % 2 == 1))
        else:  # a rate such as 3333.3: the fraction of a nanosecond is a float, and n of them stay below 1e-6 ns
            stamps += np.rint(k * float(Fraction(rest, period.denominator))).astype(np.int64)
        return stamps + self.start

    def samples(self, columns: list[Any], signals: list[Signal]) -> Samples:
        """Put columns on this grid."""
        return Samples(columns, signals, origin=self.origin, sequence=np.arange(self.count, dtype=np.int64))

    def one(self, column: Column, name: str, unit: str) -> Samples:
        """Put the one float column of most generators on this grid."""
        if not np.isfinite(column).all():
            raise SignalError(f"{name}: values leave the range of a float: a smaller amplitude or offset is needed")
        return self.samples([column], [Signal(name, unit)])


def number(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> float:
    """Check an argument that has to be a finite real number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise SignalError(f"{name}={value!r}: it has to be a number")
    checked = float(value)
    if not math.isfinite(checked):
        raise SignalError(f"{name}={checked!r}: it has to be finite")
    if above is not None and not checked > above:
        raise SignalError(f"{name}={checked:g}: it has to be above {above:g}")
    if least is not None and not checked >= least:
        raise SignalError(f"{name}={checked:g}: it has to be at least {least:g}")
    return checked


def integer(name: str, value: Any, *, least: int | None = None) -> int:
    """Check an argument that has to be a whole number."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise SignalError(f"{name}={value!r}: it has to be an integer")
    checked = operator.index(value)
    if least is not None and checked < least:
        raise SignalError(f"{name}={checked}: it has to be at least {least}")
    return checked


def checked_count(name: str, value: Any) -> int:
    """Check a number of samples."""
    checked = integer(name, value, least=1)
    if checked > LONGEST:
        raise SignalError(f"{name}={checked}: it has to be at most {LONGEST}")
    return checked


def below_nyquist(name: str, frequency: float, rate: float, *, reachable: bool = False) -> float:
    """Check a frequency in Hz against half the rate, where samples cannot tell it from a lower one any more.

    `reachable` allows exactly half the rate, as a waveform with two levels does.
    """
    frequency = number(name, frequency)
    half = rate / 2
    if abs(frequency) > half or (abs(frequency) == half and not reachable):
        raise SignalError(
            f"{name}={frequency:g} Hz at rate={rate:g} Hz: it has to be {'at most' if reachable else 'below'} half the rate, "
            f"{half:g} Hz, or its samples are those of a lower frequency (generate.array takes a wanted alias)"
        )
    return frequency
