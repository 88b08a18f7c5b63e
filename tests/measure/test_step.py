from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.step import Step, step
from pytest_villas.units import ms

EPOCH = 1_795_419_350_543_587_202
RATE = 10_000
T = np.arange(2 * RATE) / RATE
W, Z = 2 * np.pi * 5, 0.4
OVERSHOOT = math.exp(-math.pi * Z / math.sqrt(1 - Z * Z))


def second_order(t: np.ndarray) -> np.ndarray:
    damped = W * math.sqrt(1 - Z * Z)
    t = np.maximum(t, 0)
    out: np.ndarray = 1 - np.exp(-Z * W * t) * (np.cos(damped * t) + Z * W / damped * np.sin(damped * t))
    return out


FINE = np.linspace(0, 2, 2_000_001)
EXACT = {level: float(FINE[np.argmax(second_order(FINE) >= level)]) for level in (0.1, 0.5, 0.9)}
SETTLING = float(FINE[np.flatnonzero(np.abs(second_order(FINE) - 1) > 0.02)[-1]])


def measure(noise: float, seed: int = 1, scale: float = 1.0, at: float = 0.0) -> Step:
    y = (
        scale * second_order(T - at) + np.random.default_rng(seed).normal(0, noise * abs(scale), T.size)
        if noise
        else scale * second_order(T - at)
    )
    return step(T, y, at=at, target=scale)


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.01])
def test_a_second_order_step_is_read_as_its_formula_says_in_any_noise(noise: float) -> None:
    found = measure(noise, at=0.2)
    tolerance = 1e-3 + noise / 4
    assert float(found.delay) / 1e9 == pytest.approx(EXACT[0.5], abs=tolerance)
    assert float(found.rise) / 1e9 == pytest.approx(EXACT[0.9] - EXACT[0.1], abs=tolerance)
    assert float(found.overshoot) == pytest.approx(OVERSHOOT, abs=0.005)
    assert float(found.settling) / 1e9 == pytest.approx(SETTLING, abs=0.002)
    assert float(found.steady_state_error) == pytest.approx(0, abs=0.001)
    assert found.settling < 400 * ms
    assert (found.settling < 200 * ms).outcome is Outcome.FAIL
    assert found.overshoot < 0.3
    assert (found.overshoot < 0.2).outcome is Outcome.FAIL


def test_intervals_hold_the_truth() -> None:
    held = np.zeros(4, np.int64)
    for seed in range(30):
        found = measure(0.02, seed, at=0.2)
        truths = (EXACT[0.5] * 1e9, (EXACT[0.9] - EXACT[0.1]) * 1e9, OVERSHOOT, SETTLING * 1e9)
        for i, (estimate, truth) in enumerate(
            zip((found.delay, found.rise, found.overshoot, found.settling), truths, strict=True)
        ):
            held[i] += estimate.status != "ok" or estimate.lower <= truth <= estimate.upper
    assert held.min() >= 26, held


@pytest.mark.parametrize("scale", [-40.0, 1e-6])
def test_height_and_direction_do_not_matter(scale: float) -> None:
    found = measure(0.002, scale=scale, at=0.1)
    assert float(found.overshoot) == pytest.approx(OVERSHOOT, abs=0.005)
    assert float(found.final) == pytest.approx(scale, rel=1e-3)


def test_a_step_that_misses_its_target_says_by_how_much() -> None:
    found = step(T, 0.9 * second_order(T - 0.1), at=0.1, target=1.0)
    assert float(found.steady_state_error) == pytest.approx(-0.1 / 0.9, abs=1e-4)
    assert (step(T, second_order(T), at=0).steady_state_error < 1).outcome is Outcome.INCONCLUSIVE


def test_a_monotonic_step_has_no_overshoot() -> None:
    found = step(T, 1 - np.exp(-np.maximum(T - 0.1, 0) / 0.05), at=0.1)
    assert found.overshoot < 0.001
    assert float(found.rise) / 1e9 == pytest.approx(0.05 * math.log(9), abs=5e-4)
    assert float(found.settling) / 1e9 == pytest.approx(0.05 * math.log(50), abs=2e-3)


def test_an_instant_step_is_not_smeared_by_the_filter() -> None:
    found = step(T, (T >= 0.5) * 3.0, at=0.4)
    assert float(found.delay) == pytest.approx(100 * ms, abs=0.2 * ms)
    assert found.rise < 1 * ms
    assert found.overshoot < 0.01


def test_int64_stamps_are_taken_as_they_are() -> None:
    stamps = EPOCH + np.rint(T * 1e9).astype(np.int64)
    found = step(stamps, second_order(T - 0.2), at=EPOCH + 200 * ms)
    assert float(found.settling) / 1e9 == pytest.approx(SETTLING, abs=0.002)


def test_a_record_that_ends_too_early_is_not_settled() -> None:
    ringing = step(T[:1500], second_order(T[:1500] - 0.02), at=0.02)
    assert (ringing.settling < 10**12).outcome is Outcome.INCONCLUSIVE
    ramp = step(T, T)
    for estimate in (ramp.settling, ramp.overshoot, ramp.steady_state_error, ramp.rise):
        assert not estimate < 10**12


@pytest.mark.parametrize(
    "values",
    [np.zeros(T.size), np.random.default_rng(2).normal(0, 1, T.size), np.where(T == 1, np.nan, second_order(T))],
    ids=["constant", "noise", "NaN"],
)
def test_where_there_is_no_step_nothing_is_said(values: np.ndarray) -> None:
    found = step(T, values, target=1.0)
    for estimate in (found.delay, found.rise, found.overshoot, found.settling, found.steady_state_error):
        assert (estimate < 10**12).outcome is Outcome.INCONCLUSIVE


def test_noise_that_fills_the_band_is_said_to() -> None:
    found = step(T, second_order(T - 0.1) + np.random.default_rng(3).normal(0, 0.1, T.size), at=0.1, smoothing=0.001)
    assert (found.settling < 10**12).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("count", [0, 1, 19])
def test_tiny_records_prove_nothing(count: int) -> None:
    assert step(T[:count], T[:count]).delay.status == "no_information"


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="one each"):
        step(T, T[:-1])
    with pytest.raises(ValueError, match="band"):
        step(T, T, band=0)
