"""Quantities for people: read from text in the unit of a measure, and written with it."""

from __future__ import annotations

import math

from pytest_villas.errors import ConfigError
from pytest_villas.units import duration, format_duration, ratio


def read_text(text: str, unit: str) -> float:
    """Read text into a unit of measure: ``"2 ms"`` in ns, ``"1 %"`` in 1. Raises ConfigError where it is none."""
    if unit == "ns":
        return float(duration(text))
    if unit == "1":
        return ratio(text)
    for scaled, factor in (("ppm", 1e6), ("%", 1e2)):
        if unit == scaled and text.rstrip().endswith(("%", "ppm")):
            return ratio(text) * factor
    bare = text.strip().removesuffix(unit).strip()
    try:
        number = float(bare)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{text!r} is no limit: a number{f' of {unit}' if unit else ''}, as in {f'2 {unit}'.strip()!r}")
    return number


def format_value(value: float, unit: str) -> str:
    """Write a value for people: durations with three significant digits, counts in full, others with four.

    >>> format_value(1_234_567, "ns"), format_value(0.0123456, "1"), format_value(12345678, ""), format_value(3, "Hz")
    ('1.23 ms', '0.01235', '12345678', '3 Hz')
    """
    if unit == "ns":
        return format_duration(value)
    if unit == "" and math.isfinite(value):
        return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"
    return f"{value:.4g}{'' if unit in {'', '1'} else f' {unit}'}"


def format_apart(first: float, second: float, unit: str) -> tuple[str, str]:
    """Write two values so that they read differently if they differ: 1.9999 ms is not "2 ms" beside a limit of 2 ms."""
    texts = format_value(first, unit), format_value(second, unit)
    if texts[0] != texts[1] or first == second or math.isnan(second):
        return texts
    suffix = "" if unit in {"", "1"} else f" {unit}"
    return f"{first:.12g}{suffix}", f"{second:.12g}{suffix}"


def format_range(lower: float, upper: float, unit: str) -> str:
    """Write an interval, with the unit once where both ends have the same: ``2.9 .. 3.4 ms``."""
    low, high = format_apart(lower, upper, unit)
    value, _, scale = low.partition(" ")
    return f"{value} .. {high}" if scale and high.endswith(f" {scale}") else f"{low} .. {high}"
