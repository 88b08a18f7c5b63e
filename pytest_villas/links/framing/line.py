r"""`line`: one line of text a message. With a checksum, ``*`` and its hex digits stand before the newline, as in NMEA 0183.

Carriage returns before the newline are ignored, and so are empty lines. Payloads that are read end in ``\n``, as those of
villas.human and csv do; one that is sent without it is given it.
"""

from __future__ import annotations

from pytest_villas.errors import EncodeError
from pytest_villas.links.framing.delimited import Delimited

_END = b"\n"
_RETURN = b"\r"
"""A console that translates newlines puts one before each, also where there was one already."""


class Line(Delimited):
    """Carries a payload that is one line. A line longer than `limit` bytes is given up."""

    end = _END

    def wrap(self, payload: bytes) -> bytes:
        """See `Framing.wrap`."""
        line = payload.removesuffix(_END).rstrip(_RETURN)
        if not line:
            raise EncodeError("framing 'line': the message is empty, and an empty line is none: use framing 'cobs'")
        if _END in line:
            raise EncodeError(
                f"framing 'line': the message has {line.count(_END) + 1} lines and a frame is one: "
                "write it without indentation and header, one sample a message, or use framing 'cobs'"
            )
        return line + self._tail(line) + _END

    def _payload(self, frame: bytes) -> bytes | None:
        line = frame.rstrip(_RETURN)
        if not line:
            return None
        if self.checksum.size:
            line, _, given = line.rpartition(b"*")
            if not line or b"*" + given.upper() != self._tail(line):
                self.faults.checksum += 1
                self.faults.garbage += len(frame) + 1
                return None
            line = line.rstrip(_RETURN)
        return line + _END if line else None

    def _tail(self, line: bytes) -> bytes:
        return b"*" + self.checksum.of(line).hex().upper().encode() if self.checksum.size else b""
