"""A serial line: messages in frames over a device, a pty, or any URL that pyserial opens.

Bytes are read when the descriptor of the port says that they are there, and a message is stamped when its last byte was
read. What cannot be written at once waits in a queue of our own and goes on when the port takes it. Where the port goes
away, `receive` says so once and the link tries to open it again, in a thread; `wait_connected` waits for that.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import serial
from serial.urlhandler import protocol_socket

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links.framing import Framing
from pytest_villas.links.link import Losses, Stamp, WireTimes
from pytest_villas.links.serial_line import SerialLine
from pytest_villas.links.serial_opening import Opening
from pytest_villas.links.serial_port import DescriptorPort, Gone, Port, open_serial
from pytest_villas.links.serial_thread import ThreadPort
from pytest_villas.links.sp_loop import READ, WRITE, Loop
from pytest_villas.units import format_duration, ms, s

QUEUE: Final = 8192
"""Messages that wait for the line at most."""
LINGER_NS: Final = 500 * ms
"""How long `close` waits for what is queued to leave."""
_REOPEN_NS: Final = 100 * ms
_BATCH: Final = 64


@dataclass
class SerialLink:
    """A link over one serial line.

    Attributes:
        line: the port and its settings.
        sending, receiving: the framing in each direction.
    """

    line: SerialLine
    sending: Framing
    receiving: Framing
    stamp: Stamp = Stamp.USER
    _loop: Loop | None = field(default=None, init=False, repr=False, compare=False)
    _port: Port | None = field(default=None, init=False, repr=False, compare=False)
    _opening: Opening | None = field(default=None, init=False, repr=False, compare=False)
    _queue: deque[bytes] = field(default_factory=deque, init=False, repr=False, compare=False)
    _waiting: bool = field(default=False, init=False, repr=False, compare=False)
    _arrived: deque[tuple[int, bytes]] = field(default_factory=deque, init=False, repr=False, compare=False)
    _lost: int = field(default=0, init=False, repr=False, compare=False)
    _trouble: str = field(default="", init=False, repr=False, compare=False)
    _untold: bool = field(default=False, init=False, repr=False, compare=False)
    _gone: int = field(default=0, init=False, repr=False, compare=False)
    _line_faults: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the open port can not do for good timing."""
        return self._port.notes if self._port is not None else ()

    def open(self) -> Self:
        """Open the port; LinkError with a remedy where it is missing, busy or forbidden."""
        self._loop = Loop()
        try:
            self._use(open_serial(self.line))
        except BaseException:
            self.close()
            raise
        return self

    def wait_connected(self, timeout: int) -> None:
        """Wait until the port is open; a serial line cannot tell whether anybody is at its other end."""
        loop, end = self._loop, time.monotonic_ns() + timeout
        assert loop is not None
        while self._port is None:
            left = end - time.monotonic_ns()
            if left <= 0:
                raise LinkTimeout(f"{self._trouble}; it did not come back within {format_duration(timeout)}")
            loop.turn(left / s)

    def send(self, payload: bytes) -> bool:
        """Send one message; False where the port is gone or the queue is full. Raises EncodeError where no frame can carry it."""
        frame = self.sending.wrap(payload)
        if self._port is None or len(self._queue) >= QUEUE:
            return False
        self._queue.append(frame)
        if len(self._queue) == 1:
            self._flush()
        return True

    def fileno(self) -> int:
        """Return a descriptor that is readable while `receive` has something to do."""
        assert self._loop is not None
        return self._loop.fileno()

    def receive(self) -> tuple[int, bytes] | None:
        """Return the next message and when its last byte was read.

        Raises LinkError while the port is gone, and once where it was gone in the meantime.
        """
        loop, arrived = self._loop, self._arrived
        assert loop is not None
        if not arrived:
            loop.turn(0)
            if not arrived:
                if self._untold or self._port is None:
                    self._untold = False
                    loop.remind(on=False)
                    raise LinkError(self._trouble)
                return None
            if len(arrived) > 1:
                loop.remind(on=True)
        message = arrived.popleft()
        if not arrived:
            loop.remind(on=False)
        return message

    def losses(self) -> Losses:
        """Return what was dropped from our queue, and what still waits."""
        if self._queue:
            self._flush()
        unsent, unread = len(self._queue), len(self._arrived)
        return Losses(self._lost + unsent, unread, unsent, unread)

    def wire_faults(self) -> Mapping[str, int]:
        """Return what was wrong on the line since the link was opened: of its frames, and where the driver counts, its bits."""
        faults = self.receiving.faults
        counted = dict(self._line_faults)
        if self._port is not None:
            for name, count in self._port.line_faults().items():
                counted[name] = counted.get(name, 0) + count
        return {
            "checksum": faults.checksum, "resyncs": faults.resyncs, "garbage": faults.garbage, "gone": self._gone, **counted,
        }  # fmt: skip

    def wire_times(self, sent: Sequence[bytes], received: Sequence[bytes]) -> WireTimes:
        """Return how long the frame of each message is on the line."""
        times = self.line.time
        return WireTimes(
            [times(len(self.sending.wrap(payload))) for payload in sent],
            [times(len(self.receiving.wrap(payload))) for payload in received],
            str(self.line),
        )

    def close(self) -> None:
        """Close the port, after what is queued has left or half a second has passed."""
        if self._loop is None:
            return
        end = time.monotonic_ns() + LINGER_NS
        while self._port is not None and (self._queue or self._port.unsent()) and time.monotonic_ns() < end:
            self._loop.turn(0.001)
        if (port := self._disconnect()) is not None:
            port.close()
        if self._opening is not None:
            self._loop.forget(self._opening)
            self._opening.give_up()
            self._opening = None
        self._loop.close()
        self._loop = None
        self._arrived.clear()
        self._untold = False

    def _use(self, opened: Any) -> None:
        """Go on with an open port of pyserial."""
        assert self._loop is not None
        by_descriptor = type(opened) is serial.Serial or isinstance(opened, protocol_socket.Serial)
        self._port = DescriptorPort(self.line, opened) if by_descriptor else ThreadPort(opened)
        self._loop.watch(self._port, READ, self._serve)

    def _disconnect(self) -> Port | None:
        """Let go of the port, and return it to be closed."""
        port, self._port = self._port, None
        if port is None or self._loop is None:
            return None
        for name, count in port.line_faults().items():
            self._line_faults[name] = self._line_faults.get(name, 0) + count
        self._loop.forget(port)
        self._lost += len(self._queue)
        self._queue.clear()
        self._waiting = False
        self.receiving.reset()
        return port

    def _serve(self, _: int) -> None:
        """Take what has come and send what waits; both are tried, since an event may be old."""
        if self._port is None:
            return
        try:
            if (read := self._port.read()) is not None:
                stamp, data = read
                self._arrived.extend([(stamp, payload) for payload in self.receiving.feed(data)])
        except Gone as error:
            self._vanished(error)
            return
        if self._queue:
            self._flush()

    def _flush(self) -> None:
        """Write frames whole and in order, as many as the port takes; what is left of one waits in its place."""
        port, queue = self._port, self._queue
        assert self._loop is not None
        if port is None:
            return
        try:
            while queue:
                batch = b"".join([queue[i] for i in range(min(len(queue), _BATCH))])
                taken = port.write(batch)
                full = taken == len(batch)
                while queue and taken >= len(queue[0]):
                    taken -= len(queue.popleft())
                if taken:
                    queue[0] = queue[0][taken:]
                if not full:
                    break
        except Gone as error:
            self._vanished(error)
            return
        waits = bool(queue)
        if waits is not self._waiting:
            self._waiting = waits
            self._loop.watch(port, READ | WRITE if waits else READ, self._serve)

    def _vanished(self, error: Gone) -> None:
        self._gone += 1
        self._trouble = (
            f"{self.line.port} went away while it was in use ({error}): was it unplugged, or did its device lose power? "
            f"plug it in again; villas-rig scan lists the ports that there are"
        )
        self._untold = True
        assert self._loop is not None
        self._loop.remind(on=True)
        self._reopen(self._disconnect())

    def _reopen(self, former: Port | None = None) -> None:
        assert self._loop is not None
        self._opening = Opening(self.line, former)
        self._loop.watch(self._opening, READ, self._reopened)

    def _reopened(self, _: int) -> None:
        loop, opening = self._loop, self._opening
        assert loop is not None
        assert opening is not None
        loop.forget(opening)
        self._opening = None
        if (opened := opening.take()) is None:
            loop.alarm(self._reopen, time.monotonic_ns() + _REOPEN_NS)
        else:
            self._use(opened)
