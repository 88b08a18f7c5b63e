"""A link of the same kind that hears itself."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pytest_villas.errors import LinkError
from pytest_villas.links import Link, NanomsgLink, SerialLine, SerialLink, SpLink, looped
from pytest_villas.links.framing import Checksum, Cobs, Fixed, Framing, Line
from pytest_villas.testing import opened, take
from pytest_villas.units import s

ADDRESSES = {
    "tcp": ("tcp://*:12000", "tcp://10.0.0.7:12001"),
    "ipc": ("ipc:///nowhere/out.ipc", "ipc:///nowhere/in.ipc"),
    "ws": ("ws://*:12000/villas", "ws://10.0.0.7:12001/villas"),
    "inproc": ("inproc://out", "inproc://in"),
}


@pytest.mark.parametrize(
    ("engine", "transport"), [(SpLink, "tcp"), (SpLink, "ipc"), *((NanomsgLink, transport) for transport in ADDRESSES)]
)
def test_it_has_engine_and_transport_of_the_link_and_hears_itself(
    engine: type[SpLink | NanomsgLink], transport: str, tmp_path: Path
) -> None:
    out, into = ADDRESSES[transport]
    with looped(engine([out], [into]), tmp_path, 8) as (link, way), opened(link):
        assert isinstance(link, engine)
        assert [address.partition(":")[0] for address in (*link.publish, *link.subscribe)] == [transport, transport]
        assert way == "the same link without the rig"
        link.wait_connected(5 * s)
        link.send(b"echo")
        assert take(link, 1) == [b"echo"]


def test_it_sends_as_often_as_the_link_and_hears_each_transport_once(tmp_path: Path) -> None:
    given = SpLink(["tcp://*:1", "tcp://*:2", "ipc:///x"], ["tcp://10.0.0.7:3", "tcp://10.0.0.7:4"])
    with looped(given, tmp_path, 8) as (link, _), opened(link):
        assert isinstance(link, SpLink)
        assert len(set(link.publish)) == 3
        assert len(link.subscribe) == 1
        link.wait_connected(5 * s)
        link.send(b"once")
        assert take(link, 2, within=s // 10) == [b"once"]


@pytest.mark.parametrize(
    ("framing", "message"),
    [
        (Line(checksum=Checksum("crc16")), b"a line"), (Cobs(), b"\x00\x0a\x0d\x11\x13\x03\xff"), (Fixed(size=9), b"\x00\x0a\x0d\x11\x13\x03\xff\xaaU"),
    ],
    ids=["line", "cobs", "fixed"],
)  # fmt: skip
def test_a_serial_line_is_stood_for_by_a_pseudo_terminal_that_carries_every_byte(
    framing: Framing, message: bytes, tmp_path: Path
) -> None:
    rig = SerialLink(SerialLine("/dev/nothing", 115200, rtscts=True), framing, Cobs())
    with looped(rig, tmp_path, 8) as (link, way):
        assert way == "a pseudo-terminal and an echo in place of line and device"
        with opened(link):
            link.wait_connected(5 * s)
            for _ in range(50):
                link.send(message)
            assert [each.removesuffix(b"\n") for each in take(link, 50)] == [message] * 50
    assert rig.line.port == "/dev/nothing"
    assert not [thread for thread in threading.enumerate() if thread.name == "villas-echo"]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (SpLink(["tcp://*:1"], ["ipc:///x"]), "responses come over ipc, and over ipc nothing is sent"),
        (SpLink(["tcp://*:1"], []), "one way"),
        (NanomsgLink([], ["ipc:///x"]), "one way"),
        (SerialLink(SerialLine("socket://10.0.0.7:5"), Cobs(), Cobs()), "socket://10.0.0.7:5 is no port of this machine"),
        (SerialLink(SerialLine("/dev/x"), Fixed(size=6), Fixed(size=6)), "frames of 6 bytes cannot carry the number"),
    ],
)
def test_a_link_that_cannot_hear_itself_is_refused_with_the_reason(link: Link, reason: str, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=reason), looped(link, tmp_path, 8):
        pass
