"""Plain rows: samples as text that differ in their numbers and in nothing else, which is most of what there is.

What is between the numbers has to be the same in every row, byte for byte, down to which of them have a point. Then they are
a list of JSON, which msgspec reads many times faster than anything that looks at each sample. Whatever is not plain is left to
the reader that takes everything and complains.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_villas.formats.codec import Batch
from pytest_villas.formats.messages import Messages
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalType

Floats: TypeAlias = npt.NDArray[np.float64]
Read: TypeAlias = Callable[[Messages], "Batch | None"]

_SMALL, _MARK = b"e-", b"\1"
_DIGITS: Final = b"0123456789-" + _MARK
_FLOATS: Final = msgspec.json.Decoder(list[float])
_FEW: Final = 32
_BLOCK: Final = 2048
"""So many messages are read at a time: they stay in the cache, and something odd costs no more than its block."""
_EXACT: Final = 2.0**53


def read(payloads: Messages, plain: Read, careful: Callable[[Messages], Batch]) -> Batch:
    """Read messages block by block: by `plain`, which may decline, else by `careful`."""
    if len(payloads) < _FEW:
        return careful(payloads)
    batches = [plain(block) or careful(block) for block in _blocks(payloads)]
    if len(batches) == 1:
        return batches[0]
    counts = np.concatenate([np.asarray(batch.counts, np.int64) for batch in batches])
    return Batch(Samples.concat([batch.samples for batch in batches]), counts)


def _blocks(payloads: Messages) -> Iterator[Messages]:
    for first in range(0, len(payloads), _BLOCK):
        yield payloads[first : first + _BLOCK]


def numbers(text: bytes, pattern: bytes, rows: int, count: int, listed: Callable[[bytes], bytes]) -> list[Floats] | None:
    """Return the `count` numbers of each row, column by column, as floats; None where a row is not `pattern` but for its digits.

    `listed` turns text into numbers with a comma between any two. It must not bring two of them closer together: a digit
    that stands where none belongs has to be an error of JSON afterwards.
    """
    if _SMALL in text:
        if _MARK in text:
            return None
        text = text.replace(_SMALL, _MARK)
    if text.translate(None, _DIGITS) != pattern * rows:
        return None
    try:
        found = _FLOATS.decode(b"[%s]" % listed(text).replace(_MARK, _SMALL))
    except msgspec.DecodeError:  # 007, -.5
        return None
    if len(found) != rows * count:
        return None
    table = np.frombuffer(struct.pack(f"{len(found)}d", *found))  # in a fifth of the time of np.array()
    return list(table.reshape(rows, count).T.copy())


def columns(found: Sequence[Floats], signals: Sequence[Signal]) -> list[Column] | None:
    """Turn numbers into columns; None where an integer is too large for a float, or no 0 or 1 is a boolean."""
    made: list[Column] = []
    for column, signal in zip(found, signals, strict=True):
        if signal.type is SignalType.FLOAT:
            made.append(column)
        elif signal.type is SignalType.INTEGER and (whole := integers(column)) is not None:
            made.append(whole)
        else:
            return None
    return made


def integers(column: Floats) -> Int64s | None:
    """Turn numbers that have no point into integers; None where one is too large to be exact."""
    return column.astype(np.int64) if column.min() > -_EXACT and column.max() < _EXACT else None


def point(signal: Signal) -> bytes:
    """Return what is left of a plain value without its digits."""
    return b"." if signal.type is SignalType.FLOAT else b""
