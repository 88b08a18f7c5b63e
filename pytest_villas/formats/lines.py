"""Formats with a line for each sample: what stands before the values differs (the `Head`), the values do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import DecodeError
from pytest_villas.formats import plain
from pytest_villas.formats.checks import SECOND
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import LineOptions
from pytest_villas.formats.template import Kind, Slot, by_kind, render
from pytest_villas.formats.values import BadText, merge, parse_column, value_slots
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Samples, Signal, empty_value

_STAMP = 21
"""Bytes of seconds and nanoseconds, each with the mark behind it."""


class Stamps(NamedTuple):
    """What the heads of some lines say; one array each."""

    origin: Int64s
    received: Int64s
    sequence: Int64s
    new_frame: npt.NDArray[np.bool_]


class Head(Protocol):
    """What stands before the values of a line."""

    @property
    def separator(self) -> str:
        """What separates values."""

    @property
    def marks(self) -> str | None:
        """What follows seconds, nanoseconds and (but for a separator) the sequence, where the head consists of these."""

    @property
    def fields(self) -> int:
        """How many separated fields the head has."""

    def write(self, samples: Samples, kind: Kind) -> tuple[str, dict[str, Slot]]:
        """Return the head of samples of one kind as a template, and its slots."""

    def read(self, fields: Sequence[list[bytes]]) -> Stamps:
        """Read heads, field by field; BadText where one is none."""

    def title(self, signals: Sequence[Signal]) -> str:
        """Return the header of a file, without the end of the line."""


@dataclass(frozen=True, slots=True)
class LineCodec(MessageCodec):
    """A codec for lines."""

    options: LineOptions
    head: Head

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        return write_lines(samples, self.head, self.options).bundled(per_message)

    def _read(self, payloads: Messages) -> Batch:
        return plain.read(payloads, self._plain, self._careful)

    def _plain(self, payloads: Messages) -> Batch | None:
        """Read messages of one line each, which begin with ten digits of seconds and nine of nanoseconds."""
        marks = self.head.marks
        if marks is None or not self.options.data or payloads.sizes.min() < _STAMP:
            return None
        separator, end = self.head.separator.encode(), self.options.delimiter.encode()
        starts = payloads.offsets[:-1]
        stamps = np.lib.stride_tricks.sliding_window_view(payloads.blob, _STAMP)[starts]
        digits = stamps - np.uint8(ord("0"))
        if (
            np.any(stamps[:, 10] != ord(marks[0])) or np.any(stamps[:, 20] != ord(marks[1]))
            or np.any(digits[:, :10] > 9) or np.any(digits[:, 11:20] > 9)
        ):  # fmt: skip
            return None
        pattern = marks.encode() + b"".join([separator + plain.point(signal) for signal in self.signals]) + end
        blob = payloads.blob.copy()
        # the stamps have zeros before them, which JSON does not know
        np.lib.stride_tricks.sliding_window_view(blob, _STAMP, writeable=True)[starts] = ord(" ")
        listed = bytes.maketrans(separator + end + marks[2:].encode(), b",," + b" " * len(marks[2:]))
        text, count = payloads.blob.tobytes(), 1 + len(self.signals)
        found = plain.numbers(text, pattern, len(payloads), count, lambda _: blob.tobytes().translate(listed)[:-1])
        if found is None:
            return None
        sequence, columns = plain.integers(found[0]), plain.columns(found[1:], self.signals)
        if sequence is None or columns is None or sequence.min() < 0:
            return None
        origin = _number(digits[:, :10]) * SECOND + _number(digits[:, 11:20])
        return Batch(Samples(columns, self.signals, origin=origin, sequence=sequence), np.ones(len(payloads), np.int64))

    def _careful(self, payloads: Messages) -> Batch:
        end = self.options.delimiter.encode()
        if np.any(payloads.blob[payloads.offsets[1:] - 1] != ord(end)):
            raise DecodeError(f"{self.name}: the last line has no end: the message is cut off")
        text = payloads.blob.tobytes()
        lines = text.split(end)[:-1]
        counts = np.array([payload.count(end) for payload in payloads])
        comment = self.options.comment_prefix.encode()
        if comment in text:
            message = np.repeat(np.arange(len(payloads)), counts)
            keep = np.array([not line.startswith(comment) for line in lines])
            lines = [lines[i] for i in np.flatnonzero(keep).tolist()]
            counts = np.bincount(message[keep], minlength=len(payloads))
        try:
            return Batch(read_lines(lines, self.head, self.signals if self.options.data else (), self.signals), counts)
        except BadText as error:
            raise DecodeError(f"{self.name}: line {error.line + 1}: {error}") from None


def _number(digits: npt.NDArray[np.uint8]) -> Int64s:
    number = np.zeros(len(digits), np.int64)
    for column in digits.T:
        number = number * 10 + column
    return number


def write_lines(samples: Samples, head: Head, options: LineOptions) -> Messages:
    """Write a line, with its end, for each sample."""

    def write(part: Samples, kind: Kind) -> Messages:
        template, slots = head.write(part, kind)
        marks, values = value_slots(part, kind.length if options.data else 0, options.real_precision)
        text = head.separator.join([template, *marks]) + options.delimiter
        return render(text, slots | values, len(part))

    return by_kind(samples, write)


def read_lines(lines: list[bytes], head: Head, carried: tuple[Signal, ...], signals: tuple[Signal, ...]) -> Samples:
    """Read lines that carry values of at most the `carried` signals; BadText tells the first line found to be wrong."""
    separator = head.separator.encode()
    fields = np.array([line.count(separator) + 1 for line in lines], np.int64)
    wrong = (fields < head.fields) | (fields > head.fields + len(carried))
    if np.any(wrong):
        i = int(np.argmax(wrong))
        most = head.fields + len(carried)
        raise BadText(i, f"{fields[i]} fields: {head.fields} and up to {len(carried)} values are at most {most}")
    stamps: list[tuple[Int64s, Stamps]] = []
    values: list[list[tuple[Int64s, Column]]] = [[] for _ in signals]
    for count in np.unique(fields).tolist():
        chosen = np.flatnonzero(fields == count)
        picked = lines if chosen.size == len(lines) else [lines[i] for i in chosen.tolist()]
        tokens = separator.join(picked).split(separator)
        columns = [tokens[i::count] for i in range(count)]
        try:
            stamps.append((chosen, head.read(columns[: head.fields])))
            for column, signal, parts in zip(columns[head.fields :], signals, values, strict=False):
                parts.append((chosen, parse_column(column, signal)))
        except BadText as error:
            raise BadText(int(chosen[error.line]), str(error)) from None
    size = len(lines)

    def gather(field: int, empty: int | bool, dtype: npt.DTypeLike) -> Column:
        return merge(size, [(chosen, stamp[field]) for chosen, stamp in stamps], empty, np.dtype(dtype))

    return Samples(
        [merge(size, parts, empty_value(signal.type), signal.type.dtype) for parts, signal in zip(values, signals, strict=True)],
        signals,
        origin=gather(0, NO_TIME, np.int64),
        received=gather(1, NO_TIME, np.int64),
        sequence=gather(2, NO_SEQUENCE, np.int64),
        new_frame=gather(3, False, np.bool_),
        length=fields - head.fields,
    )
