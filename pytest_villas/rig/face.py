"""Our side of a rig: the link to it, and what is said over it, from the `[link]` of its file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from pytest_villas import config, formats
from pytest_villas.errors import ConfigError, EncodeError, SignalError, nearest
from pytest_villas.formats import Codec
from pytest_villas.links import Link, NanomsgLink, SerialLine, SerialLink, SpLink, SplitLink, choose
from pytest_villas.links.framing import Framing, make
from pytest_villas.rig.file import MatchSection, RigFile
from pytest_villas.rig.link_sections import (
    LINK,
    RESPONSE,
    STIMULUS,
    DirectionSection,
    EndSection,
    LinkSection,
    NanomsgSection,
    SerialSection,
    SplitSection,
    ends,
)
from pytest_villas.samples import Samples, Signal

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
        comes_with_rig: paths that are there when the rig has started, and not before.
        folders: of socket files and the like, to be removed in the end.
    """

    link: Link
    writer: Codec
    reader: Codec
    words: Mapping[str, str]
    comes_with_rig: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()

    def close(self) -> None:
        """Remove what was made for the link."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def face(section: LinkSection, file: Path) -> Face:
    """Return our side of the rig; what the rig is told of it, where we start it, is written to `file`. Raises ConfigError.

    A link with two ends has a file for each, `NAME-stimulus.json` and `NAME-response.json` for `NAME.json`.
    """
    folders = _Folders()
    try:
        return replace(_face(section, file, folders), folders=tuple(folders.made))
    except BaseException:
        folders.remove()
        raise


class _Folders:
    """Folders of sockets that are made for a face."""

    def __init__(self) -> None:
        self.made: list[Path] = []

    def make(self) -> Path:
        """Return a new one."""
        self.made.append(Path(tempfile.mkdtemp(prefix="villas-")))
        self.made[-1].chmod(0o755)  # a rig that we start as root gives its privileges up
        return self.made[-1]

    def remove(self) -> None:
        """Remove all of them."""
        for folder in self.made:
            shutil.rmtree(folder, ignore_errors=True)


def _face(section: LinkSection, file: Path, folders: _Folders) -> Face:
    if isinstance(section, SplitSection):
        return _split(section, file, folders)
    if isinstance(section, SerialSection):
        return _serial(section, file, LINK, folders)
    return _nanomsg(section, file, _Configs(folders))


def _split(section: SplitSection, file: Path, folders: _Folders) -> Face:
    """Face the rig at two ends: of the one we are the sending half, of the other the receiving half."""
    configs, halves = _Configs(folders), list[Face]()
    for place, end in ends(section).items():
        name = place.removeprefix(f"{LINK}.")
        own = file.with_stem(f"{file.stem}-{name}")
        if isinstance(end, SerialSection):
            halves.append(_serial(end, own, place, folders))
        else:
            whole = _nanomsg(end, own, configs)
            halves.append(replace(whole, link=_half(end, whole.link, place)))
    there, back = halves
    return Face(
        link=SplitLink(there.link, back.link),
        writer=there.writer,
        reader=back.reader,
        words={f"{name}.{key}": text for name, half in ((STIMULUS, there), (RESPONSE, back)) for key, text in half.words.items()},
        comes_with_rig=there.comes_with_rig + back.comes_with_rig,
    )


def _half(section: NanomsgSection, link: Link, place: str) -> Link:
    """Leave of a link what sends at a stimulus end, and what receives at a response end."""
    assert isinstance(link, NanomsgLink | SpLink)
    sends = place.endswith(STIMULUS)
    if not (link.publish if sends else link.subscribe):
        lacks = "takes nothing" if sends else "sends nothing"
        raise ConfigError(f"{place}.node: {section.node!r} of {section.config} {lacks}: it has no endpoints for that")
    return choose(link.publish if sends else (), () if sends else link.subscribe, section.engine)


class _Configs:
    """The VILLASnode configs of a rig; one that is moved is moved once, also where it has the nodes of both ends."""

    def __init__(self, folders: _Folders) -> None:
        self._folders = folders
        self._moved: dict[str, config.Config] = {}

    def load(self, section: NanomsgSection) -> config.Config:
        """Return a config."""
        if not section.move:
            return config.load(Path(section.config))
        if section.config not in self._moved:
            loaded = config.load(Path(section.config))
            self._moved[section.config] = config.relocate(loaded, self._folders.make())
        return self._moved[section.config]


def _nanomsg(section: NanomsgSection, file: Path, configs: _Configs) -> Face:
    """Face a VILLASnode node, moved to free ports and socket files where the rig file says so."""
    loaded = configs.load(section)
    config.dump(loaded, file)
    link, writer, reader = _node_parts(section, loaded.nodes[section.node])
    return Face(link=link, writer=writer, reader=reader, words={"config": str(file), "node": section.node})


def _node_parts(section: NanomsgSection, node: config.Node) -> tuple[Link, Codec, Codec]:
    """Return the link to a node, and the codecs of what we send and receive."""
    ours = node if section.role == "self" else node.mirror()
    link = choose(ours.output.endpoints, ours.input.endpoints, section.engine)
    sent, back = ("out", "in") if section.role == "self" else ("in", "out")
    return link, _codec_of(section, sent, ours.output), _codec_of(section, back, ours.input)


def _codec_of(section: NanomsgSection, side: str, direction: config.Direction) -> Codec:
    try:
        return formats.codec(direction.format, direction.signals)
    except ConfigError as error:
        raise type(error)(f"{section.config}: nodes.{section.node}.{side}.format: {error}") from None


def response_signals(section: LinkSection) -> tuple[Signal, ...]:
    """Return the signals that come back from the rig, as they are declared. Raises ConfigError."""
    place, end = list(ends(section).items())[-1]  # the second one of two
    return _codecs(end, place)[1].signals


def _codecs(end: EndSection, place: str) -> tuple[Codec, Codec]:
    """Return the codecs of what is sent to one end of a link and of what it sends. Raises ConfigError for what cannot be there."""
    if isinstance(end, SerialSection):
        parts = serial_parts(end, place)
        return parts.writer, parts.reader
    try:
        nodes = config.load(Path(end.config)).nodes
    except ConfigError as error:
        raise type(error)(f"{place}.config: {error}") from None
    try:
        node = nodes[end.node]
    except ConfigError as error:
        raise ConfigError(f"{place}.node: {error}") from None
    try:
        link, writer, reader = _node_parts(end, node)
    except ConfigError as error:
        engine = f"{LINK}.engine"  # the rest is about the config
        what = f"{place}.engine" if str(error).startswith(engine) else f"{place}.config: "
        raise type(error)(f"{what}{str(error).removeprefix(engine)}") from None
    if place != LINK:
        _half(end, link, place)
    return writer, reader


def _serial(section: SerialSection, file: Path, place: str, folders: _Folders) -> Face:
    """Face a device; one that is started here makes its port at a path of this session."""
    parts = serial_parts(section, place)
    port = section.port or f"{folders.make()}/port"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(section, port=port))))
    return Face(
        link=SerialLink(line_of(section, port), parts.sending, parts.receiving),
        writer=parts.writer,
        reader=parts.reader,
        words={"config": str(file), "port": port, "baudrate": str(section.baudrate)},
        comes_with_rig=() if section.port else (Path(port),),
    )


def check(file: RigFile, path: Path) -> None:
    """Raise ConfigError, with the path of the rig file, for what can be known to be wrong before anything is opened or started.

    That is a config that cannot be read or has no such node, format, signals and framing of a serial link that do not fit
    together, and a signal that `[match]` names and the rig does not have. It is NotThereYet, where all that is wrong so far is
    that there is no such format or config.
    """
    try:
        codecs = [_codecs(end, place) for place, end in ends(file.link).items()]
        _check_names(file.match, there=codecs[0][0], back=codecs[-1][1])
    except ConfigError as error:
        raise type(error)(f"{path}: {error}") from None


def _check_names(match: MatchSection, there: Codec, back: Codec) -> None:
    taken, sent = ("takes", there), ("sends", back)
    wanted = [("head", match.head, taken), ("tag", match.tag, taken), ("tag", match.tag, sent), ("step", match.step, sent)]
    for key, name, (does, codec) in (*wanted, *(("history", each, sent) for each in match.history)):
        known = [signal.name for signal in codec.signals]
        if name is not None and name not in known:
            raise ConfigError(f"match.{key} is {name!r}: the rig {does} no such signal{nearest(name, known)}")


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


def serial_parts(section: SerialSection, place: str = LINK) -> SerialParts:
    """Return codecs and framings of a serial link at that place of a rig file. Raises ConfigError for what does not fit together."""
    writer, reader = _codec(section, section.input, f"{place}.in"), _codec(section, section.output, f"{place}.out")
    return SerialParts(writer, reader, _framing(section, writer), _framing(section, reader))


def _codec(section: SerialSection, direction: DirectionSection, place: str) -> Codec:
    link = place.rpartition(".")[0]
    setting = section.format if direction.format is None else direction.format
    signals = section.signals if direction.signals is None else direction.signals
    try:
        codec = formats.codec(setting, signals)
    except SignalError as error:
        raise ConfigError(f"{link if direction.signals is None else place}.{error}") from None
    except ConfigError as error:
        raise type(error)(f"{link if direction.format is None else place}.format: {error}") from None
    if section.framing == "line" and codec.name in _BINARY:
        raise ConfigError(f"{link}.framing: 'line' cannot carry {codec.name}, in which any byte may be a newline: use 'cobs'")
    if section.framing == "fixed" and codec.name not in _ONE_SIZE:
        raise ConfigError(
            f"{link}.framing: 'fixed' cannot carry {codec.name}, whose messages differ in size: use 'cobs' or 'line', "
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
