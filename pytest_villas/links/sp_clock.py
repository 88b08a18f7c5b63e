"""The kernel's stamps of arrivals, moved from the wall clock to the monotonic one."""

from __future__ import annotations

import socket
import struct
import time

SO_TIMESTAMPNS = 64
"""The variant with 64-bit seconds on every machine [SO_TIMESTAMPNS_NEW, Linux 5.1]; Python does not name it."""
ANCILLARY = socket.CMSG_SPACE(16)
"""Bytes of ancillary data that a stamp needs."""
_TIMESPEC = struct.Struct("=qq")
_TOLERANCE_NS = 2_000
"""A wall clock that moved by less against the monotonic one is not noticed: the error that a stamp may have."""
_TRIES = 16


def measure_offset() -> int:
    """Return wall clock minus monotonic clock, ns, from the narrowest of several readings."""
    best, offset = 1 << 62, 0
    for _ in range(_TRIES):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after - before < best:
            best, offset = after - before, wall - (before + after) // 2
    return offset


class KernelClock:
    """The offset between both clocks, compared with the clocks themselves at every arrival.

    NTP and PTP that only adjust the rate move both clocks alike. Where the wall clock is stepped, the offset is measured
    again, and a stamp from before that moment is not trusted.
    """

    __slots__ = ("_offset", "_since")

    def __init__(self) -> None:
        self._offset = measure_offset()
        self._since = time.monotonic_ns()

    def arrival(self, ancillary: list[tuple[int, int, bytes]], now: int) -> int | None:
        """Return the stamp in the ancillary data of `recvmsg` on the monotonic clock, None for none to be trusted.

        `now` is the monotonic clock just after the read.
        """
        if not -_TOLERANCE_NS < time.time_ns() - now - self._offset < _TOLERANCE_NS:
            self._measure_again()
        for level, kind, data in ancillary:
            if kind == SO_TIMESTAMPNS and level == socket.SOL_SOCKET:
                seconds, rest = _TIMESPEC.unpack(data)
                stamp: int = seconds * 1_000_000_000 + rest - self._offset
                return stamp if self._since <= stamp <= now else None
        return None

    def _measure_again(self) -> None:
        """Take a new offset if the wall clock was stepped; mostly it was only this process that was interrupted."""
        offset = measure_offset()
        if abs(offset - self._offset) >= _TOLERANCE_NS:
            self._offset, self._since = offset, time.monotonic_ns()
