from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.sine import fit_sine, harmonics, sine

EPOCH = 1_795_419_350_543_587_202
PHASES = np.array([0.0, -2, 2])[:, None] * np.pi / 3
T = np.arange(10_000) / 10_000


def quantised(rng: np.random.Generator, t: np.ndarray, frequency: float, phase: float) -> np.ndarray:
    """Three phases with 3 % fifth harmonic through a converter of 12 bits."""
    angle = 2 * np.pi * frequency * t + phase + PHASES
    step = 240 / 2**12
    out: np.ndarray = (
        np.round((100 * np.cos(angle) + 3 * np.cos(5 * angle) + 0.5 + rng.normal(0, 0.02, angle.shape)) / step) * step
    )
    return out


def test_twelve_bits_and_one_second_give_phase_gain_and_distortion() -> None:
    rng = np.random.default_rng(2)
    phase_errors, gain_errors, thd = [], [], []
    for _ in range(10):
        frequency, phase = 50 + rng.uniform(-0.5, 0.5), rng.uniform(0, 6.28)
        x = quantised(rng, T, frequency, phase)
        fit = fit_sine(T, x)
        turned = fit.phasor / (100 * np.exp(1j * (phase + PHASES[:, 0])))
        assert np.all(np.abs(np.angle(turned)) < 3 * fit.phasor_u / 100)
        phase_errors.append(np.angle(turned))
        gain_errors.append(np.abs(turned) - 1)
        thd.append(float(sine(T, x[0]).thd))
    assert np.sqrt(np.mean(np.square(phase_errors))) < 100e-6
    assert np.sqrt(np.mean(np.square(gain_errors))) < 60e-6
    assert np.mean(thd) == pytest.approx(0.03, abs=1e-5)


def test_an_ideal_converter_of_twelve_bits_has_twelve_bits() -> None:
    t = np.arange(100_000) / 10_000
    x = np.round(2047 * np.sin(2 * np.pi * 49.97 * t + 1)) / 2047
    measured = sine(t, x, full_scale=2)
    assert float(measured.enob) == pytest.approx(12, abs=0.01)
    assert float(measured.sinad) == pytest.approx(6.02 * 12 + 1.76, abs=0.1)
    assert measured.sinad > 70
    assert (measured.enob > 13).outcome is Outcome.FAIL


@pytest.mark.parametrize("periods", [1.6, 2.0, 2.5, 7.3, 100.0, 4500.0])
def test_any_number_of_periods_is_fitted_without_bias(periods: float) -> None:
    rng = np.random.default_rng(3)
    t = np.arange(T.size) / T.size * periods
    off = 0
    for k in range(20):
        fit = fit_sine(t, np.cos(2 * np.pi * t + k / 3) + 0.3 + rng.normal(0, 0.01, t.size))
        off += abs(fit.frequency - 1) > 2.5 * fit.frequency_u
        assert abs(fit.offset[0] - 0.3) < 0.01
    assert off <= 3


def test_gain_and_phase_are_against_the_reference() -> None:
    rng = np.random.default_rng(4)
    x = 10 * np.sin(2 * np.pi * 50 * T)
    y = 9 * np.sin(2 * np.pi * 50 * T - math.radians(30)) + 2 + rng.normal(0, 0.01, T.size)
    measured = sine(T, y, x)
    assert float(measured.gain) == pytest.approx(0.9, abs=1e-3)
    assert float(measured.phase) == pytest.approx(-30, abs=0.01)
    assert float(measured.frequency) == pytest.approx(50, abs=1e-3)
    assert float(measured.offset) == pytest.approx(2, abs=1e-3)
    assert measured.phase > -30.1
    assert (measured.phase > -29.9).outcome is Outcome.FAIL


def test_an_inverted_response_has_its_phase_turned() -> None:
    x = np.sin(2 * np.pi * 50 * T)
    assert abs(float(sine(T, -x, x).phase)) == pytest.approx(180)
    assert float(sine(T, -x, x).gain) == pytest.approx(1)


def test_int64_stamps_and_uneven_ones_will_do() -> None:
    rng = np.random.default_rng(5)
    at = np.sort(rng.uniform(0, 1, 5000))
    stamps = EPOCH + np.rint(at * 1e9).astype(np.int64)
    fit = fit_sine(stamps, 3 * np.cos(2 * np.pi * 60 * at + 1))
    assert fit.frequency == pytest.approx(60, abs=1e-5)
    assert np.angle(fit.phasor[0] * np.exp(-2j * np.pi * 60 * at[0])) == pytest.approx(1, abs=1e-4)


