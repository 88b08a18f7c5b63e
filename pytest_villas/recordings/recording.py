"""Opening and saving a recording, whatever its layout."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.formats.registry import read_format
from pytest_villas.recordings import comtrade, jsonl, matlab, npz, text
from pytest_villas.samples import Samples, SignalSpec

_SUFFIXES = {
    ".human": "villas.human",
    ".villas": "villas.human",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".npz": "npz",
    ".cfg": "comtrade",
    ".cff": "comtrade",
    ".mat": "matlab",
}


class Reader(Protocol):
    """A module that reads one kind of file."""

    def read(self, path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
        """Read the content of a file; `path` is for messages, and to find files that belong to it."""


class Writer(Protocol):
    """A module that writes one kind of file."""

    def write(self, samples: Samples, name: str, options: Mapping[str, Any]) -> bytes:
        """Return the content of a file."""


_READERS: dict[str, Reader] = {
    "villas.human": text,
    "csv": text,
    "tsv": text,
    "json": jsonl,
    "npz": npz,
    "comtrade": comtrade,
    "matlab": matlab,
}
_WRITERS: dict[str, Writer] = {"villas.human": text, "csv": text, "tsv": text, "json": jsonl, "npz": npz}

FormatSetting = str | Mapping[str, Any] | None


def open(path: str | os.PathLike[str], *, signals: SignalSpec = None, format: FormatSetting = None) -> Samples:  # noqa: A001, A002 (`recordings.open`, VILLASnode's `format`)
    """Read a recording.

    Args:
        path: a file. Its suffix tells the format: `.human`, `.villas`, `.csv`, `.tsv`, `.json`, `.jsonl`, `.npz`; `.cfg`
            (with its `.dat` beside it) and `.cff` of COMTRADE; `.mat` of MATLAB.
        signals: VILLASnode's `signals` setting. Types that are given as text (``"2f1i"``) keep the names and units of the
            file. Without it, names and units are those of the file, and types are those of the values: all without point
            and exponent are integers, `0.5-2.25i` is complex. A boolean cannot be told from an integer in text.
        format: a name or VILLASnode's `format` mapping, where the suffix does not tell or options differ.

    Raises:
        ConfigError: the format is unknown, an option wrong, or a package that the format needs is not installed.
        DecodeError: a line is broken; the message has the file and the number of the line.
        SignalError: the file has other signals than `signals`, or values of types that no signal has.
        OSError: the file cannot be read.
    """
    path = Path(path)
    name, options = _format(path, format, _READERS)
    return _READERS[name].read(path, _unmarked(path.read_bytes()), name, options, signals)


def save(path: str | os.PathLike[str], samples: Samples, *, format: FormatSetting = None) -> None:  # noqa: A002 (VILLASnode's word)
    """Write a recording; it is written beside and renamed, so that there is never half of one.

    `.npz` keeps everything exactly. Text has 17 digits after the point (csv, human) or 17 significant ones (json), and
    human keeps the time of reception with seven digits of its distance from origin. COMTRADE and MATLAB are read only.

    Raises:
        ConfigError: the format is unknown or an option wrong.
        EncodeError: the layout cannot say these samples.
        OSError: the file cannot be written.
    """
    path = Path(path)
    name, options = _format(path, format, _WRITERS)
    content = _WRITERS[name].write(samples, name, options)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def decode(content: bytes, *, format: str | Mapping[str, Any], signals: SignalSpec = None, name: str = "stdin") -> Samples:  # noqa: A002 (VILLASnode's word)
    """Read the content of a recording that is no file, such as standard input; `name` stands in messages. See `open`."""
    path = Path(name)
    layout, options = _format(path, format, _READERS)
    return _READERS[layout].read(path, _unmarked(content), layout, options, signals)


def encode(samples: Samples, *, format: str | Mapping[str, Any], name: str = "stdout") -> bytes:  # noqa: A002 (VILLASnode's word)
    """Return what `save` would write; `name` stands in messages."""
    layout, options = _format(Path(name), format, _WRITERS)
    return _WRITERS[layout].write(samples, layout, options)


def suffix_format(path: str | os.PathLike[str]) -> str | None:
    """Return the format that the suffix of a file tells, or None."""
    return _SUFFIXES.get(Path(path).suffix.lower())


def layouts() -> tuple[str, ...]:
    """Return the names of the formats that a recording may have."""
    return tuple(_READERS)


def _unmarked(content: bytes) -> bytes:
    """Leave out the byte order mark with which spreadsheets and editors of Windows begin a text."""
    return content.removeprefix(codecs.BOM_UTF8)


def _format(path: Path, setting: FormatSetting, known: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if setting is not None:
        name, options = read_format(setting)
        if name not in _READERS:
            raise ConfigError(f"{path}: format {name!r} is none for recordings{nearest(name, known)}")
    elif path.suffix.lower() in _SUFFIXES:
        name, options = _SUFFIXES[path.suffix.lower()], {}
    else:
        raise ConfigError(f"{path}: suffix {path.suffix!r} tells no format{nearest(path.suffix, _SUFFIXES)}; or give format=")
    if name not in known:
        raise ConfigError(f"{path}: {name} is read only; write one of {', '.join(sorted(known))}")
    return name, options
