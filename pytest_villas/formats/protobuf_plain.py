"""Plain protobuf: messages of one sample with a stamp, a sequence number and as many floats as there are signals.

But for three variable-length integers such a message has everything in one place, so that many are written and read at once:

    0a SIZE 08 01 10 SEQUENCE 1a SIZE 08 SECONDS 10 NANOSECONDS, then a2 06 09 09 and eight bytes for each value
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.formats.checks import join_time
from pytest_villas.formats.messages import Blob, Messages
from pytest_villas.samples import Int64s, Samples, Signal

_VALUE: Final = np.dtype([("tag", "<u4"), ("f", "<f8")])
_TAG: Final = int.from_bytes(bytes([0xA2, 0x06, 0x09, 0x09]), "little")
_MOST: Final = 9
"""Bytes of a number below 2^63."""
LARGEST: Final = 1000
"""So many values at most: the size of a sample then has at most two bytes."""


def write(sequence: Int64s, seconds: Int64s, nanoseconds: Int64s, columns: tuple[npt.NDArray[np.float64], ...]) -> Messages:
    """Write a message for each sample; no number may be negative."""
    numbers = (sequence, seconds, nanoseconds)
    digits = [_digits(number) for number in numbers]
    stamps = digits[1] + digits[2] + 2
    bodies = digits[0] + stamps + 5 + _VALUE.itemsize * len(columns)
    sizes = 1 + _digits(bodies) + bodies
    offsets = np.append(0, np.cumsum(sizes))
    blob = np.empty(offsets[-1], np.uint8)
    kinds = (digits[0] << 8) | (digits[1] << 4) | digits[2]
    for kind in np.unique(kinds).tolist():
        rows = np.flatnonzero(kinds == kind)
        first = rows[0]
        table = np.empty((rows.size, sizes[first]), np.uint8)
        at = _put(table, 0, 0x0A)
        at = _put_number(table, at, bodies[rows], int(sizes[first] - bodies[first] - 1))
        at = _put_number(table, _put(table, at, 0x08, 0x01, 0x10), sequence[rows], int(digits[0][first]))
        at = _put(table, at, 0x1A, int(stamps[first]), 0x08)
        at = _put_number(table, at, seconds[rows], int(digits[1][first]))
        at = _put_number(table, _put(table, at, 0x10), nanoseconds[rows], int(digits[2][first]))
        values = np.empty((rows.size, len(columns)), _VALUE)
        values["tag"] = _TAG
        for i, column in enumerate(columns):
            values["f"][:, i] = column[rows]
        table[:, at:] = values.view(np.uint8)
        np.lib.stride_tricks.sliding_window_view(blob, sizes[first], writeable=True)[offsets[rows]] = table
    return Messages(offsets, blob)


def read(payloads: Messages, signals: tuple[Signal, ...]) -> Samples | None:
    """Read plain messages; None where one of them is not plain."""
    width = _VALUE.itemsize * len(signals)
    starts, ends = payloads.offsets[:-1], payloads.offsets[1:]
    if np.any(ends - starts < width + 12) or np.any(ends - starts > width + 12 + 3 * _MOST):
        return None
    blob = np.append(payloads.blob, np.zeros(_MOST, np.uint8))
    at, sound = _expect(blob, starts, np.ones(len(payloads), np.bool_), 0x0A)
    size, at = _number(blob, at)
    sound &= at + size == ends
    at, sound = _expect(blob, at, sound, 0x08, 0x01, 0x10)
    sequence, at = _number(blob, at)
    at, sound = _expect(blob, at, sound, 0x1A)
    size, at = _number(blob, at)
    sound &= at + size == ends - width
    at, sound = _expect(blob, at, sound, 0x08)
    seconds, at = _number(blob, at)
    at, sound = _expect(blob, at, sound, 0x10)
    nanoseconds, at = _number(blob, at)
    sound &= (at == ends - width) & (sequence >= 0) & (seconds >= 0) & (seconds < 2**32) & (nanoseconds >= 0)
    if not sound.all():
        return None
    values = np.lib.stride_tricks.sliding_window_view(payloads.blob, width)[ends - width].view(_VALUE)
    if np.any(values["tag"] != _TAG):
        return None
    columns = list(values["f"].T.astype(np.float64, order="C"))
    return Samples(columns, signals, origin=join_time(seconds, nanoseconds), sequence=sequence)


def _digits(numbers: Int64s) -> Int64s:
    """Return how many bytes each number takes."""
    digits, largest = np.ones(numbers.shape, np.int64), int(numbers.max())
    for i in range(1, _MOST):
        if largest >> (7 * i):
            digits += numbers >= 1 << (7 * i)
    return digits


def _put(table: npt.NDArray[np.uint8], at: int, *content: int) -> int:
    table[:, at : at + len(content)] = content
    return at + len(content)


def _put_number(table: npt.NDArray[np.uint8], at: int, numbers: Int64s, digits: int) -> int:
    for i in range(digits):
        table[:, at + i] = (numbers >> (7 * i)) & 0x7F | (0x80 if i < digits - 1 else 0)
    return at + digits


def _expect(blob: Blob, at: Int64s, sound: npt.NDArray[np.bool_], *content: int) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    at = np.minimum(at, blob.size - _MOST)
    for i, byte in enumerate(content):
        sound = sound & (blob[at + i] == byte)
    return at + len(content), sound


def _number(blob: Blob, at: Int64s) -> tuple[Int64s, Int64s]:
    """Read a number at each place, negative where it is too large. Returns the places behind them as well."""
    at = np.minimum(at, blob.size - _MOST)
    numbers, more, after = np.zeros(at.size, np.int64), np.ones(at.size, np.bool_), at
    for i in range(_MOST):
        byte = blob[at + i]
        numbers |= np.where(more, (byte & 0x7F).astype(np.int64) << (7 * i), 0)
        after = after + more
        more = more & (byte > 0x7F)
        if not more.any():
            return numbers, after
    return np.where(more, -1, numbers), after
