"""What one limit is: its settings, how they are read, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.units import duration, quantity, ratio

if TYPE_CHECKING:
    from pytest_villas.measure.verdict import Verdict

Reader: TypeAlias = Callable[[Any], Any]
"""Reads a setting from a number or from text with a unit; ConfigError for what it cannot be."""
_Number = TypeVar("_Number", int, float)
FLOAT: Final = frozenset({"float"})
NUMERIC: Final = frozenset({"float", "complex"})
ANY: Final = frozenset({"float", "complex", "integer", "boolean"})
BOOLEAN: Final = frozenset({"boolean"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A limit that can be declared.

    Attributes:
        about: what it means, for people.
        example: a value that it may have.
        settings: what reads each of its settings.
        judge: holds a run, or a channel, against the settings.
        main: the setting that a plain value stands for; empty where there is none, and only a table will do.
        required: settings that cannot be left out.
        some: settings of which at least one has to be there.
        of: the types of channels that it is about; empty where it is about the run.
    """

    about: str
    example: object
    settings: Mapping[str, Reader]
    judge: Callable[[Any, Mapping[str, Any]], Iterable[Verdict]]
    main: str = "limit"
    required: frozenset[str] = frozenset()
    some: frozenset[str] = frozenset()
    of: frozenset[str] = field(default=frozenset())

    def read(self, value: object) -> dict[str, Any]:
        """Return the settings; ConfigError for what they cannot be."""
        if isinstance(value, Mapping):
            given = dict(value)
        elif not self.main:
            raise ConfigError(f"it has to be a table, as in {self.example}")
        else:
            given = {self.main: value}
        found = {}
        for name, setting in given.items():
            if name not in self.settings:
                raise ConfigError(f"{name}: no such setting{nearest(str(name), self.settings)}")
            try:
                found[name] = self.settings[name](setting)
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}" if isinstance(value, Mapping) else str(error)) from None
        needed = sorted(self.required - found.keys())
        needed += [f"one of {', '.join(sorted(self.some))}"] if self.some and not self.some & found.keys() else []
        if needed:
            raise ConfigError(f"needs {' and '.join(needed)}, as in {self.example}")
        return found


def number(value: object) -> float:
    """Read a number in the unit of the signal, which is not written."""
    return quantity(value, {"": 1.0}, "number", "0.5")


def instant(value: object) -> int:
    """Read a time that may be negative, in ns."""
    return duration(_plain(value))


def _size(value: object, found: _Number) -> _Number:
    """Return what was read; ConfigError where it is negative: no size is below 0, so nothing could keep such a limit."""
    if found < 0:
        raise ConfigError(f"{value!r} is below 0, and it is about a size: it has to be at least 0")
    return found


def extent(value: object) -> float:
    """Read a number of at least 0 in the unit of the signal, which is not written."""
    return _size(value, number(value))


def count(value: object) -> int:
    """Read a whole number of at least 0."""
    found = number(value)
    if found < 0 or not found.is_integer():
        raise ConfigError(f"{value!r} is no count: a whole number of at least 0")
    return int(found)


def switch(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{value!r} is neither true nor false")
    return value


def share(value: object) -> float:
    """Read a dimensionless number of at least 0: ``0.01``, ``"1 %"``, ``"20 ppm"``."""
    return _size(value, ratio(_plain(value)))


def drift(value: object) -> float:
    """Read how fast two clocks part, in ppm: it has to have a unit, for 20 would be 20 seconds in each second."""
    found = 1e6 * share(value)
    if found and not (isinstance(value, str) and value.rstrip().endswith(("ppm", "%"))):
        raise ConfigError(f"{value!r} has no unit: write '20 ppm' or '0.002 %'")
    return found


def time(value: object) -> int:
    """Read a duration of at least 0, in ns."""
    return _size(value, instant(value))


def angle(value: object) -> float:
    """Read the size of an angle, in degrees."""
    units = {"": 1.0, "deg": 1.0, "°": 1.0, "mrad": 0.18 / math.pi, "rad": 180 / math.pi}
    return _size(value, quantity(value, units, "angle", "0.5 deg"))


def hertz(value: object) -> float:
    """Read a frequency, or the size of a difference of two, in Hz."""
    return _size(value, quantity(value, {"": 1.0, "Hz": 1.0, "mHz": 1e-3, "kHz": 1e3, "MHz": 1e6}, "frequency", "5 mHz"))


def frequencies(value: object) -> tuple[float, ...]:
    """Read one frequency or several, in Hz."""
    found = tuple(hertz(each) for each in (value if isinstance(value, list | tuple) else [value]))
    if not found:
        raise ConfigError("at least one frequency is needed")
    return found


def above(least: float, read: Callable[[object], _Number]) -> Callable[[object], _Number]:
    """Return a reader of what has to be more than `least`, as the settings of a fit have."""

    def checked(value: object) -> _Number:
        found = read(value)
        if not found > least:
            raise ConfigError(f"{value!r}: it has to be above {least:g}")
        return found

    return checked


def decibel(value: object) -> float:
    """Read a level in dB, which is negative where there is more noise than signal."""
    return quantity(value, {"": 1.0, "dB": 1.0}, "level", "60 dB")


def bits(value: object) -> float:
    """Read a number of bits."""
    return _size(value, quantity(value, {"": 1.0, "bit": 1.0, "bits": 1.0}, "number of bits", "10 bit"))


def _plain(value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(f"{value!r}: it has to be a number, or text with a unit")
    return value
