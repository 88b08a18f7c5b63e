"""Samples in any format that VILLASnode's tools take, from files and standard input, and to bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from pytest_villas import formats, recordings
from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.samples import Samples, Signal, signals_of

STDIN: Final = "-"
DEFAULT: Final = "villas.human"
"""What VILLASnode's tools read and write unless told otherwise."""
_UNFRAMED: Final = ("raw", "gtnet")
_LINES: Final = ("value", "iotagent_ul", "json.edgeflex", "json.kafka", "json.reserve")
"""Formats of messages that stand in a file one a line."""

Format = str | Mapping[str, Any]


def read_format(text: str) -> Format:
    """Read an option: the name of a format, or its mapping as JSON."""
    return _json(text) if text.lstrip().startswith("{") else text


def read_types(text: str | None) -> Any:
    """Read an option: types such as ``2f1i``, or a `signals` setting as JSON; ConfigError where it is neither."""
    if text is None:
        return None
    return signals_of(_json(text)) if text.lstrip().startswith(("[", "{")) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{text!r} is no JSON: {error.msg} (column {error.colno})") from None


def format_of(path: str, setting: Format | None) -> Format:
    """Return the format of a file: as said, else as its suffix tells, else what VILLASnode's tools expect."""
    return setting or recordings.suffix_format(path) or DEFAULT


def read(path: str, setting: Format | None, types: Any) -> Samples:
    """Read a file, or standard input. Raises DecodeError, ConfigError, SignalError, OSError."""
    if path != STDIN and Path(path).is_dir():
        raise ConfigError(f"{path}: is a folder, and not a recording")
    wanted = format_of(path, setting)
    name = wanted if isinstance(wanted, str) else str(wanted.get("type"))
    shown = "stdin" if path == STDIN else path
    if name in recordings.layouts() and path != STDIN and name != "json":
        return recordings.open(path, format=wanted, signals=types)
    content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    if name in recordings.layouts() and not (name == "json" and content.lstrip().startswith(b"[")):
        return recordings.decode(content, format=wanted, signals=types, name=shown)
    if name in _UNFRAMED and types is None:
        raise ConfigError(f"{shown}: {name} does not say where a sample ends: give the types of its values with -t")
    codec = formats.codec(wanted, types)
    try:
        return _checked(codec, _decode(codec, content))
    except DecodeError as error:
        raise DecodeError(f"{shown}: {error}{'' if types else ' (64 floats, unless -t says otherwise)'}") from None


def write(samples: Samples, setting: Format, path: str) -> bytes:
    """Return samples, for that path, as VILLASnode's tools write them: in the layout of files where the format has one, else as messages."""
    name = setting if isinstance(setting, str) else str(setting.get("type"))
    if name in recordings.layouts():
        return recordings.encode(samples, format=setting, name="stdout" if path == STDIN else path)
    codec = formats.codec(setting, samples.signals)
    if name in _UNFRAMED and np.any(samples.length < len(samples.signals)):
        short = int(np.argmax(samples.length < len(samples.signals)))
        raise EncodeError(
            f"{name}: sample {short} has {samples.length[short]} of {len(samples.signals)} values: without framing, nobody could "
            f"tell where it ends"
        )
    end = b"\n" if name in _LINES and name != "value" else b""
    return b"".join(message + end for message in codec.encode_many(samples))


def _decode(codec: formats.Codec, content: bytes) -> Samples:
    if not content.strip():
        return formats.codec("json", codec.signals).decode_many([]).samples
    if codec.name in _UNFRAMED:
        size = _sample_size(codec)
        if not size or len(content) % size:
            raise DecodeError(f"{codec.name}: {len(content)} bytes are no whole samples of {size}: other types, or cut off")
        return _all(codec, [content[at : at + size] for at in range(0, len(content), size)], "sample")
    if codec.name in _LINES or codec.name == "json":
        try:
            return codec.decode(content)
        except DecodeError:
            lines = [line for line in content.splitlines(keepends=codec.name == "value") if line.strip()]
            if len(lines) < 2:
                raise
            return _all(codec, lines, "line")
    return codec.decode(content)


def _all(codec: formats.Codec, payloads: list[bytes], what: str) -> Samples:
    decoded = codec.decode_many(payloads)
    if decoded.rejected:
        first = decoded.rejected[0]
        raise DecodeError(f"{what} {first.index + 1}: {first.reason}")
    return decoded.samples


def _checked(codec: formats.Codec, samples: Samples) -> Samples:
    """Leave out signals that nobody declared and none of the samples has; refuse where that is all of them."""
    trimmed = samples.trimmed()
    if len(samples) and codec.signals and not trimmed.signals:
        names = ", ".join(signal.name for signal in codec.signals[:3])
        raise DecodeError(
            f"{codec.name}: none of its names is one of {names}...: give the signals as JSON, -t '[{{\"name\": ...}}]'"
        )
    return trimmed


def _sample_size(codec: formats.Codec) -> int:
    blank = Samples([np.zeros(1, signal.type.dtype) for signal in codec.signals], codec.signals, origin=[0], sequence=[0])
    return len(codec.encode(blank))


def titles(signals: tuple[Signal, ...]) -> list[str]:
    """Name signals for people: by name, or by index where they have none."""
    return [signal.name or f"signal{i}" for i, signal in enumerate(signals)]
