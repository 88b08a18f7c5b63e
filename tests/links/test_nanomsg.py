"""What every link has to do, over each transport of nanomsg."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import free_port

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links import Losses, NanomsgLink
from pytest_villas.units import ms, s

TRANSPORTS = ("tcp", "ipc", "ws", "inproc")
Address = Callable[[], str]


@pytest.fixture(params=TRANSPORTS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "tcp": f"tcp://127.0.0.1:{free_port()}",
        "ipc": f"ipc://{tmp_path}/link.ipc",
        "ws": f"ws://127.0.0.1:{free_port()}/villas",
        "inproc": f"inproc://{tmp_path.name}",
    }[request.param]


@pytest.fixture
def link(address: str) -> Iterator[NanomsgLink]:
    link = NanomsgLink([address], [address]).open()
    link.wait_connected(5 * s)
    yield link
    link.close()


def drain(link: NanomsgLink, count: int, seconds: float = 5.0) -> list[bytes]:
    taken: list[bytes] = []
    end = time.monotonic() + seconds
    while len(taken) < count and time.monotonic() < end:
        if select.select([link.fileno()], (), (), 0.1)[0]:
            while (message := link.receive()) is not None:
                taken.append(message[1])
    return taken


def test_messages_arrive_in_order_and_none_is_lost_in_a_burst(link: NanomsgLink) -> None:
    messages = [b"%d" % i for i in range(5000)]
    assert all(link.send(message) for message in messages)
    assert drain(link, len(messages)) == messages
    assert link.losses() == Losses(0, 0)


@pytest.mark.parametrize("size", [0, 1, 1500, 70_000, 5_000_000])
def test_messages_of_any_size_arrive_whole(link: NanomsgLink, size: int) -> None:
    message = bytes(i % 251 for i in range(size))
    link.send(message)
    assert drain(link, 1) == [message]


def test_an_arrival_is_stamped_between_sending_and_reading(link: NanomsgLink) -> None:
    before = time.monotonic_ns()
    link.send(b"x")
    assert select.select([link.fileno()], (), (), 5)[0]
    received = link.receive()
    assert received is not None
    assert before <= received[0] <= time.monotonic_ns()


def test_without_a_message_receive_returns_at_once(link: NanomsgLink) -> None:
    assert link.receive() is None


def test_a_publisher_that_comes_later_is_found(address: str) -> None:
    if address.startswith("inproc"):
        pytest.skip("inproc is bound before it is dialled")
    early = NanomsgLink([], [address]).open()
    late = NanomsgLink([address], []).open()
    try:
        late.wait_connected(5 * s)
        late.send(b"here")
        assert drain(early, 1) == [b"here"]
    finally:
        early.close()
        late.close()


def test_a_subscriber_finds_a_publisher_that_was_restarted(address: str) -> None:
    subscriber = NanomsgLink([], [address])
    publisher = NanomsgLink([address], []).open()
    subscriber.open()
    try:
        for _ in range(2):
            publisher.wait_connected(5 * s)
            publisher.send(b"x")
            assert drain(subscriber, 1) == [b"x"]
            publisher.close()
            publisher = NanomsgLink([address], []).open()
    finally:
        publisher.close()
        subscriber.close()


def test_waiting_for_nobody_is_bounded_and_says_who_is_missing(address: str) -> None:
    link = NanomsgLink([address], []).open()
    try:
        with pytest.raises(LinkTimeout, match="nobody subscribed to " + address.split(":", maxsplit=1)[0]):
            link.wait_connected(20 * ms)
    finally:
        link.close()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_what_a_slow_subscriber_does_not_take_is_counted_where_it_was_dropped(transport: str, tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/slow.ipc" if transport == "ipc" else f"tcp://127.0.0.1:{free_port()}"
    publisher, subscriber = NanomsgLink([address], []).open(), NanomsgLink([], [address]).open()
    try:
        publisher.wait_connected(5 * s)
        count, message = 40_000, bytes(1000)
        for _ in range(count):
            publisher.send(message)
        taken = len(drain(subscriber, count, 3.0))
        assert taken < count
        lost_by_sender, lost_by_reader = publisher.losses().send_queue, subscriber.losses().receive_queue
        assert lost_by_sender + lost_by_reader == count - taken
    finally:
        publisher.close()
        subscriber.close()


def test_an_address_in_use_is_an_error_that_names_it() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    first = NanomsgLink([address], []).open()
    try:
        with pytest.raises(LinkError, match=f"{address} is in use"):
            NanomsgLink([address], []).open()
    finally:
        first.close()


def test_an_address_that_is_none_is_an_error() -> None:
    with pytest.raises(LinkError, match="carrier://pigeon"):
        NanomsgLink([], ["carrier://pigeon"]).open()
