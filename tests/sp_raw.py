"""Peers of SpLink made of plain sockets."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from pytest_villas.errors import LinkTimeout
from pytest_villas.links import SpLink
from pytest_villas.links.sp_wire import Faults

PUB, SUB = b"\0SP\0\0\x20\0\0", b"\0SP\0\0\x21\0\0"


def frame(address: str, payload: bytes) -> bytes:
    """What the specification says, written once more."""
    return (b"\1" if address.startswith("ipc") else b"") + struct.pack(">Q", len(payload)) + payload


def plain(address: str) -> tuple[socket.socket, str | tuple[str, int]]:
    """Return a plain socket for the address, and the address as Python has it."""
    if address.startswith("ipc"):
        return socket.socket(socket.AF_UNIX), address.removeprefix("ipc://")
    return socket.socket(), ("127.0.0.1", int(address.rpartition(":")[2]))


def refusals(link: SpLink) -> Faults:
    """Return the faults without missing stamps: the kernel begins to stamp a moment after it was asked to."""
    return replace(link.faults(), stamps=0)


def serve(link: SpLink, until: Callable[[], object], seconds: float = 5.0) -> list[bytes]:
    """Let the link work until something holds, and return what it received meanwhile."""
    taken = []
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen"
        select.select([link.fileno()], (), (), 0.01)
        while (message := link.receive()) is not None:
            taken.append(message[1])
    return taken


class Raw:
    """A peer made of a plain socket: it listens where the link dials, or dials where the link listens."""

    def __init__(self, link: SpLink) -> None:
        self.link = link
        address = [*link.publish, *link.subscribe][0]
        sock, self.where = plain(address)
        self.listening = None
        if link.publish:
            sock.connect(self.where)
        else:
            Path(address.removeprefix("ipc://")).unlink(missing_ok=True)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(self.where)
            sock.listen()
            self.listening = sock
            serve(link, lambda: select.select([sock], (), (), 0)[0])
            sock, _ = sock.accept()
        self.socket = sock
        sock.settimeout(5)

    def greet(self) -> Self:
        """Do as a peer does."""
        mine, other = (SUB, PUB) if self.link.publish else (PUB, SUB)
        self.socket.sendall(mine)
        assert self.read(8) == other
        serve(self.link, self.connected)
        return self

    def connected(self) -> bool:
        try:
            self.link.wait_connected(0)
        except LinkTimeout:
            return False
        return True

    def again(self) -> Self:
        """Take the next connection of a link that dials."""
        assert self.listening is not None
        listening = self.listening
        serve(self.link, lambda: select.select([listening], (), (), 0)[0])
        self.socket.close()
        self.socket, _ = listening.accept()
        self.socket.settimeout(5)
        return self

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            serve(self.link, lambda: select.select([self.socket], (), (), 0)[0])
            more = self.socket.recv(count - len(data))
            assert more, "closed"
            data += more
        return data

    def is_closed(self) -> bool:
        """Read on, and say whether the other side has closed."""
        if not select.select([self.socket], (), (), 0)[0]:
            return False
        try:
            return self.socket.recv(65536) == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        if self.listening is not None:
            self.listening.close()
