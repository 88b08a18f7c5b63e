"""`json.kafka`: `[{"schema": {...}, "payload": {"timestamp": ms, "sequence": n, "<signal>": v}}]`, as Kafka Connect has it.

Of several samples in a message, VILLASnode writes the schema of the last one with each; here each has its own. No reader asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from pytest_villas.errors import ConfigError
from pytest_villas.formats import jansson
from pytest_villas.formats.checks import check_finite, check_unique
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.jansson import JsonOptions, Node
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.named import columns_by_name, milliseconds, read_milliseconds, read_sequences
from pytest_villas.formats.options import read_options
from pytest_villas.formats.template import Kind, Slot, by_kind, mark, render
from pytest_villas.samples import Samples, Signal, SignalType
from pytest_villas.units import ms

_TYPES = {SignalType.FLOAT: "double", SignalType.INTEGER: "int64", SignalType.BOOLEAN: "boolean", SignalType.COMPLEX: "unknown"}


class KafkaOptions(JsonOptions, frozen=True, kw_only=True):
    """`schema` is what the schema says beside its fields; None for VILLASnode's own."""

    schema: dict[str, Any] | None = None


class Message(msgspec.Struct, gc=False):
    """A sample as it stands in JSON."""

    payload: dict[str, Any]


_DECODER = msgspec.json.Decoder(list[Message])


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> JsonKafka:
    """Build the codec."""
    check_unique(name, signals, "timestamp", "sequence")
    settings = read_options(name, KafkaOptions, options)
    for key, text in (settings.schema or {}).items():
        if not isinstance(text, str) or key == "fields":
            raise ConfigError(f"format {name!r}: schema.{key}: it has to be text, and fields are written from the signals")
    return JsonKafka(name, signals, settings)


@dataclass(frozen=True, slots=True)
class JsonKafka(MessageCodec):
    """See the module."""

    resolution = ms
    options: KafkaOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        check_finite(self.name, samples)
        return jansson.bundle(by_kind(samples, partial(self._objects, per_message)), self.options, per_message)

    def _objects(self, per_message: int, samples: Samples, kind: Kind) -> Messages:
        values, slots = jansson.value_slots(samples, kind.length, self.options.real_precision)
        payload: dict[str, Node] = {}
        fields: list[tuple[str, str]] = []
        if kind.origin:
            payload["timestamp"] = mark("ms")
            slots["ms"] = Slot.integers(milliseconds(samples.origin, tenths=False))
            fields.append(("int64", "timestamp"))
        if kind.sequence:
            payload["sequence"] = mark("sequence")
            slots["sequence"] = Slot.integers(samples.sequence)
            fields.append(("int64", "sequence"))
        for node, signal in zip(values, self.signals, strict=False):
            payload[signal.name] = node
            fields.append((_TYPES[signal.type], signal.name))
        schema: dict[str, Node] = {
            key: self._text(text)
            for key, text in (self.options.schema or {"type": "struct", "name": "villas-node.Value"}).items()
        }
        schema["fields"] = [{"type": self._text(kind), "optional": "false", "field": self._text(name)} for kind, name in fields]
        return render(jansson.template({"schema": schema, "payload": payload}, self.options, per_message), slots, len(samples))

    def _text(self, text: str) -> str:
        return jansson.quote(text, self.options)

    def _read(self, payloads: Messages) -> Batch:
        found = jansson.parse(_DECODER, payloads, self.name)
        items = [item.payload for item in chain.from_iterable(found)]
        columns, lengths = columns_by_name(items, self.signals, self.name)
        samples = Samples(
            columns,
            self.signals,
            origin=read_milliseconds([item.get("timestamp") for item in items], self.name),
            sequence=read_sequences([item.get("sequence") for item in items], self.name),
            length=np.array(lengths, np.int64),
        )
        return Batch(samples, list(map(len, found)))
