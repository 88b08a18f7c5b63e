"""Frames as the firmware speaks them, made and taken apart by other code than its own: struct, zlib and the cobs library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cobs import cobs

LONGEST = 16 + 4 * 8 + 4 + 1
"""Bytes of the longest frame that the firmware takes, without its zero."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Floats first, then integers."""

    sequence: int
    seconds: int
    nanoseconds: int
    values: tuple[float, ...]


def message(sequence: int, floats: Sequence[float], integers: Sequence[int], *, time: tuple[int, int] = (0, 0)) -> bytes:
    """Return one sample as villas.binary."""
    count = len(floats) + len(integers)
    header = struct.pack(">BBHIII", 0x20, 0, count, sequence, *time)
    return header + struct.pack(f">{len(floats)}f{len(integers)}i", *floats, *integers)


def framed(payload: bytes) -> bytes:
    """Return the frame of a message, with its checksum and its zero."""
    return bytes(cobs.encode(payload + struct.pack(">I", zlib.crc32(payload)))) + b"\0"


def accepted(stream: bytes) -> Iterator[bytes]:
    """Yield the message of each sound frame in a stream that ends with a zero."""
    for chunk in stream.split(b"\0")[:-1]:
        try:
            whole = bytes(cobs.decode(chunk))
        except cobs.DecodeError:
            continue
        payload, checksum = whole[:-4], whole[-4:]
        if len(chunk) > LONGEST or len(payload) < 16 or struct.pack(">I", zlib.crc32(payload)) != checksum:
            continue
        kind, _, count = struct.unpack_from(">BBH", payload)
        if kind == 0x20 and count <= 8 and len(payload) == 16 + 4 * count:
            yield payload


def sample(payload: bytes, integers: int) -> Sample:
    """Read a message, the last values of which are integers."""
    _, _, count, sequence, seconds, nanoseconds = struct.unpack_from(">BBHIII", payload)
    values = struct.unpack_from(f">{count - integers}f{integers}i", payload, 16)
    return Sample(sequence, seconds, nanoseconds, values)
