"""MATLAB's `.mat` up to version 7.2, through SciPy: plain arrays with a vector of time, a struct of them, or what Simulink
saves as "structure with time". Reading only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, DecodeError, SignalError, nearest
from pytest_villas.recordings import matlab_process
from pytest_villas.recordings.arrays import TIME_NAMES, of
from pytest_villas.recordings.headers import cast, known_options
from pytest_villas.samples import Samples, SignalSpec

_REMEDY = "save it in MATLAB with save(name, '-v7')"


def read(path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
    """Read a file. Time is in seconds (integers: ns) since the Unix epoch, or since anything else.

    Options: `variable`, the struct to read where there are several; `time`, the name of its vector of time (`time`, `t`,
    `tout` or `timestamp`, if left out); `names`, a list of the vectors to read, if not all. An array of shape (n, k) becomes
    k signals `x0`, `x1` and so on, and where there is but one time, so does a vector. A field `units` of the struct, with a
    text for each name, gives units.
    """
    known_options(name, options, ("variable", "time", "names"))
    table = _table(path, _load(path, content), options)
    try:
        columns, time = _columns(path, table, options)
        return cast(path, of(columns, time=time), signals)
    except SignalError as error:
        raise SignalError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None


def _load(path: Path, content: bytes) -> dict[str, Any]:
    if content.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DecodeError(f"{path}: version 7.3 of MATLAB's format is not read: {_REMEDY}")
    try:
        return matlab_process.variables(content)
    except matlab_process.UnreadableError as error:
        raise DecodeError(f"{path}: no MATLAB file that can be read: {error}; {_REMEDY}") from None


def _table(path: Path, variables: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and arrays to read: those of a struct, or the variables of the file."""
    structs = {key: value for key, value in variables.items() if isinstance(value, dict)}
    wanted = options.get("variable")
    if wanted is not None:
        if wanted not in structs:
            raise ConfigError(f"{path}: variable: no struct {wanted!r}{nearest(str(wanted), structs)}")
        return structs[wanted]
    if _time_name(variables, options) is not None:
        return variables
    timed = [key for key, value in structs.items() if _time_name(value, options) is not None]
    if len(timed) == 1:
        return structs[timed[0]]
    if timed:
        raise DecodeError(f"{path}: several structs have a time: say format={{'type': 'matlab', 'variable': ...}}: {timed}")
    names = ", ".join(variables) or "nothing"
    raise DecodeError(
        f"{path}: no vector of time among {names}: it is called one of {', '.join(TIME_NAMES)}, or named by "
        f"format={{'type': 'matlab', 'time': ...}}"
    )


def _time_name(table: dict[str, Any], options: Mapping[str, Any]) -> str | None:
    names = [options["time"]] if "time" in options else TIME_NAMES
    return next((name for name in names if _is_array(table.get(name))), None)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int, complex)) and np.asarray(value).dtype.kind in "fiubc"


def _columns(path: Path, table: dict[str, Any], options: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    time_name = _time_name(table, options)
    if time_name is None:
        raise DecodeError(f"{path}: {options.get('variable')}: no vector of time in it{nearest(str(options.get('time')), table)}")
    time = np.atleast_1d(table[time_name])
    arrays = _simulink(path, table["signals"]) if "signals" in table and not _is_array(table["signals"]) else table
    chosen = options.get("names")
    if chosen is not None:
        for name in chosen:
            if not _is_array(arrays.get(name)):
                raise ConfigError(f"{path}: names: no array {name!r}{nearest(str(name), arrays)}")
        arrays = {name: arrays[name] for name in chosen}
    units = table.get("units")
    columns: dict[str, Any] = {}
    for name, value in arrays.items():
        if name == time_name or not _is_array(value):
            continue
        array = np.atleast_1d(value)
        if time.size == 1 and array.ndim == 1 and chosen is None and array.size > 1:
            array = array[np.newaxis]
        if array.shape[0] != time.size or array.ndim > 2:
            # a single number is a setting of the recorder, such as its rate
            if array.size == 1 and chosen is None and time.size != 1:
                continue
            raise DecodeError(
                f"{path}: {name!r} has shape {array.shape} and {time_name!r} {time.shape}: every signal has a value for each "
                f"time; leave it out with format={{'type': 'matlab', 'names': [...]}}"
            )
        unit = units.get(name) if isinstance(units, dict) else None
        suffix = f"[{unit}]" if isinstance(unit, str) and unit else ""
        split = {name: array} if array.ndim == 1 else {f"{name}{i}": column for i, column in enumerate(array.T)}
        columns |= {f"{key}{suffix}": column for key, column in split.items()}
    if not columns:
        raise DecodeError(f"{path}: nothing but the time {time_name!r}")
    return columns, time


def _simulink(path: Path, signals: Any) -> dict[str, Any]:
    """Return the arrays of Simulink's "structure with time"."""
    listed = [signals] if isinstance(signals, dict) else list(signals)
    found: dict[str, Any] = {}
    for i, signal in enumerate(listed):
        if not isinstance(signal, dict) or not _is_array(signal.get("values")):
            raise DecodeError(f"{path}: signals({i + 1}): no struct with `values`")
        block = signal.get("blockName")
        label = signal.get("label")
        name = label if isinstance(label, str) and label else block.split("/")[-1] if isinstance(block, str) else ""
        name = name or f"signal{i}"
        if name in found:
            raise DecodeError(f"{path}: signals({i + 1}): {name!r} is the name of another one: name the lines in Simulink")
        found[name] = signal["values"]
    return found
