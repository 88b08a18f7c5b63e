"""nanomsg over pynng: one publisher that listens, one subscriber that dials, as a VILLASnode nanomsg node has them.

NNG speaks the same wire protocol as the libnanomsg in VILLASnode, over tcp, ipc, ws and, within one process, inproc.
Its default queues (16 messages out, 128 in) lose bursts; here both have the 8192 that NNG allows at most. NNG does not
say that it drops a message, so losses are told from its own statistics: what each connection carried against what was
handed to it. It counts so for tcp and ipc alone: what ws or inproc lose is seen by matching, without its place.
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
from pytest_villas.units import format_duration

QUEUE = 8192
"""Messages that each socket may queue, the most that NNG takes."""
RECONNECT_MS = 10
"""How soon a dialled address that did not answer is tried again."""
LINGER_NS = 500_000_000
"""How long `close` waits for queued messages to leave."""
_CLOSE_S = 5.0


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
    _sent_before: dict[int, int] = field(default_factory=dict, init=False, repr=False)

    def open(self) -> Self:
        """Listen on every `publish` address and start to dial every `subscribe` address."""
        try:
            self._pub = pynng.Pub0(send_buffer_size=QUEUE)
            self._pub.add_post_pipe_connect_cb(lambda pipe: self._sent_before.setdefault(pipe.id, self._sent))
            self._sub = pynng.Sub0(recv_buffer_size=QUEUE, recv_max_size=0, reconnect_time_min=RECONNECT_MS)
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
        """Publish one message; NNG queues it for every subscriber, and drops it where a queue is full."""
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
        """Compare what the tcp and ipc connections that are open carried with what was sent and read.

        A message that still waits in a queue counts as lost: ask when all is read.
        """
        counters = pipe_counters()
        unsent = sum(
            self._sent - self._sent_before.get(pipe.id, 0) - counters[pipe.id].sent
            for pipe in self._pub.pipes
            if pipe.id in counters and _is_counted(pipe)
        )
        pipes = [pipe for pipe in self._sub.pipes if pipe.id in counters]
        unread = sum(counters[pipe.id].received for pipe in pipes) - self._received
        return Losses(max(0, unsent), max(0, unread) if all(_is_counted(pipe) for pipe in pipes) else 0)

    def wire_faults(self) -> Mapping[str, int]:
        """Return nothing: NNG does not say."""
        return {}

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> None:  # noqa: ARG002
        """Return nothing: the network does not say."""
        return

    def close(self) -> None:
        """Close both sockets, after what is queued has left or half a second has passed."""
        if self._pub is not None and self._sub is not None:
            end = time.monotonic_ns() + LINGER_NS
            while self.losses().send_queue and time.monotonic_ns() < end:
                time.sleep(0.002)
        for socket in (self._pub, self._sub):
            if socket is not None:
                _close(socket)
        self._pub = self._sub = None


def _close(socket: Any) -> None:
    """Close a socket of NNG, which was seen not to return from that (pynng 0.8.1, in the middle of a burst): then it is left to itself."""
    thread = threading.Thread(target=socket.close, name="villas-nng-close", daemon=True)
    thread.start()
    thread.join(_CLOSE_S)
    if thread.is_alive():
        warnings.warn(f"NNG did not close a socket within {_CLOSE_S:g} s; it stays open", RuntimeWarning, stacklevel=3)


def _is_counted(pipe: Any) -> bool:
    try:
        return str(pipe.url).startswith(("tcp", "ipc"))
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
