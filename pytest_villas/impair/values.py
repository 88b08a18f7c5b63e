"""What goes wrong with values: levels, noise, converters, time bases, and channels that are stuck, swapped or broken.

Shares are of the peak: the largest size that a channel has in this response. `kept` are channels that carry no signal: the
`tag` and the `step` of a rig with a clock of its own. Without a `channel`, every float and complex one is impaired, or the
first that shows it where only one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.impair.messages import answers, struck
from pytest_villas.replay.replay import Exchange
from pytest_villas.samples import Column, Samples
from pytest_villas.units import ms

Kept = frozenset[str]


def gain(exchange: Exchange, kept: Kept, *, factor: float = 1.05, channel: str = "") -> Exchange:
    """Multiply by a factor."""
    return _changed(exchange, _numeric(exchange, kept, channel), lambda column: column * factor)


def offset(exchange: Exchange, kept: Kept, *, share: float = 0.05, channel: str = "") -> Exchange:
    """Add a share of the peak."""
    return _changed(exchange, _numeric(exchange, kept, channel), lambda column: column + share * _peak(column))


def noise(exchange: Exchange, kept: Kept, rng: np.random.Generator, *, share: float = 0.05, channel: str = "") -> Exchange:
    """Add white Gaussian noise, its rms a share of the peak."""

    def noisy(part: Column) -> Column:
        return part + rng.normal(0, share * _peak(part), part.size)

    return _changed(exchange, _numeric(exchange, kept, channel), _by_parts(noisy))


def saturation(exchange: Exchange, kept: Kept, *, share: float = 0.7, channel: str = "") -> Exchange:
    """Clip at a share of the peak, to both sides."""

    def clipped(part: Column) -> Column:
        level = share * _peak(part)
        return np.clip(part, -level, level)

    return _changed(exchange, _numeric(exchange, kept, channel), _by_parts(clipped))


def quantisation(exchange: Exchange, kept: Kept, *, bits: int = 5, channel: str = "") -> Exchange:
    """Round to the steps of a converter of so many bits, which reaches from -peak to peak."""

    def rounded(part: Column) -> Column:
        step = 2 * _peak(part) / 2**bits
        return np.asarray(np.rint(part / step) * step)

    return _changed(exchange, _numeric(exchange, kept, channel), _by_parts(rounded))


def phase(exchange: Exchange, kept: Kept, *, by: int = 1 * ms, channel: str = "") -> Exchange:
    """Let the waveform come `by` ns later, in messages that come as before."""
    period = _period(exchange)
    return _resampled(exchange, kept, channel, lambda index: index - by / period)


def drift(exchange: Exchange, kept: Kept, *, by: float = 1e-3, channel: str = "") -> Exchange:
    """Let the time base of the waveform run slow: its delay grows by `by` seconds a second."""
    return _resampled(exchange, kept, channel, lambda index: index * (1 - by))


def frozen(exchange: Exchange, kept: Kept, *, channel: str = "", after: float = 0.5) -> Exchange:
    """Let one channel stand still after a share of the response."""
    if not len(exchange.response):
        return exchange
    at = min(int(after * len(exchange.response)), len(exchange.response) - 1)
    picked = [_named(exchange.response, channel)] if channel else _first(exchange, kept, lambda c: _moves(c[at:]))
    return _changed(exchange, picked, lambda column: np.concatenate([column[:at], np.full(column.size - at, column[at])]))


def sign(exchange: Exchange, kept: Kept, *, channel: str = "") -> Exchange:
    """Turn one channel upside down."""
    picked = (
        _numeric(exchange, kept, channel) if channel else _first(exchange, kept, lambda column: bool(np.any(np.abs(column) > 0)))
    )
    return _changed(exchange, picked, np.negative)


def swapped(exchange: Exchange, kept: Kept, *, first: str = "", second: str = "") -> Exchange:
    """Swap two channels of one type."""
    response = exchange.response
    one = [_named(response, first)] if first else _numeric(exchange, kept, "")
    other = [_named(response, second)] if second else _numeric(exchange, kept, "")
    pairs = [(i, j) for i in one for j in other if i != j and response[i].dtype == response[j].dtype]
    differ = [(i, j) for i, j in pairs if not np.array_equal(response[i], response[j])]
    if not len(response):
        return exchange
    if not differ:
        raise ConfigError("no two channels of one type differ")
    (i, j), columns = differ[0], list(response.columns)
    columns[i], columns[j] = columns[j], columns[i]
    return _with(exchange, columns)


def nan(exchange: Exchange, kept: Kept, rng: np.random.Generator, *, share: float = 0.01, channel: str = "") -> Exchange:
    """Put NaN for a share of the samples, at least for one of those that answer the stimulus."""
    picked = _numeric(exchange, kept, channel)
    rows = struck(answers(exchange), rng, share)

    def broken(column: Column) -> Column:
        column = column.copy()
        column[rows] = np.nan
        return column

    return _changed(exchange, picked, broken)


def _resampled(exchange: Exchange, kept: Kept, channel: str, moved: Callable[[Column], Column]) -> Exchange:
    """Read every channel at other places, given in samples; numbers by a cubic spline, states as the nearest one."""
    response = exchange.response
    if len(response) < 2:
        return exchange
    picked = [_named(response, channel)] if channel else [i for i, name in enumerate(response.names) if name not in kept]
    index = np.arange(len(response), dtype=np.float64)
    places = np.clip(moved(index), 0, index[-1])

    def read(column: Column) -> Column:
        if column.dtype.kind not in "fc":
            return np.asarray(column[np.rint(places).astype(np.int64)])
        if len(response) < 4 or not np.isfinite(column).all():
            return np.asarray(np.interp(places, index, column))
        from scipy.interpolate import CubicSpline  # noqa: PLC0415 - half a second to import, and few runs need it

        return np.asarray(CubicSpline(index, column)(places))

    return _changed(exchange, picked, read)


def _period(exchange: Exchange) -> float:
    """Return the mean distance of samples in ns, as they arrived."""
    received = exchange.response.received
    return float(received[-1] - received[0]) / (received.size - 1) or 1.0 if received.size > 1 else 1.0


def _numeric(exchange: Exchange, kept: Kept, channel: str) -> list[int]:
    """Return the index of that channel, or of every float and complex one."""
    response = exchange.response
    if channel:
        index = _named(response, channel)
        if response[index].dtype.kind not in "fc":
            raise ConfigError(f"channel {channel!r} is {response.signals[index].type.value}: it takes a float or complex one")
        return [index]
    picked = [i for i, name in enumerate(response.names) if name not in kept and response[i].dtype.kind in "fc"]
    if not picked:
        raise ConfigError("no channel of the response is float or complex")
    return picked


def _first(exchange: Exchange, kept: Kept, shows: Callable[[Column], bool]) -> list[int]:
    """Return the index of the first float or complex channel that would show it."""
    picked = _numeric(exchange, kept, "")
    if not len(exchange.response):
        return picked[:1]
    for i in picked:
        if shows(exchange.response[i]):
            return [i]
    raise ConfigError("no float or complex channel of the response would show it")


def _named(response: Samples, channel: str) -> int:
    if channel not in response.names:
        raise ConfigError(f"the response has no channel {channel!r}{nearest(channel, response.names)}")
    return response.index(channel)


def _moves(column: Column) -> bool:
    known = column[np.isfinite(column)]
    return bool(np.any(known != known[:1]))


def _peak(column: Column) -> float:
    sizes = np.abs(column[np.isfinite(column)])
    return float(sizes.max(initial=0.0)) or 1.0


def _by_parts(change: Callable[[Column], Column]) -> Callable[[Column], Column]:
    """Change real and imaginary part each on its own."""

    def both(column: Column) -> Column:
        return change(column.real) + 1j * change(column.imag) if column.dtype.kind == "c" else change(column)

    return both


def _changed(exchange: Exchange, picked: Iterable[int], change: Callable[[Column], Column]) -> Exchange:
    columns = list(exchange.response.columns)
    for i in picked:
        columns[i] = change(columns[i])
    return _with(exchange, columns)


def _with(exchange: Exchange, columns: list[Column]) -> Exchange:
    old = exchange.response
    fields = {name: getattr(old, name) for name in ("origin", "received", "sequence", "new_frame", "new_simulation", "length")}
    return replace(exchange, response=Samples(columns, old.signals, **fields))
