"""`villas.binary` and `villas.web`: a header of 16 bytes and 32-bit values, in network or in little-endian byte order.

A sample is u8 version and type (0x20), u8 source_index, u16 count, u32 sequence, u32 s, u32 ns, then `count` float32 or
int32. Samples follow each other without a gap. What the layout cannot say: flags, the time of reception, and sequence
numbers from 2^32 on, which wrap. VILLASnode reads integers without their sign; here they keep it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_villas.errors import ConfigError, DecodeError
from pytest_villas.formats.checks import check_types, join_time, need_stamps, unsigned_seconds
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.formats.records import columns_of, messages, written
from pytest_villas.samples import Int64s, Samples, Signal, SignalType

_HEADER = 16
_KIND = 0x20
_FIELDS = [("kind", "u1"), ("source", "u1"), ("count", "u2"), ("sequence", "u4"), ("sec", "u4"), ("nsec", "u4")]


class BinaryOptions(FormatOptions, frozen=True, kw_only=True):
    """`source_index` marks our samples; with `validate_source_index` messages with another one are refused."""

    source_index: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    validate_source_index: bool = False


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> VillasBinary:
    """Build the codec for `villas.binary` or `villas.web`."""
    check_types(name, signals, SignalType.FLOAT, SignalType.INTEGER)
    if len(signals) >= 2**16:
        raise ConfigError(f"format {name!r}: {len(signals)} signals: a sample counts them in 16 bits")
    return VillasBinary(name, signals, read_options(name, BinaryOptions, options))


@dataclass(frozen=True, slots=True)
class VillasBinary(MessageCodec):
    """See the module."""

    options: BinaryOptions

    @property
    def _order(self) -> Literal["<", ">"]:
        return "<" if self.name == "villas.web" else ">"

    def _layout(self, count: int) -> np.dtype[Any]:
        values = [(f"v{i}", "f4" if signal.type is SignalType.FLOAT else "i4") for i, signal in enumerate(self.signals[:count])]
        return np.dtype(_FIELDS + values).newbyteorder(self._order)

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        need_stamps(self.name, samples)
        seconds, nanoseconds = unsigned_seconds(self.name, samples.origin, 32)
        head: dict[str, int | Int64s] = {
            "kind": _KIND,
            "source": self.options.source_index,
            "count": samples.length,
            "sequence": samples.sequence & 0xFFFFFFFF,
            "sec": seconds,
            "nsec": nanoseconds,
        }
        records = written(self.name, self._layout(len(self.signals)), head, samples)
        return messages(records, _HEADER + 4 * np.arange(len(self.signals) + 1), samples.length, per_message)

    def _read(self, payloads: Messages) -> Batch:
        count = len(self.signals)
        size = _HEADER + 4 * count
        sizes = payloads.sizes
        if not np.any(sizes % size):
            records = np.frombuffer(payloads.blob, self._layout(count))
            if np.all(records["count"] == count):
                return Batch(self._samples(records), sizes // size)
        return self._read_uneven(payloads)

    def _read_uneven(self, payloads: Messages) -> Batch:
        """Read samples of different lengths: walk from header to header, then gather those of one length."""
        walked = [self._walk(payload) for payload in payloads]
        records = [record for message in walked for record in message]
        lengths = np.fromiter(((len(record) - _HEADER) // 4 for record in records), np.int64, len(records))
        order: list[Int64s] = []
        parts = []
        for length in np.unique(lengths).tolist():
            chosen = np.flatnonzero(lengths == length)
            order.append(chosen)
            joined = b"".join([records[i] for i in chosen.tolist()])
            parts.append(self._samples(np.frombuffer(joined, self._layout(length))))
        samples = Samples.concat(parts)[np.argsort(np.concatenate(order))]
        return Batch(samples, [len(message) for message in walked])

    def _walk(self, payload: bytes) -> list[bytes]:
        offset, records = 0, []
        while offset < len(payload):
            if len(payload) - offset < _HEADER:
                raise DecodeError(f"{self.name}: {len(payload) - offset} bytes after the last sample are no header of {_HEADER}")
            if payload[offset] != _KIND:
                raise DecodeError(f"{self.name}: byte {offset} is 0x{payload[offset]:02x}: a sample begins with 0x{_KIND:02x}")
            (count,) = struct.unpack_from(f"{self._order}H", payload, offset + 2)
            if count > len(self.signals):
                raise DecodeError(f"{self.name}: a sample has {count} values for {len(self.signals)} signals")
            end = offset + _HEADER + 4 * count
            if end > len(payload):
                raise DecodeError(f"{self.name}: cut off: {len(payload)} bytes where {count} values need {end}")
            records.append(payload[offset:end])
            offset = end
        return records

    def _samples(self, records: npt.NDArray[Any]) -> Samples:
        if np.any(records["kind"] != _KIND):
            bad = int(records["kind"][records["kind"] != _KIND][0])
            raise DecodeError(f"{self.name}: a sample begins with 0x{bad:02x}: version 2 with data is 0x{_KIND:02x}")
        if self.options.validate_source_index and np.any(records["source"] != self.options.source_index):
            bad = int(records["source"][records["source"] != self.options.source_index][0])
            raise DecodeError(f"{self.name}: source_index is {bad}: only {self.options.source_index} is accepted")
        length = (records.dtype.itemsize - _HEADER) // 4
        columns = columns_of(records, self.signals, length)
        return Samples(
            columns,
            self.signals,
            origin=join_time(records["sec"], records["nsec"]),
            sequence=records["sequence"].astype(np.int64),
            length=np.full(records.size, length, np.int64),
        )
