"""What the JSON formats share that tell signals by name: `json.kafka`, `json.edgeflex` and `json.reserve`.

Unlike `json`, they take an integer where a float is declared, as VILLASnode does there. Names that are not declared are
passed over. Stamps are whole milliseconds, computed as VILLASnode does it, in 64-bit floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_villas.errors import DecodeError
from pytest_villas.formats.checks import split_time
from pytest_villas.formats.jansson import column_of, columns_of
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Signal, SignalType

_MILLISECOND = 1_000_000
_MOST = 2**63 // _MILLISECOND - 1


def columns_by_name(found: Sequence[Mapping[str, Any]], signals: tuple[Signal, ...], name: str) -> tuple[list[Column], list[int]]:
    """Turn values by name into columns and lengths; only the last signals may be missing, or `signal_<index>` be their name."""
    datas = []
    for values in found:
        data = [values[signal.name] if signal.name in values else values.get(f"signal_{i}") for i, signal in enumerate(signals)]
        while data and data[-1] is None:
            data.pop()
        if None in data:
            missing = signals[data.index(None)]
            raise DecodeError(f"{name}: signal {missing.name!r} is missing before others that are there")
        datas.append([_as_float(value) if s.type is SignalType.FLOAT else value for value, s in zip(data, signals, strict=False)])
    return columns_of(datas, signals, name)


def _as_float(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) <= 2**53 else value


def milliseconds(origin: Int64s, *, tenths: bool) -> Int64s:
    """Return ms since the epoch, cut off, in VILLASnode's arithmetic: `tenths` adds seconds before it scales them."""
    seconds, nanoseconds = (part.astype(np.float64) for part in split_time(origin))
    scaled = (seconds + nanoseconds * 1e-9) * 1e3 if tenths else seconds * 1e3 + nanoseconds / 1e6
    return np.trunc(scaled).astype(np.int64)


def read_milliseconds(stamps: Sequence[Any], name: str) -> Int64s:
    """Read ms since the epoch to ns; None is an absent stamp."""
    for stamp in stamps:
        if stamp is not None and (type(stamp) not in (int, float) or not 0 <= stamp <= _MOST):
            raise DecodeError(f"{name}: {str(stamp)[:40]} is no time in milliseconds since 1970")
    times = [NO_TIME if stamp is None else int(stamp) * _MILLISECOND for stamp in stamps]
    return np.fromiter(times, np.int64, len(times))


def read_sequences(sequences: Sequence[Any], name: str) -> Int64s:
    """Read sequence numbers; None is an absent one."""
    given = [NO_SEQUENCE if sequence is None else sequence for sequence in sequences]
    column = column_of(given, Signal("sequence", "", SignalType.INTEGER), name)
    if np.any(column < NO_SEQUENCE):
        raise DecodeError(f"{name}: sequence {column.min()} is negative")
    return column
