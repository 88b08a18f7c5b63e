"""Arrays and frames that are in memory already. A frame is known by what it can do; pandas and polars are not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, SignalError, nearest
from pytest_villas.recordings.headers import cast, signals_of_titles
from pytest_villas.samples import NO_TIME, Column, Int64s, Samples, Signal, SignalSpec, SignalType
from pytest_villas.units import rate as read_rate

TIME_NAMES = ("time", "t", "tout", "timestamp")
"""Names that a column of time has, if nobody says otherwise."""
_SECOND = 1_000_000_000
_MOST_SECONDS = 9_000_000_000.0


def of(
    data: Any,
    *,
    time: str | Any | None = None,
    rate: str | float | None = None,
    start: int = 0,
    signals: SignalSpec = None,
) -> Samples:
    """Make samples of arrays in memory.

    Args:
        data: a pandas or polars frame, a mapping of names to arrays of shape (n,), a structured array, or an array of
            shape (n,) or (n, m), whose signals are called `signal0`, `signal1` and so on. A name may carry a unit: ``va[kV]``.
        time: the name of the column that holds the time, or an array of shape (n,). Where it is left out, a frame's index of
            dates or durations counts, or a column called `time`, `t`, `tout` or `timestamp`. Dates are kept to the
            nanosecond, one with a zone as UTC; durations and floats (seconds) count from `start`; integers are nanoseconds
            since `start`.
        rate: samples a second (a number of Hz or text such as ``"10 kHz"``) instead of a time.
        start: int64 ns since the Unix epoch.
        signals: VILLASnode's `signals` setting; types given as text (``"2f1i"``) keep names and units.

    Without a time and a rate, the samples have no origin. Raises SignalError for columns that are no signals, have missing
    values where their type has none, or do not fit together; ConfigError for a wrong `rate`.
    """
    if time is not None and rate is not None:
        raise ConfigError("time and rate are both given: one of them says when the samples were made")
    columns, index = _columns(data)
    if rate is None and time is None:
        time = index if index is not None else next((name for name in TIME_NAMES if name in columns), None)
    if isinstance(time, str):
        if time not in columns:
            raise SignalError(f"no column {time!r}{nearest(time, columns)}")
        time = columns.pop(time)
    arrays = {name: _column(name, column) for name, column in columns.items()}
    titles = signals_of_titles(list(arrays))
    declared = [Signal(t.name, t.unit, SignalType.of(a.dtype)) for t, a in zip(titles, arrays.values(), strict=True)]
    count = next((array.size for array in arrays.values()), 0)
    origin = _from_rate(rate, count, start) if rate is not None else None if time is None else nanoseconds(time, start)
    return cast("signals", Samples(list(arrays.values()), declared, origin=origin), signals)


def nanoseconds(time: Any, start: int = 0) -> Int64s:
    """Turn dates, durations, seconds or nanoseconds of shape (n,) into ns since the Unix epoch; SignalError for others."""
    dtype = str(getattr(time, "dtype", ""))
    # an index with a zone would come as an array of objects
    values = np.asarray(time, "datetime64[ns]") if dtype.startswith("datetime64[") and "," in dtype else np.asarray(time)
    if values.ndim != 1 or np.ma.is_masked(time):
        raise SignalError(
            f"time has shape {values.shape}{' and masked values' * np.ma.is_masked(time)}: it has to be whole, and (n,)"
        )
    if values.dtype.kind in "mM":
        precise = _precise(values)
        ticks = precise.view(np.int64)
        return ticks if values.dtype.kind == "M" else np.where(ticks == NO_TIME, NO_TIME, ticks + start)
    if values.dtype.kind in "iu" and (values.dtype != np.uint64 or not values.size or values.max() < 2**63):
        return values.astype(np.int64) + start
    if values.dtype.kind != "f":
        raise SignalError(f"time is an array of {values.dtype}: it has to hold dates, durations, seconds or nanoseconds")
    seconds = values.astype(np.float64)
    if not np.all(np.abs(seconds) <= _MOST_SECONDS):  # NaN is none either
        bad = int(np.argmin(np.abs(seconds) <= _MOST_SECONDS))
        raise SignalError(f"time of sample {bad} is {seconds[bad]} s: that is no time")
    whole = np.floor(seconds)
    return whole.astype(np.int64) * _SECOND + np.rint((seconds - whole) * _SECOND).astype(np.int64) + start


def _precise(values: Column) -> Column:
    """Turn dates and durations of any precision into those of nanoseconds."""
    try:
        precise: Column = values.astype("datetime64[ns]" if values.dtype.kind == "M" else "timedelta64[ns]")
        beyond = (precise.astype(values.dtype) != values) & ~np.isnat(values)  # older NumPy wraps without a word
    except OverflowError:
        beyond = np.ones(1, np.bool_)
    if np.any(beyond):
        raise SignalError("time goes beyond the years 1678 to 2261, which is what 64 bits of nanoseconds hold")
    return precise


def _columns(data: Any) -> tuple[dict[str, Any], Any]:
    """Return columns by name, and an index of dates or durations if there is one."""
    if isinstance(data, Mapping):
        return {str(name): column for name, column in data.items()}, None
    if hasattr(data, "columns") and hasattr(data, "__getitem__") and not isinstance(data, Samples):
        names = list(data.columns)
        if len(set(map(str, names))) < len(names):
            raise SignalError(f"columns {names} have a name twice: rename one")
        index = getattr(data, "index", None)
        dated = str(getattr(index, "dtype", "")).startswith(("datetime64", "timedelta64"))
        return {str(name): data[name] for name in names}, index if dated else None
    if not isinstance(data, np.ndarray):
        raise SignalError(f"{type(data).__name__} holds no samples: a frame, a mapping of names to arrays, or an array does")
    if data.dtype.names:
        return {name: data[name] for name in data.dtype.names}, None
    if data.ndim not in (1, 2):
        raise SignalError(f"the array has shape {data.shape}: it has to be (n,) or (n, m)")
    return {f"signal{i}": column for i, column in enumerate(data.T if data.ndim == 2 else [data])}, None


def _column(name: str, column: Any) -> Column:
    if np.ma.is_masked(column):
        raise SignalError(f"column {name!r} has masked values: fill them first, for instance with filled(np.nan)")
    array = np.asarray(column)
    declared = str(getattr(column, "dtype", array.dtype)).lower()
    if array.dtype.kind == "O" or (array.dtype.kind == "f" and declared.startswith(("int", "uint"))):
        raise SignalError(
            f"column {name!r} is {declared} with missing values, or holds no numbers: fill, convert or leave it out"
        )
    if array.dtype.kind not in "fiubc":
        raise SignalError(f"column {name!r} is {array.dtype}: a signal has numbers; leave it out, or give it as time=")
    if array.dtype.kind == "c" and np.any(np.isfinite(array) & ~np.isfinite(_narrow(array))):
        raise SignalError(f"column {name!r}: a value does not fit into two 32-bit floats, which is what a complex signal has")
    return _narrow(array) if array.dtype.kind == "c" else array


def _narrow(array: Column) -> Column:
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(np.complex64)


def _from_rate(rate: str | float, count: int, start: int) -> Int64s:
    due: Int64s = np.rint(np.arange(count) * (_SECOND / read_rate(rate))).astype(np.int64) + start
    return due
