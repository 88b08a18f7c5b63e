"""Checksums of frames."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from typing import Literal

Name = Literal["none", "crc16", "crc32"]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum by its name; the polynomials are those of `CHECKSUMS`."""

    name: Name = "none"

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return {"none": 0, "crc16": 2, "crc32": 4}[self.name]

    def of(self, data: bytes) -> bytes:
        """Return the checksum, big-endian; nothing where there is none."""
        if self.name == "crc16":
            return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")
        if self.name == "crc32":
            return zlib.crc32(data).to_bytes(4, "big")
        return b""

    def stripped(self, data: bytes) -> bytes | None:
        """Return the data before its checksum, None where that is wrong or missing."""
        if self.name == "none":
            return data
        payload, given = data[: -self.size], data[-self.size :]
        return payload if given == self.of(payload) else None


CHECKSUMS: dict[Name, str] = {
    "none": "no checksum",
    "crc16": "CRC-16/IBM-3740 (CCITT-FALSE): polynomial 0x1021, initial value 0xFFFF, not reflected",
    "crc32": "CRC-32/ISO-HDLC (zlib, Ethernet): polynomial 0x04C11DB7, reflected",
}
"""What each name stands for."""
