"""`csv` and `tsv`: seconds, nanoseconds, (in files) the offset of reception, sequence and values, separated.

On the wire there is no offset column. An absent stamp is `nan`; `ts_origin = false` leaves its one column empty.
Flags have no place in a line. Numbers have `real_precision` digits after the point: what is smaller is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats.checks import join_time, split_time
from pytest_villas.formats.lines import LineCodec, Stamps
from pytest_villas.formats.options import LineOptions, read_options, single_character
from pytest_villas.formats.template import Kind, Slot, mark
from pytest_villas.formats.values import BadText, floats, integers
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s, Samples, Signal

_LARGEST_OFFSET = 2.0**62


class ColumnOptions(LineOptions, frozen=True, kw_only=True):
    """`separator` stands between columns; None for the format's own."""

    separator: str | None = None


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> LineCodec:
    """Build the codec for `csv` or `tsv`, as it is on the wire."""
    settings, head = layout(name, options, offset=False)
    return LineCodec(name, signals, settings, head)


def layout(name: str, given: Mapping[str, Any], *, offset: bool) -> tuple[ColumnOptions, ColumnHead]:
    """Read the options; `offset` says whether there is a column for it."""
    options = read_options(name, ColumnOptions, given)
    separator = ("\t" if name == "tsv" else ",") if options.separator is None else options.separator
    for option, value in (
        ("separator", separator),
        ("delimiter", options.delimiter),
        ("comment_prefix", options.comment_prefix),
    ):
        single_character(name, option, value)
    if separator == options.delimiter:
        raise ConfigError(f"format {name!r}: separator and delimiter are both {separator!r}")
    head = ColumnHead(separator, options.ts_origin, offset and options.offset, options.sequence, options.comment_prefix)
    return options, head


@dataclass(frozen=True, slots=True)
class ColumnHead:
    """The columns before the values."""

    separator: str
    ts_origin: bool
    offset: bool
    sequence: bool
    comment: str

    @property
    def marks(self) -> str | None:
        """See `Head.marks`."""
        return 2 * self.separator if self.ts_origin and self.sequence and not self.offset else None

    @property
    def fields(self) -> int:
        """See `Head.fields`."""
        return (2 if self.ts_origin else 1) + self.offset + self.sequence

    def write(self, samples: Samples, kind: Kind) -> tuple[str, dict[str, Slot]]:
        """See `Head.write`."""
        slots: dict[str, Slot] = {}
        fields = [""]
        if self.ts_origin:
            fields = ["nan", "nan"]
            if kind.origin:
                fields = [mark("sec"), mark("nsec")]
                seconds, nanoseconds = split_time(samples.origin)
                slots |= {"sec": Slot.integers(seconds), "nsec": Slot.integers(nanoseconds, 9)}
        if self.offset:
            fields.append(mark("offset") if kind.received else "nan")
            if kind.received:
                slots["offset"] = Slot(_offset_texts(samples, kind))
        if self.sequence:
            fields.append(mark("sequence") if kind.sequence else "nan")
            slots["sequence"] = Slot.integers(samples.sequence)
        return self.separator.join(fields), slots

    def read(self, fields: Sequence[list[bytes]]) -> Stamps:
        """See `Head.read`."""
        columns = list(fields)
        count = len(columns[0])
        origin = np.full(count, NO_TIME)
        if self.ts_origin:
            origin = read_times(columns.pop(0), columns.pop(0))
        else:
            for i, token in enumerate(columns.pop(0)):
                if token:
                    raise BadText(i, "the first column has to be empty, as `ts_origin = false` leaves it")
        received = add_offsets(origin, columns.pop(0)) if self.offset else np.full(count, NO_TIME)
        sequence = read_sequence(columns.pop(0)) if self.sequence else np.full(count, NO_SEQUENCE)
        return Stamps(origin, received, sequence, np.zeros(count, np.bool_))

    def title(self, signals: Sequence[Signal]) -> str:
        """See `Head.title`."""
        names = ["secs", "nsecs"] * self.ts_origin + ["offset"] * self.offset + ["sequence"] * self.sequence
        return f"{self.comment} " + self.separator.join(names + titles(signals))


