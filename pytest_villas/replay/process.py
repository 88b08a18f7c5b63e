"""The parent's side of the worker process."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from pytest_villas.errors import LinkError, LinkTimeout, VillasError
from pytest_villas.forks import let_go_when_forked
from pytest_villas.formats import Messages
from pytest_villas.links import Link
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.commands import Close, Connected, Heard, Late, Open, Replay, Stop, receive, send
from pytest_villas.replay.shared import Follower, Shared
from pytest_villas.units import format_duration, s

Watch = Callable[[Follower], None]
"""Called four times a second while a replay runs, with what can be asked how far it is.

It may raise: the replay is then stopped and its capture kept.
"""

_START_NS = 30 * s
"""How long an interpreter may take to start on a machine that is busy."""
_GRACE_NS = 3 * s
"""How long the worker may take to store a capture, beyond a second for every 10 MB."""
_CLOSE_NS = 25 * s
"""How long links may take to close: where NNG does not return from that, each of up to four sockets takes 5 s."""
_STILL = struct.pack("ll", 5, 0)
"""How long (s, us) the worker may take no byte of a command, or give none of an answer, once one has begun."""


class Worker:
    """A process of its own that sends and receives; NNG must not be forked, so it is a fresh interpreter.

    Each command has a number and its answer has the same: an answer that was given up and comes after all is dropped. What
    is asked of a worker that died or stands still raises LinkError.
    """

    def __init__(self, log: Path) -> None:
        """Start the process; it answers from the first command on. What it says of itself goes to `log`."""
        self._log = log
        ours, theirs = socket.socketpair()
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, _STILL)
        progress = Shared.create()
        self._shared = Shared(progress)
        command = [sys.executable, "-m", "pytest_villas.replay.worker", str(theirs.fileno()), str(progress)]
        descriptors = (theirs.fileno(), progress)
        with _opened(log) as said:
            self._process = subprocess.Popen(
                command, pass_fds=descriptors, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
        theirs.close()
        os.close(progress)
        self._connection = Connection(ours.detach())
        self._number = 0
        self._out_of_use = ""  # why nobody knows any more in what state it is
        let_go_when_forked(self)

    def open(self, link: Link) -> str:
        """Open a link on top of those that are open: what follows is about it. Returns what scheduling the worker has."""
        number = self._send(Open(link))
        try:
            answer = self._wait(number, time.monotonic_ns() + _START_NS)
        except BaseException:
            self._out_of_use = self._out_of_use or "it was left while it opened a link"
            raise
        return str(_checked(answer))

    def close_link(self) -> None:
        """Close the link that was opened last; what follows is about the one before."""
        self._ask(Close(), _CLOSE_NS)

    def wait_connected(self, timeout: int) -> None:
        """Wait until the link has its peers; LinkTimeout names what is missing after `timeout` ns."""
        self._ask(Connected(timeout), timeout + _GRACE_NS)

    def hear(self, timeout: int) -> bool:
        """Wait for a first message from the peer; False where none came within `timeout` ns."""
        return bool(self._ask(Heard(timeout), timeout + _GRACE_NS))

    def replay(self, payloads: Sequence[bytes], job: Callable[..., Replay], watch: Watch) -> Capture | Late:
        """Run one replay and return its capture, which is on the disk by then."""
        messages = Messages.of(payloads)
        command = job(offsets=messages.offsets, blob=messages.blob.tobytes())
        follower = Follower(self._shared)
        length = int(command.due[-1]) + command.tail
        end = max(command.start, time.monotonic_ns()) + length + _GRACE_NS + messages.blob.size * 100
        number = self._send(command)
        try:
            answer = self._wait(number, end, lambda: watch(follower))
        except BaseException:
            self._stop(number)
            raise
        kept: Capture | Path | Late = _checked(answer)
        return Capture.load(kept.parent) if isinstance(kept, Path) else kept

    def close(self) -> None:
        """End the process; it closes its links first, and is killed where that takes too long."""
        if not self._connection.closed:
            with (
                contextlib.suppress(OSError),
                socket.fromfd(self._connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as ours,
            ):
                ours.shutdown(socket.SHUT_RDWR)  # whoever else may hold a copy of it
            self._connection.close()
        try:
            self._process.wait((_GRACE_NS if self._out_of_use else _CLOSE_NS + _GRACE_NS) / s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def let_go(self) -> None:
        """See `forks.Holder`."""
        self._connection.close()

    def _stop(self, number: int) -> None:
        """Stop a replay and wait until its capture is stored."""
        with contextlib.suppress(LinkError):  # what ended the replay is being raised already
            self._send(Stop())
            self._wait(number, time.monotonic_ns() + _GRACE_NS)

    def _ask(self, command: object, timeout: int) -> Any:
        return _checked(self._wait(self._send(command), time.monotonic_ns() + timeout))

    def _send(self, command: object) -> int:
        """Send a command and return its number."""
        self._number += 1
        with self._whole():
            send(self._connection, self._number, command)
        return self._number

    def _wait(self, number: int, end: int, meanwhile: Callable[[], None] = lambda: None) -> object:
        """Return the answer to the command of that number; LinkTimeout where there is none at `end`, monotonic ns."""
        answered, answer = 0, None
        while answered != number:
            while not self._connection.poll(0.25):
                self._check(end)
                meanwhile()
            with self._whole():
                answered, answer = receive(self._connection)
        return answer

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Carry one command or answer: where one is cut off, the rest of it would be taken for the next."""
        if self._out_of_use:
            raise LinkError(f"the replay process is of no use any more: {self._out_of_use}, see {self._log}")
        self._out_of_use = "it was left in the middle of a command or an answer"
        try:
            yield
        except BlockingIOError:
            self._out_of_use = "it stands still"
            raise LinkTimeout(f"the replay process stands still, see {self._log}") from None
        except (EOFError, OSError):
            self._out_of_use = self._end()
            raise LinkError(f"the replay process {self._out_of_use}, see {self._log}") from None
        self._out_of_use = ""

    def _end(self) -> str:
        """Say how the process ended; it has closed its connection."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"ended with status {self._process.wait(5)}"
        return "hung up"

    def _check(self, end: int) -> None:
        if (status := self._process.poll()) is not None and not self._connection.poll():
            raise LinkError(f"the replay process ended with status {status}, see {self._log}")
        if time.monotonic_ns() > end:
            raise LinkTimeout(f"the replay process did not answer, {format_duration(time.monotonic_ns() - end)} over its time")


def _checked(answer: object) -> Any:
    """Raise what went wrong in the worker, or return what it answered."""
    if isinstance(answer, VillasError):
        raise answer
    return answer


def _opened(log: Path) -> IO[bytes]:
    """Open a log; where that is not possible, it is lost and the replay is not."""
    with contextlib.suppress(OSError):
        return log.open("ab")
    return Path(os.devnull).open("ab")
