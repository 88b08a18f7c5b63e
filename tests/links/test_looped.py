"""A link of the same kind that hears itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_villas.errors import LinkError
from pytest_villas.links import Link, NanomsgLink, SpLink, looped
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
    link = looped(engine([out], [into]), tmp_path)
    assert isinstance(link, engine)
    assert [address.partition(":")[0] for address in (*link.publish, *link.subscribe)] == [transport, transport]
    with opened(link):
        link.wait_connected(5 * s)
        link.send(b"echo")
        assert take(link, 1) == [b"echo"]


def test_it_sends_as_often_as_the_link_and_hears_each_transport_once(tmp_path: Path) -> None:
    link = looped(SpLink(["tcp://*:1", "tcp://*:2", "ipc:///x"], ["tcp://10.0.0.7:3", "tcp://10.0.0.7:4"]), tmp_path)
    assert isinstance(link, SpLink)
    assert len(set(link.publish)) == 3
    assert len(link.subscribe) == 1
    with opened(link):
        link.wait_connected(5 * s)
        link.send(b"once")
        assert take(link, 2, within=s // 10) == [b"once"]


class Device:
    """A link to something that is no socket."""


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (SpLink(["tcp://*:1"], ["ipc:///x"]), "responses come over ipc, and over ipc nothing is sent"),
        (SpLink(["tcp://*:1"], []), "one way"),
        (NanomsgLink([], ["ipc:///x"]), "one way"),
        (Device(), "Device ends at a device"),
    ],
)
def test_a_link_that_cannot_hear_itself_is_refused_with_the_reason(link: Link, reason: str, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=reason):
        looped(link, tmp_path)
