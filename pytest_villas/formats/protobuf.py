"""`protobuf`: VILLASnode's messages, through the official runtime (``pip install pytest-villas[protobuf]``).

proto2: `Message{repeated Sample samples=1}`, and in a sample type=1, sequence=2, ts_origin=3, ts_received=4, new_frame=5
and values=100. `ts_received` is read, never written.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats import plain, protobuf_plain
from pytest_villas.formats.checks import join_time, split_time
from pytest_villas.formats.codec import Batch, MessageCodec
from pytest_villas.formats.messages import Messages
from pytest_villas.formats.options import FormatOptions, read_options
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Samples, Signal, SignalType, empty_value

_DATA = 1
_FIELD = {SignalType.FLOAT: "f", SignalType.INTEGER: "i", SignalType.BOOLEAN: "b", SignalType.COMPLEX: "z"}

# label, type (names of FieldDescriptorProto), name, number
_SCHEMA: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "Message": (("REPEATED", "Sample", "samples", 1),),
    "Sample": (
        ("REQUIRED", "INT32", "type", 1),  # an enumeration in VILLASnode's schema, which is the same on the wire
        ("OPTIONAL", "UINT64", "sequence", 2),
        ("OPTIONAL", "Timestamp", "ts_origin", 3),
        ("OPTIONAL", "Timestamp", "ts_received", 4),
        ("OPTIONAL", "BOOL", "new_frame", 5),
        ("REPEATED", "Value", "values", 100),
    ),
    "Timestamp": (("REQUIRED", "UINT32", "sec", 1), ("REQUIRED", "UINT32", "nsec", 2)),
    "Value": (
        ("OPTIONAL", "DOUBLE", "f", 1),
        ("OPTIONAL", "INT64", "i", 2),
        ("OPTIONAL", "BOOL", "b", 3),
        ("OPTIONAL", "Complex", "z", 4),
    ),
    "Complex": (("REQUIRED", "FLOAT", "real", 1), ("REQUIRED", "FLOAT", "imag", 2)),
}


def make(name: str, signals: tuple[Signal, ...], options: Mapping[str, Any]) -> Protobuf:
    """Build the codec; ConfigError where the runtime is not installed."""
    try:
        _message_class()
    except ImportError:
        raise ConfigError(f"format {name!r} needs the protobuf package: pip install pytest-villas[protobuf]") from None
    return Protobuf(name, signals, read_options(name, FormatOptions, options))


@cache
def _message_class() -> Any:
    """Build the class of a message; imported late because the runtime is optional and slow to import."""
    descriptors = importlib.import_module("google.protobuf.descriptor_pb2")
    pool = importlib.import_module("google.protobuf.descriptor_pool").DescriptorPool()
    factory = importlib.import_module("google.protobuf.message_factory")
    package = "villas.node"
    file = descriptors.FileDescriptorProto(name="villas.proto", package=package, syntax="proto2")
    kinds = descriptors.FieldDescriptorProto
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        if message == "Value":
            described.oneof_decl.add(name="value")
        for label, kind, name, number in fields:
            field = described.field.add(name=name, number=number, label=getattr(kinds, f"LABEL_{label}"))
            if kind in _SCHEMA:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind}")
            if message == "Value":
                field.oneof_index = 0
    pool.Add(file)
    return factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Message"))


@dataclass(frozen=True, slots=True)
class Protobuf(MessageCodec):
    """See the module."""

    options: FormatOptions

    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        present = samples.origin != NO_TIME
        seconds, nanoseconds = split_time(np.where(present, samples.origin, 0))
        if np.any((seconds < 0) | (seconds >= 2**32)):
            raise EncodeError(f"{self.name}: an origin has to be between 1970 and 2106: seconds have 32 bits without a sign")
        if (
            per_message == 1 and self._is_plain and present.all() and not samples.new_frame.any()
            and samples.sequence.min() != NO_SEQUENCE and samples.length.min() == len(self.signals)
        ):  # fmt: skip
            return protobuf_plain.write(samples.sequence, seconds, nanoseconds, samples.columns)
        payloads = []
        for first in range(0, len(samples), per_message):
            message = _message_class()()
            for i in range(first, min(first + per_message, len(samples))):
                sample = message.samples.add(type=_DATA)
                if self.options.sequence and samples.sequence[i] != NO_SEQUENCE:
                    sample.sequence = int(samples.sequence[i])
                if self.options.ts_origin and present[i]:
                    sample.ts_origin.sec, sample.ts_origin.nsec = int(seconds[i]), int(nanoseconds[i])
                if samples.new_frame[i]:
                    sample.new_frame = True
                for column, signal in list(zip(samples.columns, self.signals, strict=True))[: int(samples.length[i])]:
                    value = column[i].item()
                    if signal.type is SignalType.COMPLEX:
                        z = sample.values.add().z
                        z.real, z.imag = value.real, value.imag
                    else:
                        sample.values.add(**{_FIELD[signal.type]: value})
            payloads.append(message.SerializeToString())
        return payloads

    @property
    def _is_plain(self) -> bool:
        floats = all(signal.type is SignalType.FLOAT for signal in self.signals)
        return floats and 1 <= len(self.signals) <= protobuf_plain.LARGEST and self.options.ts_origin and self.options.sequence

    def _read(self, payloads: Messages) -> Batch:
        return plain.read(payloads, self._plain, self._careful)

    def _plain(self, payloads: Messages) -> Batch | None:
        samples = protobuf_plain.read(payloads, self.signals) if self._is_plain else None
        return None if samples is None else Batch(samples, np.ones(len(payloads), np.int64))

    def _careful(self, payloads: Messages) -> Batch:
        messages = [self._parse(payload) for payload in payloads]
        found = [sample for message in messages for sample in message.samples]
        for sample in found:
            self._check(sample)
        length = np.fromiter((len(sample.values) for sample in found), np.int64, len(found))
        columns: list[Column] = []
        for i, signal in enumerate(self.signals):
            column = np.full(len(found), empty_value(signal.type), signal.type.dtype)
            read = _complex if signal.type is SignalType.COMPLEX else _scalar(_FIELD[signal.type])
            column[length > i] = [read(sample.values[i]) for sample in found if len(sample.values) > i]
            columns.append(column)
        samples = Samples(
            columns,
            self.signals,
            origin=_times(found, "ts_origin"),
            received=_times(found, "ts_received"),
            sequence=np.array([s.sequence if s.HasField("sequence") else NO_SEQUENCE for s in found], np.int64),
            new_frame=np.array([s.new_frame for s in found], np.bool_),
            length=length,
        )
        return Batch(samples, [len(message.samples) for message in messages])

    def _parse(self, payload: bytes) -> Any:
        broken = importlib.import_module("google.protobuf.message").DecodeError
        message = _message_class()()
        try:
            message.ParseFromString(payload)
        except broken as error:
            raise DecodeError(f"{self.name}: {error}") from None
        if not message.IsInitialized() or not message.samples:
            raise DecodeError(f"{self.name}: no samples, or a required field is missing")
        return message

    def _check(self, sample: Any) -> None:
        if sample.type != _DATA:
            raise DecodeError(f"{self.name}: a sample of type {sample.type}: only DATA ({_DATA}) has values")
        if len(sample.values) > len(self.signals):
            raise DecodeError(f"{self.name}: {len(sample.values)} values for {len(self.signals)} signals")
        if sample.sequence >= 2**63:
            raise DecodeError(f"{self.name}: sequence {sample.sequence} does not fit into 64 bits with a sign")
        for value, signal in zip(sample.values, self.signals, strict=False):
            kind = value.WhichOneof("value")
            if kind != _FIELD[signal.type]:
                got = next((known.value for known, field in _FIELD.items() if field == kind), "nothing")
                raise DecodeError(f"{self.name}: signal {signal.name!r} is declared {signal.type.value} and got {got}")


def _complex(value: Any) -> complex:
    return complex(value.z.real, value.z.imag)


def _scalar(field: str) -> Any:
    return lambda value: getattr(value, field)


def _times(found: list[Any], field: str) -> Int64s:
    present = np.array([sample.HasField(field) for sample in found], np.bool_)
    seconds = np.array([getattr(sample, field).sec for sample in found], np.int64)
    nanoseconds = np.array([getattr(sample, field).nsec for sample in found], np.int64)
    return np.where(present, join_time(seconds, nanoseconds), NO_TIME)
