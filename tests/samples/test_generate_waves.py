"""The nine signals of VILLASnode's signal.v2, against its formulas in exact or in plain arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import generate
from pytest_villas.errors import SignalError

FINITE = st.floats(-1e6, 1e6)


def frac(value: Fraction) -> Fraction:
    return value - math.floor(value)


@pytest.mark.parametrize(("frequency", "rate"), [(50.0, 10_000.0), (50.1, 10_000.0), (49.97, 14_400.0), (0.1, 3333.3)])
def test_a_sine_keeps_its_phase_over_ten_million_samples(frequency: float, rate: float) -> None:
    column = generate.sine(frequency=frequency, phase=0.3, rate=rate, count=10_000_001)["sine"]
    for k in (0, 1, 12_345, 999_999, 9_999_999, 10_000_000):
        turns = frac(Fraction(k) * Fraction(frequency) / Fraction(rate))
        assert column[k] == pytest.approx(math.sin(2 * math.pi * float(turns) + 0.3), abs=1e-9)


def test_a_sine_of_whole_periods_repeats_to_the_last_bit() -> None:
    column = generate.sine(frequency=50, rate=10_000, count=2_000_000)["sine"]
    assert np.array_equal(column[:200], column[-200:])
    assert np.array_equal(column, np.tile(column[:200], 10_000))


@given(frequency=st.floats(-40, 40), amplitude=FINITE, offset=FINITE, phase=st.floats(-20, 20), count=st.integers(1, 300))
def test_sine_is_the_formula(frequency: float, amplitude: float, offset: float, phase: float, count: int) -> None:
    column = generate.sine(frequency=frequency, amplitude=amplitude, offset=offset, phase=phase, rate=100, count=count)["sine"]
    t = np.arange(count) / 100
    expected = offset + amplitude * np.sin(2 * np.pi * frequency * t + phase)
    assert np.allclose(column, expected, rtol=0, atol=1e-9 * (1 + abs(amplitude) + abs(offset)))


@given(frequency=st.integers(1, 50), count=st.integers(1, 500))
def test_square_is_low_in_the_first_half_and_high_in_the_second(frequency: int, count: int) -> None:
    column = generate.square(frequency=frequency, amplitude=2, offset=1, rate=100, count=count)["square"]
    expected = [-1.0 if frac(Fraction(k * frequency, 100)) < Fraction(1, 2) else 3.0 for k in range(count)]
    assert column.tolist() == expected


def test_square_has_no_jitter_after_a_million_periods() -> None:
    column = generate.square(frequency=0.1, rate=1, count=5_000_000)["square"]
    assert np.array_equal(column, np.tile([-1.0] * 5 + [1.0] * 5, 500_000))


@given(frequency=st.integers(1, 50), count=st.integers(1, 500))
def test_triangle_is_the_formula(frequency: int, count: int) -> None:
    column = generate.triangle(frequency=frequency, amplitude=3, offset=1, rate=100, count=count)["triangle"]
    expected = [float(1 + 12 * (abs(frac(Fraction(k * frequency, 100)) - Fraction(1, 2)) - Fraction(1, 4))) for k in range(count)]
    assert column == pytest.approx(expected, abs=1e-12)


@given(phase=st.floats(-100, 100), count=st.integers(1, 200))
def test_any_phase_only_shifts_a_triangle(phase: float, count: int) -> None:
    column = generate.triangle(frequency=1.3, amplitude=1, phase=phase, rate=100, count=count)["triangle"]
    assert np.all(np.abs(column) <= 1)


def test_a_quarter_period_of_phase_shifts_square_and_triangle_by_a_quarter_period() -> None:
    for generator, name in ((generate.square, "square"), (generate.triangle, "triangle")):
        plain = generator(frequency=1, rate=100, count=200)[name]
        ahead = generator(frequency=1, rate=100, count=175, phase=math.pi / 2)[name]
        behind = generator(frequency=1, rate=100, count=200, phase=-math.pi / 2)[name]
        assert np.allclose(ahead, plain[25:])
        assert np.allclose(behind[25:], plain[:175])


def test_the_frequency_of_a_ramp_is_a_period_in_seconds() -> None:
    column = generate.ramp(frequency=0.5, amplitude=2, offset=1, rate=10, count=12)["ramp"]
    assert column.tolist() == pytest.approx([1 + 2 * ((k % 5) / 10) for k in range(12)])
    assert generate.ramp(rate=10, count=11)["ramp"].tolist() == [k / 10 for k in range(10)] + [0.0]
    with pytest.raises(SignalError, match="frequency=0: it has to be above 0"):
        generate.ramp(frequency=0, count=3)


def test_counter_and_constant() -> None:
    assert generate.counter(amplitude=2, offset=5, count=3)["counter"].tolist() == [5, 7, 9]
    assert generate.constant(amplitude=2.5, offset=1, count=2)["constant"].tolist() == [3.5, 3.5]
    assert generate.constant(count=1)["constant"].tolist() == [1.0]


def test_random_is_a_walk_with_normal_steps() -> None:
    column = generate.random(stddev=0.5, offset=100, seed=7, count=200_000)["random"]
    steps = np.diff(column, prepend=100.0)
    assert steps.std() == pytest.approx(0.5, rel=0.01)
    assert abs(steps.mean()) < 0.005
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.01


def test_random_repeats_with_its_seed_and_only_with_it() -> None:
    first, again, other = (generate.random(seed=seed, count=50)["random"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert generate.random(stddev=0, offset=3, count=4)["random"].tolist() == [3.0] * 4
    with pytest.raises(SignalError, match="stddev=-1"):
        generate.random(stddev=-1, count=3)
    with pytest.raises(SignalError, match="seed=-1"):
        generate.random(seed=-1, count=3)


def test_a_pulse_of_width_one_takes_both_ends_as_in_villasnode() -> None:
    column = generate.pulse(count=20)["pulse"]
    assert column.tolist() == ([1.0, 1.0] + [0.0] * 8) * 2
    levels = generate.pulse(pulse_low=-2, pulse_high=4, offset=1, pulse_width=3, count=10)["pulse"]
    assert levels.tolist() == [5.0] * 4 + [-1.0] * 6


def test_mixed_takes_the_signals_in_the_order_of_villasnode() -> None:
    samples = generate.mixed(signals=10, count=30, seed=3, amplitude=2, offset=1)
    assert samples.names == (
        *("random", "sine", "square", "triangle", "ramp", "counter", "constant", "pulse"),
        *("random8", "sine9"),
    )
    assert np.array_equal(samples["sine"], generate.sine(count=30, amplitude=2, offset=1)["sine"])
    assert np.array_equal(samples["pulse"], generate.pulse(count=30, offset=1)["pulse"])
    assert np.array_equal(samples["random"], generate.random(count=30, seed=3, offset=1)["random"])
    assert not np.array_equal(samples["random"], samples["random8"])
    assert np.array_equal(samples["sine"], samples["sine9"])
    assert generate.mixed(signals=2, count=3, name="x").names == ("x0", "x1")
    with pytest.raises(SignalError, match="signals=0"):
        generate.mixed(signals=0, count=3)


@pytest.mark.parametrize("keyword", ["amplitude", "offset", "phase", "frequency"])
@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, 1j])
def test_a_parameter_that_is_no_finite_number_is_refused(keyword: str, value: object) -> None:
    with pytest.raises(SignalError, match=f"{keyword}="):
        generate.sine(count=3, **{keyword: value})  # type: ignore[arg-type]  # that is the point


def test_values_beyond_a_float_are_refused_instead_of_infinite() -> None:
    with pytest.raises(SignalError, match="leave the range of a float"), np.errstate(over="ignore"):
        generate.constant(amplitude=1.7e308, offset=1.7e308, count=2)
