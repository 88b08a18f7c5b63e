"""Every link passes the contract, and both engines understand each other."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from parts import free_port

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links import Link, NanomsgLink, SpLink
from pytest_villas.testing import LinkContract, Wire, meet, opened, take
from pytest_villas.units import ms, s

Engine = type[NanomsgLink] | type[SpLink]
WIRES: dict[str, tuple[Engine, Engine, str]] = {
    **{f"nng-{transport}": (NanomsgLink, NanomsgLink, transport) for transport in ("tcp", "ipc", "ws", "inproc")},
    **{f"sp-{transport}": (SpLink, SpLink, transport) for transport in ("tcp", "tcp6", "ipc")},
    **{f"sp-to-nng-{transport}": (SpLink, NanomsgLink, transport) for transport in ("tcp", "ipc")},
    **{f"nng-to-sp-{transport}": (NanomsgLink, SpLink, transport) for transport in ("tcp", "ipc")},
}


def address_of(transport: str, folder: Path) -> str:
    return {
        "tcp": f"tcp://127.0.0.1:{free_port()}",
        "tcp6": f"tcp://[::1]:{free_port()}",
        "ipc": f"ipc://{folder}/link.ipc",
        "ws": f"ws://127.0.0.1:{free_port()}/villas",
        "inproc": f"inproc://{folder.name}",
    }[transport]


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Wire:
    sender, receiver, transport = WIRES[request.param]
    address = address_of(transport, tmp_path)
    return Wire(
        address,
        lambda: sender([address], []),
        lambda: receiver([], [address]),
        either_order=transport != "inproc",
        counts_losses=transport in ("tcp", "tcp6", "ipc"),
    )


class TestLinks(LinkContract):
    @pytest.fixture
    def wire(self, wire: Wire) -> Wire:
        return wire


def test_each_of_several_receivers_gets_everything_and_one_that_goes_disturbs_nobody(wire: Wire) -> None:
    sender, first, second = wire.sender(), wire.receiver(), wire.receiver()
    messages = [b"%d" % i for i in range(1000)]
    with opened(sender, first, second):
        meet_all(sender, 2, first, second)
        for message in messages:
            sender.send(message)
        assert take(first, len(messages), sender) == messages
        assert take(second, len(messages), sender) == messages
        first.close()
        for message in messages:
            sender.send(message)
        assert take(second, len(messages), sender) == messages


def test_a_receiver_that_takes_nothing_neither_stalls_the_sender_nor_its_neighbour(wire: Wire) -> None:
    sender, sleeper, reader = wire.sender(), wire.receiver(), wire.receiver()
    count, message = 20_000, bytes(1000)
    with opened(sender, sleeper, reader):
        meet_all(sender, 2, sleeper, reader)
        taken = 0
        for _ in range(count // 100):
            for _ in range(100):
                sender.send(message)
            taken += len(take(reader, 100, sender))
        assert taken == count


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("engine", [NanomsgLink, SpLink])
def test_a_link_hears_itself(engine: Engine, transport: str, tmp_path: Path) -> None:
    address = address_of(transport, tmp_path)
    link = engine([address], [address])
    with opened(link):
        link.wait_connected(5 * s)
        link.send(b"echo")
        assert take(link, 1) == [b"echo"]


@pytest.mark.parametrize("engine", [NanomsgLink, SpLink])
def test_a_link_publishes_and_subscribes_at_several_addresses(engine: Engine, tmp_path: Path) -> None:
    addresses = [address_of("tcp", tmp_path), address_of("ipc", tmp_path)]
    link = engine(addresses, addresses)
    with opened(link):
        meet_all(link, 2)
        link.send(b"twice")
        assert take(link, 2) == [b"twice"] * 2


@pytest.mark.parametrize("engine", [NanomsgLink, SpLink])
def test_an_address_that_is_none_is_an_error(engine: Engine) -> None:
    for link in (engine([], ["carrier://pigeon"]), engine(["carrier://pigeon"], [])):
        with pytest.raises(LinkError, match="carrier://pigeon"):
            link.open()


@pytest.mark.parametrize("engine", [NanomsgLink, SpLink])
def test_the_socket_file_of_a_dead_process_is_replaced(engine: Engine, tmp_path: Path) -> None:
    address = address_of("ipc", tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address.removeprefix("ipc://"))
    sender, receiver = engine([address], []), engine([], [address])
    with opened(sender, receiver):
        meet(sender, receiver)
    assert not list(tmp_path.iterdir())


def meet_all(sender: Link, subscribers: int, *receivers: Link) -> None:
    """Wait until all receivers are connected, and the sender knows of all of them."""
    assert isinstance(sender, NanomsgLink | SpLink)
    end = time.monotonic_ns() + 5 * s
    while True:
        if receivers:
            meet(*receivers, sender)
        try:
            sender.wait_connected(5 * ms, subscribers=subscribers)
        except LinkTimeout:
            if time.monotonic_ns() > end:
                raise
        else:
            return
