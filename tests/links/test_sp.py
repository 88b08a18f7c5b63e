"""SP over plain sockets, byte by byte: what goes over the wire, and what wrong peers can and cannot do."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import free_port
from sp_raw import PUB, SUB, Raw, frame, refusals, serve

from pytest_villas.errors import LinkTimeout
from pytest_villas.links import Losses, SpLink, sp_pub, sp_sub
from pytest_villas.links.sp_loop import Loop
from pytest_villas.links.sp_wire import Faults, Inbox
from pytest_villas.testing import meet, opened, take
from pytest_villas.units import ms, s

WRONG = {
    "a publisher's where a subscriber's belongs and the other way round": None,
    "another protocol of SP": b"\0SP\0\0\x10\0\0",
    "a later version": b"\0SP\1\0\x20\0\0",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
}
LIMIT = 16 * 2**20


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/link.ipc" if request.param == "ipc" else f"tcp://127.0.0.1:{free_port()}"


@pytest.fixture
def publisher(address: str) -> Iterator[SpLink]:
    link = SpLink([address], [])
    with opened(link):
        yield link


@pytest.fixture
def subscriber(address: str) -> Iterator[SpLink]:
    link = SpLink([], [address])
    with opened(link):
        yield link


def test_a_publisher_greets_and_frames_as_specified(publisher: SpLink, address: str) -> None:
    with Raw(publisher).greet() as raw:
        for payload in (b"", b"x", bytes(300)):
            publisher.send(payload)
            assert raw.read(len(frame(address, payload))) == frame(address, payload)


def test_messages_that_come_byte_by_byte_are_put_together(subscriber: SpLink, address: str) -> None:
    messages = [b"first", b"", b"third"]
    taken = []
    with Raw(subscriber) as raw:
        for byte in PUB + b"".join(frame(address, message) for message in messages):
            raw.socket.sendall(bytes([byte]))
            taken += take(subscriber, 1, within=ms)
        taken += take(subscriber, len(messages) - len(taken))
        assert taken == messages
        assert raw.read(8) == SUB


def test_a_subscriber_that_greets_byte_by_byte_is_served(publisher: SpLink, address: str) -> None:
    with Raw(publisher) as raw:
        for byte in SUB:
            assert not raw.connected()
            raw.socket.sendall(bytes([byte]))
        serve(publisher, raw.connected)
        publisher.send(b"x")
        assert raw.read(8 + len(frame(address, b"x"))) == PUB + frame(address, b"x")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_subscriber_with_a_wrong_handshake_is_refused_and_counted(publisher: SpLink, wrong: str) -> None:
    with Raw(publisher) as raw:
        raw.socket.sendall(WRONG[wrong] or PUB)
        serve(publisher, raw.is_closed)
    assert refusals(publisher) == Faults(handshakes=1)
    with Raw(publisher).greet():
        pass


@pytest.mark.parametrize("wrong", WRONG)
def test_a_publisher_with_a_wrong_handshake_is_refused_counted_and_dialled_again(
    subscriber: SpLink, address: str, wrong: str
) -> None:
    with Raw(subscriber) as raw:
        raw.socket.sendall(WRONG[wrong] or SUB)
        serve(subscriber, raw.is_closed)
        assert refusals(subscriber) == Faults(handshakes=1)
        raw.again().greet()
        raw.socket.sendall(frame(address, b"x"))
        assert take(subscriber, 1) == [b"x"]


def test_a_subscriber_that_says_nothing_is_refused_in_the_end(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_pub, "HANDSHAKE_NS", 20 * ms)
    with Raw(publisher) as raw:
        serve(publisher, raw.is_closed)
        assert refusals(publisher) == Faults(handshakes=1)


def test_a_publisher_that_says_nothing_is_given_up_and_dialled_again(subscriber: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    with Raw(subscriber) as raw:
        monkeypatch.setattr(sp_sub, "HANDSHAKE_NS", 20 * ms)
        raw.socket.close()
        raw.again()
        serve(subscriber, raw.is_closed)
        monkeypatch.undo()
        with pytest.raises(LinkTimeout, match=r"0 of 1 publishers answered: .* \(no answer\) within"):
            subscriber.wait_connected(0)
        raw.again().greet()


def test_more_subscribers_than_are_served_are_refused(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_pub, "_SUBSCRIBERS", 1)
    with Raw(publisher).greet(), Raw(publisher) as second:
        serve(publisher, second.is_closed)
        assert refusals(publisher) == Faults(handshakes=1)


def test_one_that_never_greets_makes_room_for_one_more(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_pub, "_SUBSCRIBERS", 3)
    with Raw(publisher).greet() as first, Raw(publisher) as silent, Raw(publisher) as also:
        serve(publisher, lambda: len(publisher._pub._subscribers) == 3)
        with Raw(publisher) as late:
            late.socket.sendall(SUB)
            serve(publisher, lambda: publisher._pub.subscribed == 2)
            serve(publisher, silent.is_closed)
            assert not first.is_closed() or not also.is_closed()
    assert publisher.faults().handshakes == 1


def test_a_subscriber_that_talks_is_cut_off(publisher: SpLink) -> None:
    with Raw(publisher).greet() as raw:
        raw.socket.sendall(b"hello?")
        serve(publisher, raw.is_closed)
        assert refusals(publisher) == Faults(messages=1)
        publisher.send(b"to nobody")


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**63, 2**64 - 1])
def test_a_length_beyond_the_limit_closes_the_connection_and_spares_what_came_before(
    subscriber: SpLink, address: str, length: int
) -> None:
    with Raw(subscriber).greet() as raw:
        tracemalloc.start()
        header = frame(address, b"")[:-8] + struct.pack(">Q", length)
        raw.socket.sendall(frame(address, b"before") + header + bytes(1000))
        assert serve(subscriber, raw.is_closed) == [b"before"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**20
        assert refusals(subscriber) == Faults(messages=1)
        raw.again().greet()
        raw.socket.sendall(frame(address, b"after"))
        assert take(subscriber, 1) == [b"after"]


def test_memory_grows_with_what_comes_and_not_with_what_is_announced(subscriber: SpLink, address: str) -> None:
    with Raw(subscriber).greet() as raw:
        tracemalloc.start()
        raw.socket.sendall(frame(address, b"")[:-8] + struct.pack(">Q", LIMIT) + bytes(70_000))
        assert take(subscriber, 1, within=100 * ms) == []
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**20
        assert refusals(subscriber) == Faults()


def test_the_longest_message_arrives(address: str) -> None:
    sender, receiver = SpLink([address], []), SpLink([], [address], max_message=100_000)
    with opened(sender, receiver):
        meet(sender, receiver)
        sender.send(bytes(100_000))
        sender.send(bytes(100_001))
        assert take(receiver, 1, sender) == [bytes(100_000)]
        serve(receiver, lambda: receiver.faults().messages)


def test_a_tag_that_is_not_1_closes_an_ipc_connection(tmp_path: Path) -> None:
    subscriber = SpLink([], [f"ipc://{tmp_path}/link.ipc"])
    with opened(subscriber), Raw(subscriber).greet() as raw:
        raw.socket.sendall(b"\2" + struct.pack(">Q", 1) + b"x")
        serve(subscriber, raw.is_closed)
        assert refusals(subscriber) == Faults(messages=1)


def test_half_a_message_before_the_end_of_a_connection_is_dropped(subscriber: SpLink, address: str) -> None:
    with Raw(subscriber).greet() as raw:
        raw.socket.sendall(frame(address, b"whole") + frame(address, b"half a message")[:-5])
        assert take(subscriber, 1) == [b"whole"]
        raw.socket.close()
        raw.again().greet()
        raw.socket.sendall(frame(address, b"next"))
        assert take(subscriber, 1) == [b"next"]
        assert refusals(subscriber) == Faults(gone=1)


def test_a_peer_that_never_reads_does_not_stall_the_sender_and_its_losses_are_counted(
    publisher: SpLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sp_pub, "QUEUE", 100)
    count, taken = 100_000, 0
    with Raw(publisher).greet() as raw:
        messages = 0
        while publisher.losses().send_queue < 200:
            publisher.send(bytes(1000))
            messages += 1
            assert messages < count
        lost = publisher.losses().send_queue - 100
        size = len(frame(publisher.publish[0], bytes(1000)))
        expected = (messages - lost) * size
        while taken < expected:
            taken += len(raw.read(min(65536, expected - taken)))
        assert publisher.losses() == Losses(send_queue=lost)
        publisher.send(b"last")
        assert raw.read(len(frame(publisher.publish[0], b"last"))) == frame(publisher.publish[0], b"last")


def test_a_queue_is_bounded_in_bytes(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_pub, "_QUEUE_BYTES", 10 * 2**20)
    with Raw(publisher).greet() as raw:
        for _ in range(30):
            publisher.send(bytes(2**20))
        (peer,) = publisher._pub._subscribers
        assert peer._queued == sum(map(len, peer._queue)) <= 10 * 2**20
        assert peer.lost > 0
        raw.read(3 * 2**20)
        assert 0 < peer._queued == sum(map(len, peer._queue))


def test_what_waits_for_a_peer_that_goes_is_lost(publisher: SpLink) -> None:
    with Raw(publisher).greet() as raw:
        while publisher.losses().send_queue < 10:
            publisher.send(bytes(100_000))
        raw.socket.close()
        serve(publisher, lambda: not raw.connected())
    assert publisher.losses().send_queue == 10


def test_what_is_sent_while_the_only_subscriber_is_gone_is_lost_and_its_going_is_counted(publisher: SpLink) -> None:
    with Raw(publisher).greet() as raw:
        publisher.send(b"to it")
        assert publisher.losses() == Losses()
        raw.socket.close()
        serve(publisher, lambda: not raw.connected())
    for _ in range(10):
        publisher.send(b"to nobody")
    with Raw(publisher).greet():
        publisher.send(b"to the next")
        assert publisher.losses() == Losses(send_queue=10)
        assert publisher.wire_faults()["gone"] == 1


def test_a_send_that_ends_in_an_error_is_lost(publisher: SpLink) -> None:
    with Raw(publisher).greet() as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.socket.close()
        publisher.send(b"finds that out")
        for _ in range(10):
            publisher.send(b"to nobody")
        serve(publisher, lambda: publisher.faults().gone)
    assert publisher.losses().send_queue >= 10


def test_nothing_is_lost_of_what_nobody_ever_subscribed_to(publisher: SpLink) -> None:
    for _ in range(10):
        publisher.send(b"to nobody")
    assert publisher.losses() == Losses()


def test_what_waited_and_left_is_no_loss_and_hides_none(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_pub, "QUEUE", 10)
    size = len(frame(publisher.publish[0], bytes(100_000)))
    with Raw(publisher).greet() as raw:

        def fill(until: Callable[[], bool]) -> int:
            count = 0
            while not until():
                publisher.send(bytes(100_000))
                count += 1
            return count

        sent = fill(lambda: publisher.losses().unsent >= 6)
        before = publisher.losses()
        assert publisher.losses().since(before).send_queue == before.unsent, "as long as it waits"
        raw.read(sent * size)
        assert publisher.losses().since(before) == Losses()
        first = publisher.losses().send_queue
        sent = fill(lambda: publisher.losses().send_queue - publisher.losses().unsent >= first + 6)
        raw.read((sent - 6) * size)
        assert publisher.losses().since(before) == Losses(send_queue=6)


def test_long_messages_leave_in_the_pieces_that_a_slow_peer_takes(publisher: SpLink, address: str) -> None:
    messages = [bytes([i]) * (300_000 + i) for i in range(20)]
    with Raw(publisher).greet() as raw:
        for message in messages:
            publisher.send(message)
        expected = b"".join(frame(address, message) for message in messages)
        data = bytearray()
        while len(data) < len(expected):
            data += raw.read(min(70_001, len(expected) - len(data)))
        assert data == expected
        serve(publisher, lambda: not select.select([publisher.fileno()], (), (), 0.05)[0])


def test_closing_waits_until_what_is_queued_has_left(publisher: SpLink, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_villas.links.sp.LINGER_NS", 5 * s)
    with Raw(publisher).greet() as raw:
        count = 0
        while publisher.losses().send_queue < 10:
            publisher.send(bytes(100_000))
            count += 1
        data = bytearray()

        def read() -> None:
            while more := raw.socket.recv(2**20):
                data.extend(more)

        reader = threading.Thread(target=read)
        reader.start()
        publisher.close()
        reader.join()
        assert data == frame(address, bytes(100_000)) * count


def test_closing_waits_for_a_peer_that_reads_not_at_all_only_a_moment(publisher: SpLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_villas.links.sp.LINGER_NS", 10 * ms)
    with Raw(publisher).greet():
        while publisher.losses().send_queue < 10:
            publisher.send(bytes(100_000))
        publisher.close()


def test_messages_do_not_pile_up_while_a_link_waits_for_another_publisher(
    subscriber: SpLink, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_villas.links.sp.QUEUE", 100)
    count = 5000
    with Raw(subscriber).greet() as raw:
        raw.socket.setblocking(False)
        data = memoryview(b"".join(frame(address, b"%04d" % i) for i in range(count)))
        while data:
            with suppress(BlockingIOError):
                data = data[raw.socket.send(data) :]
            with pytest.raises(LinkTimeout, match="1 of 1"):
                subscriber.wait_connected(20 * ms, publishers=2)
        assert len(subscriber._sub.arrived) <= 100
        lost = subscriber.losses().receive_queue - len(subscriber._sub.arrived)
        taken = take(subscriber, count - lost)
        assert len(taken) == count - lost
        assert taken[-1] == b"%04d" % (count - 1)
        assert subscriber.losses() == Losses(receive_queue=lost)


def test_every_alarm_rings_that_was_not_taken_back() -> None:
    loop, rung = Loop(), list[str]()
    calls = {name: partial(rung.append, name) for name in ("late", "early", "never")}
    now = time.monotonic_ns()
    loop.alarm(calls["late"], now + 20 * ms)
    loop.alarm(calls["never"], now + 10 * ms)
    loop.alarm(calls["early"], now + 5 * ms)
    loop.calm(calls["never"])
    end = now + 5 * s
    while len(rung) < 2 and time.monotonic_ns() < end:
        loop.turn(1)
    loop.close()
    assert rung == ["early", "late"]


@given(
    transport=st.sampled_from(["tcp", "ipc"]),
    messages=st.lists(st.binary(max_size=300) | st.integers(60_000, 200_000).map(bytes), max_size=20),
    data=st.data(),
)
def test_however_a_stream_is_cut_the_messages_are_the_same(transport: str, messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(transport, message) for message in messages)
    inbox, taken, at = Inbox(transport, LIMIT), deque[tuple[int, bytes]](), 0
    limit = data.draw(st.integers(1, 100_000))
    sizes = data.draw(st.lists(st.integers(1, limit), min_size=1, max_size=10))
    turn = 0
    while at < len(stream):
        space = inbox.space()
        count = min(len(space), sizes[turn % len(sizes)] if len(stream) < 5000 or turn < 100 else 65536, len(stream) - at)
        assert count
        space[:count] = stream[at : at + count]
        at += count
        turn += 1
        inbox.take(count, turn, taken)
    assert [message for _, message in taken] == messages
    stamps = [stamp for stamp, _ in taken]
    assert stamps == sorted(stamps)
