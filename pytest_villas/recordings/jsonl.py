"""`.json` and `.jsonl`: an object a line, as VILLASnode's file node writes it. `ts.received` is written where it is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_villas.errors import ConfigError, DecodeError
from pytest_villas.formats import jansson
from pytest_villas.formats.checks import check_samples
from pytest_villas.formats.jansson import JsonOptions
from pytest_villas.formats.json import Sample, fields_of, objects
from pytest_villas.formats.options import read_options
from pytest_villas.recordings.headers import declare
from pytest_villas.samples import Samples, Signal, SignalSpec, SignalType

_DECODER = msgspec.json.Decoder(Sample)
_TYPES = {float: SignalType.FLOAT, int: SignalType.INTEGER, bool: SignalType.BOOLEAN, dict: SignalType.COMPLEX}


def write(samples: Samples, name: str, options: Mapping[str, Any]) -> bytes:
    """Return the content of a file."""
    settings = read_options(name, JsonOptions, options)
    if settings.indent:
        raise ConfigError(f"format {name!r}: indent: a recording has an object a line")
    check_samples(name, samples, samples.signals)
    if not len(samples):
        return b""
    rows = objects(
        name, samples, settings, lambda node, options: jansson.dump(node, options) + "\n", received=settings.ts_received
    )
    return rows.blob.tobytes()


def read(path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
    """Read a file; an integer will do for a float here, where VILLASnode itself writes a point."""
    read_options(name, JsonOptions, options)
    items: list[Sample] = []
    numbers: list[int] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            items += jansson.parse(_DECODER, [line], name)
        except DecodeError as error:
            raise DecodeError(f"{path}:{number}: {error}") from None
        numbers.append(number)
    declared = _guess(items) if signals is None else declare(signals, None)
    for item in items:
        for i, (value, signal) in enumerate(zip(item.data, declared, strict=False)):
            if type(value) is int and signal.type is SignalType.FLOAT and abs(value) <= 2**53:
                item.data[i] = float(value)
    try:
        return _samples(items, declared, name)
    except DecodeError:
        for number, item in zip(numbers, items, strict=True):
            try:
                _samples([item], declared, name)
            except DecodeError as error:
                raise DecodeError(f"{path}:{number}: {error}") from None
        raise


def _guess(items: list[Sample]) -> tuple[Signal, ...]:
    """Tell types from values: those of the first one, but a column of integers with a float in it is one of floats."""
    kinds: list[SignalType] = []
    for item in items:
        for i, value in enumerate(item.data):
            kind = _TYPES.get(type(value), SignalType.FLOAT)
            if i == len(kinds):
                kinds.append(kind)
            elif kind is SignalType.FLOAT and kinds[i] is SignalType.INTEGER:
                kinds[i] = kind
    return tuple(Signal(f"signal{i}", "", kind) for i, kind in enumerate(kinds))


def _samples(items: list[Sample], declared: tuple[Signal, ...], name: str) -> Samples:
    columns, lengths = jansson.columns_of([item.data for item in items], declared, name)
    return Samples(columns, declared, length=np.array(lengths, np.int64), **fields_of(items, name))
