"""The subscribing half of a link: a connection to each publisher, dialled again whenever it is gone."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
import time
from collections import deque

from pytest_villas.config.endpoint import Endpoint
from pytest_villas.links.sp_clock import ANCILLARY, SO_TIMESTAMPNS, KernelClock
from pytest_villas.links.sp_loop import READ, WRITE, Loop
from pytest_villas.links.sp_socket import endpoint_of, leave_through, places, tune
from pytest_villas.links.sp_wire import HANDSHAKE_NS, PUB_HELLO, SUB_HELLO, BrokenPeer, Faults, Inbox, hear

RETRY_NS = 10_000_000
"""How soon an address that did not answer is dialled again."""


class SubSocket:
    """Takes what every publisher sends.

    Attributes:
        arrived: whole messages that nobody has taken yet, each with its stamp on the monotonic clock in ns.
    """

    def __init__(self, loop: Loop, faults: Faults, max_message: int, clock: KernelClock | None) -> None:
        """Begin without any address. With a clock that moves its stamps, the kernel stamps arrivals."""
        self._loop, self._faults, self._max_message, self._clock = loop, faults, max_message, clock
        self._publishers: list[Publisher] = []
        self.arrived: deque[tuple[int, bytes]] = deque()

    def dial(self, address: str) -> None:
        """Begin to connect to that address, too; LinkError where it is none or its host is not known."""
        endpoint = endpoint_of(address)
        inbox = Inbox(endpoint.scheme, self._max_message)
        self._publishers.append(Publisher(self._loop, endpoint, inbox, self.arrived, self._clock, self._faults))
        self._publishers[-1].dial()

    @property
    def answered(self) -> int:
        """How many publishers are connected."""
        return sum(publisher.greeted for publisher in self._publishers)

    @property
    def trouble(self) -> str:
        """Why the others are not, as far as it is known."""
        return "; ".join(sorted({publisher.trouble for publisher in self._publishers} - {""}))

    def close(self) -> None:
        """Close every connection."""
        for publisher in self._publishers:
            publisher.close()
        self._publishers.clear()


class Publisher:
    """A peer that we read from."""

    def __init__(
        self,
        loop: Loop,
        endpoint: Endpoint,
        inbox: Inbox,
        arrived: deque[tuple[int, bytes]],
        clock: KernelClock | None,
        faults: Faults,
    ) -> None:
        """Prepare to dial; LinkError where the host is not known."""
        self._loop, self._endpoint, self._inbox, self._faults = loop, endpoint, inbox, faults
        self._arrived, self._clock = arrived, clock
        self._places = itertools.cycle(places(endpoint))
        self._socket: socket.socket | None = None
        self._heard = b""
        self.greeted = False
        self.trouble = ""
        """Why the last attempt came to nothing."""

    def dial(self) -> None:
        """Begin to connect."""
        family, where = next(self._places)
        sock = self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            tune(sock)
            if self._clock is not None:
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            if self._endpoint.interface:
                leave_through(sock, self._endpoint.interface)
            code = sock.connect_ex(where)
        except OSError as error:
            self._hang_up(_reason(error))
            return
        if code not in (0, errno.EINPROGRESS):
            self._hang_up(os.strerror(code))
            return
        self._heard = b""
        self._loop.alarm(self._give_up, time.monotonic_ns() + HANDSHAKE_NS)
        self._loop.watch(sock, WRITE, self._connected)

    def close(self) -> None:
        """Close the connection for good."""
        self._loop.calm(self._give_up)
        self._loop.calm(self.dial)
        if self._socket is not None:
            self._loop.forget(self._socket)
            self._socket.close()
        self._socket, self.greeted = None, False

    def _hang_up(self, trouble: str) -> None:
        self.close()
        self.trouble = trouble
        self._loop.alarm(self.dial, time.monotonic_ns() + RETRY_NS)

    def _give_up(self) -> None:
        self._hang_up("no answer" if self._heard == b"" else "half a handshake")

    def _connected(self, _: int) -> None:
        sock = self._socket
        assert sock is not None
        try:
            _check_connection(sock)
            sock.send(SUB_HELLO)
        except OSError as error:
            self._hang_up(_reason(error))
            return
        self._loop.watch(sock, READ, self._greet)

    def _greet(self, _: int) -> None:
        assert self._socket is not None
        try:
            self._heard = hear(self._socket, self._heard, PUB_HELLO)
        except BlockingIOError:
            return
        except OSError as error:
            self._faults.handshakes += isinstance(error, BrokenPeer)
            self._hang_up(_reason(error))
            return
        if self._heard == PUB_HELLO:
            self.greeted, self.trouble = True, ""
            self._inbox.clear()
            self._loop.calm(self._give_up)
            self._loop.watch(self._socket, READ, self._read if self._clock is None else self._read_stamped)

    def _read(self, _: int) -> None:
        assert self._socket is not None
        try:
            count = self._socket.recv_into(self._inbox.space())
            self._take(count, time.monotonic_ns())
        except OSError as error:
            self._failed(error)

    def _read_stamped(self, _: int) -> None:
        assert self._socket is not None
        assert self._clock is not None
        before = len(self._arrived)
        try:
            count, ancillary, _, _ = self._socket.recvmsg_into((self._inbox.space(),), ANCILLARY)
            now = time.monotonic_ns()
            stamp = self._clock.arrival(ancillary, now)
            self._take(count, now if stamp is None else stamp)
            if stamp is None:
                self._faults.stamps += len(self._arrived) - before
        except OSError as error:
            self._failed(error)

    def _take(self, count: int, stamp: int) -> None:
        if not count:
            raise ConnectionResetError("closed")
        self._inbox.take(count, stamp, self._arrived)

    def _failed(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            if isinstance(error, BrokenPeer):
                self._faults.messages += 1
            else:
                self._faults.gone += 1
            self._hang_up(_reason(error))


def _check_connection(sock: socket.socket) -> None:
    """Raise OSError for a connection that did not come about."""
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))
    if sock.family != socket.AF_UNIX and sock.getsockname() == sock.getpeername():
        # one who dials a port of this machine that nobody has ends up at himself now and then, and would keep it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
