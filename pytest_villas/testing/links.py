"""For authors of links: a suite that every link has to pass, and what helps to test one.

A link of your own passes where this passes::

    class TestMyLink(LinkContract):
        @pytest.fixture
        def wire(self) -> Wire:
            address = "mine://..."
            return Wire(address, lambda: MyLink([address], []), lambda: MyLink([], [address]))
"""

# ruff: noqa: D102 - the name of a test says what it shows

from __future__ import annotations

import pickle
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.impair import ImpairedLink
from pytest_villas.links import Link, Losses
from pytest_villas.links.waiting import readable
from pytest_villas.units import ms, s

__all__ = ["ImpairedLink", "LinkContract", "Wire", "lossless", "meet", "opened", "take"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One address with what sends and what receives there. Each call makes a new link, which is not open."""

    address: str
    sender: Callable[[], Link]
    receiver: Callable[[], Link]
    either_order: bool = True
    """Whether the receiver may be opened first."""
    counts_losses: bool = True
    """Whether every message that is lost is counted where it was."""
    knows_peers: bool = True
    """Whether a link notices that nobody is at the other end; a serial line does not."""


def meet(*links: Link, within: int = 20 * s) -> None:
    """Wait until each of these links has its peers, at most `within` ns. They may be each other's, in one thread."""
    end = time.monotonic_ns() + within
    missing = list(links)
    while missing:
        for link in links:
            try:
                link.wait_connected(5 * ms)
            except LinkTimeout:
                if time.monotonic_ns() > end:
                    raise
            else:
                missing = [other for other in missing if other is not link]


def take(link: Link, count: int, *others: Link, within: int = 20 * s) -> list[bytes]:
    """Receive `count` messages, or what comes within so many ns, and serve the other links of this thread meanwhile."""
    taken: list[bytes] = []
    by_descriptor = {each.fileno(): each for each in (*others, link)}
    end = time.monotonic_ns() + within
    while len(taken) < count and (left := end - time.monotonic_ns()) > 0:
        for descriptor in readable(*by_descriptor, timeout=left / s):
            each = by_descriptor[descriptor]
            while (len(taken) < count or each is not link) and (message := each.receive()) is not None:
                if each is link:
                    taken.append(message[1])
    return taken


def lossless(*links: Link, within: int = 20 * s) -> bool:
    """Say whether no link has anything to count as lost, or has nothing any more within so many ns.

    An engine with threads of its own may count a message as sent after it has arrived.
    """
    end = time.monotonic_ns() + within
    while any(link.losses() != Losses(0, 0) for link in links):
        if time.monotonic_ns() > end:
            return False
        time.sleep(0.002)
    return True


@contextmanager
def opened(*links: Link) -> Iterator[None]:
    """Open the links, in this order, and close them."""
    with ExitStack() as stack:
        for link in links:
            link.open()
            stack.callback(link.close)
        yield


class LinkContract:
    """What every link has to do. Subclass it as `Test...` and override the fixture `wire`, with parameters if you like."""

    @pytest.fixture
    def wire(self) -> Wire:
        """Return the wire to test, at a new address for each test."""
        raise NotImplementedError("override the fixture `wire`")

    @pytest.fixture
    def ends(self, wire: Wire) -> Iterator[tuple[Link, Link]]:
        """Return a sender and a receiver that are connected."""
        sender, receiver = wire.sender(), wire.receiver()
        with opened(sender, receiver):
            meet(sender, receiver)
            yield sender, receiver

    def test_messages_arrive_in_order_and_none_is_lost_in_a_burst(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        messages = [b"%d" % i for i in range(5000)]
        assert all(sender.send(message) for message in messages)
        assert take(receiver, len(messages), sender) == messages
        assert lossless(sender, receiver)

    @pytest.mark.parametrize("size", [0, 1, 1500, 70_000, 5_000_000])
    def test_messages_of_any_size_arrive_whole(self, ends: tuple[Link, Link], size: int) -> None:
        sender, receiver = ends
        messages = [(bytes(range(first, 251)) * (size // 200 + 1))[:size] for first in range(3)]
        for message in messages:
            sender.send(message)
        assert take(receiver, 3, sender) == messages

    def test_an_arrival_is_stamped_between_sending_and_reading(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        for _ in range(20):
            before = time.monotonic_ns()
            sender.send(b"x")
            end = before + 5 * s
            while (received := receiver.receive()) is None and time.monotonic_ns() < end:
                readable(receiver.fileno(), timeout=1)
            assert received is not None
            assert before <= received[0] <= time.monotonic_ns()

    def test_without_a_message_receive_returns_at_once(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        assert receiver.receive() is None
        assert sender.receive() is None

    def test_a_reader_is_woken_as_long_as_a_message_waits(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        messages = [b"%d" % i for i in range(100)]
        taken: list[bytes] = []
        for message in messages:
            sender.send(message)
        while len(taken) < len(messages):
            assert sender.receive() is None, "which may have more to send"
            assert readable(receiver.fileno(), timeout=2)
            if (received := receiver.receive()) is not None:
                taken.append(received[1])
                if len(taken) == 50:
                    receiver.wait_connected(s)
        assert taken == messages

    def test_a_link_that_is_idle_wakes_nobody(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        sender.send(b"x")
        take(receiver, 1, sender)
        for link in ends:
            for _ in range(20):
                if not readable(link.fileno(), timeout=0.05):
                    break
                link.receive()
            else:
                pytest.fail(f"{link} is always readable")

    def test_a_link_can_be_pickled_until_it_is_opened(self, wire: Wire) -> None:
        sender, receiver = (pickle.loads(pickle.dumps(link())) for link in (wire.sender, wire.receiver))  # noqa: S301 - ours
        with opened(sender, receiver):
            meet(sender, receiver)
            sender.send(b"x")
            assert take(receiver, 1, sender) == [b"x"]

    def test_a_link_can_be_closed_before_it_is_opened_and_after_it_is_closed(self, wire: Wire) -> None:
        for link in (wire.sender(), wire.receiver()):
            link.close()
            with opened(link):
                link.close()

    def test_a_link_that_was_closed_can_be_opened_again(self, wire: Wire) -> None:
        sender, receiver = wire.sender(), wire.receiver()
        for message in (b"first", b"second"):
            with opened(sender, receiver):
                meet(sender, receiver)
                sender.send(message)
                assert take(receiver, 1, sender) == [message]
                assert lossless(sender, receiver)

    def test_a_receiver_that_is_closed_in_the_middle_of_a_burst_ends_there_and_the_next_one_is_served(self, wire: Wire) -> None:
        sender, receiver = wire.sender(), wire.receiver()
        with opened(sender):
            with opened(receiver):
                meet(receiver, sender)
                for i in range(1000):
                    sender.send(b"%d" % i)
                assert take(receiver, 100, sender) == [b"%d" % i for i in range(100)]
            following = wire.receiver()
            with opened(following):
                meet(following, sender)
                end = time.monotonic_ns() + 5 * s
                while time.monotonic_ns() < end:
                    sender.send(b"next")
                    if b"next" in take(following, 1000, sender, within=20 * ms):
                        break
                else:
                    pytest.fail("the next receiver was not served")

    def test_what_is_said_of_the_wire_is_about_these_messages(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        messages = [b"x" * size for size in (1, 10, 1000)]
        for message in messages:
            sender.send(message)
        assert take(receiver, 3, sender) == messages
        for link in ends:
            assert not any(link.wire_faults().values())
            times = link.wire_times(messages, messages[:1])
            if times is not None:
                assert list(times.sent) == sorted(times.sent)
                assert (len(times.sent), len(times.received)) in {(3, 1), (3, 0), (0, 1)}, "none where one way is not known"
                assert min([*times.sent, *times.received]) > 0

    def test_a_sender_that_comes_later_is_found(self, wire: Wire) -> None:
        if not wire.either_order:
            pytest.skip("the sender has to be there first")
        sender, receiver = wire.sender(), wire.receiver()
        with opened(receiver):
            if wire.knows_peers:
                with pytest.raises(LinkTimeout, match=re.escape(wire.address)):
                    receiver.wait_connected(20 * ms)
            with opened(sender):
                meet(sender, receiver)
                sender.send(b"here")
                assert take(receiver, 1, sender) == [b"here"]

    def test_a_receiver_finds_a_sender_that_was_restarted(self, wire: Wire) -> None:
        receiver = wire.receiver()
        with ExitStack() as stack:
            for i in range(3):
                sender = wire.sender()
                with opened(sender):
                    if i == 0:
                        stack.enter_context(opened(receiver))
                    meet(sender, receiver)
                    sender.send(b"%d" % i)
                    assert take(receiver, 1, sender) == [b"%d" % i]

    def test_a_sender_serves_a_receiver_that_was_restarted(self, wire: Wire) -> None:
        sender = wire.sender()
        with opened(sender):
            for i in range(3):
                receiver = wire.receiver()
                with opened(receiver):
                    meet(receiver, sender)
                    end = time.monotonic_ns() + 5 * s
                    taken: list[bytes] = []
                    while not taken and time.monotonic_ns() < end:
                        sender.send(b"%d" % i)  # which may still have the one before for a peer
                        taken = take(receiver, 1, sender, within=20 * ms)
                    assert taken[:1] == [b"%d" % i]

    def test_sending_to_nobody_returns(self, wire: Wire) -> None:
        sender = wire.sender()
        with opened(sender):
            for _ in range(1000):
                sender.send(bytes(1000))

    def test_what_was_sent_before_anybody_listened_is_not_counted_as_lost(self, wire: Wire) -> None:
        if not wire.knows_peers:
            pytest.skip("what was sent may still be on its way")
        sender, receiver = wire.sender(), wire.receiver()
        with opened(sender):
            for _ in range(10):
                sender.send(b"early")
            with opened(receiver):
                meet(sender, receiver)
                sender.send(b"late")
                assert take(receiver, 1, sender) == [b"late"]
                assert lossless(sender, receiver)

    def test_waiting_for_nobody_is_bounded_and_says_who_is_missing(self, wire: Wire) -> None:
        if not wire.knows_peers:
            pytest.skip("this link cannot know")
        with opened(sender := wire.sender()), pytest.raises(LinkTimeout, match=f"nobody .*{re.escape(wire.address)}.* 20 ms"):
            sender.wait_connected(20 * ms)

    def test_what_a_slow_receiver_does_not_take_is_counted_where_it_was_dropped(
        self, wire: Wire, ends: tuple[Link, Link]
    ) -> None:
        if not wire.counts_losses:
            pytest.skip("what is lost here is seen by matching alone")
        sender, receiver = ends
        count, message, taken, lost = 40_000, bytes(1000), 0, 0
        refused = sum(not sender.send(message) for _ in range(count))
        end = time.monotonic_ns() + 10 * s
        while taken + lost + refused != count and time.monotonic_ns() < end:
            taken += len(take(receiver, count, sender, within=100 * ms))
            lost = sender.losses().send_queue + receiver.losses().receive_queue
        assert 0 < taken < count
        assert taken + lost + refused == count

    def test_a_sender_that_is_closed_while_it_is_read_leaves_whole_messages_in_order(self, ends: tuple[Link, Link]) -> None:
        sender, receiver = ends
        messages = [b"%d" % i * 100 for i in range(3000)]
        for message in messages:
            sender.send(message)
        taken = take(receiver, 500, sender)
        sender.close()
        taken += take(receiver, len(messages), within=200 * ms)
        assert len(taken) >= 500
        assert taken == messages[: len(taken)]
        assert receiver.receive() is None

    def test_what_was_sent_before_closing_arrives(self, wire: Wire, ends: tuple[Link, Link]) -> None:
        if not wire.counts_losses:
            pytest.skip("this sender cannot know what has left")
        sender, receiver = ends
        messages = [b"%d" % i for i in range(100)]
        for message in messages:
            sender.send(message)
        sender.close()
        assert take(receiver, len(messages)) == messages

    def test_an_address_in_use_is_an_error_that_names_it(self, wire: Wire) -> None:
        with opened(wire.sender()), pytest.raises(LinkError, match=re.escape(wire.address) + " is in use"):
            wire.sender().open()

    def test_an_address_can_be_used_again_at_once(self, wire: Wire) -> None:
        for _ in range(3):
            sender, receiver = wire.sender(), wire.receiver()
            with opened(sender, receiver):
                meet(sender, receiver)
