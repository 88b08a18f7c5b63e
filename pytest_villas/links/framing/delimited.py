"""Frames that end in one byte: cut where it comes, and given up where it does not come in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from pytest_villas.links.framing.checksum import Checksum
from pytest_villas.links.framing.framing import LIMIT, FrameFaults


@dataclass
class Splitter:
    """Cuts what comes at `end`; a frame that grows beyond `limit` bytes is dropped up to its end, and counted."""

    end: bytes
    limit: int
    faults: FrameFaults = field(default_factory=FrameFaults)
    _begun: bytearray = field(default_factory=bytearray, repr=False)
    _skipping: bool = False

    def split(self, data: bytes) -> list[bytes]:
        """Return what has ended, without its end."""
        *pieces, rest = data.split(self.end)
        whole = []
        for piece in pieces:
            self._begin(piece)
            if not self._skipping:
                whole.append(bytes(self._begun))
            self._begun.clear()
            self._skipping = False
        self._begin(rest)
        return whole

    def reset(self) -> None:
        """Forget what has begun."""
        self.faults.garbage += len(self._begun)
        self._begun.clear()
        self._skipping = False

    def _begin(self, data: bytes) -> None:
        if self._skipping:
            self.faults.garbage += len(data)
            return
        self._begun += data
        if len(self._begun) > self.limit:
            self.faults.resyncs += 1
            self.reset()
            self._skipping = True


@dataclass
class Delimited(ABC):
    """A framing whose frames end in `end`. One that is longer than `limit` bytes is given up."""

    end: ClassVar[bytes]
    checksum: Checksum = field(default_factory=Checksum)
    limit: int = LIMIT
    _splitter: Splitter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._splitter = Splitter(self.end, self.limit)

    @property
    def faults(self) -> FrameFaults:
        """See `Framing.faults`."""
        return self._splitter.faults

    def feed(self, data: bytes) -> list[bytes]:
        """See `Framing.feed`."""
        return [payload for frame in self._splitter.split(data) if (payload := self._payload(frame)) is not None]

    def reset(self) -> None:
        """See `Framing.reset`."""
        self._splitter.reset()

    @abstractmethod
    def _payload(self, frame: bytes) -> bytes | None:
        """Return what a frame carries, without its end; None for an empty or a damaged one, which is counted."""
