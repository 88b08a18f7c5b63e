from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_villas.measure.waveforms.correlation import lag_profile
from pytest_villas.measure.waveforms.delay import Delay, estimate_delay, estimate_delays
from pytest_villas.measure.waveforms.shift import fit_shift

RATE = 10_000.0
PHASES = np.array([0.0, -2, 2])[:, None] * np.pi / 3


def three_phase(t: np.ndarray, frequency: float = 50.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * t + PHASES)


def band_limited(count: int, delay: float, seed: int, band: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Noise up to `band` of the rate, and the same later by any fraction of a sample."""
    rng = np.random.default_rng(seed)
    size = 1 << math.ceil(math.log2(2 * count + 4000))
    spectrum, f = np.fft.rfft(rng.standard_normal(size)), np.fft.rfftfreq(size)
    spectrum[f > band] = 0
    x = np.fft.irfft(spectrum)[2000 : 2000 + count]
    y = np.fft.irfft(spectrum * np.exp(-2j * np.pi * f * delay))[2000 : 2000 + count]
    return x, y


def test_the_profile_is_the_correlation_at_every_lag() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 3, 5000))
    first, last = -40, 75
    profile = lag_profile(x, y, first, last)
    start, stop = 75, 5000 - 40
    assert (profile.start, profile.stop) == (start, stop)
    for lag in (first, -1, 0, 33, last):
        for c in range(3):
            truth = np.corrcoef(y[c, start:stop], x[c, start - lag : stop - lag])[0, 1]
            assert profile.r[c, lag - first] == pytest.approx(truth, abs=1e-12)


def test_three_phases_give_the_delay_to_two_thousandths_of_a_sample_and_mean_their_uncertainty() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(10_000) / RATE
    errors, covered = [], 0
    for _ in range(40):
        delay, frequency = rng.uniform(0, 0.004), 50 + rng.uniform(-0.3, 0.3)
        y = 1.1 * three_phase(t - delay, frequency) + 0.1 + rng.normal(0, 1.1 * 0.01 / math.sqrt(2), (3, t.size))
        found = estimate_delay(three_phase(t, frequency), y, RATE, (0, 0.005))
        assert found.status == "ok", found
        errors.append((found.seconds - delay) * RATE)
        covered += abs(found.seconds - delay) < 2 * found.u
    assert np.sqrt(np.mean(np.square(errors))) < 0.0025
    assert covered >= 0.88 * 40


def test_a_broadband_signal_gives_it_to_a_ten_thousandth() -> None:
    rng = np.random.default_rng(3)
    errors = []
    for seed in range(15):
        delay = rng.uniform(-10, 40)
        x, y = band_limited(10_000, delay, seed)
        y = y + rng.normal(0, 0.01 * y.std(), y.size)
        found = estimate_delay(x, y, RATE, (-0.002, 0.005))
        assert found.status == "ok", found
        errors.append(found.seconds * RATE - delay)
    assert np.sqrt(np.mean(np.square(errors))) < 0.00015


def test_a_gain_an_offset_and_a_channel_of_noise_do_not_move_it() -> None:
    rng = np.random.default_rng(4)
    x, y = band_limited(5000, 12.25, 4)
    both = np.stack([x, rng.standard_normal(x.size)]), np.stack([1000 * y - 77, rng.standard_normal(x.size)])
    found = estimate_delay(*both, RATE, (-0.005, 0.005))
    assert found.status == "ok"
    assert found.seconds * RATE == pytest.approx(12.25, abs=1e-3)


def test_a_signal_that_is_not_band_limited_has_an_uncertainty_of_half_a_sample() -> None:
    x = np.repeat(np.random.default_rng(5).choice([-1.0, 1.0], 200), 20)
    found = estimate_delay(x, np.roll(x, 7), RATE, (-0.002, 0.002))
    assert found.status == "ok"
    assert abs(found.seconds * RATE - 7) < 0.1
    assert found.u * RATE == pytest.approx(0.5, abs=0.01)


def cases(seed: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, float, tuple[float, float], float, float]]:
    """Periodic signals, with and without something that tells the cycles apart; the delay is in the search range."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        rate, size, channels = float(rng.choice([1e3, 1e4])), int(rng.choice([300, 1000, 4000])), int(rng.choice([1, 3]))
        frequency = max(float(rng.choice([rng.uniform(3, 8) * rate / size, rng.uniform(48, 52)])), 4 * rate / size)
        noise = rng.choice([0, 1e-6, 1e-3, 0.01, 0.1, 0.5])
        kind = str(rng.choice(["none", "step", "swell", "harmonic", "quantised"]))
        size_of_event, gain = float(rng.choice([1e-5, 1e-3, 0.02, 0.3])), rng.choice([0.1, 1, 5, -1])
        low, high = sorted(rng.uniform(-1.6, 1.6, 2) * rng.choice([0.4, 1, 1.5]) / frequency)
        high = max(high, low + 0.2 / frequency)
        delay = rng.uniform(low, high)
        if rng.random() < 0.3:
            delay = np.clip(round(delay * rate) / rate, low, high)
        event = rng.uniform(0.3, 0.7) * size / rate
        phases = PHASES[:channels] + rng.uniform(0, 6)

        def wave(
            t: np.ndarray,
            f: float = frequency,
            k: str = kind,
            a: float = size_of_event,
            e: float = event,
            p: np.ndarray = phases,
            r: float = rate,
        ) -> np.ndarray:
            x: np.ndarray = np.sin(2 * np.pi * f * t + p)
            if k == "step":
                x *= 1 + a * 0.5 * (1 + np.tanh((t - e) * r / 3))
            elif k == "swell":
                x *= 1 + a * np.exp(-(((t - e) * f * 2) ** 2))
            elif k == "harmonic":
                x += a * np.sin(10 * np.pi * f * t + 3 * p)
            return x

        t = np.arange(size) / rate
        x, y = wave(t), gain * wave(t - delay) + rng.normal(0, 1, (channels, size)) * noise * abs(gain) + rng.choice([0, 3])
        if kind == "quantised":
            x, y = np.round(x * 2048) / 2048, np.round(y * 2048) / 2048
        yield x, y, rate, (low, high), delay, 1 / frequency


def test_a_wrong_cycle_is_never_called_ok() -> None:
    seen: Counter[str] = Counter()
    for x, y, rate, search, delay, period in cases(6, 660):
        found = estimate_delay(x, y, rate, search)
        seen[found.status] += 1
        if found.status == "ok":
            assert abs(found.seconds - delay) < period / 4, (found, delay, search, rate)
    # and it does not get there by refusing to answer, nor by never having had to
    assert seen["ok"] > 200
    assert seen["ambiguous"] > 200


def test_a_steady_sine_says_which_rivals_it_has() -> None:
    t = np.arange(5000) / RATE
    found = estimate_delay(three_phase(t), three_phase(t - 0.003), RATE, (-0.012, 0.025))
    assert found.status == "ambiguous"
    delays = np.array([found.seconds, *found.rivals])
    assert np.abs((delays - 0.003 + 0.005) % 0.01 - 0.005).max() < 1e-6
    assert "event" in found.reason


def test_an_event_resolves_what_a_steady_sine_leaves_open() -> None:
    t = np.arange(5000) / RATE

    def swell(t: np.ndarray) -> np.ndarray:
        return three_phase(t) * (1 - 0.3 * np.exp(-(((t - 0.25) / 0.02) ** 2)))

    rng = np.random.default_rng(7)
    found = estimate_delay(swell(t), swell(t - 0.003) + rng.normal(0, 0.01, (3, t.size)), RATE, (-0.012, 0.025))
    assert found.status == "ok"
    assert found.seconds == pytest.approx(0.003, abs=1e-6)


def test_an_inverted_sine_is_not_taken_for_a_late_one() -> None:
    t = np.arange(5000) / RATE
    assert estimate_delay(three_phase(t), -three_phase(t - 0.003), RATE, (0, 0.018)).status == "ambiguous"


def test_an_inverted_broadband_signal_keeps_its_delay() -> None:
    x, y = band_limited(5000, 5.5, 8)
    found = estimate_delay(x, -y, RATE, (-0.003, 0.003))
    assert found.status == "ok"
    assert found.seconds * RATE == pytest.approx(5.5, abs=1e-3)


@pytest.mark.parametrize("delay", [-60.0, 60.0])
def test_a_delay_outside_of_the_search_range_is_never_ok(delay: float) -> None:
    x, y = band_limited(5000, delay, 9)
    found = estimate_delay(x, y, RATE, (-0.004, 0.004))
    assert found.status in {"edge", "no_information"}


@pytest.mark.parametrize("beyond", [2.5, 4.0, 6.0])
def test_a_delay_just_outside_of_the_search_range_is_an_edge(beyond: float) -> None:
    x, y = band_limited(5000, 40 + beyond, 10, band=0.02)
    assert estimate_delay(x, y, RATE, (-0.004, 0.004)).status == "edge"


def test_zero_delay_at_the_end_of_the_search_range_is_ok() -> None:
    x, y = band_limited(5000, 0.0, 11)
    noise = np.random.default_rng(11).normal(0, 0.01, x.size)
    assert estimate_delay(x, y + noise, RATE, (0, 0.01)).status == "ok"


def test_constant_unrelated_and_non_finite_signals_say_nothing() -> None:
    rng = np.random.default_rng(12)
    x, y = band_limited(2000, 3.0, 12)
    broken = y.copy()
    broken[5] = np.nan
    for response in (np.full(2000, 0.1), rng.standard_normal(2000), broken):
        assert estimate_delay(x, response, RATE, (-0.004, 0.004)).status == "no_information"
    assert estimate_delay(np.full(2000, 325.0), y, RATE, (-0.004, 0.004)).status == "no_information"


def test_unrelated_noise_is_not_found_to_agree_however_many_lags_are_tried() -> None:
    rng = np.random.default_rng(13)
    for _ in range(30):
        x, y = rng.standard_normal((2, 300))
        assert estimate_delay(x, y, RATE, (-0.0075, 0.0075)).status != "ok"


@pytest.mark.parametrize("count", [0, 1, 50, 400])
def test_a_record_shorter_than_the_search_is_insufficient(count: int) -> None:
    x, y = band_limited(500, 3.0, 14)
    found = estimate_delay(x[:count], y[:count], RATE, (-0.02, 0.02))
    assert found.status == "insufficient_record"
    assert math.isnan(found.seconds)
    assert "narrower search" in found.reason


def test_each_group_of_channels_has_its_own_delay() -> None:
    a, late_a = band_limited(3000, 4.0, 15)
    b, late_b = band_limited(3000, 9.0, 16)
    x, y = np.stack([a, b, np.zeros(3000)]), np.stack([late_a, late_b, a])
    _, each = estimate_delays(x, y, RATE, (-0.003, 0.003), [slice(0, 1), slice(1, 2), slice(2, 3)])
    assert each[0].seconds * RATE == pytest.approx(4, abs=1e-3)
    assert each[1].seconds * RATE == pytest.approx(9, abs=1e-3)
    assert each[2].status == "no_information"


def test_a_long_record_is_judged_where_it_moves() -> None:
    count = 1 << 18
    x, y = band_limited(count, 20.5, 17)
    window = np.exp(-(((np.arange(count) - 200_000) / 5000.0) ** 2))
    found = estimate_delay(x * window, y * window, RATE, (0, 0.004))
    assert found.seconds * RATE == pytest.approx(20.5, abs=0.01)


@pytest.mark.parametrize(("rate", "search"), [(0.0, (0, 1)), (1e4, (1, 0)), (1e4, (0, math.inf)), (math.nan, (0, 1))])
def test_rates_and_search_ranges_that_are_none_are_errors(rate: float, search: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="needed"):
        estimate_delay(np.zeros(500), np.zeros(500), rate, search)


def test_shapes_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="alike"):
        estimate_delay(np.zeros(500), np.zeros(501), RATE, (0, 0.001))


def test_what_is_not_known_is_not_zero() -> None:
    nothing = Delay("no_information")
    assert math.isnan(nothing.seconds)
    assert nothing.u == math.inf


def test_what_has_died_away_below_all_rounding_says_nothing() -> None:
    reference = np.random.default_rng(1).normal(size=(2, 400))
    response = np.roll(reference, 3, axis=1) * 1e-100
    assert fit_shift(reference, response, 100, 300, 3.0) is None
