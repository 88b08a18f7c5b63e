"""Numbers as text, many at a time, and digit for digit what C's printf writes.

A block of rows is a table of bytes: every number has so many cells as the longest one of the block needs, and a cell that a
row has no use for is 0. In the end these are dropped. What is seldom, or not surely right to the last digit, is `odd`: such a
row is written by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.samples import Column, Int64s

Table: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_FOURS: Final = np.frombuffer("".join(f"{i:04}" for i in range(10_000)).encode(), "<u4")
_POINT, _MINUS, _PLUS, _ZERO = b".-+0"
_POWERS: Final = 10.0 ** np.arange(22)
"""Exact in 64-bit floats."""
_SPLIT: Final = 2.0**27 + 1
_POWERS_HIGH: Final = _POWERS * _SPLIT - (_POWERS * _SPLIT - _POWERS)
_POWERS_LOW: Final = _POWERS - _POWERS_HIGH
_TIE: Final = 1e-6
_LARGEST: Final = 1e15
DIGITS: Final = 17
"""After the point of a fixed number at most, and of a general one."""


class Cells(NamedTuple):
    """The text of some numbers: cells for each, how to fill them from a column of the table on, and who is odd."""

    width: int
    fill: Callable[[Table, int], None]
    odd: Bools


Writer: TypeAlias = Callable[[Column], Cells]


def integers(values: Column, digits: int = 1) -> Cells:
    """``%d``, or ``%09d`` where at least so many digits are asked for."""
    negative = values < 0
    size = np.abs(values)
    odd = (size >= 10**18) | (size < 0)
    if odd.any():
        size = np.where(odd, 0, size)
    signed = bool(negative.any())
    if digits > 1 and signed:
        odd |= negative  # the sign counts as a digit there
    count = max(digits, len(str(size.max())))

    def fill(table: Table, at: int) -> None:
        if signed:
            table[:, at] = negative * np.uint8(_MINUS)
        _digits(table, at + signed, size, count)
        _drop_leading(table, at + signed, size, count, digits)

    return Cells(count + signed, fill, odd)


def fixed(values: Floats, precision: int, *, plus: bool = False) -> Cells:
    """``%.17f``, or ``%+.17f``: `precision` digits (1 to 17) after the point."""
    size, odd = _sizes(values)
    whole = np.floor(size)
    fraction, doubtful = _scaled(size - whole, _POWERS[precision], _POWERS_HIGH[precision], _POWERS_LOW[precision])
    carried = fraction >= 10**precision
    return _decimal(values, whole, fraction, precision, odd | doubtful | carried, plus=plus)


def general(values: Floats) -> Cells:
    """``%.17g``, and ``.0`` behind what would have no point: what jansson writes."""
    size, odd = _sizes(values)
    odd |= (size < 1e-4) & (size != 0)
    largest = float(size.max())
    whole = np.floor(size)
    # how many of the 17 digits stand after the point, and how many zeros between it and the first of them
    zeros = (size < 0.1).astype(np.int64) + (size < 0.01) + (size < 0.001)
    places = DIGITS + zeros
    for power in _POWERS[: len(str(int(largest)))]:
        places -= size >= power
    fraction, doubtful = _scaled(size - whole, _POWERS[places], _POWERS_HIGH[places], _POWERS_LOW[places])
    digits = np.minimum(places, DIGITS)
    odd |= doubtful | (fraction >= _INTEGERS[digits])
    zeros[size == 0] = 0
    return _decimal(values, whole, fraction * _INTEGERS[DIGITS - digits], DIGITS, odd, zeros=zeros)


def booleans(values: Column) -> Cells:
    """``true`` and ``false``."""
    words = np.frombuffer(b"falsetrue\0", np.uint8).reshape(2, 5)

    def fill(table: Table, at: int) -> None:
        table[:, at : at + 5] = words[values.astype(np.intp)]

    return Cells(5, fill, np.zeros(len(values), np.bool_))


_INTEGERS: Final = 10 ** np.arange(19)


def _sizes(values: Floats) -> tuple[Floats, Bools]:
    size = np.abs(values)
    odd = ~(size < _LARGEST)
    return (np.where(odd, 0.0, size) if odd.any() else size), odd


def _scaled(fraction: Floats, power: Any, high: Any, low: Any) -> tuple[Int64s, Bools]:
    """Return ``fraction * power``, below 10^17, to the nearest integer, and where it is too close to a half to say.

    The product is exact, as the sum of two floats [T. J. Dekker, 1971].
    """
    turned = fraction * _SPLIT
    head = turned - (turned - fraction)
    tail = fraction - head
    product = fraction * power
    error = ((head * high - product) + head * low + tail * high) + tail * low
    floor = np.floor(product)
    rest = (product - floor) + error
    more = np.rint(rest)
    doubtful = np.abs(rest - more) > 0.5 - _TIE
    return floor.astype(np.int64) + more.astype(np.int64), doubtful


def _decimal(
    values: Floats,
    whole: Floats,
    fraction: Int64s,
    precision: int,
    odd: Bools,
    *,
    plus: bool = False,
    zeros: Int64s | None = None,
) -> Cells:
    """Sign, whole part, point and fraction; with `zeros` so many of them after the point, and none at the end."""
    negative = np.signbit(values)
    signed = plus or bool(negative.any())
    wholes = whole.astype(np.int64)
    count = len(str(int(wholes.max())))
    gap = 0 if zeros is None else int(zeros.max())
    if odd.any():
        fraction = np.where(odd, 0, fraction)

    def fill(table: Table, at: int) -> None:
        if signed:
            table[:, at] = np.where(negative, np.uint8(_MINUS), np.uint8(_PLUS * plus))
            at += 1
        _digits(table, at, wholes, count)
        _drop_leading(table, at, wholes, count, 1)
        at += count
        table[:, at] = _POINT
        at += 1
        if zeros is not None:
            for i in range(gap):
                table[:, at + i] = (zeros > i) * np.uint8(_ZERO)
            at += gap
        _digits(table, at, fraction, precision)
        if zeros is not None:
            _drop_trailing(table, at, precision)

    return Cells(signed + count + 1 + gap + precision, fill, odd)


def literal(table: Table, at: int, text: str) -> int:
    """Write the same into every row. Returns the column after it."""
    content = np.frombuffer(text.encode(), np.uint8)
    table[:, at : at + content.size] = content
    return at + content.size


def written(table: Table, odd: Int64s, texts: Sequence[bytes]) -> tuple[bytes, Int64s]:
    """Return all rows, one after the other, and the size of each; `texts` stand where rows are odd. The width is 8 times n."""
    table[odd] = 0
    content = table.tobytes().translate(None, b"\0")
    if table.shape[1] < 8 * 256:
        # eight cells at a time: each byte of a sum counts one cell in eight
        sums = (table != 0).view(np.uint64).sum(axis=1)
        sums = (sums & np.uint64(0x00FF00FF00FF00FF)) + (sums >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF))
        sizes = (sums * np.uint64(0x0001000100010001) >> np.uint64(48)).astype(np.int64)
    else:
        sizes = np.count_nonzero(table, axis=1)
    if not odd.size:
        return content, sizes
    ends = np.cumsum(sizes)
    sizes[odd] = [len(text) for text in texts]
    edges = [0, *ends[odd].tolist(), len(content)]
    pieces = [content[first:end] for first, end in pairwise(edges)]
    return b"".join([pieces[0], *chain.from_iterable(zip(texts, pieces[1:], strict=True))]), sizes


def _digits(table: Table, at: int, numbers: Int64s, count: int) -> None:
    """Write the last `count` digits of numbers."""
    rest = numbers
    while count > 8:
        above = rest // 100_000_000
        _eight(table, at + count - 8, rest - above * 100_000_000, 8)
        rest, count = above, count - 8
    _eight(table, at, rest, count)


def _eight(table: Table, at: int, numbers: Int64s, count: int) -> None:
    rest = numbers.astype(np.uint32)
    if count > 4:
        above = rest // np.uint32(10_000)
        _four(table, at + count - 4, rest - above * np.uint32(10_000), 4)
        rest, count = above, count - 4
    _four(table, at, rest, count)


def _four(table: Table, at: int, numbers: npt.NDArray[np.uint32], count: int) -> None:
    if count == 1:
        table[:, at] = numbers + np.uint32(_ZERO)
        return
    texts = _FOURS[numbers]
    if count == 4:
        np.ndarray(len(table), "<u4", table, at, (table.strides[0],))[:] = texts
    else:
        table[:, at : at + count] = texts.view(np.uint8).reshape(-1, 4)[:, 4 - count :]


def _drop_leading(table: Table, at: int, numbers: Int64s, count: int, least: int) -> None:
    """Take away zeros before a number, but for its last `least` digits."""
    smallest = int(numbers.min())
    for i in range(count - least):
        if smallest < 10 ** (count - 1 - i):
            table[:, at + i] *= numbers >= 10 ** (count - 1 - i)


def _drop_trailing(table: Table, at: int, count: int) -> None:
    """Take away zeros at the end of a fraction, but for the first one."""
    rows = np.flatnonzero(table[:, at + count - 1] == _ZERO)
    for last in range(at + count - 1, at, -1):
        rows = rows[table[rows, last] == _ZERO]
        if not rows.size:
            break
        table[rows, last] = 0
