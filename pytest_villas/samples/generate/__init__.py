"""Stimuli from formulas: what VILLASnode's `signal.v2` node makes, and what tests of devices want besides.

Every generator returns `Samples` of n float signals on one grid: sample k is at ``t = k / rate`` seconds, carries
``sequence`` k and ``origin`` ``start + round(k * 1e9 / rate)`` ns. A replay uses the differences of `origin` only.

- the nine of `signal.v2`: `sine`, `square`, `triangle`, `ramp`, `counter`, `constant`, `random`, `pulse`, `mixed`
- excitations: `chirp`, `step`, `prbs`
- power systems: `three_phase`, with harmonics, sags and swells
- from parts: `array` takes any NumPy array, `mix` puts several stimuli side by side

Common keywords: `rate` in Hz, one of `duration` in s or `count` of samples, `name` and `unit` of the signal, and `start`,
the `origin` in ns of the first sample. All phases are computed from k, nothing is accumulated: after 10^7 samples they are
off by less than 1e-10 of a period. A bad argument raises SignalError, which is a ValueError.

>>> from pytest_villas import generate
>>> generate.sine(frequency=50, amplitude=325, rate=10_000, duration=2)
Samples(20000 x sine: float)
"""

from pytest_villas.samples.generate.compose import array, mix
from pytest_villas.samples.generate.excitations import chirp, prbs, step
from pytest_villas.samples.generate.grid import LONGEST
from pytest_villas.samples.generate.power import three_phase
from pytest_villas.samples.generate.waves import constant, counter, mixed, pulse, ramp, random, sine, square, triangle

__all__ = [
    "LONGEST",
    "array",
    "chirp",
    "constant",
    "counter",
    "mix",
    "mixed",
    "prbs",
    "pulse",
    "ramp",
    "random",
    "sine",
    "square",
    "step",
    "three_phase",
    "triangle",
]
