"""What the parent tells the process that replays, and one of its answers. Each goes as a pair, with the number of the command."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pytest_villas.links import Link
from pytest_villas.samples import Int64s


@dataclass(frozen=True, slots=True)
class Open:
    """Open this link on top of those that are open: commands go to it until it is closed; the others are read and dropped."""

    link: Link


@dataclass(frozen=True, slots=True)
class Close:
    """Close the link that was opened last."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Wait until the link has its peers, at most `timeout` ns."""

    timeout: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Wait until a message came in after the link was opened, at most `timeout` ns."""

    timeout: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Send `blob[offsets[i]:offsets[i + 1]]` at `start + due[i]`, ns of the monotonic clock; capture into `folder`."""

    offsets: Int64s
    blob: bytes
    due: Int64s
    start: int
    epoch_offset: int
    tail: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Stop:
    """End a running replay now; its capture is kept."""


@dataclass(frozen=True, slots=True)
class Late:
    """The answer to a `Replay` whose start had passed already."""

    by: int


def send(connection: Connection, number: int, message: object) -> None:
    """Send a command or the answer to one.

    `Connection.send` sends out of a buffer of `io.BytesIO`; where that fails, the error keeps the buffer in a cycle, and
    collecting such a cycle ends CPython 3.12.1 by SIGSEGV.
    """
    connection.send_bytes(pickle.dumps((number, message)))


def receive(connection: Connection) -> tuple[int, Any]:
    """Return the next command or answer with its number. Raises what `Connection.recv_bytes` does."""
    number, message = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the process at the other end of our own socket
    return number, message
