from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.tube import tube, tube_bounds

EPOCH = 1_795_419_350_543_587_202


def brute_bounds(knots: np.ndarray, x: np.ndarray, t: float, dt: float) -> tuple[float, float]:
    """All samples within reach, and the straight lines at both ends, one by one."""
    values = [float(np.interp(s, knots, x)) for s in (t - dt, t + dt)]
    values += [float(v) for s, v in zip(knots, x, strict=True) if t - dt <= s <= t + dt]
    return min(values), max(values)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 40), st.floats(0, 20), st.booleans())
def test_bounds_are_those_found_one_by_one(seed: int, n: int, m: int, dt: float, even: bool) -> None:
    rng = np.random.default_rng(seed)
    knots: np.ndarray = np.arange(n) * 0.5 if even else np.cumsum(rng.uniform(0.1, 2, n))
    x = rng.normal(0, 1, n)
    t: np.ndarray = knots if even else np.sort(rng.uniform(float(knots[0]) - 2, float(knots[-1]) + 2, m))
    least, most = tube_bounds(knots, x, t, dt)
    expected = np.array([brute_bounds(knots, x, float(s), dt) for s in t])
    np.testing.assert_allclose(least, expected[:, 0], atol=1e-9)
    np.testing.assert_allclose(most, expected[:, 1], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3), st.floats(0, 1))
def test_the_verdict_is_the_definition(seed: int, dt: float, atol: float) -> None:
    """A sample passes if and only if the reference comes near it somewhere within dt: here on a fine grid of shifts."""
    rng = np.random.default_rng(seed)
    knots = np.cumsum(rng.uniform(0.2, 1.5, 12))
    x, t = rng.normal(0, 1, 12), np.sort(rng.uniform(knots[0], knots[-1], 8))
    y = np.interp(t + rng.uniform(-1, 1, 8) * dt, knots, x) + rng.uniform(-1.2, 1.2, 8) * atol
    near = np.array([np.abs(v - np.interp(np.linspace(s - dt, s + dt, 2001), knots, x)).min() for s, v in zip(t, y, strict=True)])
    verdict = tube(knots, x, t, y, atol=atol, dt=dt)
    # a fine grid misses the nearest point by at most half a step of the steepest line
    step = dt / 1000 * np.abs(np.diff(x) / np.diff(knots)).max() + 1e-9
    assert np.count_nonzero(near > atol + step) <= verdict.estimate <= np.count_nonzero(near > atol - 1e-12)


def test_a_shift_within_dt_passes_and_one_beyond_fails() -> None:
    t = np.arange(0, 1, 0.001)
    x = np.sin(2 * np.pi * 5 * t)
    for late in (0.004, -0.004):
        y = np.sin(2 * np.pi * 5 * (t - late))[10:-10]
        for query in (t[10:-10], t[10:-10] + 1e-9):
            assert tube(t, x, query, y, atol=1e-4, dt=0.0041)
            assert tube(t, x, query, y, atol=1e-4, dt=0.0030).outcome is Outcome.FAIL


def test_the_relative_tolerance_is_of_the_range() -> None:
    t = np.arange(10.0)
    x = np.linspace(100, 110, 10)
    assert tube(t, x, t, x + 0.99, rtol=0.1)
    assert tube(t, x, t, x + 1.01, rtol=0.1).outcome is Outcome.FAIL


def test_int64_stamps_of_this_century_are_exact() -> None:
    stamps = EPOCH + np.arange(1000) * 100
    x = np.arange(1000.0)
    stamps, later, x, y = stamps[:-1], stamps[:-2] + 30, x[:-1], x[:-2]
    assert tube(stamps, x, later, y + 0.3, atol=1e-6)
    # 1 ns of dt is worth 0.01: as floats, the stamps would be 256 ns apart
    assert tube(stamps, x, later, y + 0.31, atol=0.005, dt=1e-9)
    assert tube(stamps, x, later, y + 0.32, atol=0.005, dt=1e-9).outcome is Outcome.FAIL


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_fail_on_either_side(bad: float) -> None:
    t = np.arange(20.0)
    x = np.sin(t)
    spoilt = x.copy()
    spoilt[7] = bad
    verdict = tube(t, x, t, spoilt, atol=1e9)
    assert verdict.outcome is Outcome.FAIL
    assert "first at sample 7" in verdict.why
    for query in (t, t + 0.1):
        for tolerance in ({"atol": 10.0}, {"rtol": 2.0}):
            verdict = tube(t, spoilt, query[:-1], x[:-1], dt=0.5, **tolerance)  # type: ignore[arg-type]  # a dict of floats
            assert verdict.outcome is Outcome.FAIL
            assert verdict.estimate <= 3


def test_samples_beyond_the_reference_fail() -> None:
    t = np.arange(10.0)
    x = np.zeros(10)
    assert tube(t, x, [9.4], [0.0], atol=1, dt=0.5)
    assert tube(t, x, [9.6], [0.0], atol=1, dt=0.5).outcome is Outcome.FAIL
    assert tube(t, x, [-0.6], [0.0], atol=1, dt=0.5).outcome is Outcome.FAIL


def test_the_worst_is_the_farthest_from_the_tube() -> None:
    t = np.arange(100.0)
    y = np.zeros(100)
    y[30], y[60] = 2, -5
    verdict = tube(t, np.zeros(100), t, y, atol=0.5)
    assert verdict.estimate == 2
    assert "first at sample 30: 2.0 instead of 0.5" in verdict.why
    assert "worst at sample 60: -5.0 instead of -0.5" in verdict.why


def test_nothing_is_inconclusive() -> None:
    none = np.zeros(0)
    assert tube(none, none, none, none).outcome is Outcome.INCONCLUSIVE
    assert tube([0.0], [1.0], none, none).outcome is Outcome.INCONCLUSIVE
    assert tube(none, none, [0.0], [0.0]).outcome is not Outcome.PASS
    assert tube([0.0], [1.0], [0.0], [1.0])


def test_what_does_not_fit_is_an_error() -> None:
    t = np.arange(3.0)
    with pytest.raises(ValueError, match="in pairs"):
        tube(t, t, t, t[:2])
    with pytest.raises(ValueError, match="increase"):
        tube(t[::-1], t, t, t)
    for name, bad in (("atol", -1.0), ("dt", np.nan), ("rtol", np.inf)):
        with pytest.raises(ValueError, match=name):
            tube(t, t, t, t, **{"atol": 0.0, "dt": 0.0, "rtol": 0.0, name: bad})  # type: ignore[arg-type]  # a dict of floats
