"""The parent's side of the worker process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from pytest_villas.errors import LinkError, LinkTimeout, RigError
from pytest_villas.formats import Messages
from pytest_villas.links import Link
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.commands import Close, Connected, Heard, Late, Open, Replay, Stop
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


class Worker:
    """A process of its own that sends and receives; NNG must not be forked, so it is a fresh interpreter."""

    def __init__(self, log: Path) -> None:
        """Start the process; it answers from the first command on. What it says of itself goes to `log`."""
        self._log = log
        ours, theirs = socket.socketpair()
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

    def open(self, link: Link) -> str:
        """Open a link on top of those that are open: what follows is about it. Returns what scheduling the worker has."""
        return str(self._ask(Open(link), _START_NS))

    def close_link(self) -> None:
        """Close the link that was opened last; what follows is about the one before."""
        self._ask(Close(), _GRACE_NS)

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
        self._connection.send(command)
        length = int(command.due[-1]) + command.tail
        end = max(command.start, time.monotonic_ns()) + length + _GRACE_NS + messages.blob.size * 100
        try:
            while not self._connection.poll(0.25):
                self._check(end)
                watch(follower)
        except BaseException:
            self._stop()
            raise
        answer: Capture | Path | Late = self._receive()
        return Capture.load(answer.parent) if isinstance(answer, Path) else answer

    def close(self) -> None:
        """End the process; it closes its links first, and is killed where that takes too long."""
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _stop(self) -> None:
        """Stop a replay and wait until its capture is stored."""
        try:
            self._connection.send(Stop())
            if self._connection.poll(_GRACE_NS / s):
                self._connection.recv()
        except (OSError, EOFError):
            pass  # it died before; what killed the replay is being raised already

    def _ask(self, command: object, timeout: int) -> Any:
        self._connection.send(command)
        end = time.monotonic_ns() + timeout
        while not self._connection.poll(0.25):
            self._check(end)
        return self._receive()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.wait(5)
            raise LinkError(f"the replay process ended with status {self._process.returncode}, see {self._log}") from None
        if isinstance(answer, LinkError | RigError):
            raise answer
        return answer

    def _check(self, end: int) -> None:
        if (status := self._process.poll()) is not None and not self._connection.poll():
            raise LinkError(f"the replay process ended with status {status}, see {self._log}")
        if time.monotonic_ns() > end:
            raise LinkTimeout(f"the replay process did not answer, {format_duration(time.monotonic_ns() - end)} over its time")


def _opened(log: Path) -> IO[bytes]:
    """Open a log; where that is not possible, it is lost and the replay is not."""
    with contextlib.suppress(OSError):
        return log.open("ab")
    return Path(os.devnull).open("ab")
