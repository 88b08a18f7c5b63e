"""`iotagent_ul`: `va|1.500000|vb|-2.000000`, FIWARE's UltraLight. Written only, floats only, one sample a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats.checks import check_types
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.formats.template import Kind, by_kind, render
from pytest_villas.formats.values import value_slots
from pytest_villas.samples import Samples, Signal, SignalType

_DIGITS = 6


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> IotAgentUltraLight:
    """Build the codec."""
    check_types(name, signals, SignalType.FLOAT)
    for signal in signals:
        if "|" in signal.name:
            raise ConfigError(f"format {name!r}: signal name {signal.name!r}: | separates names and values")
    return IotAgentUltraLight(name, signals, read_options(name, FormatOptions, options))


@dataclass(frozen=True, slots=True)
class IotAgentUltraLight(MessageCodec):
    """See the module."""

    options: FormatOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        if per_message > 1 and len(samples) > 1:
            raise EncodeError(f"{self.name}: {min(per_message, len(samples))} samples a message: it takes one")
        if np.any(samples.length < 1):
            raise EncodeError(f"{self.name}: a sample has no value: there would be no message")

        def write(part: Samples, kind: Kind) -> Messages:
            marks, slots = value_slots(part, kind.length, _DIGITS)
            names = [signal.name or f"signal_{i}" for i, signal in enumerate(self.signals)]
            return render("|".join(f"{name}|{value}" for name, value in zip(names, marks, strict=False)), slots, len(part))

        return by_kind(samples, write)

    def _read(self, payloads: Messages) -> Batch:  # noqa: ARG002 (nothing can be read, whatever it is)
        raise DecodeError(f"{self.name}: it is written, never read; VILLASnode has no reader for it either")
