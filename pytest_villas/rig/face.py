"""Our side of a rig: the link to it, and what is said over it, from the `[link]` of its file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from pytest_villas import config, formats
from pytest_villas.errors import ConfigError, EncodeError, SignalError
from pytest_villas.formats import Codec
from pytest_villas.links import Link, SerialLine, SerialLink, choose
from pytest_villas.links.framing import Framing, make
from pytest_villas.rig.link_sections import DirectionSection, NanomsgSection, SerialSection
from pytest_villas.samples import Samples

_ONE_SIZE: Final = ("raw", "gtnet", "villas.binary", "villas.web", "opal.asyncip")
"""Formats whose messages of so many signals have one size."""
_BINARY: Final = (*_ONE_SIZE, "protobuf")


@dataclass(frozen=True, slots=True)
class Face:
    """Our side of a rig; nothing is open yet.

    Attributes:
        link: to the rig.
        writer, reader: of the stimulus and of the response.
        words: what is replaced in the command that starts the rig.
        comes_with_rig: a path that is there when the rig has started, and not before.
        folder: of socket files and the like, to be removed in the end.
    """

    link: Link
    writer: Codec
    reader: Codec
    words: Mapping[str, str]
    comes_with_rig: Path | None = None
    folder: Path | None = None

    def close(self) -> None:
        """Remove what was made for the link."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def face(section: NanomsgSection | SerialSection, file: Path) -> Face:
    """Return our side of the rig; what the rig is told of it, where we start it, is written to `file`. Raises ConfigError."""
    return _serial(section, file) if isinstance(section, SerialSection) else _nanomsg(section, file)


def _nanomsg(section: NanomsgSection, file: Path) -> Face:
    """Face a VILLASnode node, moved to free ports and socket files where the rig file says so."""
    loaded, sockets = config.load(Path(section.config)), None
    if section.move:
        sockets = _sockets()
        loaded = config.relocate(loaded, sockets)
    config.dump(loaded, file)
    node = loaded.nodes[section.node]
    ours = node if section.role == "self" else node.mirror()
    return Face(
        link=choose(ours.output.endpoints, ours.input.endpoints, section.engine),
        writer=formats.codec(ours.output.format, ours.output.signals),
        reader=formats.codec(ours.input.format, ours.input.signals),
        words={"config": str(file), "node": section.node},
        folder=sockets,
    )


def _serial(section: SerialSection, file: Path) -> Face:
    """Face a device; one that is started here makes its port at a path of this session."""
    parts = serial_parts(section)
    sockets = None if section.port else _sockets()
    port = section.port or f"{sockets}/port"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(section, port=port))))
    return Face(
        link=SerialLink(line_of(section, port), parts.sending, parts.receiving),
        writer=parts.writer,
        reader=parts.reader,
        words={"config": str(file), "port": port, "baudrate": str(section.baudrate)},
        comes_with_rig=None if section.port else Path(port),
        folder=sockets,
    )


def check(section: NanomsgSection | SerialSection, path: Path) -> None:
    """Raise ConfigError, with the path of the rig file, where format, signals and framing of a serial link do not fit together."""
    try:
        if isinstance(section, SerialSection):
            serial_parts(section)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _sockets() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="villas-"))
    folder.chmod(0o755)  # a rig that we start as root gives its privileges up
    return folder


@dataclass(frozen=True, slots=True)
class SerialParts:
    """What is said over a serial line: what we send, the device takes with `sending` and reads like `writer`, and so back."""

    writer: Codec
    reader: Codec
    sending: Framing
    receiving: Framing


def line_of(section: SerialSection, port: str) -> SerialLine:
    """Return the settings of the line."""
    return SerialLine(
        port,
        section.baudrate,
        section.bytesize,
        section.parity,
        section.stopbits,
        section.rtscts,
        section.xonxoff,
        section.dsrdtr,
    )


def serial_parts(section: SerialSection) -> SerialParts:
    """Return codecs and framings of a serial link. Raises ConfigError for what does not fit together."""
    writer, reader = _codec(section, section.input, "in"), _codec(section, section.output, "out")
    return SerialParts(writer, reader, _framing(section, writer), _framing(section, reader))


def _codec(section: SerialSection, direction: DirectionSection, key: str) -> Codec:
    setting = section.format if direction.format is None else direction.format
    signals = section.signals if direction.signals is None else direction.signals
    try:
        codec = formats.codec(setting, signals)
    except SignalError as error:
        raise ConfigError(f"link.{'' if direction.signals is None else f'{key}.'}{error}") from None
    except ConfigError as error:
        raise ConfigError(f"link.{'' if direction.format is None else f'{key}.'}format: {error}") from None
    if section.framing == "line" and codec.name in _BINARY:
        raise ConfigError(f"link.framing: 'line' cannot carry {codec.name}, in which any byte may be a newline: use 'cobs'")
    if section.framing == "fixed" and codec.name not in _ONE_SIZE:
        raise ConfigError(
            f"link.framing: 'fixed' cannot carry {codec.name}, whose messages differ in size: use 'cobs' or 'line', "
            f"or one of {', '.join(_ONE_SIZE)}"
        )
    return codec


def _framing(section: SerialSection, codec: Codec) -> Framing:
    size = one_size(codec) if section.framing == "fixed" else 0
    return make(
        section.framing,
        checksum=section.checksum,
        header=bytes.fromhex(section.header),
        size=size or 0,
        limit=max(4096, 4 * section.max_bytes),
    )


def one_size(codec: Codec) -> int | None:
    """Return the bytes of a message with one sample of zeros, None where the format cannot write one."""
    columns = [np.zeros(1, signal.type.dtype) for signal in codec.signals]
    try:
        return len(codec.encode(Samples(columns, codec.signals, origin=[0], sequence=[0])))
    except EncodeError:
        return None
