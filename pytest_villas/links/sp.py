"""nanomsg's publish and subscribe over plain sockets: what NNG does on tcp and ipc, in the thread that sends and receives.

There is no thread behind it. Everything happens in the calls of the link: who holds one calls `receive` whenever `fileno`
is readable, also where it only publishes, since that accepts subscribers and moves their queues on. In return a message
takes no detour on its way, and on tcp the kernel says when it came in.

Stamps of the kernel come as wall-clock time and are moved to the monotonic clock with an offset that is compared with both
clocks at every read, to 2 us. Where the wall clock is stepped, the messages around the step are stamped when they are read,
and so are the first ones where nobody on the machine had asked for stamps before; `faults().stamps` counts them. Messages
that waited together are read together and carry the stamp of the last of them: later than their own, never earlier.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from pytest_villas.errors import LinkTimeout
from pytest_villas.links.link import Losses, Stamp
from pytest_villas.links.sp_clock import KernelClock
from pytest_villas.links.sp_loop import Loop
from pytest_villas.links.sp_pub import QUEUE, PubSocket
from pytest_villas.links.sp_sub import SubSocket
from pytest_villas.links.sp_wire import Faults
from pytest_villas.units import format_duration, s

LINGER_NS = 500_000_000
"""How long `close` waits for queued messages to leave."""


@dataclass
class SpLink:
    """A link to nanomsg peers over tcp and ipc.

    Attributes:
        publish: addresses that our publisher listens on (`tcp://*:12000`, `tcp://[::1]:12000`, `ipc:///tmp/x.ipc`).
        subscribe: addresses that our subscriber dials; it takes every topic, as VILLASnode does.
        max_message: bytes of the longest message that is taken; a peer that announces a longer one is cut off.
    """

    publish: Sequence[str] = ()
    subscribe: Sequence[str] = ()
    max_message: int = 16 * 2**20
    _loop: Loop | None = field(default=None, init=False, repr=False, compare=False)
    _pub: PubSocket = field(init=False, repr=False, compare=False)
    _sub: SubSocket = field(init=False, repr=False, compare=False)
    _faults: Faults = field(default_factory=Faults, init=False, repr=False, compare=False)
    _overrun: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def stamp(self) -> Stamp:
        """The kernel stamps where every subscription is tcp: it has no stamps for ipc."""
        tcp = [address.startswith("tcp:") for address in self.subscribe]
        return Stamp.KERNEL if tcp and all(tcp) else Stamp.USER

    def open(self) -> Self:
        """Listen on every `publish` address and start to dial every `subscribe` address."""
        self._loop = Loop()
        self._faults, self._overrun = Faults(), 0
        self._pub = PubSocket(self._loop, self._faults)
        clock = KernelClock() if self.stamp is Stamp.KERNEL else None
        self._sub = SubSocket(self._loop, self._faults, self.max_message, clock)
        try:
            for address in self.publish:
                self._pub.listen(address)
            for address in self.subscribe:
                self._sub.dial(address)
        except BaseException:
            self.close()
            raise
        return self

    def wait_connected(self, timeout: int, subscribers: int | None = None, publishers: int | None = None) -> None:
        """Wait until so many have subscribed (one, where we publish), and publishers answered (all that are dialled)."""
        wanted = (
            bool(self.publish) if subscribers is None else subscribers,
            len(self.subscribe) if publishers is None else publishers,
        )
        end = time.monotonic_ns() + timeout
        self._serve(0)  # who has gone unnoticed counts no more
        while missing := self._missing(*wanted):
            left = end - time.monotonic_ns()
            if left <= 0:
                raise LinkTimeout(f"{missing} within {format_duration(timeout)}")
            self._serve(left)

    def send(self, payload: bytes) -> bool:
        """Publish one message to every subscriber; it is queued where one reads slowly, and dropped where a queue is full.

        Always True: what is dropped is counted in `losses`, once for each subscriber that misses it.
        """
        self._pub.send(payload)
        return True

    def fileno(self) -> int:
        """Return a descriptor that is readable while `receive` has something to do; not always that is a message."""
        assert self._loop is not None
        return self._loop.fileno()

    def receive(self) -> tuple[int, bytes] | None:
        """Do what is to be done, and return the next message with its stamp on the clock of `time.monotonic_ns()`."""
        loop, arrived = self._loop, self._sub.arrived
        assert loop is not None
        if not arrived:
            loop.turn(0)
            if not arrived:
                return None
            if len(arrived) > 1:
                loop.remind(on=True)
        message = arrived.popleft()
        if not arrived:
            loop.remind(on=False)
        return message

    def losses(self) -> Losses:
        """Return what was dropped from our queues or sent to nobody where there was somebody before, and what still waits."""
        unsent, unread = self._pub.flush(), len(self._sub.arrived)
        return Losses(self._pub.lost + unsent, self._overrun + unread, unsent, unread)

    def faults(self) -> Faults:
        """Return what peers did wrong since the link was opened."""
        return replace(self._faults)

    def wire_faults(self) -> Mapping[str, int]:
        """Return the counts of `faults` by name."""
        return asdict(self._faults)

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> None:  # noqa: ARG002 - nobody knows them, whatever it was
        """Return nothing: the network does not say."""
        return

    def close(self) -> None:
        """Close every connection, after what is queued has left or half a second has passed."""
        if self._loop is None:
            return
        self._sub.close()
        self._pub.stop_listening()
        end = time.monotonic_ns() + LINGER_NS
        while self._pub.flush() and (left := end - time.monotonic_ns()) > 0:
            self._loop.turn(left / s)
        self._pub.close()
        self._loop.close()
        self._loop = None
        del self._pub, self._sub

    def _missing(self, subscribers: int, publishers: int) -> str:
        if self._pub.subscribed < subscribers:
            return f"{self._pub.subscribed or 'nobody'} subscribed to {', '.join(self.publish)}"
        if self._sub.answered < publishers:
            reason = f" ({self._sub.trouble})" if self._sub.trouble else ""
            return f"{self._sub.answered} of {len(self.subscribe)} publishers answered: {', '.join(self.subscribe)}{reason}"
        return ""

    def _serve(self, timeout: int) -> None:
        """Work, with a wait of at most `timeout` ns, while nobody takes messages: they must not pile up."""
        loop, arrived = self._loop, self._sub.arrived
        assert loop is not None
        loop.remind(on=False)
        loop.turn(timeout / s)
        while len(arrived) > QUEUE:
            arrived.popleft()
            self._overrun += 1
        loop.remind(on=bool(arrived))
