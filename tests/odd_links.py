"""Links that hear themselves within one process, and each of which does one thing that no link should."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pytest_villas.errors import EncodeError
from pytest_villas.links import Losses, Stamp, WireTimes


@dataclass
class Mirror:
    """Hears at once what it sends."""

    stamp: Stamp = Stamp.USER
    _came: deque[tuple[int, bytes]] = field(default_factory=deque, init=False, repr=False)
    _readable: int = field(default=-1, init=False, repr=False)

    def open(self) -> Self:
        self._readable = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)
        return self

    def wait_connected(self, timeout: int) -> None:
        pass

    def send(self, payload: bytes) -> bool:
        self._came.append((time.monotonic_ns(), payload))
        os.eventfd_write(self._readable, 1)
        return True

    def fileno(self) -> int:
        return self._readable

    def receive(self) -> tuple[int, bytes] | None:
        if not self._came:
            return None
        os.eventfd_read(self._readable)
        return self._came.popleft()

    def losses(self) -> Losses:
        return Losses()

    def wire_faults(self) -> Mapping[str, int]:
        return {}

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes | None:  # noqa: ARG002 - it has none
        return None

    def close(self) -> None:
        os.close(self._readable)


@dataclass
class SlowToClose(Mirror):
    """Takes a second to close."""

    def close(self) -> None:
        time.sleep(1)
        super().close()


@dataclass
class Unsendable(Mirror):
    """Hears what it could not send."""

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes | None:
        if received:
            raise EncodeError("the message is empty")
        return WireTimes([1 for _ in sent], [], "a line")


@dataclass
class Choosy(Mirror):
    """Refuses to send the message `5`."""

    def send(self, payload: bytes) -> bool:
        if payload == b"5":
            raise EncodeError("no frame can carry it")
        return super().send(payload)


@dataclass
class Chatty(Mirror):
    """Has something to read at any time, for three seconds."""

    _quiet_at: int = field(default=0, init=False, repr=False)

    def open(self) -> Self:
        self._quiet_at = time.monotonic_ns() + 3_000_000_000
        return super().open()

    def receive(self) -> tuple[int, bytes] | None:
        if time.monotonic_ns() >= self._quiet_at:
            return super().receive()
        time.sleep(0.001)
        return time.monotonic_ns(), b"unasked"
