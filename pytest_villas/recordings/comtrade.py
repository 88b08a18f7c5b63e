"""COMTRADE [IEEE C37.111-1991, -1999, -2013; IEC 60255-24]: `.cfg` with `.dat`, or `.cff`. Reading only.

Configuration and scaling come from the `comtrade` library (``pip install pytest-villas[comtrade]``). Files, time and missing
values are seen to here, in `comtrade_files` and in `comtrade_data`, which say why.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, nearest
from pytest_villas.recordings.comtrade_data import NO_STAMP, WIDTHS, Data, read_ascii, read_binary
from pytest_villas.recordings.comtrade_files import read_config, split
from pytest_villas.recordings.headers import cast, known_options
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalSpec, SignalType

_LAYOUTS = ("ASCII", *WIDTHS)
_SIDES = ("recorded", "primary", "secondary")
_SECOND = 1_000_000_000


def read(path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
    """Read a recording.

    Analog channels become floats with their unit, status channels booleans, missing values NaN, and the numbers of the
    samples their sequence. Samples are timed by the rates of the configuration where it has them, as the standard prefers,
    else by their stamps. The start counts as UTC unless the file (2013) has an offset. Of option `values`, `recorded` is as
    the file has them, `primary` and `secondary` are a side of the instrument transformers. That channels are sampled one
    after the other (skew) has no place in `Samples`; a warning tells of it.
    """
    known_options(name, options, ("values",))
    side = options.get("values", "recorded")
    if side not in _SIDES:
        raise ConfigError(f"format {name!r}: values is {side!r}{nearest(str(side), _SIDES)}")
    try:
        library = importlib.import_module("comtrade")
    except ImportError:
        raise ConfigError(f"{path}: COMTRADE needs the comtrade package: pip install pytest-villas[comtrade]") from None
    text, data = split(path, content)
    described = read_config(path, text)
    broken = (library.ComtradeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
    parsed = library.Comtrade(ignore_warnings=True, use_numpy_arrays=True, use_double_precision=True)
    try:
        parsed.cfg.read(described.text)
    except broken as error:
        raise DecodeError(f"{path}: no configuration of COMTRADE: {error}") from None
    config = parsed.cfg
    if config.ft.upper() not in _LAYOUTS:
        raise DecodeError(f"{path}: data of type {config.ft!r}{nearest(config.ft.upper(), _LAYOUTS)}")
    found = read_ascii(path, data, config) if config.ft.upper() == "ASCII" else read_binary(path, data, config)
    _check(path, found, config)
    origin = described.start + _due(path, found, config, described.tick)
    try:
        parsed.read(described.text, found.content)
    except broken as error:
        raise DecodeError(f"{path}: no data of COMTRADE: {error}") from None
    channels = zip(parsed.analog, config.analog_channels, found.missing, strict=True)
    columns: list[Column] = [np.where(absent, np.nan, values) * _factor(path, one, side) for values, one, absent in channels]
    columns += [np.asarray(states) != 0 for states in parsed.status]
    if skewed := [one.name for one in config.analog_channels if one.skew]:
        warnings.warn(f"{path}: {', '.join(skewed)}: the skew between channels is not kept", stacklevel=3)
    return cast(path, Samples(columns, _signals(config), origin=origin, sequence=found.numbers), signals)


def _check(path: Path, found: Data, config: Any) -> None:
    ends = [end for _, end in config.sample_rates]
    if sorted(set(ends)) != ends or ends[0] < 0 or any(rate < 0 for rate, _ in config.sample_rates):
        raise DecodeError(f"{path}: rates {config.sample_rates}: the numbers of their last samples have to ascend")
    if found.numbers.size != ends[-1]:
        raise DecodeError(f"{path}: {found.numbers.size} samples in the data where the configuration has {ends[-1]}: cut off?")
    steps = np.diff(found.numbers)
    if np.any(steps != 1) or np.any(found.numbers < 0):
        at = int(np.argmax(steps != 1))
        raise DecodeError(
            f"{path}: sample {found.numbers[at]} comes before {found.numbers[at + 1 : at + 2]}: samples are missing"
        )


def _due(path: Path, found: Data, config: Any, tick: int) -> Int64s:
    """Return ns after the first sample."""
    if config.timestamp_critical:
        if np.any(found.stamps == NO_STAMP):
            at = int(found.numbers[np.argmax(found.stamps == NO_STAMP)])
            raise DecodeError(f"{path}: sample {at} has no time stamp, and the configuration no rate")
        if np.any(np.diff(found.stamps) <= 0):
            at = int(found.numbers[np.argmax(np.diff(found.stamps) <= 0)])
            raise DecodeError(f"{path}: the time stamp after sample {at} does not ascend, and the configuration has no rate")
        stamped: Int64s = np.rint((found.stamps - found.stamps[:1]) * tick * config.timemult).astype(np.int64)
        return stamped
    due = np.zeros(found.numbers.size, np.int64)
    done = 1
    for rate, end in config.sample_rates:
        due[done:end] = due[done - 1 : done] + np.rint(np.arange(1, end - done + 1) * (_SECOND / rate)).astype(np.int64)
        done = max(end, 1)
    return due


def _factor(path: Path, channel: Any, side: str) -> float:
    """Return what turns recorded values into those of a side."""
    recorded = {"P": "primary", "S": "secondary"}.get(channel.pors.upper())
    if side in ("recorded", recorded):
        return 1.0
    if recorded is None or not (channel.primary > 0 and channel.secondary > 0):
        raise DecodeError(
            f"{path}: channel {channel.name!r} does not say of which side its values are, or the ratio of its transformer "
            f"(primary {channel.primary:g}, secondary {channel.secondary:g}, {channel.pors!r}): take them as recorded"
        )
    ratio = float(channel.primary / channel.secondary)
    return ratio if side == "primary" else 1 / ratio


def _signals(config: Any) -> list[Signal]:
    """Name signals as the channels are, with the phase where names alone are not enough."""
    channels = [*config.analog_channels, *config.status_channels]
    names = [channel.name for channel in channels]
    found = []
    for i, channel in enumerate(channels):
        analog = i < config.analog_count
        name = channel.name if names.count(channel.name) == 1 or not channel.ph else f"{channel.name} {channel.ph}".strip()
        name = name or f"{'analog' if analog else 'status'}{channel.n}"
        found.append(Signal(name, channel.uu if analog else "", SignalType.FLOAT if analog else SignalType.BOOLEAN))
    return found
