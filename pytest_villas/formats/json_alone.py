"""A message of `json` with one sample, read and written without the detour over arrays for many.

What is not plain is declined: the codec then takes the way of all messages, which can everything and complains.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec

from pytest_villas.formats import cells, jansson
from pytest_villas.formats.checks import MOST_SECONDS, SECOND
from pytest_villas.formats.jansson import JsonOptions, Node
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType

_NUMBER: Final = 32
"""What a number takes at most, generously."""
_TYPES: Final = {SignalType.FLOAT: float, SignalType.INTEGER: int}


class _Template(NamedTuple):
    """Two templates of one message: `plain` where every float has a point and none an exponent, and `general`, for words.

    `points` and `es` count "." and "e" in a plain message: a float brings at most one of each, and all else none or always
    the same, so that the counts tell whether every float is as it has to be.
    """

    plain: str
    general: str
    points: int
    es: int


@dataclass(frozen=True, slots=True)
class Alone:
    """Reads and writes single samples of `signals`, which are floats and integers."""

    signals: tuple[Signal, ...]
    kinds: tuple[SignalType, ...]
    types: list[type]
    layout: str
    integers: tuple[int, ...]
    templates: tuple[_Template, ...]
    longest: int
    digits: int
    stamped: bool
    numbered: bool

    @classmethod
    def of(cls, signals: tuple[Signal, ...], options: JsonOptions) -> Alone | None:
        """Return it where signals and options are plain."""
        kinds = tuple(signal.type for signal in signals)
        if options.sort_keys or not options.data or not set(kinds) <= _TYPES.keys():
            return None
        digits = options.real_precision or cells.DIGITS
        floats = [kind is SignalType.FLOAT for kind in kinds]
        plain, general = [f"%.{digits}g" if real else "%d" for real in floats], ["%s"] * len(kinds)
        return cls(
            signals,
            kinds,
            [_TYPES[kind] for kind in kinds],
            "=qq" + "".join("d" if real else "q" for real in floats),
            tuple(i for i, real in enumerate(floats) if not real),
            tuple(
                _Template(
                    text := _laid_out(plain, options, *has), _laid_out(general, options, *has), text.count("."), text.count("e")
                )
                for has in product((False, True), repeat=2)
            ),
            len(_laid_out(plain, options, True, True)) + _NUMBER * (len(kinds) + 3),
            digits,
            options.ts_origin,
            options.sequence,
        )

    def write(self, samples: Samples) -> bytes | None:
        """Write a message with one sample, or None."""
        sequence, origin = samples.sequence.item(), samples.origin.item()
        if (
            (samples.signals is not self.signals and tuple([signal.type for signal in samples.signals]) != self.kinds)
            or samples.length.item() != len(self.kinds)
            or sequence < NO_SEQUENCE
            or samples.new_frame.item()
            or samples.new_simulation.item()
        ):
            return None
        stamped = self.stamped and origin != NO_TIME
        numbered = self.numbered and sequence != NO_SEQUENCE
        fields: tuple[Any, ...] = divmod(origin, SECOND) if stamped else ()
        if numbered:
            fields = (*fields, sequence)
        values = [column.item() for column in samples.columns]
        template = self.templates[2 * stamped + numbered]
        text = template.plain % (*fields, *values)
        if text.count(".") != template.points or text.count("e") != template.es:
            # a float without a point, with an exponent, or none of JSON
            text = template.general % (
                *fields,
                *[jansson.real(value, self.digits) if type(value) is float else value for value in values],
            )
            if "nan" in text or "inf" in text:
                return None
        return text.encode()

    def read(self, payload: bytes, decode: Callable[[bytes], list[Any]]) -> Samples | None:
        """Read a message with one sample, or return None; `decode` gives what has the fields of `json.Sample`."""
        if len(payload) > self.longest:  # there is more than one in it
            return None
        try:
            (sample,) = decode(payload)
            ts = sample.ts
            seconds, nanoseconds = ts.origin
            if ts.received is not msgspec.UNSET or sample.flags or [*map(type, sample.data)] != self.types:
                return None
            if not (-MOST_SECONDS <= seconds <= MOST_SECONDS and 0 <= nanoseconds < SECOND):
                return None
            packed = struct.pack(self.layout, seconds * SECOND + nanoseconds, sample.sequence, *sample.data)
        except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, struct.error, RecursionError):
            return None
        return Samples.one(self.signals, packed, self.integers) if sample.sequence >= NO_SEQUENCE else None


def _laid_out(values: list[str], options: JsonOptions, stamped: bool, numbered: bool) -> str:
    node: dict[str, Node] = {}
    if stamped:
        node["ts"] = {"origin": ["%d", "%d"]}
    if numbered:
        node["sequence"] = "%d"
    node["data"] = [*values]
    return jansson.template(node, options, 1)
