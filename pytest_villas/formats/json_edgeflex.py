"""`json.edgeflex`: `[{"<signal>": v, "created": ms}]`. A sequence number has no place in it."""

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
from pytest_villas.formats.checks import check_finite, check_unique
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.jansson import JsonOptions, Node
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.named import columns_by_name, milliseconds, read_milliseconds
from pytest_villas.formats.options import read_options
from pytest_villas.formats.template import Kind, Slot, by_kind, mark, render
from pytest_villas.samples import Samples, Signal
from pytest_villas.units import ms

_DECODER = msgspec.json.Decoder(list[dict[str, Any]])


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> JsonEdgeflex:
    """Build the codec."""
    check_unique(name, signals, "created")
    return JsonEdgeflex(name, signals, read_options(name, JsonOptions, options))


@dataclass(frozen=True, slots=True)
class JsonEdgeflex(MessageCodec):
    """See the module."""

    resolution = ms
    options: JsonOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        check_finite(self.name, samples)
        return jansson.bundle(by_kind(samples, partial(self._objects, per_message)), self.options, per_message)

    def _objects(self, per_message: int, samples: Samples, kind: Kind) -> Messages:
        if not (kind.origin and kind.length):
            raise EncodeError(f"{self.name}: a sample needs an origin and at least one value")
        values, slots = jansson.value_slots(samples, kind.length, self.options.real_precision)
        node: dict[str, Node] = {signal.name: value for signal, value in zip(self.signals, values, strict=False)}
        node["created"] = mark("ms")
        slots["ms"] = Slot.integers(milliseconds(samples.origin, tenths=True))
        return render(jansson.template(node, self.options, per_message), slots, len(samples))

    def _read(self, payloads: Messages) -> Batch:
        found = jansson.parse(_DECODER, payloads, self.name)
        items = list(chain.from_iterable(found))
        if any(item.get("created") is None for item in items):
            raise DecodeError(f"{self.name}: a sample without `created`")
        columns, lengths = columns_by_name(items, self.signals, self.name)
        origin = read_milliseconds([item["created"] for item in items], self.name)
        return Batch(Samples(columns, self.signals, origin=origin, length=np.array(lengths, np.int64)), list(map(len, found)))
