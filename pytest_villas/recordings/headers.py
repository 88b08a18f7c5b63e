"""What a file says about its signals, and what a caller says instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_villas.errors import ConfigError, SignalError, nearest
from pytest_villas.samples import Samples, Signal, SignalSpec, signals_of

# a unit in brackets, unless it is an index as in v[0]
_TITLE = re.compile(r"(.+?)(?:\[(?!\d+\])([^\[\]]*)\])?")


def declare(spec: SignalSpec, header: Sequence[Signal] | None) -> tuple[Signal, ...]:
    """Read a `signals` setting; text such as ``"2f"`` is about types only and keeps the names of the header."""
    declared = signals_of(spec)
    if header is not None and len(header) != len(declared):
        raise SignalError(f"the header has {len(header)} signals ({', '.join(map(str, header))}), and signals= {len(declared)}")
    if header is None or not isinstance(spec, str):
        return declared
    return tuple(Signal(found.name, found.unit, given.type) for found, given in zip(header, declared, strict=True))


def cast(path: Path | str, samples: Samples, spec: SignalSpec) -> Samples:
    """Convert what was read to the `signals` that a caller asked for, if any; SignalError with the file."""
    if spec is None:
        return samples
    try:
        return samples.cast(declare(spec, samples.signals))
    except SignalError as error:
        raise SignalError(f"{path}: {error}") from None


def known_options(name: str, options: Iterable[str], known: Iterable[str] = ()) -> None:
    """Refuse an option that a layout has not; ConfigError with the nearest one."""
    known = tuple(known)
    for key in options:
        if key not in known:
            raise ConfigError(f"format {name!r}: {key}: unknown option{nearest(str(key), known)}")


def signals_of_titles(titles: Sequence[str]) -> list[Signal]:
    """Read `name[unit]` of each signal."""
    found = []
    for i, title in enumerate(titles):
        match = _TITLE.fullmatch(title)
        found.append(Signal(match[1], match[2] or "") if match else Signal(title or f"signal{i}"))
    return found


def column_header(fields: Sequence[str]) -> tuple[bool, list[Signal]] | None:
    """Read the fields of a csv header: whether there is an offset column, and the signals; None where it is no header."""
    rest = list(fields)
    if rest[:2] == ["secs", "nsecs"]:
        rest = rest[2:]
    elif rest[:1] not in (["offset"], ["sequence"]):
        return None
    # a signal may be called offset as well, but the column has its place before the sequence
    offset = rest[:1] == ["offset"]
    rest = rest[1:] if offset else rest
    rest = rest[1:] if rest[:1] == ["sequence"] else rest
    return offset, signals_of_titles([title for title in rest if title or len(rest) > 1])


def human_header(fields: Sequence[str]) -> list[Signal] | None:
    """Read the fields of a human header; None where it is none."""
    if not re.fullmatch(r"(seconds\.nanoseconds)?(\+offset)?(\(sequence\))?", fields[0]) or not fields[0]:
        return None
    return signals_of_titles(fields[1:])
