"""What the parent tells the process that replays, and one of its answers. Each goes as a pair, with the number of the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
