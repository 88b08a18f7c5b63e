"""`cobs`: the payload and its checksum without any zero byte [Cheshire and Baker, 1999], and a zero byte at the end.

A zero is the end of a frame wherever the reader begins, so that damage reaches no further than the frame that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cobs import cobs

from pytest_villas.links.framing.checksum import Checksum
from pytest_villas.links.framing.delimited import Splitter
from pytest_villas.links.framing.framing import LIMIT, FrameFaults

_END = b"\0"


@dataclass
class Cobs:
    """Carries every payload, also an empty one. A frame longer than `limit` bytes is given up."""

    checksum: Checksum = field(default_factory=Checksum)
    limit: int = LIMIT
    _splitter: Splitter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._splitter = Splitter(_END, self.limit)

    @property
    def faults(self) -> FrameFaults:
        """See `Framing.faults`."""
        return self._splitter.faults

    def wrap(self, payload: bytes) -> bytes:
        """See `Framing.wrap`."""
        return bytes(cobs.encode(payload + self.checksum.of(payload))) + _END

    def feed(self, data: bytes) -> list[bytes]:
        """See `Framing.feed`."""
        return [payload for frame in self._splitter.split(data) if (payload := self._payload(frame)) is not None]

    def reset(self) -> None:
        """See `Framing.reset`."""
        self._splitter.reset()

    def _payload(self, frame: bytes) -> bytes | None:
        if not frame:  # two zeros in a row: a sender may begin with one, to be sure
            return None
        try:
            payload = self.checksum.stripped(cobs.decode(frame))
        except cobs.DecodeError:
            self.faults.resyncs += 1
        else:
            if payload is not None:
                return payload
            self.faults.checksum += 1
        self.faults.garbage += len(frame) + 1
        return None
