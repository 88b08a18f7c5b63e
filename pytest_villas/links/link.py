"""The seam between bytes and the wire: what every transport can do, whatever it is made of."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self


class Stamp(enum.Enum):
    """Who took the time of an arrival."""

    USER = "user"
    """This program, when it read the message."""
    KERNEL = "kernel"
    """The kernel, when the message came in."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Messages that were lost on our side of the wire, or will be if nothing comes of their waiting, by place.

    Each is counted since the link was opened.
    """

    send_queue: int = 0
    """Handed to us and not put on the wire: the peer reads too slowly, or is gone."""
    receive_queue: int = 0
    """Came off the wire and were not read: we read too slowly."""
    unsent: int = 0
    """Those of the send queue that are not lost yet: they wait."""
    unread: int = 0
    """Those of the receive queue that wait."""

    def since(self, earlier: Losses) -> Losses:
        """Return what was lost after `earlier` was taken; never less than nothing.

        What waits to be sent now counts as lost, and did not when it waited then: it may have left. What waits to be read
        is not lost.
        """
        sent = self.send_queue - (earlier.send_queue - earlier.unsent)
        received = self.receive_queue - self.unread - (earlier.receive_queue - earlier.unread)
        return Losses(max(0, sent), max(0, received))


@dataclass(frozen=True, slots=True)
class WireTimes:
    """How long messages are on the wire, in ns: those that are sent, and those that are received.

    Empty where one direction is not known. `line` says for people what makes it so.
    """

    sent: Sequence[int]
    received: Sequence[int]
    line: str


class Link(Protocol):
    """Both directions to one peer. Everything is bounded: no call waits longer than it was told to.

    A link may have no thread of its own and work in these calls alone. So whoever holds one calls `receive` whenever
    `fileno` is readable, also where nothing is expected: that is how a publisher comes to new subscribers. A link is a value
    that can be pickled until it is opened, and it is opened, used and closed in one thread of one process.
    """

    @property
    def stamp(self) -> Stamp:
        """Who stamps arrivals."""

    def open(self) -> Self:
        """Bind and connect. Connecting goes on in the background; LinkError where an endpoint is not to be had."""

    def wait_connected(self, timeout: int) -> None:
        """Wait until every direction has a peer, at most `timeout` ns; LinkTimeout names what has none."""

    def send(self, payload: bytes) -> bool:
        """Send one message without waiting; False where it was not even taken. What was and is dropped counts in `losses`."""

    def fileno(self) -> int:
        """Return a descriptor that is readable while `receive` has something to do, as it has while a message waits."""

    def receive(self) -> tuple[int, bytes] | None:
        """Return the next message and its arrival on the clock of `time.monotonic_ns()`, None where there is none yet."""

    def losses(self) -> Losses:
        """Return what was lost on our side since the link was opened."""

    def wire_faults(self) -> Mapping[str, int]:
        """Return what was wrong with what came off the wire since the link was opened, by name."""

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes | None:
        """Return how long each of these messages is on the wire, None where that is not known; the link need not be open.

        Raises EncodeError for one that cannot be sent.
        """

    def close(self) -> None:
        """Close both directions; what was sent is given a moment to leave."""
