"""`fixed`: a header word, a payload whose size both sides know, and a checksum.

Where the header does not come when it should, or the checksum is wrong, the reader looks for the next header from the
following byte on. A payload may contain the header: without a checksum a false one can be taken for a true one, and a frame
that lost a byte takes one of the next frame. A checksum is how to find out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_villas.errors import ConfigError, EncodeError
from pytest_villas.links.framing.checksum import Checksum
from pytest_villas.links.framing.framing import FrameFaults


@dataclass
class Fixed:
    """Carries payloads of `size` bytes.

    Raises ConfigError where there is neither header nor checksum: one lost byte would shift all that follows.
    """

    size: int
    header: bytes = b"\xaa\x55"
    checksum: Checksum = field(default_factory=Checksum)
    faults: FrameFaults = field(default_factory=FrameFaults, init=False)
    _begun: bytearray = field(default_factory=bytearray, init=False, repr=False)
    _in_step: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.header and not self.checksum.size:
            raise ConfigError("framing 'fixed' needs a header or a checksum: with neither, one lost byte shifts all that follows")
        if self.size < 1:
            raise ConfigError(f"framing 'fixed' carries messages of one size, and that is {self.size} bytes")

    def wrap(self, payload: bytes) -> bytes:
        """See `Framing.wrap`."""
        if len(payload) != self.size:
            raise EncodeError(f"framing 'fixed': the message has {len(payload)} bytes, and every frame carries {self.size}")
        return self.header + payload + self.checksum.of(payload)

    def feed(self, data: bytes) -> list[bytes]:
        """See `Framing.feed`."""
        begun, head, payloads = self._begun, len(self.header), []
        begun += data
        whole, at = head + self.size + self.checksum.size, 0
        while len(begun) - at >= whole:
            if begun.startswith(self.header, at):
                payload = self.checksum.stripped(bytes(begun[at + head : at + whole]))
                if payload is not None:
                    payloads.append(payload)
                    self._in_step = True
                    at += whole
                    continue
                self._stumble(checksum=1)
            else:
                self._stumble()
            found = begun.find(self.header, at + 1)
            # the last bytes may be the beginning of a header
            following = found if found >= 0 else len(begun) - head + 1
            self.faults.garbage += following - at
            at = following
        del begun[:at]
        return payloads

    def reset(self) -> None:
        """See `Framing.reset`."""
        self.faults.garbage += len(self._begun)
        self._begun.clear()
        self._in_step = True

    def _stumble(self, checksum: int = 0) -> None:
        """Count where the step is lost; while the reader looks for a header, what resembles one is no fault of its own."""
        if self._in_step:
            self.faults.resyncs += 1
            self.faults.checksum += checksum
        self._in_step = False
