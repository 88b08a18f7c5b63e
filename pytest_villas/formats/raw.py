"""`raw` and `gtnet`: the values of one sample and nothing else, in words of `bits`.

`fake = true` puts sequence, seconds and nanoseconds before them, as integers of `bits` without sign. A complex value takes
two words, real before imaginary (VILLASnode's reader swaps them). There is no framing: a message is one sample.
VILLASnode writes floats in 8 or 16 bits as all ones; here such signals are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats.checks import check_types, join_time, need_stamps, unsigned_seconds
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Blob, Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.formats.records import columns_of, messages, written
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType

_HEADER = ("sequence", "sec", "nsec")


class RawOptions(FormatOptions, frozen=True, kw_only=True):
    """The layout [raw.yaml]; `endianess` (sic) is little for `raw` and big for `gtnet`."""

    bits: Literal[8, 16, 32, 64] = 32
    endianess: Literal["little", "big"] | None = None
    fake: bool = False


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> Raw:
    """Build the codec for `raw` or `gtnet`."""
    settings = read_options(name, RawOptions, options)
    if settings.bits == 8 and settings.endianess:
        raise ConfigError(f"format {name!r}: endianess: 8 bits have none")
    if settings.bits < 32:
        check_types(name, signals, SignalType.INTEGER, SignalType.BOOLEAN)
    return Raw(name, signals, settings)


@dataclass(frozen=True, slots=True)
class Raw(MessageCodec):
    """See the module."""

    options: RawOptions

    @property
    def _head(self) -> tuple[str, ...]:
        return _HEADER if self.options.fake else ()

    def _layout(self, count: int) -> np.dtype[Any]:
        """Return the layout of a sample with `count` values."""
        width = self.options.bits // 8
        kinds = {SignalType.FLOAT: f"f{width}", SignalType.COMPLEX: f"c{2 * width}"}
        fields = [(name, f"u{width}") for name in self._head]
        fields += [(f"v{i}", kinds.get(signal.type, f"i{width}")) for i, signal in enumerate(self.signals[:count])]
        big = (self.options.endianess or ("big" if self.name == "gtnet" else "little")) == "big"
        return np.dtype(fields).newbyteorder(">" if big else "<")

    def _sizes(self) -> npt.NDArray[np.int64]:
        """Return the bytes of a sample with 0, 1 ... all values."""
        words = [len(self._head), *(2 if signal.type is SignalType.COMPLEX else 1 for signal in self.signals)]
        return np.cumsum(words) * (self.options.bits // 8)

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        if per_message > 1 and len(samples) > 1:
            raise EncodeError(f"{self.name}: {min(per_message, len(samples))} samples a message: it has no framing and takes one")
        bits = self.options.bits
        head: dict[str, npt.NDArray[Any]] = {}
        if self.options.fake:
            need_stamps(self.name, samples)
            head["sequence"] = samples.sequence.astype(np.uint64) & np.uint64(2**bits - 1)
            head["sec"], head["nsec"] = unsigned_seconds(self.name, samples.origin, bits)
        records = written(self.name, self._layout(len(self.signals)), head, samples)
        ends = self._sizes()
        if not ends[samples.length.min()]:
            raise EncodeError(f"{self.name}: sample {np.argmin(samples.length)} has no values: there would be no message")
        return messages(records, ends, samples.length, 1)

    def _read(self, payloads: Messages) -> Batch:
        sizes = payloads.sizes
        ends = self._sizes()
        if np.all(sizes == ends[-1]):
            return Batch(self._samples(payloads.blob, len(self.signals)), np.ones(len(payloads), np.int64))
        if np.any(wrong := ~np.isin(sizes, ends)):
            size = sizes[wrong][0]
            what = "that is more than" if size > ends[-1] else "that is no beginning of"
            raise DecodeError(f"{self.name}: {size} bytes: {what} the {len(self.signals)} signals in their {ends[-1]} bytes")
        parts, order = [], []
        for size in np.unique(sizes).tolist():
            chosen = np.flatnonzero(sizes == size)
            order.append(chosen)
            parts.append(self._samples(payloads.chosen(chosen).blob, int(np.searchsorted(ends, size))))
        samples = Samples.concat(parts)[np.argsort(np.concatenate(order))]
        return Batch(samples, np.ones(len(payloads), np.int64))

    def _samples(self, blob: Blob, length: int) -> Samples:
        records = np.frombuffer(blob, self._layout(length))
        count = records.size
        origin, sequence = np.full(count, NO_TIME), np.full(count, NO_SEQUENCE)
        if self.options.fake:
            if np.any(records["sec"] > np.uint64(2**62)) or np.any(records["sequence"] > np.uint64(2**63 - 1)):
                raise DecodeError(f"{self.name}: sequence or seconds do not fit into 63 bits")
            origin, sequence = join_time(records["sec"], records["nsec"]), records["sequence"].astype(np.int64)
        columns = columns_of(records, self.signals, length)
        for i, (signal, column) in enumerate(zip(self.signals[:length], columns, strict=False)):
            values = records[f"v{i}"]
            if signal.type is SignalType.BOOLEAN and np.any(wrong := (values != 0) & (values != 1)):
                raise DecodeError(f"{self.name}: signal {signal.name!r}: {values[wrong][0]} is no boolean: 0 or 1")
            if signal.type is SignalType.COMPLEX and np.any(lost := np.isinf(column) & ~np.isinf(values)):
                raise DecodeError(f"{self.name}: signal {signal.name!r}: {values[lost][0]} does not fit into two 32-bit floats")
        return Samples(columns, self.signals, origin=origin, sequence=sequence, length=np.full(count, length))
