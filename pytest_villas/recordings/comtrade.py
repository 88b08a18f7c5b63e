"""COMTRADE [IEEE C37.111-1991, -1999, -2013; IEC 60255-24]: `.cfg` with `.dat`, or `.cff`. Reading only.

Configuration and values come from the `comtrade` library (``pip install pytest-villas[comtrade]``); which files there are,
the time, and what is missing are seen to here and in `comtrade_files`, which says why.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import ConfigError, DecodeError, nearest
from pytest_villas.recordings import comtrade_files as files
from pytest_villas.recordings.headers import cast, known_options
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalSpec, SignalType

_WIDTHS = {"BINARY": 2, "BINARY32": 4, "FLOAT32": 4}
_LAYOUTS = ("ASCII", *_WIDTHS)
_SIDES = ("recorded", "primary", "secondary")
_NO_STAMP = 0xFFFF_FFFF
_NO_FLOAT32 = float(np.finfo(np.float32).min)
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


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
    config, data = files.split(path, content)
    broken = (*_BROKEN, library.ComtradeError)
    parsed = library.Comtrade(ignore_warnings=True, use_numpy_arrays=True, use_double_precision=True)
    try:
        parsed.cfg.read(config)
    except broken as error:
        raise DecodeError(f"{path}: no configuration of COMTRADE: {error}") from None
    due = _start(path, config, parsed.cfg)
    numbers, stamps, missing = _ascii(path, data, parsed.cfg) if parsed.cfg.ft.upper() == "ASCII" else _binary(path, data, parsed.cfg)
    _check_numbers(path, numbers, parsed.cfg)
    due = due + _due(path, stamps, parsed.cfg)
    try:
        parsed.read(*_for_the_library(path, config, data, parsed.cfg))
    except broken as error:
        raise DecodeError(f"{path}: no values of COMTRADE: {error}") from None
    columns = [_scaled(path, values, channel, side) for values, channel in zip(parsed.analog, parsed.cfg.analog_channels, strict=True)]
    for column, absent in zip(columns, missing, strict=True):
        column[absent] = np.nan
    columns += [np.asarray(bits) != 0 for bits in parsed.status]
    _warn_of_skew(path, parsed.cfg)
    return cast(path, Samples(columns, _signals(parsed.cfg), origin=due, sequence=numbers), signals)
