"""`json.reserve`: `[{"measurements": [{"name": "va", "value": 1.5, "unit": "V", "created": ms, "sequence": n}]}]`.

Floats only: VILLASnode writes the bits of anything else as if they were a float's. A peer may say `setpoints` instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from pytest_villas.errors import DecodeError, EncodeError
from pytest_villas.formats import jansson
from pytest_villas.formats.checks import check_finite, check_types, check_unique
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.jansson import JsonOptions, Node
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.named import columns_by_name, milliseconds, read_milliseconds, read_sequences
from pytest_villas.formats.options import read_options
from pytest_villas.formats.template import Kind, Slot, by_kind, mark, render
from pytest_villas.samples import Samples, Signal, SignalType
from pytest_villas.units import ms


class Measurement(msgspec.Struct, gc=False):
    """One value."""

    name: str
    value: float | int
    created: float | int | None = None
    sequence: int | None = None


class Message(msgspec.Struct, gc=False):
    """A sample as it stands in JSON."""

    measurements: list[Measurement] | None = None
    setpoints: list[Measurement] | None = None


_DECODER = msgspec.json.Decoder(list[Message])


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> JsonReserve:
    """Build the codec."""
    check_types(name, signals, SignalType.FLOAT)
    check_unique(name, signals)
    return JsonReserve(name, signals, read_options(name, JsonOptions, options))


@dataclass(frozen=True, slots=True)
class JsonReserve(MessageCodec):
    """See the module."""

    resolution = ms
    options: JsonOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        check_finite(self.name, samples)
        return jansson.bundle(by_kind(samples, partial(self._objects, per_message)), self.options, per_message)

    def _objects(self, per_message: int, samples: Samples, kind: Kind) -> Messages:
        if not kind.length:
            raise EncodeError(f"{self.name}: a sample needs at least one value")
        values, slots = jansson.value_slots(samples, kind.length, self.options.real_precision)
        measurements: list[Node] = []
        for i, (signal, value) in enumerate(zip(self.signals, values, strict=False)):
            node: dict[str, Node] = {"name": jansson.quote(signal.name or f"signal{i}", self.options), "value": value}
            if signal.unit:
                node["unit"] = jansson.quote(signal.unit, self.options)
            if kind.origin:
                node["created"] = mark("ms")
            if kind.sequence:
                node["sequence"] = mark("sequence")
            measurements.append(node)
        slots["ms"] = Slot.integers(milliseconds(samples.origin, tenths=True))
        slots["sequence"] = Slot.integers(samples.sequence)
        return render(jansson.template({"measurements": measurements}, self.options, per_message), slots, len(samples))

    def _read(self, payloads: Messages) -> Batch:
        found = jansson.parse(_DECODER, payloads, self.name)
        items = [item.measurements if item.setpoints is None else item.setpoints for item in chain.from_iterable(found)]
        measured = [measurements for measurements in items if measurements]
        if len(measured) < len(items):
            raise DecodeError(f"{self.name}: a sample without `measurements` or `setpoints`")
        values = [{m.name: m.value for m in measurements} for measurements in measured]
        if any(len(by_name) < len(measurements) for by_name, measurements in zip(values, measured, strict=True)):
            raise DecodeError(f"{self.name}: a name is measured twice in one sample")
        columns, lengths = columns_by_name(values, self.signals, self.name)
        samples = Samples(
            columns,
            self.signals,
            origin=read_milliseconds([_common([m.created for m in ms], "created", self.name) for ms in measured], self.name),
            sequence=read_sequences([_common([m.sequence for m in ms], "sequence", self.name) for ms in measured], self.name),
            length=np.array(lengths, np.int64),
        )
        return Batch(samples, list(map(len, found)))


def _common(values: list[Any], key: str, name: str) -> Any:
    """Return what all measurements of a sample agree on."""
    if len(set(values)) > 1:
        raise DecodeError(f"{name}: `{key}` differs within one sample")
    return values[0]
