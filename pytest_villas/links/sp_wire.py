"""What SP sockets say to each other [SP over TCP, and the ipc mapping of libnanomsg].

Each side opens with 8 bytes that name its protocol. A message is then its length in 8 bytes, big-endian, and its bytes; on
ipc a byte 1 comes before the length.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pytest_villas.errors import LinkError

PUB_HELLO = b"\0SP\0\0\x20\0\0"
SUB_HELLO = b"\0SP\0\0\x21\0\0"
HANDSHAKE_NS = 5_000_000_000
"""How long a connection may take from its first packet to the end of its handshake."""
_READ = 65536
"""Bytes asked for at once, and the room that a connection begins with."""
_LENGTH = struct.Struct(">Q")
_TAG_AND_LENGTH = struct.Struct(">BQ")

HEADERS: dict[str, Callable[[int], bytes]] = {"tcp": _LENGTH.pack, "ipc": partial(_TAG_AND_LENGTH.pack, 1)}
"""What comes before a message of that many bytes, by transport."""


class BrokenPeer(LinkError):
    """The other side does not speak SP, or not the half of it that was expected."""


@dataclass(slots=True)
class Faults:
    """What other programs did wrong, counted since the link was opened."""

    handshakes: int = 0
    """Connections refused: not the SP protocol that belongs at the other end, no word for too long, or one too many."""
    messages: int = 0
    """Connections closed for what came after the handshake: a length beyond the limit, or no message at all."""
    gone: int = 0
    """Connections that the peer ended, or that broke, after their handshake."""
    stamps: int = 0
    """Messages whose kernel stamp was missing or not to be trusted; they carry the time at which they were read."""


def hear(sock: socket.socket, heard: bytes, expected: bytes) -> bytes:
    """Read more of the 8 bytes that the peer opens with, and not a byte beyond them. Returns what was heard so far.

    Raises BrokenPeer at the first byte that differs, ConnectionError at the end of the stream.
    """
    more = sock.recv(len(expected) - len(heard))
    if not more:
        raise ConnectionResetError("closed before its handshake was complete")
    heard += more
    if not expected.startswith(heard):
        raise BrokenPeer(f"opened with {heard!r}, where {expected!r} belongs")
    return heard


class Inbox:
    """The bytes of one connection that are not a whole message yet."""

    __slots__ = ("_buffer", "_filled", "_header", "_limit", "_unpack")

    def __init__(self, transport: str, limit: int) -> None:
        """Refuse messages of more than `limit` bytes. Memory grows with what has come, not with what was announced."""
        header = _LENGTH if transport == "tcp" else _TAG_AND_LENGTH
        self._header, self._unpack = header.size, header.unpack_from
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Begin anew, with a new connection."""
        self._buffer = memoryview(bytearray(_READ))
        self._filled = 0

    def space(self) -> memoryview:
        """Return where to read to, never empty."""
        return self._buffer[self._filled :] if self._filled else self._buffer

    def take(self, count: int, stamp: int, messages: deque[tuple[int, bytes]]) -> None:
        """Append the messages that `count` more bytes in `space` made complete; all of them get the stamp.

        Raises BrokenPeer for a length beyond the limit and for a tag that is not 1, after the messages before it.
        """
        buffer, header = self._buffer, self._header
        start, end = 0, self._filled + count
        while end - start >= header:
            fields = self._unpack(buffer, start)
            length = fields[-1]
            if length > self._limit or (len(fields) == 2 and fields[0] != 1):
                raise BrokenPeer(f"sent {bytes(buffer[start : start + header])!r}, no header of at most {self._limit} bytes")
            stop = start + header + length
            if stop > end:
                break
            messages.append((stamp, bytes(buffer[start + header : stop])))
            start = stop
        self._filled = end - start
        if self._filled == len(buffer):
            self._buffer = memoryview(bytearray(2 * len(buffer)))
            self._buffer[: self._filled] = buffer
        elif start and self._filled:
            buffer[: self._filled] = buffer[start:end]
