"""`[link]` of a rig file: how to reach the rig, for each kind of link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from pytest_villas.errors import ConfigError
from pytest_villas.units import duration

Signals = str | list[Any] | dict[str, Any] | None
"""VILLASnode's `signals` setting, in any of its spellings."""


LINK: Final = "link"
STIMULUS: Final = "stimulus"
RESPONSE: Final = "response"
"""Names of the table of a link, and of those of its two ends, where it has two."""


def word(name: str, place: str) -> str:
    """Return what stands for this in the command that starts the rig: `{port}` of `link`, `{stimulus.port}` of `link.stimulus`."""
    return f"{{{f'{place}.{name}'.removeprefix(f'{LINK}.')}}}"


def _check_bytes(max_bytes: int, place: str) -> None:
    if max_bytes < 1:
        raise ConfigError(f"{place}.max_bytes is {max_bytes}: it has to be at least 1")


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a rig file: a misspelt key is an error."""


class NanomsgSection(Section, frozen=True, tag_field="kind", tag="nanomsg"):
    """`kind = "nanomsg"`: where the stimulus goes and the response comes from is a node of a VILLASnode config.

    As `peer` we are the mirror image of the node, as `self` we are the node. With `move`, the ports and socket files
    of the config are replaced by free ones, for a rig that is started here and is given the moved config. `engine` is
    `sp`, our own sockets (tcp and ipc), `nng`, or `auto`: `sp` where it can.
    """

    config: str = ""
    node: str = ""
    role: Literal["peer", "self"] = "peer"
    engine: Literal["auto", "sp", "nng"] = "auto"
    move: bool = False
    max_bytes: int = 1500
    connect_timeout: str = "5 s"

    kind = "nanomsg"
    replaced = ("config", "node")

    @property
    def shared(self) -> bool:
        """Whether sessions that use this rig at the same time would meet."""
        return not self.move

    def check(self, command: str, place: str = LINK) -> None:
        """Raise ConfigError where keys are missing or do not fit together, or to the command that starts the rig."""
        if not self.config or not self.node:
            raise ConfigError(f"{place}: needs `config`, a VILLASnode config, and `node`, the name of a node in it")
        _check_bytes(self.max_bytes, place)
        if self.move and self.role == "peer" and (config := word("config", place)) not in command:
            raise ConfigError(
                f"{place}.move: the rig has to be started here with the moved config: put {config} into launch.command"
            )


class DirectionSection(Section, frozen=True):
    """`[link.in]`, what the device takes, or `[link.out]`, what it sends, as in a VILLASnode config of the device."""

    format: str | dict[str, Any] | None = None
    signals: Signals = None


class SerialSection(Section, frozen=True, tag_field="kind", tag="serial"):
    """`kind = "serial"`: a device on a serial line.

    `port` is a device or a URL of pyserial. A rig that is started here may make it: without `port`, `{port}` in its command
    is the path at which to do so, and `{config}` a JSON file with this section in which `port` is that path.
    `format` and `signals` hold for both directions where `in` and `out` do not set their own. With `probe`, `villas-rig doctor`
    may send a sample at rest.
    """

    port: str = ""
    baudrate: int = 115_200
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    stopbits: float = 1
    rtscts: bool = False
    xonxoff: bool = False
    dsrdtr: bool = False
    framing: Literal["line", "cobs", "fixed"] = "line"
    header: str = "AA55"
    checksum: Literal["none", "crc16", "crc32"] = "none"
    format: str | dict[str, Any] = "json"
    signals: Signals = None
    input: DirectionSection = msgspec.field(name="in", default=DirectionSection())
    output: DirectionSection = msgspec.field(name="out", default=DirectionSection())
    probe: bool = False
    max_bytes: int = 1500
    connect_timeout: str = "5 s"

    kind = "serial"
    config = ""  # nothing but this section describes the device
    replaced = ("config", "port", "baudrate")

    @property
    def shared(self) -> bool:
        """Whether sessions that use this rig at the same time would meet."""
        return bool(self.port)

    def check(self, command: str, place: str = LINK) -> None:
        """Raise ConfigError where keys are missing or do not fit together, or to the command that starts the rig."""
        if not self.port and word("port", place) not in command and word("config", place) not in command:
            raise ConfigError(
                f"{place}.port: missing: a device such as /dev/serial/by-id/..., or a URL such as socket://host:port; "
                "villas-rig scan lists the ports of this machine"
            )
        _check_bytes(self.max_bytes, place)
        if not 0 < self.baudrate < 1 << 31:
            raise ConfigError(f"{place}.baudrate is {self.baudrate}: it has to be above 0, and below 2^31")
        if self.stopbits not in {1, 1.5, 2}:
            raise ConfigError(f"{place}.stopbits is {self.stopbits:g}: it has to be 1, 1.5 or 2")
        try:
            header = bytes.fromhex(self.header)
        except ValueError:
            raise ConfigError(f"{place}.header is {self.header!r}: it has to be bytes in hex, such as 'AA55'") from None
        if self.framing != "line" and self.bytesize < 8:
            raise ConfigError(
                f"{place}.bytesize is {self.bytesize}: framing {self.framing!r} needs all 8 bits, only 'line' does not"
            )
        if self.framing != "line" and self.xonxoff:
            raise ConfigError(
                f"{place}.xonxoff: framing {self.framing!r} may contain its control characters: use rtscts, or 'line'"
            )
        if self.framing == "fixed" and not header and self.checksum == "none":
            raise ConfigError(
                f"{place}.header: framing 'fixed' needs a header or a checksum: one lost byte would shift all after it"
            )


EndSection: TypeAlias = NanomsgSection | SerialSection
"""One link, or one end of a link that has two."""


class SplitSection(Section, frozen=True, tag_field="kind", tag="split"):
    """`[link.stimulus]` and `[link.response]`: the stimulus goes to the one, the response comes from the other."""

    stimulus: EndSection
    response: EndSection

    kind = "split"

    @property
    def shared(self) -> bool:
        """Whether sessions that use this rig at the same time would meet."""
        return self.stimulus.shared or self.response.shared

    @property
    def max_bytes(self) -> int:
        """The longest message that the rig takes."""
        return self.stimulus.max_bytes

    @property
    def connect_timeout(self) -> str:
        """How long to wait for both ends."""
        return max(self.stimulus.connect_timeout, self.response.connect_timeout, key=duration)

    def check(self, command: str) -> None:
        """Raise ConfigError where keys of an end are missing or do not fit together, or to the command that starts the rig."""
        for place, end in ends(self).items():
            end.check(command, place)


LinkSection: TypeAlias = NanomsgSection | SerialSection | SplitSection


def ends(section: LinkSection) -> Mapping[str, EndSection]:
    """Return what a link is made of, by its place in the file: one section, or those of its two ends."""
    if isinstance(section, SplitSection):
        return {f"{LINK}.{STIMULUS}": section.stimulus, f"{LINK}.{RESPONSE}": section.response}
    return {LINK: section}


def replaced(section: LinkSection) -> tuple[str, ...]:
    """Return the names of what is replaced in the command that starts the rig: `port`, or `stimulus.port` of a link with two ends."""
    return tuple(word(name, place)[1:-1] for place, end in ends(section).items() for name in end.replaced)


def words(section: LinkSection, writer: str, reader: str) -> frozenset[str]:
    """Return the kinds of the ends of a link and the names of their formats; each also with `stimulus.` or `response.` before it."""
    kinds = [end.kind for end in ends(section).values()]
    ways = {STIMULUS: (kinds[0], writer), RESPONSE: (kinds[-1], reader)}
    return frozenset(each for name, told in ways.items() for what in told for each in (what, f"{name}.{what}"))
