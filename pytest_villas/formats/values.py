"""Numbers in lines of text: strict, many at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_villas.errors import DecodeError
from pytest_villas.formats import cells
from pytest_villas.formats.template import Slot, mark
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalType

# possessive, and a point before more digits: a payload of digits alone must not take for ever
_REAL = rb"[-+]?(?:nan|inf|(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?)"
_FLOAT = re.compile(_REAL)
_INTEGER = re.compile(rb"[-+]?\d+")
_COMPLEX = re.compile(rb"(%s)((?=[-+])%s)[ij]|(%s)[ij]|(%s)" % (_REAL, _REAL, _REAL, _REAL))
_FLOAT_BYTES = b"0123456789+-.eEnaif"
_INTEGER_BYTES = b"0123456789+-"
_JSON_FLOATS = msgspec.json.Decoder(list[float])


class BadText(DecodeError):
    """A line that is not what it has to be; `line` is its index in what was read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def value_slots(samples: Samples, length: int, precision: int) -> tuple[list[str], dict[str, Slot]]:
    """Return marks for the first `length` values of samples, and their slots: %.17f, %d, 0 or 1, 0.5-2.25i."""
    marks: list[str] = []
    slots: dict[str, Slot] = {}
    for i, column in enumerate(samples.columns[:length]):
        kind = samples.signals[i].type
        if kind is SignalType.COMPLEX:
            marks.append(mark(f"{i}real") + mark(f"{i}imag") + "i")
            slots[f"{i}real"] = _float_slot(column.real.astype(np.float64), precision)
            slots[f"{i}imag"] = _float_slot(column.imag.astype(np.float64), precision, plus=True)
            continue
        marks.append(mark(str(i)))
        slots[str(i)] = _float_slot(column, precision) if kind is SignalType.FLOAT else Slot.integers(column.astype(np.int64))
    return marks, slots


def _float_slot(column: Column, precision: int, *, plus: bool = False) -> Slot:
    spec = f"%{'+' * plus}.{precision}f"

    def text(value: float) -> str:
        # C's printf writes the sign of a NaN, Python's % does not
        return "-nan" if value != value and math.copysign(1, value) < 0 else spec % value  # noqa: PLR0124 - only NaN differs

    writer = partial(cells.fixed, precision=precision, plus=plus) if 1 <= precision <= cells.DIGITS else None
    return Slot(column, text, writer)


def parse_column(tokens: list[bytes], signal: Signal) -> Column:
    """Read the values of one signal; BadText names the first wrong one by its index."""
    read = {
        SignalType.FLOAT: floats,
        SignalType.INTEGER: integers,
        SignalType.BOOLEAN: booleans,
        SignalType.COMPLEX: complexes,
    }[signal.type]
    try:
        return read(tokens)
    except BadText as error:
        raise BadText(error.line, f"signal {signal.name!r}: {error}") from None


def floats(tokens: list[bytes]) -> Column:
    """Read decimal numbers, `nan` and `inf`."""
    joined = b",".join(tokens)
    if joined.translate(None, _FLOAT_BYTES + b","):
        _complain(tokens, _FLOAT, "number")
    # numbers with a point are mostly JSON, which msgspec reads several times faster than float() does; without one,
    # JSON would lose the sign of -0
    if joined.count(b".") == len(tokens) == joined.count(b",") + 1:
        try:
            return np.array(_JSON_FLOATS.decode(b"[%s]" % joined), np.float64)
        except msgspec.DecodeError:
            pass  # ".5", "nan" or "1e999" are none in JSON; below it is seen what they are
    try:
        values = np.fromiter(map(float, tokens), np.float64, len(tokens))
    except ValueError:
        _complain(tokens, _FLOAT, "number")
        raise
    for i in np.flatnonzero(np.isinf(values)).tolist():
        if b"inf" not in tokens[i]:
            raise BadText(i, f"{_show(tokens[i])} does not fit into a 64-bit float")
    return values


def integers(tokens: list[bytes]) -> Int64s:
    """Read decimal integers of 64 bits with a sign."""
    if b"".join(tokens).translate(None, _INTEGER_BYTES):
        _complain(tokens, _INTEGER, "integer")
    try:
        return np.fromiter(map(int, tokens), np.int64, len(tokens))
    except (ValueError, OverflowError):
        _complain(tokens, _INTEGER, "integer")
        big = next(i for i, token in enumerate(tokens) if len(token) > 25 or not -(2**63) <= int(token) < 2**63)
        raise BadText(big, f"{_show(tokens[big])} does not fit into 64 bits with a sign") from None


def booleans(tokens: list[bytes]) -> npt.NDArray[np.bool_]:
    """Read 0 and 1."""
    if not set(tokens) <= {b"0", b"1"}:
        i = next(i for i, token in enumerate(tokens) if token not in (b"0", b"1"))
        raise BadText(i, f"{_show(tokens[i])} is no boolean: 0 or 1")
    return np.fromiter((token == b"1" for token in tokens), np.bool_, len(tokens))


def complexes(tokens: list[bytes]) -> Column:
    """Read `0.5-2.25i`, `0.5` and `-2.25j`."""
    parts = [part for part in map(_COMPLEX.fullmatch, tokens) if part]
    if len(parts) < len(tokens):
        _complain(tokens, _COMPLEX, "complex number such as 0.5-2.25i")
    values = np.empty(len(tokens), np.complex128)
    values.real = floats([part[1] or part[4] or b"0" for part in parts])
    values.imag = floats([part[2] or part[3] or b"0" for part in parts])
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.complex64)
    for narrow_part, part in ((narrow.real, values.real), (narrow.imag, values.imag)):
        if np.any(lost := np.isinf(narrow_part) & ~np.isinf(part)):
            i = int(np.argmax(lost))
            raise BadText(i, f"{_show(tokens[i])} does not fit into two 32-bit floats")
    return narrow


def merge(count: int, parts: Sequence[tuple[Any, Column]], empty: Any, dtype: np.dtype[Any]) -> Column:
    """Put columns of some of `count` samples each together; `empty` stands where none has a value."""
    column = np.full(count, empty, dtype)
    for chosen, values in parts:
        column[chosen] = values
    return column


def _complain(tokens: list[bytes], pattern: re.Pattern[bytes], what: str) -> None:
    for i, token in enumerate(tokens):
        if not pattern.fullmatch(token):
            raise BadText(i, f"{_show(token)} is no {what}")


def _show(token: bytes) -> str:
    return repr(token[:40].decode("ascii", "backslashreplace"))
