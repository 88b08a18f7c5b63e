"""Stimuli from arrays and from other stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.samples.generate.grid import Grid
from pytest_villas.samples.samples import Samples
from pytest_villas.samples.signal import Signal, SignalType


def array(
    data: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    *,
    rate: float,
    name: str = "signal",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return samples of values that are there already, at `rate` Hz.

    Args:
        data: shape (n,): one signal called `name`; shape (n, m): m signals called name0 .. ; or a mapping of names to arrays
            of shape (n,). Integers, booleans and complex numbers stay what they are, NaN too.
        rate: in Hz.
        name: of the signal, or the prefix of several; not used for a mapping.
        unit: of all signals.
        start: `origin` of the first sample in ns.

    Raises SignalError for no sample at all, other shapes, lengths that differ, and arrays that are no numbers.
    """
    if isinstance(data, Mapping):
        columns = {str(key): np.asarray(column) for key, column in data.items()}
    else:
        values = np.asarray(data)
        columns = {f"{name}{i}": values[:, i] for i in range(values.shape[1])} if values.ndim == 2 else {name: values}
    for key, column in columns.items():
        if column.ndim != 1 or column.shape != next(iter(columns.values())).shape:
            shapes = [each.shape for each in columns.values()]
            raise SignalError(
                f"data has {key!r} of shape {column.shape} among {shapes}: one (n,), (n, m), or all (n,) in a mapping"
            )
    count = next((column.size for column in columns.values()), 0)
    if count == 0:
        raise SignalError("data holds no sample: at least one signal of one sample is needed")
    signals = [Signal(key, unit, SignalType.of(column.dtype)) for key, column in columns.items()]
    return Grid.of(rate, None, count, start).samples(list(columns.values()), signals)


def mix(*parts: Samples) -> Samples:
    """Put several stimuli side by side: all their columns, with the stamps and the sequence of the first.

    Raises SignalError where lengths or time grids differ, and where two signals have one name.
    """
    if not parts:
        raise SignalError("mix() got nothing: give it one stimulus or more")
    first = parts[0]
    for i, part in enumerate(parts[1:], 1):
        if len(part) != len(first):
            raise SignalError(f"part {i} of mix() has {len(part)} samples and part 0 has {len(first)}: use one count")
        if len(part) and not np.array_equal(part.origin - part.origin[0], first.origin - first.origin[0]):
            raise SignalError(f"part {i} of mix() has another time grid than part 0: use one rate")
    signals = [signal for part in parts for signal in part.signals]
    names = [signal.name for signal in signals]
    for each in names:
        if names.count(each) > 1:
            raise SignalError(f"mix() got {names.count(each)} signals called {each!r}: give each its own name=")
    columns = [column for part in parts for column in part.columns]
    return Samples(columns, signals, origin=first.origin, sequence=first.sequence)
