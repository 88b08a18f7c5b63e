"""`json`: an array of objects with `ts`, `flags`, `sequence` and `data`.

Reading is as strict as VILLASnode's own reader: a float has a point or an exponent, an integer has none. `ts.received` is
read where a peer sends it, and never written to the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import msgspec
import numpy as np

from pytest_villas.errors import DecodeError
from pytest_villas.formats import jansson, plain
from pytest_villas.formats.checks import check_finite, join_time, split_time
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.jansson import JsonOptions, Node
from pytest_villas.formats.json_alone import Alone
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import read_options
from pytest_villas.formats.template import Kind, Slot, by_kind, mark, render
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s, Samples, Signal

Layout: TypeAlias = Callable[[Node, JsonOptions], str]
_Stamp: TypeAlias = tuple[int, int] | msgspec.UnsetType


class Stamps(msgspec.Struct, gc=False):
    """`[s, ns]` each."""

    origin: _Stamp = msgspec.UNSET
    received: _Stamp = msgspec.UNSET


class DatalessSample(msgspec.Struct, gc=False):
    """A sample as it stands in JSON, `data` being optional."""

    ts: Stamps | msgspec.UnsetType = msgspec.UNSET
    flags: list[str] | msgspec.UnsetType = msgspec.UNSET
    sequence: int = NO_SEQUENCE
    data: list[Any] = []


class Sample(msgspec.Struct, gc=False):
    """A sample as it stands in JSON."""

    data: list[Any]
    ts: Stamps | msgspec.UnsetType = msgspec.UNSET
    flags: list[str] | msgspec.UnsetType = msgspec.UNSET
    sequence: int = NO_SEQUENCE


_MESSAGE = msgspec.json.Decoder(list[Sample])
_DATALESS = msgspec.json.Decoder(list[DatalessSample])


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> Json:
    """Build the codec."""
    chosen = read_options(name, JsonOptions, options)
    return Json(name, signals, chosen, Alone.of(signals, chosen))


@dataclass(frozen=True, slots=True)
class Json(MessageCodec):
    """See the module."""

    options: JsonOptions
    alone: Alone | None = field(compare=False, repr=False)

    def _write_one(self, samples: Samples) -> bytes | None:
        return None if self.alone is None else self.alone.write(samples)

    def _read_one(self, payload: bytes) -> Samples | None:
        return None if self.alone is None else self.alone.read(payload, _MESSAGE.decode)

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        rows = objects(self.name, samples, self.options, partial(jansson.template, per_message=per_message))
        return jansson.bundle(rows, self.options, per_message)

    def _read(self, payloads: Messages) -> Batch:
        return plain.read(payloads, self._plain, self._careful)

    def _plain(self, payloads: Messages) -> Batch | None:
        """Read messages that are laid out as they are written here, with stamp, sequence and all values."""
        options = self.options
        if not (options.ts_origin and options.sequence and options.data) or options.sort_keys:
            return None
        values: list[Node] = [plain.point(signal).decode() for signal in self.signals]
        pattern = jansson.template({"ts": {"origin": ["", ""]}, "sequence": "", "data": values}, options, 1).encode()
        found = plain.numbers(payloads.blob.tobytes(), pattern, len(payloads), 3 + len(values), _listed)
        if found is None:
            return None
        seconds, nanoseconds, sequence = (plain.integers(column) for column in found[:3])
        columns = plain.columns(found[3:], self.signals)
        if seconds is None or nanoseconds is None or sequence is None or columns is None or sequence.min() < 0:
            return None
        origin = join_time(seconds, nanoseconds)
        return Batch(Samples(columns, self.signals, origin=origin, sequence=sequence), np.ones(len(payloads), np.int64))

    def _careful(self, payloads: Messages) -> Batch:
        found: list[list[Sample]] | list[list[DatalessSample]]
        if self.options.data:
            found = jansson.parse(_MESSAGE, payloads, self.name)
        else:
            found = jansson.parse(_DATALESS, payloads, self.name)
        items: list[Sample | DatalessSample] = list(chain.from_iterable(found))
        columns, lengths = jansson.columns_of([item.data for item in items], self.signals, self.name)
        return Batch(
            Samples(columns, self.signals, length=np.array(lengths, np.int64), **fields_of(items, self.name)),
            list(map(len, found)),
        )


_LISTED = bytes(byte if byte in b"0123456789-.,\1" else ord("," if byte == ord("g") else " ") for byte in range(256))
"""What is no part of a number is blank, but for one letter of "origin": it stands between the samples."""


def _listed(text: bytes) -> bytes:
    before, _, rest = text.translate(_LISTED).partition(b",")
    return rest if before.isspace() else before + rest  # where there is a digit in it, there must not be a list


def objects(name: str, samples: Samples, options: JsonOptions, layout: Layout, *, received: bool = False) -> Messages:
    """Write each sample as an object, laid out by `layout`; EncodeError for NaN and infinity."""
    if options.data:
        check_finite(name, samples)

    def write(part: Samples, kind: Kind) -> Messages:
        slots: dict[str, Slot] = {}
        node: dict[str, Node] = {}
        stamps: dict[str, Node] = {}
        for key, present in (("origin", kind.origin and options.ts_origin), ("received", kind.received and received)):
            if present:
                seconds, nanoseconds = split_time(getattr(part, key))
                slots[f"{key}s"], slots[f"{key}ns"] = Slot.integers(seconds), Slot.integers(nanoseconds)
                stamps[key] = [mark(f"{key}s"), mark(f"{key}ns")]
        if stamps:
            node["ts"] = stamps
        flags: list[Node] = [f'"{flag}"' for flag in ("new_simulation", "new_frame") if getattr(kind, flag)]
        if flags:
            node["flags"] = flags
        if kind.sequence and options.sequence:
            node["sequence"] = mark("sequence")
            slots["sequence"] = Slot.integers(part.sequence)
        if options.data:
            values, value_slots = jansson.value_slots(part, kind.length, options.real_precision)
            node["data"] = values
            slots |= value_slots
        return render(layout(node, options), slots, len(part))

    if not received and np.any(samples.received != NO_TIME):
        samples = samples.replace(received=np.full(len(samples), NO_TIME))
    return by_kind(samples, write)


def fields_of(items: Sequence[Sample | DatalessSample], name: str) -> dict[str, Any]:
    """Return stamps, sequence and flags of parsed samples, as `Samples` takes them."""
    try:
        sequence = np.fromiter((item.sequence for item in items), np.int64, len(items))
    except OverflowError:
        raise DecodeError(f"{name}: a sequence number does not fit into 64 bits with a sign") from None
    if np.any(sequence < NO_SEQUENCE):
        raise DecodeError(f"{name}: sequence {sequence.min()} is negative")
    stamps = [item.ts for item in items]
    fields = {
        "origin": _times([ts.origin if isinstance(ts, Stamps) else msgspec.UNSET for ts in stamps], name),
        "received": _times([ts.received if isinstance(ts, Stamps) else msgspec.UNSET for ts in stamps], name),
        "sequence": sequence,
    }
    flags = [item.flags or () for item in items]
    if any(flags):
        for flag in ("new_frame", "new_simulation"):
            fields[flag] = np.fromiter((flag in given for given in flags), np.bool_, len(flags))
    return fields


def _times(stamps: list[_Stamp], name: str) -> Int64s:
    present = [stamp for stamp in stamps if stamp is not msgspec.UNSET]
    try:
        flat = np.fromiter(chain.from_iterable(present), np.int64, 2 * len(present))
    except OverflowError:
        raise DecodeError(f"{name}: a time stamp does not fit into 64 bits") from None
    times = join_time(flat[::2], flat[1::2])
    if len(present) == len(stamps):
        return times
    everything = np.full(len(stamps), NO_TIME)
    everything[np.fromiter((stamp is not msgspec.UNSET for stamp in stamps), np.bool_, len(stamps))] = times
    return everything
