"""`value`: one number and the end of the line, nothing else. One signal, one sample a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.formats.template import render
from pytest_villas.formats.values import parse_column, value_slots
from pytest_villas.samples import Samples, Signal


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> Value:
    """Build the codec."""
    if len(signals) != 1:
        raise ConfigError(f"format {name!r}: {len(signals)} signals: it can only say one")
    return Value(name, signals, read_options(name, FormatOptions, options))


@dataclass(frozen=True, slots=True)
class Value(MessageCodec):
    """See the module."""

    options: FormatOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        if per_message > 1 and len(samples) > 1:
            raise EncodeError(f"{self.name}: {min(per_message, len(samples))} samples a message: it takes one")
        if np.any(samples.length < 1):
            raise EncodeError(f"{self.name}: a sample has no value: there would be no message")
        marks, slots = value_slots(samples, 1, self.options.real_precision)
        return render(marks[0] + "\n", slots, len(samples))

    def _read(self, payloads: Messages) -> Batch:
        if not all(payload.endswith(b"\n") for payload in payloads):
            raise DecodeError(f"{self.name}: the line has no end: the message is cut off")
        column = parse_column([payload[:-1] for payload in payloads], self.signals[0])
        return Batch(Samples([column], self.signals), np.ones(len(payloads), np.int64))
