"""Samples as records of one size: a header and the values `v0`, `v1` ..., block by block, so that they stay in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.formats.checks import check_float32, check_integer
from pytest_villas.formats.messages import Messages
from pytest_villas.samples import Column, Int64s, Samples, Signal, empty_value

Records: TypeAlias = npt.NDArray[Any]

_BLOCK: Final = 8192
"""So many records are written or read at a time: they stay in the cache meanwhile."""


def written(name: str, layout: np.dtype[Any], head: Mapping[str, int | npt.NDArray[Any]], samples: Samples) -> Records:
    """Write the fields `head` and the values of samples; EncodeError for a value that does not fit.

    What a sample does not carry is written all the same, and may be anything: `messages` cuts it off.
    """
    for i, column in enumerate(samples.columns):
        if column.dtype.kind == "i" and layout[f"v{i}"].kind == "i":
            check_integer(name, samples, i, 8 * layout[f"v{i}"].itemsize)
    records = np.empty(len(samples), layout)
    fields = dict(head) | {f"v{i}": column for i, column in enumerate(samples.columns)}
    try:
        with np.errstate(over="raise", invalid="ignore"):  # a signalling NaN is a NaN
            _fill(records, fields)
    except FloatingPointError:
        for i, column in enumerate(samples.columns):
            if column.dtype.kind == "f" and layout[f"v{i}"].itemsize == 4:
                check_float32(name, samples, i)
        with np.errstate(over="ignore", invalid="ignore"):
            _fill(records, fields)
    return records


def _fill(records: Records, fields: Mapping[str, int | npt.NDArray[Any]]) -> None:
    for first in range(0, records.size, _BLOCK):
        rows = slice(first, first + _BLOCK)
        block = records[rows]
        for field, values in fields.items():
            block[field] = values if isinstance(values, int) else values[rows]


def columns_of(records: Records, signals: Sequence[Signal], length: int) -> list[Column]:
    """Widen the first `length` fields `v0`, `v1` ... to columns; the others are empty."""
    columns: list[Column] = [
        np.empty(records.size, signal.type.dtype)
        if i < length
        else np.full(records.size, empty_value(signal.type), signal.type.dtype)
        for i, signal in enumerate(signals)
    ]
    with np.errstate(invalid="ignore", over="ignore"):  # a signalling NaN becomes a quiet one
        for first in range(0, records.size, _BLOCK):
            block = records[first : first + _BLOCK]
            for i, column in enumerate(columns[:length]):
                column[first : first + _BLOCK] = block[f"v{i}"]
    return columns


def messages(records: Records, ends: Int64s, lengths: Int64s, per_message: int) -> Messages:
    """Cut records of one layout into messages: the first `ends[k]` bytes of a record are those of a sample with k values."""
    size, blob = records.dtype.itemsize, records.view(np.uint8)
    if ends[lengths.min()] == size:
        return Messages.even(blob, size * per_message)
    sizes = ends[lengths]
    kept = blob.reshape(-1, size)[np.arange(size) < sizes[:, None]]
    return Messages(np.append(0, np.cumsum(sizes)), kept).bundled(per_message)
