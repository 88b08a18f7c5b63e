"""Three-phase voltages and currents: harmonics, sags, swells, phase sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pytest_villas.errors import SignalError, nearest
from pytest_villas.samples.generate.grid import Floats, Grid, below_nyquist, integer, number
from pytest_villas.samples.samples import Samples
from pytest_villas.samples.signal import Signal

_SEQUENCES = {"positive": -1, "negative": 1, "zero": 0}


def three_phase(
    *,
    magnitude: float = 1.0,
    frequency: float = 50.0,
    phase: float = 0.0,
    harmonics: Mapping[int, tuple[float, float]] | None = None,
    sag: tuple[float, float, float | tuple[float, float, float]] | None = None,
    phase_sequence: Literal["positive", "negative", "zero"] = "positive",
    rate: float,
    duration: float | None = None,
    count: int | None = None,
    name: str | tuple[str, str, str] = ("va", "vb", "vc"),
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return three columns ``magnitude g(t) (sin(theta) + sum over h of r_h sin(h theta + p_h))``.

    theta is ``2 pi frequency t + phase`` in the first phase; the second and third are 120 and 240 degrees behind it in a
    positive sequence, ahead in a negative one, and equal to it in a zero one. So harmonics have their natural sequence: the
    fifth of a positive system turns backwards, the third is in phase.

    Args:
        magnitude: peak value of the fundamental; sqrt(2/3) of an rms voltage between two conductors.
        frequency: of the fundamental, in Hz.
        phase: of the fundamental at t = 0, in rad.
        harmonics: order (2 or more) to relative magnitude r_h and phase p_h in rad, as in ``{5: (0.06, 0.0)}``.
        sag: from and until when in s, and the factor g in between, one or one a phase: ``(0.5, 0.7, 0.4)`` leaves 40 %,
            ``(0.5, 0.7, (0, 1, 1))`` shorts the first phase, a factor above 1 is a swell. It includes its first instant.
        phase_sequence: see above.
        rate: in Hz.
        duration: in s; or
        count: number of samples.
        name: of the three signals, or a prefix of a, b and c.
        unit: of all three.
        start: `origin` of the first sample in ns.

    Raises SignalError for a fundamental or harmonic of half the rate or more, and for a sag in which no sample lies.
    """
    grid = Grid.of(rate, duration, count, start)
    if phase_sequence not in _SEQUENCES:
        raise SignalError(f"phase_sequence={phase_sequence!r}: unknown{nearest(str(phase_sequence), _SEQUENCES)}")
    names = tuple(f"{name}{letter}" for letter in "abc") if isinstance(name, str) else tuple(name)
    if len(names) != 3:
        raise SignalError(f"name={name!r}: it has to be three names, or a prefix")
    base = math.tau * grid.turns(below_nyquist("frequency", frequency, grid.rate)) + number("phase", phase)
    parts = [(1, 1.0, 0.0), *_harmonics(harmonics or {}, frequency, grid.rate)]
    factors = _factors(sag, grid)
    columns = []
    for i in range(3):
        theta = base + _SEQUENCES[phase_sequence] * i * math.tau / 3
        wave = sum((relative * np.sin(order * theta + shift) for order, relative, shift in parts), np.zeros(grid.count))
        columns.append(number("magnitude", magnitude) * factors[i] * wave)
    return grid.samples(columns, [Signal(str(each), unit) for each in names])


def _harmonics(harmonics: Mapping[int, tuple[float, float]], frequency: float, rate: float) -> list[tuple[int, float, float]]:
    parts = []
    for key, value in harmonics.items():
        order = integer("harmonics: order", key, least=2)
        if not _is_sequence(value, 2):
            raise SignalError(
                f"harmonics[{order}]={value!r}: it has to be a relative magnitude and a phase in rad, as (0.06, 0.0)"
            )
        below_nyquist(f"frequency of harmonic {order}", order * frequency, rate)
        relative, shift = value
        parts.append((order, number(f"harmonics[{order}][0]", relative), number(f"harmonics[{order}][1]", shift)))
    return parts


def _factors(sag: Any, grid: Grid) -> list[Floats | float]:
    if sag is None:
        return [1.0, 1.0, 1.0]
    if not _is_sequence(sag, 3):
        raise SignalError(f"sag={sag!r}: it has to be begin and end in s and a factor, as (0.5, 0.7, 0.4)")
    begin, end, level = sag
    levels = level if _is_sequence(level, 3) else (level, level, level)
    first, last = grid.index(number("sag[0]", begin, least=0)), grid.index(number("sag[1]", end))
    if not first < min(last, grid.count):
        raise SignalError(f"sag={sag!r}: no sample lies from {begin:g} s until {end:g} s; there are {grid.duration:g} s")
    k = np.arange(grid.count)
    inside = (k >= first) & (k < last)
    return [np.where(inside, number("sag[2]", each, least=0), 1.0) for each in levels]


def _is_sequence(value: Any, length: int) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == length
