from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, freqz, lfilter

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.bode import bode

RATE = 10_000.0


def filtered(count: int = 300_000, noise: float = 0.01, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    b, a = butter(1, 100 / (RATE / 2))
    x = rng.standard_normal(count)
    return x, np.asarray(lfilter(b, a, x)) + rng.normal(0, noise, count), b, a


def test_a_low_pass_is_measured_within_its_uncertainty() -> None:
    x, y, b, a = filtered()
    found = bode(x, y, RATE, resolution=2)
    truth = freqz(b, a, 2 * np.pi * found.frequency / RATE)[1]
    band = (found.frequency > 10) & (found.frequency < 800) & found.measurable
    assert band.sum() > 300
    error = (np.abs(found.response) / np.abs(truth) - 1)[band]
    assert np.sqrt(np.mean(error**2)) < 0.02
    assert 0.6 < np.sqrt(np.mean((error / found.u[band]) ** 2)) < 1.7
    phase = np.degrees(np.angle(found.response / truth))[band]
    assert np.abs(phase).max() < 8
    assert found.frequency[np.nanargmin(np.abs(found.gain - np.sqrt(0.5)))] == pytest.approx(100, abs=10)


def test_a_limit_on_gain_or_phase_gives_a_verdict() -> None:
    x, y, _, _ = filtered()
    found = bode(x, y, RATE, resolution=10)
    assert found.gain_at(100) < 0.8
    assert (found.gain_at(100) > 0.8).outcome is Outcome.FAIL
    assert float(found.phase_at(100)) == pytest.approx(-45, abs=3)
    assert found.phase_at(100) > -50


def test_bins_without_coherence_are_not_measurable() -> None:
    x, y, _, _ = filtered(noise=0.5)
    found = bode(x, y, RATE, resolution=10)
    assert not found.measurable[found.frequency > 1000].any()
    assert np.isnan(found.gain[found.frequency > 1000]).all()
    assert np.isnan(found.phase[found.frequency > 1000]).all()
    verdict = found.gain_at(3000) < 1e9
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "coherence" in verdict.why


def test_a_band_without_stimulus_is_not_measurable_even_where_nothing_is_noisy() -> None:
    t = np.arange(100_000) / RATE
    x = np.sin(2 * np.pi * 1000 * t)
    found = bode(x, 2 * x, RATE, resolution=10)
    assert found.gain_at(1000) < 2.001
    assert found.gain_at(1000) > 1.999
    assert not found.measurable[found.frequency > 4000].any()


@pytest.mark.parametrize("response", ["zero", "noise", "constant"])
def test_a_response_that_has_nothing_of_the_stimulus_is_not_measurable(response: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal(100_000)
    y = {"zero": np.zeros(x.size), "noise": rng.standard_normal(x.size), "constant": np.full(x.size, 3.3)}[response]
    found = bode(x, y, RATE)
    assert not found.measurable.any()
    assert (found.gain_at(100) < 1e9).outcome is Outcome.INCONCLUSIVE


def test_a_frequency_outside_of_the_bins_is_not_measurable() -> None:
    x, y, _, _ = filtered(30_000)
    found = bode(x, y, RATE)
    for frequency in (0.0, RATE, np.nan, -1.0):
        assert (found.gain_at(frequency) < 1e9).outcome is Outcome.INCONCLUSIVE


def test_a_delay_turns_the_phase_evenly() -> None:
    x = np.random.default_rng(3).standard_normal(200_000)
    found = bode(x, np.roll(x, 3), RATE, resolution=20)
    slope = np.polyfit(found.frequency, found.phase, 1)[0]
    assert slope == pytest.approx(-360 * 3 / RATE, rel=0.01)


def test_what_does_not_fit_is_an_error() -> None:
    x = np.random.default_rng(4).standard_normal(1000)
    for args, complaint in (
        ((x, x[:-1], RATE), "alike"),
        ((x, np.where(x == x[5], np.nan, x), RATE), "not finite"),
        ((x[:20], x[:20], RATE), "segments"),
        ((x, x, 0.0), "above 0"),
    ):
        with pytest.raises(ValueError, match=complaint):
            bode(*args)
    with pytest.raises(ValueError, match="segments"):
        bode(x, x, RATE, resolution=10)
