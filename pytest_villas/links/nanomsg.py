"""nanomsg over pynng: one publisher that listens, one subscriber that dials, as a VILLASnode nanomsg node has them.

NNG speaks the same wire protocol as the libnanomsg in VILLASnode, over tcp, ipc, ws and, within one process, inproc.
Its default queues (16 messages out, 128 in) lose bursts; here both have the 8192 that NNG allows at most. NNG does not
say that it drops a message, so losses are told from its own statistics: what each connection carried, also one that is gone,
against what was handed to it. It counts so for tcp and ipc alone: what ws or inproc lose is seen by matching, without its place.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pynng
import pynng.exceptions

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links.link import Losses, Stamp
from pytest_villas.links.nng_stats import pipe_counters
from pytest_villas.links.waiting import readable
from pytest_villas.units import format_duration

QUEUE = 8192
"""Messages that each socket may queue, the most that NNG takes."""
RECONNECT_MS = 10
"""How soon a dialled address that did not answer is tried again."""
LINGER_NS = 500_000_000
"""How long `close` waits for queued messages to leave."""
_CLOSE_S = 5.0
_COUNTED = ("tcp", "ipc")
_SETTLE_S = 0.001
"""How long NNG may take from counting a message until it can be read."""


@dataclass
class NanomsgLink:
    """A link to one nanomsg peer.

    Attributes:
        publish: addresses that our publisher listens on (`tcp://*:12000`, `ipc:///tmp/x.ipc`, `ws://...`, `inproc://x`).
        subscribe: addresses that our subscriber dials; it takes every topic, as VILLASnode does.
    """

    publish: Sequence[str] = ()
    subscribe: Sequence[str] = ()
    stamp: Stamp = Stamp.USER
    _pub: Any = field(default=None, init=False, repr=False)
    _sub: Any = field(default=None, init=False, repr=False)
    _sent: int = field(default=0, init=False, repr=False)
    _received: int = field(default=0, init=False, repr=False)
    _dropped: int = field(default=0, init=False, repr=False)
    _unheard: int = field(default=0, init=False, repr=False)
    _sent_before: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    # what connections that are gone did not send, and what they received: NNG forgets it with them
    _gone_unsent: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    _gone_received: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    _closing: bool = field(default=False, init=False, repr=False)

    def open(self) -> Self:
        """Listen on every `publish` address and start to dial every `subscribe` address."""
        self._sent = self._received = self._dropped = self._unheard = 0
        self._sent_before, self._gone_unsent, self._gone_received = {}, {}, {}
        self._closing = False
        try:
            self._pub = pynng.Pub0(send_buffer_size=QUEUE)
            self._pub.add_post_pipe_connect_cb(lambda pipe: self._sent_before.setdefault(pipe.id, self._sent))
            self._pub.add_post_pipe_remove_cb(self._subscriber_gone)
            self._sub = pynng.Sub0(recv_buffer_size=QUEUE, recv_max_size=0, reconnect_time_min=RECONNECT_MS)
            self._sub.add_post_pipe_remove_cb(self._publisher_gone)
            self._sub.subscribe(b"")
            for address in self.publish:
                _listen(self._pub, address)
            for address in self.subscribe:
                _dial(self._sub, address)
        except BaseException:
            self.close()
            raise
        return self

    def wait_connected(self, timeout: int, subscribers: int | None = None, publishers: int | None = None) -> None:
        """Wait until so many have subscribed (one, where we publish), and publishers answered (all that are dialled)."""
        wanted = (
            bool(self.publish) if subscribers is None else subscribers,
            len(self.subscribe) if publishers is None else publishers,
        )
        end = time.monotonic_ns() + timeout
        while missing := self._missing(*wanted):
            if time.monotonic_ns() >= end:
                raise LinkTimeout(f"{missing} within {format_duration(timeout)}")
            time.sleep(0.002)

    def _missing(self, subscribers: int, publishers: int) -> str:
        # pynng lists a connection before NNG sends on it, and calls us back when it does
        subscribed = sum(pipe.id in self._sent_before for pipe in self._pub.pipes)
        if subscribed < subscribers:
            return f"{subscribed or 'nobody'} subscribed to {', '.join(self.publish)}"
        if len(self._sub.pipes) < publishers:
            return f"{len(self._sub.pipes)} of {len(self.subscribe)} publishers answered: {', '.join(self.subscribe)}"
        return ""

    def send(self, payload: bytes) -> bool:
        """Publish one message; NNG queues it for every subscriber, and drops it where a queue is full.

        Where all subscribers are gone, it counts as lost.
        """
        self._unheard += bool(self._sent_before) and not self._pub.pipes
        try:
            self._pub.send(payload, block=False)
        except pynng.exceptions.TryAgain:
            return False
        self._sent += 1
        return True

    def fileno(self) -> int:
        """Return NNG's descriptor for received messages."""
        return int(self._sub.recv_fd)

    def receive(self) -> tuple[int, bytes] | None:
        """Return the next message with a stamp taken when it was read."""
        try:
            payload: bytes = self._sub.recv(block=False)
        except pynng.exceptions.TryAgain:
            return None
        except RuntimeError:  # pynng reads through a null pointer where a message is empty
            payload = b""
        now = time.monotonic_ns()
        self._received += 1
        return now, payload

    def losses(self) -> Losses:
        """Compare what tcp and ipc connections carried with what was sent and read, and count what was sent to nobody.

        What NNG did not send may wait still: it cannot be told from what is lost, and counts so. What was not read is known
        as lost once nothing waits: ask when all is read.
        """
        missing, unread = self._not_read(), 0
        if readable(self.fileno(), timeout=_SETTLE_S if missing else 0):
            # no more than that many can wait
            self._dropped = max(self._dropped, missing - QUEUE)
            unread = max(0, missing - self._dropped)
        else:
            self._dropped = missing
        unsent = self.unsent() + sum(dict(self._gone_unsent).values())
        return Losses(unsent + self._unheard, self._dropped + unread, unread=unread)

    def unsent(self) -> int:
        """Return how many messages have not left over the tcp and ipc connections that are open: they wait, or NNG dropped them."""
        pipes = self._pub.pipes
        counters = pipe_counters()
        return sum(
            self._not_sent(pipe, counters[pipe.id].sent)
            for pipe in pipes
            if pipe.id in counters and pipe.id not in self._gone_unsent
        )

    def _not_sent(self, pipe: Any, left: int) -> int:
        return max(0, self._sent - self._sent_before.get(pipe.id, self._sent) - left) if _is_counted(pipe) else 0

    def _not_read(self) -> int:
        """Return how many messages came and were not read; 0 where NNG does not count them."""
        if not all(address.startswith(_COUNTED) for address in self.subscribe):
            return 0
        pipes = self._sub.pipes
        counters = pipe_counters()
        gone = dict(self._gone_received)  # after the others: a connection is noted here before it leaves them
        here = sum(counters[pipe.id].received for pipe in pipes if pipe.id in counters and pipe.id not in gone)
        return max(0, here + sum(gone.values()) - self._received)

    def _subscriber_gone(self, pipe: Any) -> None:
        if not self._closing:
            counters = pipe_counters().get(pipe.id)
            self._gone_unsent[pipe.id] = self._not_sent(pipe, counters.sent) if counters is not None else 0

    def _publisher_gone(self, pipe: Any) -> None:
        if not self._closing:
            counters = pipe_counters().get(pipe.id)
            self._gone_received[pipe.id] = counters.received if counters is not None else 0

    def wire_faults(self) -> Mapping[str, int]:
        """Return how many connections are gone; NNG says nothing else."""
        return {"gone": len(self._gone_unsent) + len(self._gone_received)}

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> None:  # noqa: ARG002 - nobody knows them, whatever it was
        """Return nothing: the network does not say."""
        return

    def close(self) -> None:
        """Close both sockets, after what is queued has left or half a second has passed."""
        if self._pub is not None and self._sub is not None:
            end = time.monotonic_ns() + LINGER_NS
            while self.unsent() and time.monotonic_ns() < end:
                time.sleep(0.002)
        self._closing = True
        for socket in (self._pub, self._sub):
            if socket is not None:
                _close(socket)
        self._pub = self._sub = None


