"""Stimuli that excite a device on purpose: a sweep, a step, a pseudo-random binary sequence."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError, nearest
from pytest_villas.samples.generate.grid import Grid, below_nyquist, checked_count, integer, number
from pytest_villas.samples.samples import Samples


def chirp(
    *,
    start_frequency: float,
    end_frequency: float,
    sweep: Literal["linear", "logarithmic"] = "linear",
    amplitude: float = 1.0,
    offset: float = 0.0,
    phase: float = 0.0,
    rate: float,
    duration: float | None = None,
    count: int | None = None,
    name: str = "chirp",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return a sine whose frequency goes from `start_frequency` at t = 0 to `end_frequency` at t = n / rate.

    Raises SignalError for a frequency of half the rate or more, and for one of 0 or less in a logarithmic sweep.
    """
    grid = Grid.of(rate, duration, count, start)
    first = below_nyquist("start_frequency", start_frequency, grid.rate)
    last = below_nyquist("end_frequency", end_frequency, grid.rate)
    k = grid.ticks
    if sweep == "linear":
        whole = 2 * grid.count * grid.rate
        turns = grid.turns(first) + np.mod((last - first) * k**2, whole) / whole
    elif sweep == "logarithmic":
        number("start_frequency", first, above=0)
        number("end_frequency", last, above=0)
        growth = math.log(last / first)
        # expm1(x) / x of a sweep that stays where it is tends to 1: f t
        turns = np.mod(first * grid.duration / growth * np.expm1(growth * k / grid.count), 1.0) if growth else grid.turns(first)
    else:
        raise SignalError(f"sweep={sweep!r}: unknown{nearest(str(sweep), ('linear', 'logarithmic'))}")
    wave = np.sin(math.tau * turns + number("phase", phase))
    return grid.one(number("offset", offset) + number("amplitude", amplitude) * wave, name, unit)


def step(
    *,
    at: float,
    amplitude: float = 1.0,
    offset: float = 0.0,
    rate: float,
    duration: float | None = None,
    count: int | None = None,
    name: str = "step",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return `offset` before `at` (in s) and ``offset + amplitude`` from the first sample at or after it.

    Raises SignalError where no sample lies before the step, or none after it: a response to it could not be judged.
    """
    grid = Grid.of(rate, duration, count, start)
    first = grid.index(number("at", at))
    if not 0 < first < grid.count:
        raise SignalError(f"at={at:g} s: the step has to lie between the samples, above 0 and below {grid.duration:g} s")
    levels = np.where(np.arange(grid.count) < first, 0.0, number("amplitude", amplitude))
    return grid.one(levels + number("offset", offset), name, unit)


def prbs(
    *,
    order: int = 7,
    hold: int = 1,
    amplitude: float = 1.0,
    offset: float = 0.0,
    rate: float,
    duration: float | None = None,
    count: int | None = None,
    name: str = "prbs",
    unit: str = "",
    start: int = 0,
) -> Samples:
    """Return a maximum-length pseudo-random binary sequence, ``offset + amplitude`` for a 1 and ``offset - amplitude`` for a 0.

    A shift register of `order` bits (2 to 32) that starts with ones repeats after 2**order - 1 bits; orders 7, 9, 11, 15, 20, 23
    and 31 have the polynomials of [ITU-T O.150]. Each bit lasts `hold` samples. Without `duration` and `count`: one period.
    """
    order = integer("order", order)
    if order not in _TAPS:
        raise SignalError(f"order={order}: it has to be from {min(_TAPS)} to {max(_TAPS)}")
    hold = integer("hold", hold, least=1)
    if duration is None and count is None:
        count = checked_count(f"one period of order {order} in samples", (2**order - 1) * hold)
    grid = Grid.of(rate, duration, count, start)
    bits = _bits(order, -(-grid.count // hold))
    levels = np.repeat(bits, hold)[: grid.count] * (2 * number("amplitude", amplitude)) + (number("offset", offset) - amplitude)
    return grid.one(levels, name, unit)


# order: lags of the bits whose sum modulo 2 is the next bit; each is a primitive polynomial, as the tests show
_TAPS: Final[dict[int, tuple[int, ...]]] = {
    2: (2, 1),
    3: (3, 2),
    4: (4, 3),
    5: (5, 3),
    6: (6, 5),
    7: (7, 6),
    8: (8, 6, 5, 4),
    9: (9, 5),
    10: (10, 7),
    11: (11, 9),
    12: (12, 11, 10, 4),
    13: (13, 12, 11, 8),
    14: (14, 13, 12, 2),
    15: (15, 14),
    16: (16, 15, 13, 4),
    17: (17, 14),
    18: (18, 11),
    19: (19, 18, 17, 14),
    20: (20, 3),
    21: (21, 19),
    22: (22, 21),
    23: (23, 18),
    24: (24, 23, 22, 17),
    25: (25, 22),
    26: (26, 25, 24, 20),
    27: (27, 26, 25, 22),
    28: (28, 25),
    29: (29, 27),
    30: (30, 29, 28, 7),
    31: (31, 28),
    32: (32, 31, 30, 10),
}


def _bits(order: int, count: int) -> npt.NDArray[np.uint8]:
    """Make the sequence in ever larger blocks: the square of its recurrence, with all lags doubled, holds as well."""
    taps = _TAPS[order]
    period = 2**order - 1
    length = min(count, period)
    bits = np.ones(max(length, order), np.uint8)
    have, scale = order, 1
    while have < length:
        while 2 * scale * order <= have:
            scale *= 2
        size = min(min(taps) * scale, length - have)
        block = np.zeros(size, np.uint8)
        for lag in taps:
            block ^= bits[have - lag * scale : have - lag * scale + size]
        bits[have : have + size] = block
        have += size
    return np.resize(bits[:length], count)
