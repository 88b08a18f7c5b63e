"""Opening and saving a recording, whatever its layout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.formats.registry import read_format
from pytest_villas.recordings import jsonl, npz, text
from pytest_villas.samples import Samples, SignalSpec

_SUFFIXES = {
    ".human": "villas.human",
    ".villas": "villas.human",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".npz": "npz",
}


class Layout(Protocol):
    """A module that reads and writes one kind of file."""

    def read(self, path: Path, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
        """Read a file."""

    def write(self, samples: Samples, name: str, options: Mapping[str, Any]) -> bytes:
        """Return the content of a file."""


_FORMATS: dict[str, Layout] = {"villas.human": text, "csv": text, "tsv": text, "json": jsonl, "npz": npz}

FormatSetting = str | Mapping[str, Any] | None


def open(path: str | os.PathLike[str], *, signals: SignalSpec = None, format: FormatSetting = None) -> Samples:  # noqa: A001, A002 (`recordings.open`, VILLASnode's `format`)
    """Read a recording.

    Args:
        path: a file. Its suffix tells the format: `.human`, `.villas`, `.csv`, `.tsv`, `.json`, `.jsonl` or `.npz`.
        signals: VILLASnode's `signals` setting. Types that are given as text (``"2f1i"``) keep the names and units of the
            file. Without it, names and units are those of the file, and types are those of the values: all without point
            and exponent are integers, `0.5-2.25i` is complex. A boolean cannot be told from an integer in text.
        format: a name or VILLASnode's `format` mapping, where the suffix does not tell or options differ.

    Raises:
        ConfigError: the format is unknown or an option wrong.
        DecodeError: a line is broken; the message has the file and the number of the line.
        OSError: the file cannot be read.
    """
    path = Path(path)
    name, options = _format(path, format)
    return _FORMATS[name].read(path, name, options, signals)


def save(path: str | os.PathLike[str], samples: Samples, *, format: FormatSetting = None) -> None:  # noqa: A002 (VILLASnode's word)
    """Write a recording; it is written beside and renamed, so that there is never half of one.

    `.npz` keeps everything exactly. Text has 17 digits after the point (csv, human) or 17 significant ones (json), and
    human keeps the time of reception with seven digits of its distance from origin.

    Raises:
        ConfigError: the format is unknown or an option wrong.
        EncodeError: the layout cannot say these samples.
        OSError: the file cannot be written.
    """
    path = Path(path)
    name, options = _format(path, format)
    content = _FORMATS[name].write(samples, name, options)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _format(path: Path, setting: FormatSetting) -> tuple[str, dict[str, Any]]:
    if setting is not None:
        name, options = read_format(setting)
        if name not in _FORMATS:
            raise ConfigError(f"{path}: format {name!r} is none for recordings{nearest(name, _FORMATS)}")
        return name, options
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{path}: suffix {path.suffix!r} tells no format{nearest(path.suffix, _SUFFIXES)}; or give format=")
    return _SUFFIXES[path.suffix.lower()], {}
