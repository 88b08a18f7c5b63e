"""A port that only blocks: two threads carry its bytes, so that the loop never waits for it.

pyserial's URLs other than `socket://` have no descriptor that tells when bytes are there. A thread waits for them, stamps
them and passes both on through a socket pair; another one takes what is to be sent. In one interpreter they share a lock
with the loop: arrivals are stamped some ten or hundred microseconds later than by the descriptor of a device.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pytest_villas.links.serial_port import Gone, close_serial

_STAMP: Final = struct.Struct("q")
_CHUNK: Final = 4096
_LINGER_S: Final = 1.0


class ThreadPort:
    """See the module."""

    notes = ("read by a thread: this kind of port has no descriptor to wait for",)

    def __init__(self, opened: Any) -> None:
        """Take an open port of pyserial."""
        self._serial = opened
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        # what waits here is out of our queue and not yet on the line: little, so that losses are counted where they happen
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        self._closing = False
        self._why = "it ended"
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._receive, self._send)]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        """See `Port.fileno`."""
        return self._ours.fileno()

    def read(self) -> tuple[int, bytes] | None:
        """See `Port.read`."""
        try:
            packet = self._ours.recv(_STAMP.size + _CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Gone(str(error)) from error
        if not packet:
            raise Gone(self._why)
        return _STAMP.unpack_from(packet)[0], packet[_STAMP.size :]

    def write(self, data: bytes) -> int:
        """See `Port.write`."""
        try:
            return self._ours.send(data[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone(str(error)) from error

    def unsent(self) -> int:
        """See `Port.unsent`."""
        return 0

    def line_faults(self) -> Mapping[str, int]:
        """See `Port.line_faults`."""
        return {}

    def close(self) -> None:
        """Let what was written leave, for at most a second, and end both threads."""
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_WR)
        self._threads[1].join(_LINGER_S)
        self._closing = True
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RD)
        self._threads[0].join(_LINGER_S)
        close_serial(self._serial)
        for end in (self._ours, self._theirs):
            end.close()

    def _receive(self) -> None:
        try:
            while not self._closing:
                data = self._serial.read(1)  # wakes when a byte comes, and now and then to see whether to end
                if not data:
                    continue
                stamp = time.monotonic_ns()
                if more := min(self._serial.in_waiting, _CHUNK - 1):
                    data += self._serial.read(more)
                    stamp = time.monotonic_ns()
                self._theirs.sendall(_STAMP.pack(stamp) + data)
        except Exception as error:  # noqa: BLE001 - a port that goes away raises whatever it comes to
            self._why = str(error)
        finally:
            with suppress(OSError):
                self._theirs.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        try:
            while data := self._theirs.recv(_CHUNK):
                self._serial.write(data)
        except Exception as error:  # noqa: BLE001 - see above
            self._why = str(error)
            with suppress(OSError):
                self._theirs.shutdown(socket.SHUT_RDWR)
