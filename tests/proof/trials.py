"""What the measures claim, tried out on data whose truth is known. Each function counts; nobody is asked to believe."""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import norm

from pytest_villas.measure import Outcome, latency
from pytest_villas.measure.timing.gate import gate
from pytest_villas.measure.timing.latency import Latency
from pytest_villas.measure.waveforms.delay import estimate_delay
from pytest_villas.measure.waveforms.tube import tube, tube_bounds
from pytest_villas.samples import Int64s

SCALE: Final = 10**9
"""Values of every process are uniform on 0 .. SCALE, so that the true q-quantile is q SCALE."""
Process = Callable[[np.random.Generator, int], Int64s]
"""Makes a record of so many values."""


def independent(rng: np.random.Generator, n: int) -> Int64s:
    """Make a record in which no value knows of another."""
    return rng.integers(0, SCALE, n)


def autoregressive(phi: float) -> Process:
    """Make records of which each value is correlated by phi with the one before."""

    def make(rng: np.random.Generator, n: int) -> Int64s:
        noise = rng.standard_normal(n + 2000) * math.sqrt(1 - phi**2)
        series: npt.NDArray[Any] = lfilter([1.0], [1.0, -phi], noise)[2000:]
        return np.asarray(norm.cdf(series) * SCALE, np.int64)

    return make


def bursty(length: int, share: float = 0.01) -> Process:
    """Make records whose greatest values, a share of them, come in bursts of that mean length; the rest is independent."""

    calm = length * (1 - share) / share

    def make(rng: np.random.Generator, n: int) -> Int64s:
        # calm and bursts in turn; it starts somewhere in the middle, where it has forgotten how it began
        turns = int(4 * n / (calm + length)) + 40
        spans = np.stack([rng.geometric(1 / calm, turns), rng.geometric(1 / length, turns)], axis=1).ravel()
        state = np.repeat(np.tile([False, True], turns), spans)
        start = int(rng.integers(state.size // 4, state.size // 2)) if state.size >= 2 * n else state.size - n
        high, level = state[start : start + n], rng.random(n)
        return np.asarray(np.where(high, 1 - share + share * level, (1 - share) * level) * SCALE, np.int64)

    return make


PROCESSES: Final[Mapping[str, Process]] = {
    "iid": independent,
    "AR(.9)": autoregressive(0.9),
    "AR(.99)": autoregressive(0.99),
    "bursts of 5": bursty(5),
}


def gate_outcomes(process: Process, trials: int, n: int, q: float = 0.99, seed: int = 1) -> Counter[Outcome]:
    """Judge records against a limit that is exactly the true quantile: every PASS and every FAIL is false."""
    rng = np.random.default_rng(seed)
    return Counter(gate(process(rng, n), q * SCALE, q).outcome for _ in range(trials))


def same_against_same(process: Process, trials: int, n: int, q: float = 0.99, seed: int = 2) -> Counter[Outcome]:
    """Judge the second half of records against what the first half is sure to keep: every FAIL is false.

    Records whose first half is too short to be sure of anything do not count: as many others are made.
    """
    rng, found = np.random.default_rng(seed), Counter[Outcome]()
    for _ in range(3 * trials):
        record = process(rng, 2 * n)
        limit = gate(record[:n], math.inf, q).upper
        if math.isfinite(limit):
            found[gate(record[n:], limit, q, strict=False).outcome] += 1
        if found.total() == trials:
            break
    return found


def delay_errors(trials: int, seed: int = 3) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Estimate delays of three phases of about 50 Hz, 1 s at 10 kHz, 40 dB. Returns errors and stated u, in samples."""
    rng, rate = np.random.default_rng(seed), 10_000.0
    t, phases = np.arange(10_000) / rate, np.array([0.0, -2, 2])[:, None] * np.pi / 3
    errors, stated = [], []
    for _ in range(trials):
        delay, omega = rng.uniform(0, 0.004), 2 * np.pi * (50 + rng.uniform(-0.3, 0.3))
        x, y = np.sin(omega * t + phases), 1.1 * np.sin(omega * (t - delay) + phases) + 0.1
        found = estimate_delay(x, y + rng.normal(0, 1.1 * 0.01 / math.sqrt(2), y.shape), rate, (0, 0.005))
        errors.append((found.seconds - delay) * rate)
        stated.append(found.u * rate)
    return np.array(errors), np.array(stated)


def cycles(cases: Iterator[Any]) -> tuple[Counter[str], int]:
    """Estimate delays of periodic signals. Returns how often each status was given, and how many `ok` were a wrong cycle."""
    seen, wrong = Counter[str](), 0
    for x, y, rate, search, delay, period in cases:
        found = estimate_delay(x, y, rate, search)
        seen[found.status] += 1
        wrong += found.status == "ok" and not abs(found.seconds - delay) < period / 4
    return seen, wrong


def tube_differences(trials: int, brute: Callable[..., tuple[float, float]], seed: int = 4) -> float:
    """Hold the bounds of a tube against those found one by one. Returns the greatest difference."""
    rng, greatest = np.random.default_rng(seed), 0.0
    for _ in range(trials):
        n, m = rng.integers(2, 60), rng.integers(1, 40)
        knots, x, dt = np.cumsum(rng.uniform(0.1, 2, n)), rng.normal(0, 1, n), float(rng.choice([0.0, 0.3, 3, 30]))
        t = np.sort(rng.uniform(knots[0] - 2, knots[-1] + 2, m))
        bounds = np.stack(tube_bounds(knots, x, t, dt), axis=1)
        greatest = max(greatest, float(np.abs(bounds - [brute(knots, x, float(s), dt) for s in t]).max()))
    return greatest


def funnel_differences(trials: int, seed: int = 5) -> tuple[int, int] | None:
    """Hold verdicts of the tube against pyfunnel's. Returns how many differ and how many it failed; None without pyfunnel."""
    if importlib.util.find_spec("pyfunnel") is None:
        return None
    import pyfunnel  # noqa: PLC0415 - where somebody has installed it

    rng, differ, failed = np.random.default_rng(seed), 0, 0
    t = np.linspace(0, 1, 201)
    for _ in range(trials):
        x = np.sin(2 * np.pi * rng.uniform(1, 4) * t + rng.uniform(0, 6))
        dt, atol = float(rng.uniform(0.005, 0.02)), float(rng.uniform(0.01, 0.1))
        y = np.interp(t - rng.uniform(-1.5, 1.5) * dt, t, x) + rng.uniform(-0.8, 0.8) * atol
        with tempfile.TemporaryDirectory() as folder:
            pyfunnel.compareAndReport(t, x, t, y, outputDirectory=folder, atolx=dt, atoly=atol)
            errors = np.loadtxt(Path(folder) / "errors.csv", delimiter=",", skiprows=1)[:, 1]
        theirs = not errors.max() > 0
        failed += not theirs
        differ += theirs is not bool(tube(t, x, t, y, atol=atol, dt=dt))
    return differ, failed


def stalled(count: int = 10_000) -> Latency:
    """Measure a sender of 1 kHz that stalls five times for 200 ms, while every answer takes 300 us."""
    from impair.exchanges import exchange  # noqa: PLC0415 - of the tests of the impairments

    from pytest_villas.impair import parse  # noqa: PLC0415

    after = parse("stalled_sender:by=200 ms,stalls=5")(exchange(count))
    return latency(after.capture.meant, after.sent, after.response.received, after.sent)
