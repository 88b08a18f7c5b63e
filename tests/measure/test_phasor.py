from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.phasor import phasors, vector_error

EPOCH = 1_795_419_350_543_587_202


def test_the_total_vector_error_is_its_formula() -> None:
    reference = np.array([1, 1j, 2 + 0j])
    measured = reference * np.array([1.01, np.exp(0.01j), 1])
    found = vector_error(reference, measured)
    np.testing.assert_allclose(found.tve, [0.01, 2 * math.sin(0.005), 0], atol=1e-12)
    assert found.worst_tve < 0.0101
    assert (found.worst_tve < 0.0099).outcome is Outcome.FAIL


def test_one_percent_is_half_a_degree_and_a_bit() -> None:
    assert vector_error([1.0], [np.exp(1j * math.radians(0.573))]).worst_tve < 0.0101


def test_frequencies_are_compared_by_their_difference() -> None:
    found = vector_error([1, 1], [1, 1], [50.0, 50.1], [50.002, 50.095])
    np.testing.assert_allclose(found.frequency, [0.002, -0.005], atol=1e-12)
    assert found.worst_frequency < 0.0051
    assert (found.worst_frequency < 0.0049).outcome is Outcome.FAIL
    assert (vector_error([1], [1]).worst_frequency < 1e9).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, np.nan)])
def test_a_measured_phasor_that_is_not_finite_fails(bad: complex) -> None:
    assert (vector_error([1, 1], [1, bad]).worst_tve < 1e9).outcome is Outcome.FAIL
    assert (vector_error([1.0], [1.0], [50.0], [np.nan]).worst_frequency < 1e9).outcome is Outcome.FAIL


@pytest.mark.parametrize("bad", [0, np.nan, np.inf])
def test_a_reference_that_is_zero_or_not_finite_is_named(bad: complex) -> None:
    verdict = vector_error([1, bad, bad], [1, 1, 1]).worst_tve < 1e9
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "at 1-2" in verdict.why


def test_no_phasors_prove_nothing() -> None:
    assert (vector_error([], []).worst_tve < 1).outcome is Outcome.INCONCLUSIVE
    with pytest.raises(ValueError, match="pairs"):
        vector_error([1], [1, 2])


@pytest.mark.parametrize("frequency", [48.0, 50.0, 51.37])
def test_a_waveform_gives_its_phasors_at_any_frequency(frequency: float) -> None:
    t = np.arange(10_000) / 10_000
    series = phasors(t, 100 * math.sqrt(2) * np.cos(2 * np.pi * frequency * t + 0.3), nominal=50, reports=50)
    truth = 100 * np.exp(1j * (0.3 + 2 * np.pi * (frequency - 50) * series.t))
    assert series.t.size == 47
    found = vector_error(truth, series.phasor, np.full(series.t.size, frequency), series.frequency)
    assert found.worst_tve < 1e-6
    assert found.worst_frequency < 1e-6


def test_streams_at_different_rates_are_compared_at_the_same_instants() -> None:
    stamps = EPOCH + np.arange(2000) * 1_000_000
    other = EPOCH + 137_000 + np.arange(6000) * 333_333
    wave = [np.cos(2 * np.pi * 50.2 * (s - EPOCH) / 1e9) for s in (stamps, other)]
    a, b = phasors(stamps, wave[0], base=EPOCH), phasors(other, wave[1] * 1.005, base=EPOCH)
    _, i, j = np.intersect1d(a.t, b.t, return_indices=True)
    assert i.size > 90
    found = vector_error(a.phasor[i], b.phasor[j], a.frequency[i], b.frequency[j])
    assert found.worst_frequency < 1e-4
    assert float(found.worst_tve) == pytest.approx(0.005, abs=1e-6)


def test_windows_that_cannot_be_fitted_are_nan_and_fail() -> None:
    t = np.arange(5000) / 10_000
    x = np.cos(2 * np.pi * 50 * t)
    y = x.copy()
    y[3000] = np.nan
    a, b = phasors(t, x), phasors(t, y)
    assert 0 < np.count_nonzero(np.isnan(b.phasor)) < b.phasor.size
    assert (vector_error(a.phasor, b.phasor).worst_tve < 1).outcome is Outcome.FAIL
    assert phasors(t[:100], x[:100]).t.size == 0
    assert phasors(t[:0], x[:0]).t.size == 0
    with pytest.raises(ValueError, match="cycles"):
        phasors(t, x, cycles=1)