def titles(signals: Sequence[Signal]) -> list[str]:
    """Return `name[unit]` of each signal, as a header has it."""
    return [str(signal) if signal.name else f"signal{i}{signal}" for i, signal in enumerate(signals)]


def read_times(seconds: list[bytes], nanoseconds: list[bytes]) -> Int64s:
    """Join two columns to ns since the epoch; `nan` in both is an absent stamp."""
    count = len(seconds)
    present = np.fromiter((token != b"nan" for token in seconds), np.bool_, count)
    for i in np.flatnonzero(~present).tolist():
        if nanoseconds[i] != b"nan":
            raise BadText(i, "seconds are nan and nanoseconds are not")
    if present.all():
        return _join(integers(seconds), integers(nanoseconds))
    times = np.full(count, NO_TIME)
    chosen = np.flatnonzero(present).tolist()
    try:
        times[present] = _join(integers([seconds[i] for i in chosen]), integers([nanoseconds[i] for i in chosen]))
    except BadText as error:
        raise BadText(chosen[error.line], str(error)) from None
    return times


def _join(seconds: Int64s, nanoseconds: Int64s) -> Int64s:
    try:
        return join_time(seconds, nanoseconds)
    except DecodeError:
        for i in range(seconds.size):
            try:
                join_time(seconds[i : i + 1], nanoseconds[i : i + 1])
            except DecodeError as error:
                raise BadText(i, str(error)) from None
        raise


def read_sequence(tokens: list[bytes]) -> Int64s:
    """Read sequence numbers; `nan` is an absent one."""
    sequence = integers([b"-1" if token == b"nan" else token for token in tokens])
    for i in np.flatnonzero(sequence < 0).tolist():
        if tokens[i] != b"nan":
            raise BadText(i, f"sequence {sequence[i]} is negative")
    return sequence


def add_offsets(origin: Int64s, tokens: list[bytes]) -> Int64s:
    """Add offsets in seconds (nine digits after the point are exact) to origins; `nan` is an absent one."""
    offsets = floats(tokens) * 1e9
    absent = np.isnan(offsets)
    bad = (~absent & (origin == NO_TIME)) | (np.abs(offsets) > _LARGEST_OFFSET)
    if np.any(bad):
        i = int(np.argmax(bad))
        raise BadText(
            i, "an offset without an origin" if origin[i] == NO_TIME else f"an offset of {tokens[i].decode()} s is too large"
        )
    ticks = np.rint(np.where(absent, 0.0, offsets)).astype(np.int64)
    # a float of seconds has 53 bits only, the text may have more
    for i in np.flatnonzero(np.abs(offsets) > 2.0**50).tolist():
        if b"e" not in tokens[i].lower():
            whole, _, rest = tokens[i].partition(b".")
            ticks[i] = int(whole + rest[:9].ljust(9, b"0"))
    received = np.where(absent, NO_TIME, origin + ticks)
    if np.any(wrapped := ~absent & ((received < origin) != (ticks < 0))):
        raise BadText(int(np.argmax(wrapped)), "origin and offset are no time together")
    return received


def offsets_of(samples: Samples) -> Int64s:
    """Return received - origin in ns, of samples that have both."""
    offsets = samples.received - samples.origin
    if np.any((offsets < 0) != (samples.received < samples.origin)):
        raise EncodeError("received is too far from origin to be written as an offset")
    return offsets


def _offset_texts(samples: Samples, kind: Kind) -> list[str]:
    if not kind.origin:
        raise EncodeError("received is written as an offset from origin, which is absent: see Samples.replace(), or save as .npz")
    offset = offsets_of(samples)
    signs = np.where(offset < 0, "-", "").tolist()
    seconds, nanoseconds = split_time(np.abs(offset))
    return [f"{sign}{s}.{ns:09d}" for sign, s, ns in zip(signs, seconds.tolist(), nanoseconds.tolist(), strict=True)]
