"""JSON text, byte for byte as the jansson library in a VILLASnode writes it; and the checks of what one reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
import numpy as np

from pytest_villas.errors import DecodeError
from pytest_villas.formats import cells
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions
from pytest_villas.formats.template import Slot, mark
from pytest_villas.samples import Column, Samples, Signal, SignalType, empty_value

Node: TypeAlias = "str | dict[str, Node] | list[Node]"
"""A JSON value to write: a leaf is text that is JSON already (or a mark of a template)."""

_JSON_NAMES = {float: "a float", int: "an integer", bool: "a boolean", str: "a string", type(None): "null", list: "an array"}
_PYTHON = {SignalType.FLOAT: float, SignalType.INTEGER: int, SignalType.BOOLEAN: bool, SignalType.COMPLEX: dict}


class JsonOptions(FormatOptions, frozen=True, kw_only=True):
    """How JSON is laid out [json.yaml]."""

    indent: Annotated[int, msgspec.Meta(ge=0, le=31)] = 0
    compact: bool = False
    ensure_ascii: bool = False
    escape_slash: bool = False
    sort_keys: bool = False


T = TypeVar("T")


def parse(decoder: msgspec.json.Decoder[T], payloads: Sequence[bytes], name: str) -> list[T]:
    """Decode each payload by itself; DecodeError where one is no JSON, or not of the decoder's shape."""
    try:
        return [decoder.decode(payload) for payload in payloads]
    except RecursionError:
        raise DecodeError(f"{name}: the payload is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:  # older msgspec has errors of its own; text may be no UTF-8
        raise DecodeError(f"{name}: {error}") from None


def dump(node: Node, options: JsonOptions, depth: int = 0) -> str:
    """Lay out a value whose opening bracket stands at `depth`."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return enclose("[", [dump(item, options, depth + 1) for item in node], "]", options, depth)
    colon = ":" if options.compact else ": "
    keys = sorted(node, key=str.encode) if options.sort_keys else list(node)
    items = [quote(key, options) + colon + dump(node[key], options, depth + 1) for key in keys]
    return enclose("{", items, "}", options, depth)


def enclose(opening: str, items: Sequence[str], closing: str, options: JsonOptions, depth: int) -> str:
    """Put items that are laid out for `depth` + 1 into brackets."""
    if not items:
        return opening + closing
    if options.indent:
        inner, outer = ("\n" + " " * options.indent * level for level in (depth + 1, depth))
        return opening + inner + ("," + inner).join(items) + outer + closing
    return opening + ("," if options.compact else ", ").join(items) + closing


def quote(text: str, options: JsonOptions) -> str:
    """Write a string."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if options.escape_slash:
        short["/"] = "\\/"
    out = []
    for letter in text:
        if letter in short:
            out.append(short[letter])
        elif letter < " " or (options.ensure_ascii and letter > "~" and letter != "\x7f"):
            units = letter.encode("utf-16-be").hex().upper()
            out += [f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)]
        else:
            out.append(letter)
    return f'"{"".join(out)}"'


def real(value: float, digits: int = cells.DIGITS) -> str:
    """Write a float: `digits` significant digits, always with a point or an exponent."""
    text = "%.*g" % (digits or cells.DIGITS, value)  # noqa: UP031 (the field width `*` has no shorter spelling)
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent)}"
    return text if "." in text else text + ".0"


def value_slots(samples: Samples, length: int, digits: int) -> tuple[list[Node], dict[str, Slot]]:
    """Return the first `length` values of samples as JSON with marks, and the slots for the marks."""
    nodes: list[Node] = []
    slots: dict[str, Slot] = {}
    for i, column in enumerate(samples.columns[:length]):
        kind = samples.signals[i].type
        if kind is SignalType.COMPLEX:
            nodes.append({"real": mark(f"{i}real"), "imag": mark(f"{i}imag")})
            slots[f"{i}real"], slots[f"{i}imag"] = _real_slot(column.real, digits), _real_slot(column.imag, digits)
            continue
        nodes.append(mark(str(i)))
        if kind is SignalType.FLOAT:
            slots[str(i)] = _real_slot(column, digits)
        elif kind is SignalType.INTEGER:
            slots[str(i)] = Slot.integers(column)
        else:
            slots[str(i)] = Slot(column, _boolean, cells.booleans)
    return nodes, slots


