"""The seam between bytes and messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LIMIT = 16 * 2**20
"""Bytes of the longest frame that is waited for, unless a framing is told otherwise."""


@dataclass(slots=True)
class FrameFaults:
    """What was wrong with the bytes that came, counted since the framing was made."""

    checksum: int = 0
    """Frames with a wrong checksum."""
    resyncs: int = 0
    """Times that the beginning of a frame was lost and had to be looked for."""
    garbage: int = 0
    """Bytes that belonged to no sound frame."""


class Framing(Protocol):
    """Messages to bytes for one direction of a line, and bytes to messages; it can be pickled.

    Whatever bytes come, none of its calls fails and the next sound frames are found; what was lost on the way is counted.
    """

    @property
    def faults(self) -> FrameFaults:
        """What was wrong so far; it goes on counting."""

    def wrap(self, payload: bytes) -> bytes:
        """Return the bytes of one frame. Raises EncodeError for a payload that this framing cannot carry."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads of the frames that these bytes complete."""

    def reset(self) -> None:
        """Forget a frame that has begun and will not end: the line was interrupted. Its bytes count as garbage."""