def test_harmonics_above_nyquist_are_left_out_and_it_is_said() -> None:
    x = np.sin(2 * np.pi * 600 * T) + 0.1 * np.sin(2 * np.pi * 1800 * T)
    measured = sine(T, x + 1e-4 * np.random.default_rng(6).standard_normal(T.size))
    assert float(measured.thd) == pytest.approx(0.1, abs=1e-4)
    assert "8th only" in str(measured.thd < 0.2)
    tones, rest = harmonics(T, x, 600)
    assert tones.shape == (8, 1)
    assert rest[0] < 1e-9


def test_a_thd_limit_below_the_noise_cannot_be_judged() -> None:
    x = np.sin(2 * np.pi * 50 * T) + np.random.default_rng(7).normal(0, 0.1, T.size)
    assert (sine(T, x).thd < 0.001).outcome is Outcome.INCONCLUSIVE
    assert sine(T, x).thd < 0.1


@pytest.mark.parametrize(
    "values",
    [np.full(T.size, 325.0), np.where(T == 0.5, np.nan, np.sin(2 * np.pi * 50 * T)), np.sin(2 * np.pi * 0.9 * T)],
    ids=["constant", "NaN", "less than 1.5 periods"],
)
def test_what_is_no_sine_is_judged_in_no_way(values: np.ndarray) -> None:
    measured = sine(T, values, np.sin(2 * np.pi * 50 * T))
    for verdict in (measured.thd < 1, measured.gain < 10, measured.sinad > -1000, abs(measured.phase) < 1000):
        assert verdict.outcome is Outcome.INCONCLUSIVE
    with pytest.raises(ValueError, match=r"needed|constant"):
        fit_sine(T, values)


def test_noise_alone_never_looks_like_a_good_sine() -> None:
    rng = np.random.default_rng(8)
    for _ in range(10):
        measured = sine(T, rng.standard_normal(T.size))
        assert not measured.sinad > 0
        assert not measured.thd < 0.1


def test_a_reference_without_that_line_gives_no_gain() -> None:
    x = np.sin(2 * np.pi * 50 * T)
    assert (sine(T, x, np.zeros(T.size)).gain < 10**9).outcome is Outcome.INCONCLUSIVE
    assert (sine(T, x).gain < 10**9).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("count", [0, 1, 7])
def test_tiny_records_are_no_sine(count: int) -> None:
    assert sine(T[:count], T[:count]).frequency.status == "no_information"


def test_distortion_anywhere_in_a_long_record_counts() -> None:
    t = np.arange(100_000) * 1e-4
    x = 325 * np.sin(2 * np.pi * 50 * t)
    late = np.where(t >= 3.3, 0.1 * 325 * np.sin(2 * np.pi * 150 * t), 0)
    thd = sine(t, x + late).thd
    assert float(thd) == pytest.approx(0.1 * np.sqrt(0.67), rel=0.01)
    assert (thd < "3 %").outcome is Outcome.FAIL
    assert thd.n == t.size
    assert sine(t, x + 0.3 * late).thd < "3 %"


def test_distortion_is_told_of_a_frequency_that_wanders_and_of_few_long_periods() -> None:
    t = np.arange(200_000) * 1e-4
    angle = 2 * np.pi * (50 * t + 0.2 * np.sin(2 * np.pi * t / 20))
    assert float(sine(t, np.sin(angle) + 0.05 * np.sin(5 * angle)).thd) == pytest.approx(0.05, rel=0.1)
    slow = 2 * np.pi * 0.5 * t
    assert float(sine(t, np.sin(slow) + 0.05 * np.sin(5 * slow)).thd) == pytest.approx(0.05, rel=0.002)


@pytest.mark.parametrize("apart", [0.1, 0.2, 0.02])
def test_a_phase_against_a_reference_of_another_frequency_is_uncertain_by_what_it_turns(apart: float) -> None:
    t = np.arange(20_000) * 1e-4
    x = np.sin(2 * np.pi * 50 * t)
    half = 360 * apart * 1.0
    found = sine(t, np.sin(2 * np.pi * (50 * t + apart * (t - 1))), x)
    assert (abs(found.phase) <= 0.9 * half).outcome is Outcome.INCONCLUSIVE
    assert abs(found.phase) <= 1.1 * half
    assert found.gain.lower <= 1 <= found.gain.upper
    assert abs(sine(t, np.sin(2 * np.pi * 50 * t - 0.1), x).phase) <= 6
