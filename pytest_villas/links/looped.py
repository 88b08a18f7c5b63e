"""A link that hears itself, as near as can be to one that faces a rig: what is measured over it is the harness alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pytest_villas.config import Config, Direction, Endpoint, Node, relocate
from pytest_villas.errors import LinkError
from pytest_villas.links.echo import echo
from pytest_villas.links.framing import Fixed
from pytest_villas.links.link import Link
from pytest_villas.links.nanomsg import NanomsgLink
from pytest_villas.links.serial import SerialLink
from pytest_villas.links.sp import SpLink
from pytest_villas.links.split import SplitLink


@contextmanager
def looped(link: Link, folder: Path, shortest: int) -> Iterator[tuple[Link, str]]:
    """Give a link of the same engine that hears itself, and say what it goes over.

    One over sockets has the same transports, at free addresses of this machine; the folder takes socket files. One over a
    serial device goes over a pseudo-terminal, which keeps no baud rate, to an echo of ours.

    Args:
        link: that of the rig.
        folder: for socket files.
        shortest: bytes that each message has at least.

    Raises LinkError for a link of which there is no such thing: one that only sends or only listens, one whose two ways differ,
    and that of a device which is no tty.
    """
    if isinstance(link, SerialLink):
        if "://" in link.line.port:
            raise LinkError(f"{link.line.port} is no port of this machine, for which a pseudo-terminal could stand")
        if isinstance(link.sending, Fixed) and link.sending.size < shortest:
            raise LinkError(f"frames of {link.sending.size} bytes cannot carry the number of a message")
        with echo() as port:
            line = replace(link.line, port=port, rtscts=False, xonxoff=False, dsrdtr=False)
            yield replace(link, line=line, receiving=link.sending), "a pseudo-terminal and an echo in place of line and device"
        return
    yield _own(link, folder), "the same link without the rig"


def _own(link: Link, folder: Path) -> NanomsgLink | SpLink:
    if isinstance(link, SplitLink):
        there, back = link.ends
        if not (isinstance(there, NanomsgLink | SpLink) and type(there) is type(back)):
            ways = " and the response ".join(f"over a {type(end).__name__}" for end in link.ends)
            raise LinkError(f"the stimulus goes {ways}, and what goes one way does not come back the other")
        link = replace(there, subscribe=back.subscribe)
    if not isinstance(link, NanomsgLink | SpLink):
        raise LinkError(f"a {type(link).__name__} ends at a device, and cannot hear itself")
    own = _moved(link.publish, folder)
    by_transport = {Endpoint.parse(address).scheme: address for address in reversed(own)}
    wanted = sorted({Endpoint.parse(address).scheme for address in link.subscribe})
    if not own or not wanted:
        raise LinkError("the link goes one way only")
    missing = [transport for transport in wanted if transport not in by_transport]
    if missing:
        raise LinkError(f"responses come over {missing[0]}, and over {missing[0]} nothing is sent")
    return replace(link, publish=own, subscribe=tuple(by_transport[transport] for transport in wanted))


def _moved(addresses: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return free addresses, one of the same transport for each of these."""
    nowhere, there = Direction((), "json", ()), Direction(tuple(addresses), "json", ())
    node = Node("loop", "nanomsg", enabled=True, input=nowhere, output=there)
    return relocate(Config(folder, {node.name: node}, ()), folder).nodes[node.name].output.endpoints
