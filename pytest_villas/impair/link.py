"""A link that impairs what comes in over another one, as it comes: for authors of links, rigs and tests.

The same impairments as those of a whole run, by the same words. A stream has no end that is known: what a run spreads over its
length comes here at some early message, and a share of the peak is one of the peak so far.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import select
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from pytest_villas.errors import ConfigError
from pytest_villas.formats import Codec
from pytest_villas.impair.spec import parse
from pytest_villas.impair.stream import MESSAGES, Message, Values
from pytest_villas.links import Link, Losses, Stamp
from pytest_villas.links.link import WireTimes


class ImpairedLink:
    """Another link, impaired: ``ImpairedLink(link, "loss=1%+delay=5 ms+seed=7", codec)``.

    By its seed it strikes the same messages every time. Sending is left alone. Like any link it can be pickled until it
    is opened.
    """

    def __init__(self, link: Link, spec: str, codec: Codec | None = None) -> None:
        """Take a link that is not open; impairments of values want the codec of what comes in. ConfigError without it."""
        self._link, self._codec = link, codec
        self._impairment = parse(spec)
        for name, _ in self._impairment.steps:
            if name not in MESSAGES and codec is None:
                raise ConfigError(f"impairment {name!r} changes values: give the link a codec")
        self._held: list[tuple[int, int, bytes]] = []
        self._count = self._order = 0

    def __repr__(self) -> str:
        """Say the link, and how it is impaired."""
        return f"<{self._link!r}, impaired by {self._impairment}>"

    @property
    def stamp(self) -> Stamp:
        """The time of a message that was held back is when it was let go, here."""
        return Stamp.USER

    def open(self) -> Self:
        """Open the link below."""
        self._link.open()
        self._timer = _timer()
        self._poll = select.epoll()
        for descriptor in (self._link.fileno(), self._timer):
            self._poll.register(descriptor, select.EPOLLIN)
        self._steps = [self._step(number, *step) for number, step in enumerate(self._impairment.steps)]
        return self

    def _step(self, number: int, name: str, settings: Mapping[str, Any]) -> Any:
        rng = np.random.default_rng((self._impairment.seed, number))
        if name in MESSAGES:
            return MESSAGES[name](rng, **settings)
        assert self._codec is not None
        return Values(name, rng, self._codec, settings)

    def wait_connected(self, timeout: int) -> None:
        """Wait for the peers of the link below."""
        self._link.wait_connected(timeout)

    def send(self, payload: bytes) -> bool:
        """Send over the link below."""
        return self._link.send(payload)

    def fileno(self) -> int:
        """Return what is readable when a message came in, or one that was held back is due."""
        return self._poll.fileno()

    def receive(self) -> tuple[int, bytes] | None:
        """Return the next message that is due."""
        while (came := self._link.receive()) is not None:
            messages = [Message(self._count, came[0], came[1])]
            self._count += 1
            for step in self._steps:
                messages = [after for message in messages for after in step(message)]
            for message in messages:
                heapq.heappush(self._held, (message.due, self._order, message.payload))
                self._order += 1
        now = time.monotonic_ns()
        if self._held and self._held[0][0] <= now:
            due, _, payload = heapq.heappop(self._held)
            self._wake_at(self._held[0][0] if self._held else 0)
            return due, payload
        self._wake_at(self._held[0][0] if self._held else 0)
        return None

    def losses(self) -> Losses:
        """Return those of the link below: an impaired link does not tell what it loses."""
        return self._link.losses()

    def wire_faults(self) -> Mapping[str, int]:
        """Return those of the link below."""
        return self._link.wire_faults()

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes | None:
        """Return those of the link below."""
        return self._link.wire_times(sent, received)

    def close(self) -> None:
        """Close the link below; what is held back is gone."""
        self._link.close()
        if hasattr(self, "_poll"):
            self._poll.close()
            os.close(self._timer)
            del self._poll

    def _wake_at(self, when: int) -> None:
        seconds, nanoseconds = divmod(when, 1_000_000_000)
        setting = (ctypes.c_long * 4)(0, 0, seconds, nanoseconds)
        _LIBC.timerfd_settime(self._timer, _ABSOLUTE, setting, None)


_LIBC = ctypes.CDLL(None, use_errno=True)
_ABSOLUTE = 1


def _timer() -> int:
    """Make a timer of the monotonic clock; os.timerfd_create came with Python 3.13."""
    descriptor = int(_LIBC.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return descriptor
