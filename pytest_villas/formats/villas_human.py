"""`villas.human`: `seconds.nanoseconds+offset(sequence)F`, then the values, separated by tabulators.

What follows the point is an integer of nanoseconds: `1700000000.5` is 5 ns after the second. The offset of reception is
written in files only, with seven digits. F stands for `new_frame`; an absent origin is `0.0`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from pytest_villas.errors import ConfigError, EncodeError
from pytest_villas.formats.checks import SECOND, split_time
from pytest_villas.formats.column import add_offsets, offsets_of, read_sequence, read_times, titles
from pytest_villas.formats.lines import LineCodec, Stamps
from pytest_villas.formats.options import LineOptions, read_options, single_character
from pytest_villas.formats.template import Kind, Slot, mark
from pytest_villas.formats.values import BadText
from pytest_villas.samples import NO_TIME, Samples, Signal

_HEAD = re.compile(rb"(\d+)(?:\.(\d+))?([-+]\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)?(?:\((\d+)\))?(F)?")

_Heads: TypeAlias = tuple[list[bytes], list[bytes], list[bytes], list[bytes], list[bool]]
"""Seconds, nanoseconds, offsets, sequences and F; nothing at all stands for no offsets, or no F."""


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> LineCodec:
    """Build the codec, as it is on the wire."""
    settings, head = layout(name, options, offset=False)
    return LineCodec(name, signals, settings, head)


def layout(name: str, given: Mapping[str, Any], *, offset: bool) -> tuple[LineOptions, HumanHead]:
    """Read the options; `offset` says whether it is written."""
    options = read_options(name, LineOptions, given)
    single_character(name, "delimiter", options.delimiter)
    single_character(name, "comment_prefix", options.comment_prefix)
    if options.delimiter == "\t":
        raise ConfigError(f"format {name!r}: delimiter: a tabulator separates values already")
    return options, HumanHead(options.ts_origin, offset and options.offset, options.sequence)


@dataclass(frozen=True, slots=True)
class HumanHead:
    """The field before the values."""

    ts_origin: bool
    offset: bool
    sequence: bool

    @property
    def separator(self) -> str:
        """See `Head.separator`."""
        return "\t"

    @property
    def marks(self) -> str | None:
        """See `Head.marks`."""
        return ".()" if self.ts_origin and self.sequence and not self.offset else None

    @property
    def fields(self) -> int:
        """See `Head.fields`."""
        return 1

    def write(self, samples: Samples, kind: Kind) -> tuple[str, dict[str, Slot]]:
        """See `Head.write`."""
        slots: dict[str, Slot] = {}
        text = ""
        if self.ts_origin:
            text = "0.0"
            if kind.origin:
                seconds, nanoseconds = split_time(samples.origin)
                if np.any(seconds < 0):
                    raise EncodeError("villas.human: an origin before 1970 cannot be written")
                text = f"{mark('sec')}.{mark('nsec')}"
                slots |= {"sec": Slot.integers(seconds), "nsec": Slot.integers(nanoseconds, 9)}
        if self.offset and kind.received:
            if not (kind.origin and self.ts_origin):
                raise EncodeError("villas.human: received is written as an offset from origin, which is absent: save as .npz")
            text += mark("offset")
            slots["offset"] = Slot(offsets_of(samples) / SECOND, "%+e".__mod__)
        if self.sequence and kind.sequence:
            text += f"({mark('sequence')})"
            slots["sequence"] = Slot.integers(samples.sequence)
        return text + "F" * kind.new_frame, slots

    def read(self, fields: Sequence[list[bytes]]) -> Stamps:
        """See `Head.read`."""
        (heads,) = fields
        if not self.ts_origin:
            # the layout without a stamp has nothing that a number could be told from: lend it an absent one
            for i, head in enumerate(heads):
                if head and head[:1] not in b"(F":
                    raise BadText(i, "a stamp where `ts_origin = false` leaves none")
            heads = [b"0.0" + head for head in heads]
        plain = _plain_heads(heads)
        seconds, nanoseconds, offsets, sequences, frames = plain or _heads(heads)
        if b"0" in seconds:
            for i, stamp in enumerate(zip(seconds, nanoseconds, strict=True)):
                if stamp == (b"0", b"0"):
                    seconds[i] = nanoseconds[i] = b"nan"
        origin = read_times(seconds, nanoseconds)
        received = add_offsets(origin, offsets) if offsets else np.full(len(heads), NO_TIME)
        new_frame = np.array(frames) if frames else np.zeros(len(heads), np.bool_)
        return Stamps(origin, received, read_sequence(sequences), new_frame)

    def title(self, signals: Sequence[Signal]) -> str:
        """See `Head.title`."""
        head = "seconds.nanoseconds" * self.ts_origin + "+offset" * self.offset + "(sequence)" * self.sequence
        return "# " + "\t".join([head, *titles(signals)])


def _plain_heads(heads: list[bytes]) -> _Heads | None:
    """Split heads that are all `seconds.nanoseconds(sequence)`, which is most of what there is; None for others."""
    text = b"\n".join([*heads, b""])
    if text.translate(None, b"0123456789") != b".()\n" * len(heads) or text.count(b")\n") != len(heads):
        return None
    tokens = text.replace(b"(", b".").replace(b")\n", b".").split(b".")[:-1]
    return tokens[::3], tokens[1::3], [], tokens[2::3], []


def _heads(heads: list[bytes]) -> _Heads:
    found = []
    for i, head in enumerate(heads):
        match = _HEAD.fullmatch(head)
        if match is None:
            raise BadText(i, f"{head[:60].decode('ascii', 'backslashreplace')!r} is no head such as 1700000000.000000005(7)")
        found.append(match.groups())
    seconds, nanoseconds, offsets, sequences, frames = (list(column) for column in zip(*found, strict=True))
    return (
        seconds,
        [token or b"0" for token in nanoseconds],
        [token or b"nan" for token in offsets],
        [token or b"nan" for token in sequences],
        [frame is not None for frame in frames],
    )
