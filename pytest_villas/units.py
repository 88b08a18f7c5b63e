"""Durations are integers of nanoseconds, rates are floats of hertz; here they are named and read from text.

>>> 2 * ms
2000000
>>> duration("1.5 ms"), duration("20 s"), rate("5 kHz")
(1500000, 20000000000, 5000.0)
"""

from __future__ import annotations

import math
import re

from pytest_villas.errors import ConfigError

ns = 1
us = 1_000
ms = 1_000_000
s = 1_000_000_000

_DURATIONS = {"ns": ns, "us": us, "µs": us, "ms": ms, "s": s, "min": 60 * s, "h": 3600 * s}
_RATES = {"mHz": 1e-3, "Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "S/s": 1.0, "kS/s": 1e3}
_RATIOS = {"": 1.0, "%": 1e-2, "ppm": 1e-6}
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\s\d]*)\s*")


def _quantity(text: str, units: dict[str, float] | dict[str, int], what: str, example: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        names = ", ".join(filter(None, units))
        unit = f" and {'perhaps ' if '' in units else ''}one of {names}" if names else " without a unit"
        raise ConfigError(f"{text!r} is no {what}: a number{unit}, as in {example!r}")
    return float(match[1]) * units[match[2]]


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if number > 0 else -math.inf


def quantity(value: object, units: dict[str, float], what: str, example: str) -> float:
    """Read a finite number: text with one of the units, or a number that counts the unit whose factor is 1.

    >>> quantity("5 mHz", {"Hz": 1.0, "mHz": 1e-3}, "frequency", "50 Hz")
    0.005

    Raises ConfigError with the example.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(f"{value!r} is no {what}: a number, or text as in {example!r}")
    number = _quantity(value, units, what, example) if isinstance(value, str) else _float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{value!r} is no {what}: it has to be finite")
    return number


def duration(value: str | float) -> int:
    """Read a duration: text with a unit, or a number that already counts nanoseconds. Returns ns.

    Raises ConfigError for an unknown unit, a bare number in text, NaN or infinity.
    """
    number = _quantity(value, _DURATIONS, "duration", "2 ms") if isinstance(value, str) else _float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{value!r} is no duration: it has to be finite")
    return round(number)


def seconds(value: str | float) -> float:
    """Read a time of a waveform: text with a unit, or a number that already counts seconds. Returns seconds.

    >>> seconds("1 ms"), seconds(0.5)
    (0.001, 0.5)

    Raises ConfigError as `duration` does, but takes any number as it is.
    """
    return _quantity(value, _DURATIONS, "duration", "2 ms") / s if isinstance(value, str) else value


def rate(value: str | float) -> float:
    """Read a rate: text with a unit, or a number of hertz. Returns Hz, above 0."""
    number = _quantity(value, _RATES, "rate", "1 kHz") if isinstance(value, str) else _float(value)
    if not (math.isfinite(number) and number > 0):
        raise ConfigError(f"{value!r} is no rate: it has to be finite and above 0")
    return number


def ratio(value: str | float) -> float:
    """Read a dimensionless number: ``0.01``, ``"1 %"``, ``"20 ppm"``."""
    number = _quantity(value, _RATIOS, "ratio", "1 %") if isinstance(value, str) else _float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{value!r} is no ratio: it has to be finite")
    return number


def format_duration(value: float) -> str:
    """Write nanoseconds for people, three significant digits.

    >>> format_duration(1_234_567), format_duration(35), format_duration(float("inf"))
    ('1.23 ms', '35 ns', 'inf')
    """
    if not math.isfinite(value):
        return str(float(value))
    size = abs(value)
    for unit, scale in (("s", s), ("ms", ms), ("us", us)):
        if size >= scale * 0.9995:
            return f"{value / scale:.3g} {unit}" if size < 999.5 * scale else f"{value / scale:.0f} {unit}"
    return f"{value:.3g} ns"
