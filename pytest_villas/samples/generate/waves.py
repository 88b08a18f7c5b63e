"""The nine signals of VILLASnode's `signal.v2` node: its formulas, its parameter names, its defaults.

t is k / rate in s, frac the fractional part. Where VILLASnode takes the remainder of a negative phase (it keeps its sign,
so that a triangle leaves its amplitude), frac here stays in [0, 1): a negative phase shifts the waveform and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from pytest_villas.samples.generate.grid import Floats, Grid, below_nyquist, integer, number
from pytest_villas.samples.samples import Samples
from pytest_villas.samples.signal import Signal


def sine(
    *,
    frequency: float = 1.0,
    amplitude: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "sine",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + amplitude sin(2 pi frequency t + phase)``; phase in rad.

    Raises SignalError for a frequency of half the rate or more.
    """
    grid = Grid.of(rate, duration, count, start)
    turns = grid.turns(below_nyquist("frequency", frequency, grid.rate))
    wave = np.sin(math.tau * turns + number("phase", phase))
    return grid.one(_scaled(wave, amplitude, offset), name, unit)


def square(
    *,
    frequency: float = 1.0,
    amplitude: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "square",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset - amplitude`` in the first half of each period and ``offset + amplitude`` in the second.

    Raises SignalError for a frequency above half the rate; its harmonics alias, as those of any sampled square do.
    """
    grid = Grid.of(rate, duration, count, start)
    return grid.one(_scaled(np.where(_turns(grid, frequency, phase) < 0.5, -1.0, 1.0), amplitude, offset), name, unit)


def triangle(
    *,
    frequency: float = 1.0,
    amplitude: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "triangle",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + 4 amplitude (|frac(frequency t + phase / 2 pi) - 0.5| - 0.25)``: it starts at its top.

    Raises SignalError for a frequency above half the rate.
    """
    grid = Grid.of(rate, duration, count, start)
    wave = 4.0 * (np.abs(_turns(grid, frequency, phase) - 0.5) - 0.25)
    return grid.one(_scaled(wave, amplitude, offset), name, unit)


def ramp(
    *,
    frequency: float = 1.0,
    amplitude: float = 1.0,
    offset: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "ramp",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + amplitude (t mod frequency)``. As in VILLASnode, `frequency` is the **period in s** here."""
    grid = Grid.of(rate, duration, count, start)
    period = number("frequency", frequency, above=0) * grid.rate
    return grid.one(_scaled(np.mod(grid.ticks, period) / grid.rate, amplitude, offset), name, unit)


def counter(
    *,
    amplitude: float = 1.0,
    offset: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "counter",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + amplitude k``."""
    grid = Grid.of(rate, duration, count, start)
    return grid.one(_scaled(grid.ticks, amplitude, offset), name, unit)


def constant(
    *,
    amplitude: float = 1.0,
    offset: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "constant",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + amplitude``, always."""
    grid = Grid.of(rate, duration, count, start)
    return grid.one(_scaled(np.ones(grid.count), amplitude, offset), name, unit)


def random(
    *,
    stddev: float = 0.2,
    offset: float = 0.0,
    seed: int = 0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "random",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return a random walk from `offset` with steps of N(0, stddev); the first sample has made one step.

    The same `seed` gives the same walk; VILLASnode's own differs from run to run.
    """
    grid = Grid.of(rate, duration, count, start)
    steps = np.random.default_rng(integer("seed", seed, least=0)).standard_normal(grid.count)
    walk = number("offset", offset) + np.cumsum(number("stddev", stddev, least=0) * steps)
    return grid.one(walk, name, unit)


def pulse(
    *,
    frequency: float = 1.0,
    pulse_width: float = 1.0,
    pulse_low: float = 0.0,
    pulse_high: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "pulse",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return ``offset + pulse_high`` while ``frac(frequency t + phase / 2 pi) <= pulse_width / rate``, else ``offset + pulse_low``.

    At 1 Hz `pulse_width` counts samples, and the comparison includes both ends: a width of 1 is two samples wide.
    """
    grid = Grid.of(rate, duration, count, start)
    on = _turns(grid, frequency, phase) <= number("pulse_width", pulse_width, least=0) / grid.rate
    levels = np.where(on, number("pulse_high", pulse_high), number("pulse_low", pulse_low))
    return grid.one(levels + number("offset", offset), name, unit)


_WAVE = ("frequency", "amplitude", "offset", "phase")
_MIXED: Final[tuple[tuple[Callable[..., Samples], tuple[str, ...]], ...]] = (
    (random, ("stddev", "offset", "seed")),
    (sine, _WAVE),
    (square, _WAVE),
    (triangle, _WAVE),
    (ramp, ("frequency", "amplitude", "offset")),
    (counter, ("amplitude", "offset")),
    (constant, ("amplitude", "offset")),
    (pulse, ("frequency", "pulse_width", "pulse_low", "pulse_high", "offset", "phase")),
)


def mixed(
    *,
    signals: int = 8,
    frequency: float = 1.0,
    amplitude: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    stddev: float = 0.2,
    pulse_width: float = 1.0,
    pulse_low: float = 0.0,
    pulse_high: float = 1.0,
    seed: int = 0,
    rate: float = 10.0,
    duration: float | None = None,
    count: int | None = None,
    name: str = "",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return `signals` columns, each another of the eight above, in VILLASnode's order, again from the first after the last.

    The order is random, sine, square, triangle, ramp, counter, constant, pulse. Without `name` a column is called after what
    it is, from the ninth on with its number; with it, they are name0, name1, and so on. Each random one has its own seed.
    """
    width = integer("signals", signals, least=1)
    first_seed = integer("seed", seed, least=0)
    grid = Grid.of(rate, duration, count, start)
    settings: dict[str, float] = {
        "frequency": frequency,
        "amplitude": amplitude,
        "offset": offset,
        "phase": phase,
        "stddev": stddev,
        "pulse_width": pulse_width,
        "pulse_low": pulse_low,
        "pulse_high": pulse_high,
    }
    columns, declared = [], []
    for i in range(width):
        generator, parameters = _MIXED[i % len(_MIXED)]
        settings["seed"] = first_seed + i
        one = generator(**{key: settings[key] for key in parameters}, rate=grid.rate, count=grid.count)
        columns.append(one.columns[0])
        kind = one.signals[0].name
        declared.append(Signal(f"{name}{i}" if name else kind if i < len(_MIXED) else f"{kind}{i}", unit))
    return grid.samples(columns, declared)


def _turns(grid: Grid, frequency: float, phase: float) -> Floats:
    return grid.turns(below_nyquist("frequency", frequency, grid.rate, reachable=True), number("phase", phase))


def _scaled(wave: Floats, amplitude: float, offset: float) -> Floats:
    return number("offset", offset) + number("amplitude", amplitude) * wave
