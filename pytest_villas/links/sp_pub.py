"""The publishing half of a link: listeners, the subscribers that they accepted, and what waits for each of these."""

from __future__ import annotations

import itertools
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pytest_villas.errors import LinkError
from pytest_villas.links.sp_loop import READ, WRITE, Loop
from pytest_villas.links.sp_socket import Listener, tune
from pytest_villas.links.sp_wire import HANDSHAKE_NS, HEADERS, PUB_HELLO, SUB_HELLO, BrokenPeer, Faults, hear

QUEUE = 8192
"""Messages that may wait for one subscriber."""
_QUEUE_BYTES = 64 * 2**20
"""Bytes that may wait for one subscriber."""
_AT_ONCE = 64
"""Messages handed to the kernel in one call."""
_SUBSCRIBERS = 64
"""Connections that are served at a time. For one more, the oldest that has not greeted goes; where there is none, it is closed."""


class PubSocket:
    """Sends each message to every subscriber."""

    def __init__(self, loop: Loop, faults: Faults) -> None:
        """Begin without any address."""
        self._loop, self._faults = loop, faults
        self._listeners: list[Listener] = []
        self._subscribers: list[Subscriber] = []
        self._outlets: list[tuple[Callable[[int], bytes], list[Subscriber]]] = []
        self._had_any = False
        self._lost = 0

    def listen(self, address: str) -> None:
        """Accept subscribers at that address, too; LinkError where it is not to be had."""
        listener = Listener(address)
        self._listeners.append(listener)
        self._loop.watch(listener.socket, READ, partial(self._accept, listener))

    @property
    def subscribed(self) -> int:
        """How many subscribers there are."""
        return sum(subscriber.greeted for subscriber in self._subscribers)

    def send(self, payload: bytes) -> None:
        """Send to each subscriber, or queue for it, or count as lost what its queue does not take.

        Where all subscribers are gone, it is lost as well. Where there never was one, nobody misses it.
        """
        if not self._outlets and self._had_any:
            self._lost += 1
        for header, subscribers in self._outlets:
            frame = header(len(payload)) + payload
            for subscriber in subscribers:
                subscriber.send(frame)

    def flush(self) -> int:
        """Hand to the kernel what it takes. Returns how many messages still wait."""
        for subscriber in self._subscribers:
            if subscriber.waiting:
                subscriber.flush()
        return sum(subscriber.waiting for subscriber in self._subscribers)

    @property
    def lost(self) -> int:
        """Messages that a queue did not take, or that went to one who went, once for each subscriber; and those for nobody."""
        return self._lost + sum(subscriber.lost for subscriber in self._subscribers)

    def stop_listening(self) -> None:
        """Accept nobody any more, and remove the files of ipc sockets."""
        for listener in self._listeners:
            self._loop.forget(listener.socket)
            listener.close()
        self._listeners.clear()

    def close(self) -> None:
        """Close everything; what still waits is lost."""
        self.stop_listening()
        for subscriber in list(self._subscribers):
            subscriber.close()

    def _accept(self, listener: Listener, _: int) -> None:
        try:
            sock, _ = listener.socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            raise LinkError(f"cannot accept a subscriber on {listener.endpoint}: {error.strerror}") from error
        if len(self._subscribers) >= _SUBSCRIBERS:
            silent = next((subscriber for subscriber in self._subscribers if not subscriber.greeted), None)
            if silent is None:
                self._faults.handshakes += 1
                sock.close()
                return
            silent.refuse()
        self._subscribers.append(Subscriber(self._loop, sock, listener.endpoint.scheme, self._faults, self._arrange))

    def _arrange(self) -> None:
        """Forget the subscribers that are gone, and arrange the others by the frames that they take."""
        self._lost += sum(subscriber.lost for subscriber in self._subscribers if not subscriber.alive)
        self._subscribers = [subscriber for subscriber in self._subscribers if subscriber.alive]
        greeted = [subscriber for subscriber in self._subscribers if subscriber.greeted]
        self._had_any = self._had_any or bool(greeted)
        self._outlets = [
            (HEADERS[transport], [subscriber for subscriber in greeted if subscriber.transport == transport])
            for transport in sorted({subscriber.transport for subscriber in greeted})
        ]


class Subscriber:
    """A peer that reads from us."""

    def __init__(self, loop: Loop, sock: socket.socket, transport: str, faults: Faults, changed: Callable[[], None]) -> None:
        """Greet; `changed` is called when the peer has greeted back, and when it is gone."""
        self._loop, self._socket, self.transport, self._faults, self._changed = loop, sock, transport, faults, changed
        self._queue: deque[bytes | memoryview] = deque()
        self._queued = 0
        self._heard = b""
        self.greeted, self.alive, self.lost = False, True, 0
        tune(sock)
        loop.watch(sock, READ, self._greet)
        loop.alarm(self.refuse, time.monotonic_ns() + HANDSHAKE_NS)
        with suppress(OSError):  # gone already, as the loop will find
            sock.send(PUB_HELLO)

    @property
    def waiting(self) -> int:
        """Messages that have not left completely."""
        return len(self._queue)

    def send(self, frame: bytes) -> None:
        """Put a message on the wire, or into the queue, or count it as lost where the queue is full."""
        if self._queue:
            self.flush()
        if not self._queue:
            try:
                sent = self._socket.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:  # the peer is gone: the loop finds the same, and closes
                self.lost += 1
                return
            if sent == len(frame):
                return
            self._queue.append(memoryview(frame)[sent:])
            self._queued = len(frame) - sent
            self._loop.watch(self._socket, READ | WRITE, self._serve)
        elif len(self._queue) < QUEUE and self._queued + len(frame) <= _QUEUE_BYTES:
            self._queue.append(frame)
            self._queued += len(frame)
        else:
            self.lost += 1

    def flush(self) -> None:
        """Hand to the kernel what it takes."""
        queue = self._queue
        try:
            while queue:
                sent = self._socket.sendmsg(itertools.islice(queue, _AT_ONCE))
                self._queued -= sent
                while queue and sent >= len(queue[0]):
                    sent -= len(queue.popleft())
                if sent:
                    queue[0] = memoryview(queue[0])[sent:]
        except OSError:  # full for now, or gone, which the loop finds too
            return
        self._loop.watch(self._socket, READ, self._serve)

    def close(self) -> None:
        """Close the connection; what waits for it is lost."""
        if self.alive:
            self.alive = self.greeted = False
            self.lost += len(self._queue)
            self._queue.clear()
            self._loop.calm(self.refuse)
            self._loop.forget(self._socket)
            self._socket.close()
            self._changed()

    def refuse(self) -> None:
        """Close the connection for what the peer said before it greeted, or did not say."""
        self._faults.handshakes += 1
        self.close()

    def _greet(self, _: int) -> None:
        try:
            self._heard = hear(self._socket, self._heard, SUB_HELLO)
        except BlockingIOError:
            return
        except BrokenPeer:
            self.refuse()
            return
        except OSError:
            self.close()
            return
        if self._heard == SUB_HELLO:
            self.greeted = True
            self._loop.calm(self.refuse)
            self._loop.watch(self._socket, READ, self._serve)
            self._changed()

    def _serve(self, events: int) -> None:
        if events & WRITE:
            self.flush()
        if events & ~WRITE:
            try:
                said = self._socket.recv(1)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if said:  # a subscriber has nothing to say
                self._faults.messages += 1
            else:
                self._faults.gone += 1
            self.close()
