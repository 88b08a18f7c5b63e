"""Where two recordings differ, sample by sample: the rules of `villas-compare`, and the places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_villas.cli.samples import titles
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Samples

LENGTH, SEQUENCE, TIMESTAMP, COUNT, DATA, TYPE = 1, 2, 3, 4, 5, 6
"""Exit statuses of `villas-compare`."""
_NAMES = {LENGTH: "length", SEQUENCE: "sequence", TIMESTAMP: "timestamp", COUNT: "count", DATA: "data", TYPE: "type"}
_EXACT = 2**53

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is compared, and how closely.

    Attributes:
        epsilon: how far numbers (in their unit) and stamps (in s) may be apart.
        data, timestamp, sequence: what is looked at.
        nan_equal: whether NaN equals NaN; it never equals anything else.
    """

    epsilon: float = 1e-6
    data: bool = True
    timestamp: bool = True
    sequence: bool = True
    nan_equal: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences of one kind.

    Attributes:
        status: the exit status of this kind.
        where: sample numbers, ascending, a sample as often as something in it differs.
        tell: says what differs, by position in `where`.
    """

    status: int
    where: Int64s
    tell: Callable[[int], str]

    @property
    def first(self) -> tuple[int, int]:
        """What the order of differences goes by: the sample, and in it villas-compare's order of kinds."""
        return int(self.where[0]), [SEQUENCE, TIMESTAMP, COUNT, TYPE, DATA, LENGTH].index(self.status)

    def lines(self, most: int | None) -> Iterator[str]:
        """Say what differs, `most` times at most."""
        for i in islice(range(self.where.size), most):
            yield f"{_NAMES[self.status]}: {self.tell(i)}"


def differences(a: Samples, b: Samples, settings: Settings) -> list[Difference]:
    """Compare two recordings. Returns what differs, the first of all in front."""
    shared = min(len(a), len(b))
    x, y = a[:shared], b[:shared]
    found = []
    if settings.sequence:
        found.append(_sequence(x, y))
    if settings.timestamp:
        found.append(_timestamp(x, y, settings.epsilon))
    if settings.data:
        found += [_count(x, y), *_data(x, y, settings)]
    if len(a) != len(b):
        found.append(Difference(LENGTH, np.array([shared]), lambda _: f"{len(a)} samples and {len(b)}"))
    return sorted((each for each in found if each.where.size), key=lambda each: each.first)


def _sequence(a: Samples, b: Samples) -> Difference:
    where = np.flatnonzero(a.sequence != b.sequence)

    def tell(i: int) -> str:
        one, other = ("none" if s.sequence[where[i]] == NO_SEQUENCE else str(s.sequence[where[i]]) for s in (a, b))
        return f"sample {where[i]}: {one} and {other}"

    return Difference(SEQUENCE, where, tell)


def _timestamp(a: Samples, b: Samples, epsilon: float) -> Difference:
    low, high = np.minimum(a.origin, b.origin), np.maximum(a.origin, b.origin)
    # the distance of two int64 needs 64 bits without a sign
    distance = high.view(np.uint64) - low.view(np.uint64)
    absent = (a.origin == NO_TIME) != (b.origin == NO_TIME)
    where = np.flatnonzero((distance > round(epsilon * 1e9, 3)) | absent)

    def tell(i: int) -> str:
        at = int(where[i])
        apart = "" if absent[at] else f" ({'+' if b.origin[at] > a.origin[at] else '-'}{int(distance[at]) / 1e9:.9g} s)"
        return f"{_place(a, at)}: {_stamp(a, at)} and {_stamp(b, at)}{apart}"

    return Difference(TIMESTAMP, where, tell)


def _count(a: Samples, b: Samples) -> Difference:
    where = np.flatnonzero(a.length != b.length)
    return Difference(COUNT, where, lambda i: f"{_place(a, where[i])}: {a.length[where[i]]} values and {b.length[where[i]]}")


def _data(a: Samples, b: Samples, settings: Settings) -> list[Difference]:
    """Compare values by what they are worth: 1 is 1.0, whatever the type that was told from the file."""
    names = titles(a.signals)
    samples: list[Int64s] = []
    signals: list[Int64s] = []
    mixed: list[int] = []
    for i, (x, y) in enumerate(zip(a.columns, b.columns, strict=False)):
        both = (a.length > i) & (b.length > i)
        if not np.any(both):
            continue
        if (x.dtype == np.bool_) != (y.dtype == np.bool_) and "f" in (x.dtype.kind, y.dtype.kind):
            mixed.append(i)
            continue
        where = np.flatnonzero(both & ~_same(x, y, settings))
        samples.append(where)
        signals.append(np.full(where.size, i))
    found = []
    if mixed:
        told = [f"signal {names[i]!r}: {a.signals[i].type.value} and {b.signals[i].type.value}" for i in mixed]
        found.append(Difference(TYPE, np.zeros(len(mixed), np.int64), told.__getitem__))
    where = np.concatenate([np.empty(0, np.int64), *samples])
    order = np.argsort(where, kind="stable")
    where, which = where[order], np.concatenate([np.empty(0, np.int64), *signals])[order]

    def tell(i: int) -> str:
        at, signal = int(where[i]), int(which[i])
        one, other = a.columns[signal][at].item(), b.columns[signal][at].item()
        return f"{_place(a, at)}: signal {names[signal]!r}: {one!r} and {other!r}"

    return [*found, Difference(DATA, where, tell)]


def _same(x: Column, y: Column, settings: Settings) -> Bools:
    if x.dtype.kind in "ib" and y.dtype.kind in "ib":
        return np.asarray(x == y)
    imaginary = "c" in (x.dtype.kind, y.dtype.kind)
    wide: Any = np.complex128 if imaginary else np.float64
    if any(c.dtype.kind == "i" and np.any(np.abs(c.astype(np.float64)) >= _EXACT) for c in (x, y)):
        wide = np.clongdouble if imaginary else np.longdouble  # it holds every int64
    one, other = x.astype(wide), y.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (one == other) | (np.abs(one - other) <= settings.epsilon)
    # infinities of one sign are equal, and nothing else is near one
    same &= (np.isfinite(one) & np.isfinite(other)) | (one == other)
    if settings.nan_equal:
        same |= np.isnan(one) & np.isnan(other)
    return np.asarray(same)


def _place(samples: Samples, at: int) -> str:
    number = samples.sequence[at]
    return f"sample {at}" + (f" (sequence {number})" if number != NO_SEQUENCE else "")


def _stamp(samples: Samples, at: int) -> str:
    stamp = int(samples.origin[at])
    return "none" if stamp == NO_TIME else f"{stamp // 10**9}.{stamp % 10**9:09d}"
