"""Where something happened, in words: a message about the 4711th sample should say which one that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s
from pytest_villas.units import format_duration

Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """One sample of the reference.

    Attributes:
        index: its position in the reference.
        time: int64 ns since the Unix epoch, `NO_TIME` where it has no stamp.
        since: ns after the first sample of the reference; 0 without stamps.
        sequence: its sequence number, or `NO_SEQUENCE`.
    """

    index: int
    time: int = NO_TIME
    since: int = 0
    sequence: int = NO_SEQUENCE

    def __str__(self) -> str:
        """Write ``sample 17 (sequence 42, 1.7 ms after the first)``."""
        facts = [f"sequence {self.sequence}"] if self.sequence != NO_SEQUENCE else []
        facts += [f"{format_duration(self.since)} after the first"] if self.time != NO_TIME else []
        return f"sample {self.index}" + (f" ({', '.join(facts)})" if facts else "")


@dataclass(frozen=True, slots=True)
class Places:
    """The places of n compared values, as columns.

    Attributes:
        index: shape (n,), positions in the reference; None counts the values themselves.
        time: shape (n,), int64 ns, or None without stamps.
        sequence: shape (n,), or None.
        start: time of the reference's first sample.
    """

    index: Int64s | None = None
    time: Int64s | None = None
    sequence: Int64s | None = None
    start: int = 0

    def at(self, i: int) -> Place:
        """Return the place of the i-th value."""
        index = i if self.index is None else int(self.index[i])
        time = NO_TIME if self.time is None else int(self.time[i])
        sequence = NO_SEQUENCE if self.sequence is None else int(self.sequence[i])
        return Place(index, time, 0 if time == NO_TIME else time - self.start, sequence)


ANYWHERE = Places()
"""Values that are known by their position alone."""


def ranges(numbers: Int64s, most: int = 5) -> str:
    """Write sorted numbers as ranges, the first few of them.

    >>> ranges(np.array([3, 4, 5, 9]))
    '3-5, 9'
    """
    if not numbers.size:
        return "none"
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts, lasts = numbers[np.concatenate([[0], breaks + 1])], numbers[np.concatenate([breaks, [-1]])]
    parts = [str(a) if a == b else f"{a}-{b}" for a, b in zip(firsts[:most].tolist(), lasts[:most].tolist(), strict=True)]
    return ", ".join(parts) + (f" and {firsts.size - most} more ranges" if firsts.size > most else "")
