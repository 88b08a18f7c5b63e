"""Declarations: checked before anything runs, and merged so that the nearest wins.

A declaration is a mapping, as a rig file has it in `[limits]`::

    latency_p99 = "2 ms"                            # of the run
    nrmse = "1 %"                                   # of every channel of a fitting type
    tube = { rtol = "1 %", dt = "1 ms" }            # a limit with several settings
    preset = "c37.118-m"                            # limits by the name of their source
    "v_*" = { nrmse = "0.5 %", phase = "0.5 deg" }  # of the channels with such names alone
    drift = false                                   # not this one, whatever is declared further away
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.limits.catalogue import KINDS
from pytest_villas.limits.presets import PRESETS

PRESET = "preset"


def is_pattern(name: str, value: object) -> bool:
    """Say whether an entry is about channels of such names, and no limit itself."""
    return isinstance(value, Mapping) and name not in KINDS


def check(limits: Mapping[str, Any], pattern: str = "") -> None:
    """Raise ConfigError for a limit that there is not, with the nearest one, and for a value that is no such quantity."""
    place = f"limits.{pattern}" if pattern else "limits"
    for name, value in expanded(limits, place).items():
        if not pattern and is_pattern(name, value):
            check(value, name)
            continue
        if name not in KINDS:
            close = nearest(name, [*KINDS, PRESET])
            raise ConfigError(f"{place}.{name}: no such limit{close if 'did you mean' in close else ', see docs/limits.md'}")
        if pattern and not KINDS[name].of:
            raise ConfigError(f"{place}.{name}: it is about the run, and no limit on a channel")
        if value is False:
            continue
        try:
            KINDS[name].read(value)
        except ConfigError as error:
            raise ConfigError(f"{place}.{name}: {error}") from None


def merge(far: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two declarations; what `near` says of a limit wins, be it of every channel or of some.

    In the result, an entry of some channels wins over one of all, and a later entry over an earlier one.
    """
    near = expanded(near)
    result: dict[str, Any] = {}
    for name, value in expanded(far).items():
        # a nearer limit of every channel replaces a farther one of some
        kept = {limit: each for limit, each in value.items() if limit not in near} if is_pattern(name, value) else value
        if kept or not is_pattern(name, value):
            result[name] = kept
    for name, value in near.items():
        if is_pattern(name, value):
            value = {**result.pop(name, {}), **value}  # noqa: PLW2901 - moved to the end: it is the nearest now
        result[name] = value
    return result


def expanded(limits: Mapping[str, Any], place: str = "limits") -> dict[str, Any]:
    """Replace presets by what they stand for; what is declared beside them wins. ConfigError for an unknown one."""
    result: dict[str, Any] = {}
    names = limits.get(PRESET, ())
    for name in names if isinstance(names, list | tuple) else (names,):
        if not isinstance(name, str) or name not in PRESETS:
            raise ConfigError(f"{place}.{PRESET}: {name!r}: no such preset{nearest(str(name), PRESETS)}")
        result |= PRESETS[name].limits
    for name, value in limits.items():
        if name != PRESET:
            result[name] = expanded(value, f"{place}.{name}") if is_pattern(name, value) else value
    return result