def _real_slot(column: Column, digits: int) -> Slot:
    writer = cells.general if digits in (0, cells.DIGITS) else None
    return Slot(column.astype(np.float64, copy=False), partial(real, digits=digits), writer)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def template(node: Node, options: JsonOptions, per_message: int) -> str:
    """Lay out an object of an array: the whole message where that has one only, else the object for `bundle`."""
    return dump([node], options) if per_message == 1 else dump(node, options, 1)


def bundle(rows: Messages, options: JsonOptions, per_message: int) -> Messages:
    """Put objects into arrays of `per_message` each."""
    if per_message == 1:
        return rows
    texts = [row.decode() for row in rows]
    starts = range(0, len(texts), per_message)
    return Messages.of([enclose("[", texts[i : i + per_message], "]", options, 0).encode() for i in starts])


def columns_of(datas: list[list[Any]], signals: tuple[Signal, ...], name: str) -> tuple[list[Column], list[int]]:
    """Turn the `data` arrays of samples into columns and lengths; DecodeError for wrong types and too many values."""
    lengths = list(map(len, datas))
    longest = max(lengths, default=0)
    if longest > len(signals):
        raise DecodeError(f"{name}: {longest} values for {len(signals)} signals")
    if lengths and min(lengths) == len(signals):
        flat = list(chain.from_iterable(datas))
        return [column_of(flat[i :: len(signals)], signal, name) for i, signal in enumerate(signals)], lengths
    columns = []
    for i, signal in enumerate(signals):
        column = np.full(len(datas), empty_value(signal.type), signal.type.dtype)
        present = np.asarray(lengths, np.int64) > i
        column[present] = column_of([data[i] for data in datas if len(data) > i], signal, name)
        columns.append(column)
    return columns, lengths


def column_of(values: list[Any], signal: Signal, name: str) -> Column:
    """Turn values that JSON gave into a column; DecodeError where one is not of the signal's type."""
    wanted = _PYTHON[signal.type]
    if values and set(map(type, values)) != {wanted}:
        wrong = next(value for value in values if type(value) is not wanted)
        raise DecodeError(
            f"{name}: signal {signal.name!r} is declared {signal.type.value} and got "
            f"{_JSON_NAMES.get(type(wrong), 'an object')}: {str(wrong)[:40]}"
        )
    if signal.type is SignalType.COMPLEX:
        return np.fromiter((_complex(value, signal, name) for value in values), np.complex64, len(values))
    try:
        return np.fromiter(values, signal.type.dtype, len(values))
    except OverflowError:
        raise DecodeError(f"{name}: signal {signal.name!r}: an integer does not fit into 64 bits with a sign") from None


def _complex(value: Mapping[str, Any], signal: Signal, name: str) -> complex:
    real_part: Any = value.get("real")
    imag_part: Any = value.get("imag")
    # like VILLASnode, an integer will do for a part
    if len(value) != 2 or type(real_part) not in (int, float) or type(imag_part) not in (int, float):
        raise DecodeError(
            f'{name}: signal {signal.name!r}: a complex number is {{"real": .., "imag": ..}}, not {str(value)[:60]}'
        )
    if np.isinf(to_float32(real_part)) or np.isinf(to_float32(imag_part)):
        raise DecodeError(f"{name}: signal {signal.name!r}: {str(value)[:60]} does not fit into two 32-bit floats")
    return complex(real_part, imag_part)


def to_float32(value: Any) -> np.float32:
    """Round to 32 bits; what is too large becomes infinite, without a warning."""
    try:
        with np.errstate(over="ignore"):
            return np.float32(value)
    except OverflowError:  # an integer beyond even 64-bit floats
        return np.float32(np.inf)
