"""`cobs`: the payload and its checksum without any zero byte [Cheshire and Baker, 1999], and a zero byte at the end.

A zero is the end of a frame wherever the reader begins, so that damage reaches no further than the frame that follows it.
"""

from __future__ import annotations

from cobs import cobs

from pytest_villas.links.framing.delimited import Delimited

_END = b"\0"


class Cobs(Delimited):
    """Carries every payload, also an empty one. A frame longer than `limit` bytes is given up."""

    end = _END

    def wrap(self, payload: bytes) -> bytes:
        """See `Framing.wrap`."""
        return bytes(cobs.encode(payload + self.checksum.of(payload))) + _END

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
