"""`opal.asyncip`: u16 dev_id, u32 msg_id (the sequence, which wraps), u16 bytes of values, then doubles; little-endian.

Every value is a double on the wire: integers have to survive that, booleans are 0 and 1. There is no time stamp.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, SignalError
from pytest_villas.formats.checks import check_types, need_sequence, refuse
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.formats.records import columns_of, messages, written
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalType

_HEADER = struct.Struct("<HIH")
_MOST = 64


class OpalOptions(FormatOptions, frozen=True, kw_only=True):
    """`dev_id` is the device that a message says it comes from."""

    dev_id: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> OpalAsyncIp:
    """Build the codec."""
    check_types(name, signals, SignalType.FLOAT, SignalType.INTEGER, SignalType.BOOLEAN)
    if len(signals) > _MOST:
        raise ConfigError(f"format {name!r}: {len(signals)} signals: a message takes at most {_MOST}")
    return OpalAsyncIp(name, signals, read_options(name, OpalOptions, options))


@dataclass(frozen=True, slots=True)
class OpalAsyncIp(MessageCodec):
    """See the module."""

    options: OpalOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        need_sequence(self.name, samples)
        for i, column in enumerate(samples.columns):
            if column.dtype.kind == "i":
                refuse(self.name, samples, i, (column > 2**53) | (column < -(2**53)), "it does not fit into a 64-bit float")
        head: dict[str, int | Int64s] = {
            "dev_id": self.options.dev_id,
            "msg_id": samples.sequence & 0xFFFFFFFF,
            "size": 8 * samples.length,
        }
        records = written(self.name, self._layout(len(self.signals)), head, samples)
        return messages(records, _HEADER.size + 8 * np.arange(len(self.signals) + 1), samples.length, per_message)

    def _read(self, payloads: Messages) -> Batch:
        layout = self._layout(len(self.signals))
        sizes = payloads.sizes
        if not np.any(sizes % layout.itemsize):
            records = np.frombuffer(payloads.blob, layout)
            if np.all(records["size"] == 8 * len(self.signals)):
                columns = columns_of(records, [Signal()] * len(self.signals), len(self.signals))
                length = np.full(records.size, len(self.signals))
                return Batch(self._cast(columns, length, records["msg_id"]), sizes // layout.itemsize)
        return self._read_uneven(payloads)

    def _read_uneven(self, payloads: Messages) -> Batch:
        """Read samples of different lengths, from header to header."""
        sequences: list[int] = []
        lengths: list[int] = []
        counts: list[int] = []
        data: list[bytes] = []
        for payload in payloads:
            offset, before = 0, len(sequences)
            while offset < len(payload):
                offset, sequence, values = self._sample(payload, offset)
                sequences.append(sequence)
                lengths.append(len(values) // 8)
                data.append(values.ljust(8 * len(self.signals), b"\0"))
            counts.append(len(sequences) - before)
        table = np.frombuffer(b"".join(data), "<f8").reshape(len(data), len(self.signals)).astype(np.float64)
        length = np.array(lengths, np.int64)
        table[np.arange(len(self.signals)) >= length[:, None]] = np.nan
        return Batch(self._cast(list(table.T), length, np.array(sequences, np.int64)), counts)

    @staticmethod
    def _layout(count: int) -> np.dtype[Any]:
        return np.dtype([("dev_id", "<u2"), ("msg_id", "<u4"), ("size", "<u2"), *((f"v{i}", "<f8") for i in range(count))])

    def _sample(self, payload: bytes, offset: int) -> tuple[int, int, bytes]:
        if len(payload) - offset < _HEADER.size:
            raise DecodeError(f"{self.name}: {len(payload) - offset} bytes are no header of {_HEADER.size}")
        _, sequence, size = _HEADER.unpack_from(payload, offset)
        start = offset + _HEADER.size
        if size % 8 or size > 8 * len(self.signals):
            raise DecodeError(f"{self.name}: {size} bytes of values: {len(self.signals)} signals have 8 each")
        if start + size > len(payload):
            raise DecodeError(f"{self.name}: cut off: {len(payload)} bytes where {size} bytes of values need {start + size}")
        return start + size, sequence, payload[start : start + size]

    def _cast(self, floats: list[Column], length: Any, sequence: Any) -> Samples:
        columns = []
        for i, (signal, column) in enumerate(zip(self.signals, floats, strict=True)):
            if signal.type is not SignalType.FLOAT:
                carried = Samples([np.where(length > i, column, 0.0)], [Signal(signal.name)])
                try:
                    columns.append(carried.cast([signal]).columns[0])
                except SignalError as error:
                    raise DecodeError(f"{self.name}: {error}") from None
            else:
                columns.append(np.ascontiguousarray(column))
        return Samples(columns, self.signals, sequence=sequence, length=length)
