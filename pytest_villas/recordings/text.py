"""`.human`, `.csv` and `.tsv`: a line a sample, with the header, the comments and the offset that only files have.

Whether a csv or tsv file has an offset column is told, in this order, by `format={"type": "csv", "offset": ...}`, by its
header, by the number of columns where `signals=` is given, and by the third column: VILLASnode writes an offset with a
point and a sequence without. Where all of these say nothing, the file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_villas.errors import DecodeError, EncodeError, SignalError
from pytest_villas.formats import column, villas_human
from pytest_villas.formats.checks import check_samples
from pytest_villas.formats.lines import Head, read_lines, write_lines
from pytest_villas.formats.options import LineOptions
from pytest_villas.formats.values import BadText
from pytest_villas.recordings.headers import column_header, declare, human_header
from pytest_villas.samples import Samples, Signal, SignalSpec, SignalType


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file that carry samples, their numbers, and what the header says."""

    lines: list[bytes]
    numbers: list[int]
    offset: bool | None
    header: list[Signal] | None


def write(samples: Samples, name: str, options: Mapping[str, Any]) -> bytes:
    """Return the content of a file."""
    settings, head = _layout(name, options, offset=True)
    check_samples(name, samples, samples.signals)
    title = ""
    if settings.header:
        for signal in samples.signals:
            if any(mark in str(signal) for mark in (head.separator, settings.delimiter, "\n", "\r")):
                raise EncodeError(f"{name}: signal name {str(signal)!r} cannot stand in a header: it has a separator in it")
        title = head.title(samples.signals if settings.data else ()) + settings.delimiter
    return title.encode() + (write_lines(samples, head, settings).blob.tobytes() if len(samples) else b"")


def read(path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
    """Read a file."""
    settings, head = _layout(name, options, offset=True)
    found = _lines(path, content, name, settings, head)
    if name != "villas.human":
        offset = options.get("offset", found.offset)
        if offset is None:
            offset = _guess_offset(path, found, head, None if signals is None else len(declare(signals, None)))
        settings, head = _layout(name, {**options, "offset": offset}, offset=True)
    try:
        if settings.data:
            declared = _types(found, head) if signals is None else declare(signals, found.header)
            return read_lines(found.lines, head, declared, declared)
        return read_lines(found.lines, head, (), () if signals is None else declare(signals, None))
    except BadText as error:
        raise DecodeError(f"{path}:{found.numbers[error.line]}: {error}") from None
    except SignalError as error:
        raise SignalError(f"{path}: {error}") from None


def _layout(name: str, options: Mapping[str, Any], *, offset: bool) -> tuple[LineOptions, Head]:
    if name == "villas.human":
        return villas_human.layout(name, options, offset=offset)
    return column.layout(name, options, offset=offset)


def _lines(path: Path, content: bytes, name: str, options: LineOptions, head: Head) -> Lines:
    end, comment = options.delimiter.encode(), options.comment_prefix.encode()
    every = content.split(end)
    if every[-1].strip() and not every[-1].startswith(comment):
        raise DecodeError(f"{path}:{len(every)}: the last line has no end: the recording is cut off, or add the end of the line")
    lines: list[bytes] = []
    numbers: list[int] = []
    offset: bool | None = None
    header: list[Signal] | None = None
    for number, raw in enumerate(every, 1):
        line = raw.removesuffix(b"\r")
        if (number == 1 and options.skip_first_line) or not line.strip():
            continue
        title = line.removeprefix(comment).removeprefix(b" ")
        if line.startswith(comment) or (not lines and title.startswith((b"secs", b"seconds"))):
            if header is None and not lines:
                fields = title.decode("utf-8", "replace").split(head.separator)
                if name == "villas.human":
                    header = human_header(fields)
                elif known := column_header(fields):
                    offset, header = known
            continue
        lines.append(line)
        numbers.append(number)
    return Lines(lines, numbers, offset, header)


def _guess_offset(path: Path, found: Lines, head: Head, count: int | None) -> bool:
    """Tell from the shape whether there is an offset column; `head` is the one with offset, `count` how many signals."""
    separator = head.separator.encode()
    if count is not None:
        longest = max((line.count(separator) + 1 for line in found.lines), default=0)
        if longest == head.fields + count:
            return True
        if longest == head.fields - 1 + count:
            return False
    at = 2 if getattr(head, "ts_origin", True) else 1
    for line in found.lines:
        fields = line.split(separator)
        if len(fields) > at and fields[at] != b"nan":
            return b"." in fields[at]
    if not found.lines:
        return True
    raise DecodeError(
        f"{path}:{found.numbers[0]}: it cannot be told whether the third column is an offset or the sequence: "
        f'say format={{"type": "csv", "offset": True}} or False'
    )


def _types(found: Lines, head: Head) -> tuple[Signal, ...]:
    """Tell the types of signals from their values."""
    separator = head.separator.encode()
    longest = max((line.count(separator) + 1 for line in found.lines), default=0) - head.fields
    named = found.header if found.header is not None else [Signal(f"signal{i}") for i in range(max(longest, 0))]
    kinds = [SignalType.FLOAT] * len(named)
    fields = [line.split(separator)[head.fields :] for line in found.lines]
    for i in range(len(named)):
        text = b" ".join([values[i] for values in fields if len(values) > i])
        if b"i" in text.replace(b"inf", b"") or b"j" in text:
            kinds[i] = SignalType.COMPLEX
        elif text and not text.translate(None, b"0123456789+- ").strip():
            kinds[i] = SignalType.INTEGER
    return tuple(Signal(signal.name, signal.unit, kind) for signal, kind in zip(named, kinds, strict=True))
