"""Two links as one: the stimulus goes out over the one, the response comes in over the other.

What the stimulus end sends back is nobody's answer. It is read, lest it piles up, counted as `unasked`, and dropped.
"""

from __future__ import annotations

import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links.link import Link, Losses, Stamp, WireTimes

_AT_ONCE: Final = 32
"""Messages of the stimulus end that are dropped between two looks at the response end."""
_BOTH_WAYS: Final = ("gone", "handshakes")
"""Faults that keep a stimulus from leaving; all others are those of what comes in, which nobody reads at that end."""


@dataclass
class SplitLink:
    """A link that sends on `stimulus` and receives on `response`; both are opened and closed with it."""

    stimulus: Link
    response: Link
    _epoll: Any = field(default=None, init=False, repr=False, compare=False)
    _unasked: int = field(default=0, init=False, repr=False, compare=False)
    _trouble: LinkError | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def ends(self) -> tuple[Link, Link]:
        """Both links."""
        return self.stimulus, self.response

    @property
    def stamp(self) -> Stamp:
        """Who stamps arrivals: those of responses."""
        return self.response.stamp

    def open(self) -> Self:
        """Open both ends; neither stays open where one cannot be."""
        self._unasked, self._trouble = 0, None
        self._epoll = select.epoll()
        try:
            for end in self.ends:
                end.open()
                self._epoll.register(end.fileno(), select.EPOLLIN)
        except BaseException:
            self.close()
            raise
        return self

    def wait_connected(self, timeout: int) -> None:
        """Wait until both ends have their peers, at most `timeout` ns together; LinkTimeout says which end has none."""
        end, left = time.monotonic_ns() + timeout, timeout
        for name, link in (("stimulus", self.stimulus), ("response", self.response)):
            try:
                link.wait_connected(left)
            except LinkTimeout as error:
                raise LinkTimeout(f"the {name} end: {error}") from None
            left = max(end - time.monotonic_ns(), 0)

    def send(self, payload: bytes) -> bool:
        """Send one message over the stimulus end."""
        return self.stimulus.send(payload)

    def fileno(self) -> int:
        """Return a descriptor that is readable while one of the ends has something to do."""
        descriptor: int = self._epoll.fileno()
        return descriptor

    def receive(self) -> tuple[int, bytes] | None:
        """Return the next message of the response end; what the stimulus end has is dropped.

        Raises LinkError where an end is gone, after what had come until then.
        """
        if (trouble := self._trouble) is not None:
            self._trouble = None
            raise trouble
        message = self.response.receive()  # first: its arrival is stamped now
        try:
            for _ in range(_AT_ONCE):
                if self.stimulus.receive() is None:
                    break
                self._unasked += 1
        except LinkError as error:
            if message is None:
                raise
            self._trouble = error
        return message

    def losses(self) -> Losses:
        """Return what the stimulus end did not send, and what the response end did not give us."""
        there, back = self.stimulus.losses(), self.response.losses()
        return Losses(there.send_queue, back.receive_queue, there.unsent, back.unread)

    def wire_faults(self) -> Mapping[str, int]:
        """Return what was wrong with what came in over the response end, and what the stimulus end met with on its way out."""
        faults = {"unasked": self._unasked, **self.response.wire_faults()}
        for name, count in self.stimulus.wire_faults().items():
            if name in _BOTH_WAYS:
                faults[name] = faults.get(name, 0) + count
        return faults

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes | None:
        """Return how long messages are on the wire, for the ends that know it."""
        there, back = self.stimulus.wire_times(sent, []), self.response.wire_times([], received)
        if there is None and back is None:
            return None
        lines = [f"{times.line} {way}" for times, way in ((there, "there"), (back, "back")) if times is not None]
        return WireTimes(there.sent if there else [], back.received if back else [], " and ".join(lines))

    def close(self) -> None:
        """Close both ends, the one that sends first."""
        for end in self.ends:
            end.close()
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