def _close(socket: Any) -> None:
    """Close a socket of NNG, which sets no bound to that (pynng 0.8.1 mostly did not return): then it is left to itself."""
    thread = threading.Thread(target=socket.close, name="villas-nng-close", daemon=True)
    thread.start()
    thread.join(_CLOSE_S)
    if thread.is_alive():
        warnings.warn(f"NNG did not close a socket within {_CLOSE_S:g} s; it stays open", RuntimeWarning, stacklevel=3)


def _is_counted(pipe: Any) -> bool:
    try:
        return str(pipe.url).startswith(_COUNTED)
    except (pynng.exceptions.Closed, pynng.exceptions.NoEntry):  # it went since it was listed
        return False


def _listen(socket: Any, address: str) -> None:
    try:
        socket.listen(address)
    except pynng.exceptions.AddressInUse as error:
        raise LinkError(f"{address} is in use: another node or rig listens there; stop it, or move the endpoint") from error
    except pynng.exceptions.NNGException as error:
        raise LinkError(f"cannot listen on {address}: {error}") from error
    if address.startswith("ipc://") and os.geteuid() == 0:
        # a peer may run as another user (a rig that we start as root gives its privileges up)
        os.chmod(address.removeprefix("ipc://"), 0o777)  # noqa: S103, PTH101 - a socket, and its folder decides who gets near it


def _dial(socket: Any, address: str) -> None:
    try:
        socket.dial(address, block=False)
    except pynng.exceptions.NNGException as error:
        raise LinkError(f"cannot dial {address}: {error}") from error
