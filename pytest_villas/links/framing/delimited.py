"""Frames that end in one byte: cut where it comes, and given up where it does not come in time."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_villas.links.framing.framing import FrameFaults


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
