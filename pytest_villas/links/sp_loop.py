"""One epoll for everything that a link waits for, so that a single descriptor tells when there is something to do."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import Protocol

from pytest_villas.links.timer import Timer

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
Handler = Callable[[int], None]
"""Takes the epoll events of its socket. It may be called without need, and then finds nothing to do."""

_EVENTS = 64
"""Events taken from one call of epoll; what is beyond comes with the next."""


class Watched(Protocol):
    """A socket, or whatever else has a descriptor for epoll."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Loop:
    """Sockets and alarms with what they call; an alarm wakes as a socket does."""

    def __init__(self) -> None:
        """Raises LinkError where the system gives no timer."""
        self._timer = Timer()
        self._rings_at = 0
        self._alarms: dict[Callable[[], None], int] = {}
        self._epoll = select.epoll()
        self._epoll.register(self._timer, READ)
        self._handlers: dict[int, Handler] = {self._timer.fileno(): self._ring}
        self._reminder = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._reminder, READ)
        self._reminds = False

    def fileno(self) -> int:
        """Return what is readable while there is something to do."""
        return self._epoll.fileno()

    def watch(self, watched: Watched, events: int, handler: Handler) -> None:
        """Call the handler on these events of the socket, in place of what was watched for."""
        descriptor = watched.fileno()
        if descriptor in self._handlers:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def forget(self, watched: Watched) -> None:
        """Stop to watch the socket; to be called before it is closed."""
        if self._handlers.pop(watched.fileno(), None) is not None:
            self._epoll.unregister(watched.fileno())

    def alarm(self, call: Callable[[], None], due: int) -> None:
        """Call once at that time (monotonic ns), in place of an earlier alarm of the same."""
        self._alarms[call] = due
        if not self._rings_at or due < self._rings_at:
            self._set_timer(due)

    def calm(self, call: Callable[[], None]) -> None:
        """Take an alarm back, if there is one."""
        self._alarms.pop(call, None)

    def remind(self, on: bool) -> None:
        """Keep `fileno` readable for work that waits in memory, until that is done."""
        if on is not self._reminds:
            self._reminds = on
            if on:
                os.eventfd_write(self._reminder, 1)
            else:
                os.eventfd_read(self._reminder)

    def turn(self, timeout: float) -> None:
        """Handle what is there, after waiting at most `timeout` s for anything."""
        for descriptor, events in self._epoll.poll(timeout, _EVENTS):
            if (handler := self._handlers.get(descriptor)) is not None:  # not closed by another handler
                handler(events)

    def close(self) -> None:
        """Give the descriptors back."""
        self._handlers.clear()
        self._alarms.clear()
        self._epoll.close()
        self._timer.close()
        os.close(self._reminder)

    def _set_timer(self, due: int) -> None:
        self._rings_at = due
        self._timer.set(due)

    def _ring(self, _: int) -> None:
        self._timer.acknowledge()
        self._rings_at = 0
        now = time.monotonic_ns()
        for call in [call for call, due in self._alarms.items() if due <= now]:
            if self._alarms.pop(call, 0):  # not taken back by one before it
                call()
        if self._alarms:
            self._set_timer(min(self._alarms.values()))
