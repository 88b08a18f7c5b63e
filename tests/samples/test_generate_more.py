"""Chirps, steps, binary sequences, three-phase systems, arrays and mixtures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import Samples, SignalType, generate
from pytest_villas.errors import SignalError
from pytest_villas.samples.generate.excitations import _TAPS


def frequency_at(column: Any, rate: float, centre: int, half: int = 200) -> float:
    """The frequency around a sample, by the crossings of zero with a positive slope."""
    part = column[centre - half : centre + half]
    k = np.flatnonzero((part[:-1] < 0) & (part[1:] >= 0))
    at = k - part[k] / (part[k + 1] - part[k])
    return float(rate * (len(at) - 1) / (at[-1] - at[0]))


@pytest.mark.parametrize("sweep", ["linear", "logarithmic"])
def test_a_chirp_goes_from_one_frequency_to_the_other(sweep: Any) -> None:
    rate, count = 10_000.0, 100_000
    column = generate.chirp(start_frequency=100, end_frequency=1600, sweep=sweep, rate=rate, count=count)["chirp"]
    for k in (1000, 25_000, 50_000, 75_000, 99_000):
        share = k / count
        expected = 100 + 1500 * share if sweep == "linear" else 100 * 16**share
        assert frequency_at(column, rate, k) == pytest.approx(expected, rel=0.02)
    assert np.abs(column).max() <= 1


def test_a_chirp_that_stays_is_a_sine() -> None:
    expected = generate.sine(frequency=5, phase=1, rate=100, count=1000)["sine"]
    for sweep in ("linear", "logarithmic"):
        chirp = generate.chirp(start_frequency=5, end_frequency=5, sweep=sweep, phase=1, rate=100, count=1000)
        assert np.allclose(chirp["chirp"], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_frequency": 60, "end_frequency": 1}, "start_frequency=60 Hz at rate=100 Hz"),
        ({"start_frequency": 1, "end_frequency": 50}, "end_frequency=50 Hz at rate=100 Hz"),
        ({"start_frequency": 0, "end_frequency": 5, "sweep": "logarithmic"}, "start_frequency=0: it has to be above 0"),
        ({"start_frequency": 1, "end_frequency": 5, "sweep": "linaer"}, "did you mean 'linear'?"),
    ],
)
def test_a_wrong_chirp_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignalError) as caught:
        generate.chirp(**arguments, rate=100, count=10)
    assert message in str(caught.value)


def test_a_step_happens_at_the_first_sample_at_or_after_its_time() -> None:
    assert generate.step(at=0.3, rate=10, count=6, amplitude=2, offset=1)["step"].tolist() == [1, 1, 1, 3, 3, 3]
    assert generate.step(at=0.25, rate=10, count=6)["step"].tolist() == [0, 0, 0, 1, 1, 1]


@given(first=st.integers(1, 9999), rate=st.sampled_from([10.0, 1000.0, 10_000.0, 14_400.0]))
def test_a_step_at_a_sample_is_not_late_by_one(first: int, rate: float) -> None:
    column = generate.step(at=first / rate, rate=rate, count=10_000)["step"]
    assert int(np.argmax(column)) == first


@pytest.mark.parametrize("at", [0.0, -1.0, 0.6, 5.0])
def test_a_step_outside_of_the_samples_is_refused(at: float) -> None:
    with pytest.raises(SignalError, match="the step has to lie between the samples"):
        generate.step(at=at, rate=10, count=6)


def reference_bits(order: int, count: int) -> list[int]:
    bits = [1] * order
    while len(bits) < count:
        bits.append(sum(bits[-lag] for lag in _TAPS[order]) % 2)
    return bits[:count]


@given(order=st.integers(2, 32), count=st.integers(1, 3000))
def test_a_binary_sequence_is_that_of_its_shift_register(order: int, count: int) -> None:
    column = generate.prbs(order=order, rate=1, count=count)["prbs"]
    period = 2**order - 1
    expected = reference_bits(order, min(count, period))
    assert ((column + 1) / 2).tolist() == [expected[k % period] for k in range(count)]


@pytest.mark.parametrize("order", range(2, 19))
def test_a_binary_sequence_is_of_maximum_length(order: int) -> None:
    column = generate.prbs(order=order, rate=1)["prbs"]
    period = 2**order - 1
    assert len(column) == period
    assert column.sum() == 1  # one more 1 than 0
    spectrum = np.abs(np.fft.fft(column)) ** 2
    assert np.allclose(spectrum[1:], period + 1)  # flat: the autocorrelation is -1 at every other lag


def prime_factors(n: int) -> set[int]:
    found, divisor = set(), 2
    while divisor * divisor <= n:
        while n % divisor == 0:
            found.add(divisor)
            n //= divisor
        divisor += 1
    return found | ({n} if n > 1 else set())


def power_of_x(exponent: int, polynomial: int, order: int) -> int:
    """x to that power modulo a polynomial over GF(2), both as bit masks."""

    def times(a: int, b: int) -> int:
        product = 0
        while b:
            product ^= a if b & 1 else 0
            b >>= 1
            a <<= 1
            a ^= polynomial if a >> order else 0
        return product

    result, base = 1, 2
    while exponent:
        result = times(result, base) if exponent & 1 else result
        base = times(base, base)
        exponent >>= 1
    return result


@pytest.mark.parametrize("order", sorted(_TAPS))
def test_every_polynomial_is_primitive(order: int) -> None:
    # lags of a recurrence b[k] = sum b[k - lag] are the exponents of x**order + sum x**(order - lag)
    polynomial = (1 << order) | sum(1 << (order - lag) for lag in _TAPS[order])
    period = 2**order - 1
    assert power_of_x(period, polynomial, order) == 1
    assert all(power_of_x(period // prime, polynomial, order) != 1 for prime in prime_factors(period) if prime != period)


def test_bits_are_held_and_scaled() -> None:
    samples = generate.prbs(order=2, hold=3, amplitude=2, offset=1, rate=10)
    assert samples["prbs"].tolist() == [3.0] * 6 + [-1.0] * 3
    assert generate.prbs(order=2, hold=3, rate=10, count=4, amplitude=2, offset=1)["prbs"].tolist() == [3.0] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 1}, "order=1: it has to be from 2 to 32"),
        ({"order": 33}, "order=33"),
        ({"hold": 0}, "hold=0"),
        ({"order": 32}, "order 32"),
    ],
)
def test_a_wrong_binary_sequence_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignalError, match=message):
        generate.prbs(rate=1, **arguments)


def test_a_three_phase_system_is_three_sines_120_degrees_apart() -> None:
    samples = generate.three_phase(magnitude=325, frequency=50, phase=0.2, rate=10_000, count=400, unit="V")
    assert samples.names == ("va", "vb", "vc")
    for i, name in enumerate(samples.names):
        expected = generate.sine(frequency=50, amplitude=325, phase=0.2 - i * 2 * math.pi / 3, rate=10_000, count=400)
        assert np.allclose(samples[name], expected["sine"], rtol=0, atol=1e-9)
    assert np.allclose(sum(samples), 0, atol=1e-9)


def test_a_negative_sequence_swaps_two_phases_and_a_zero_sequence_has_one() -> None:
    positive, negative, zero = (
        generate.three_phase(rate=10_000, count=200, phase_sequence=each) for each in ("positive", "negative", "zero")
    )
    assert np.allclose(positive["vb"], negative["vc"])
    assert np.allclose(positive["va"], negative["va"])
    assert np.array_equal(zero["va"], zero["vc"])


def test_harmonics_have_their_magnitude_and_their_natural_sequence() -> None:
    samples = generate.three_phase(magnitude=100, harmonics={3: (0.2, 0.0), 5: (0.1, 1.0)}, rate=10_000, count=2000)
    spectra = [np.fft.fft(column) / 1000 for column in samples]
    fundamental, third, fifth = ([spectrum[10 * order] for spectrum in spectra] for order in (1, 3, 5))
    assert np.abs(fundamental) == pytest.approx([100] * 3)
    assert np.abs(third) == pytest.approx([20] * 3)
    assert np.abs(fifth) == pytest.approx([10] * 3)
    assert np.angle(fundamental[1] / fundamental[0]) == pytest.approx(-2 * math.pi / 3)
    assert np.angle(third[1] / third[0]) == pytest.approx(0, abs=1e-9)
    assert np.angle(fifth[1] / fifth[0]) == pytest.approx(2 * math.pi / 3)
    assert np.angle(1j * fifth[0]) == pytest.approx(1.0)


def test_a_sag_holds_from_its_first_instant_until_its_last() -> None:
    plain = generate.three_phase(rate=1000, count=100)
    sagged = generate.three_phase(rate=1000, count=100, sag=(0.02, 0.05, 0.4))
    factor = np.ones(100)
    factor[20:50] = 0.4
    for name in plain.names:
        assert np.allclose(sagged[name], plain[name] * factor)


def test_a_sag_of_one_phase_and_a_swell_of_another() -> None:
    plain = generate.three_phase(rate=1000, count=100)
    uneven = generate.three_phase(rate=1000, count=100, sag=(0.09, 9.0, (0.0, 1.0, 1.5)))
    assert np.all(uneven["va"][90:] == 0)
    assert np.array_equal(uneven["vb"], plain["vb"])
    assert np.allclose(uneven["vc"][90:], 1.5 * plain["vc"][90:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frequency": 500}, "frequency=500 Hz"),
        ({"harmonics": {11: (0.1, 0)}}, "frequency of harmonic 11=550 Hz"),
        ({"harmonics": {1: (0.1, 0)}}, "order=1: it has to be at least 2"),
        ({"harmonics": {5: 0.1}}, "a relative magnitude and a phase"),
        ({"harmonics": {5: (math.nan, 0)}}, "has to be finite"),
        ({"sag": (0.5, 0.6, 0.4)}, "no sample lies from 0.5 s until 0.6 s"),
        ({"sag": (0.05, 0.02, 0.4)}, "no sample lies"),
        ({"sag": (0.05, 0.06)}, "begin and end in s and a factor"),
        ({"sag": (0.05, 0.06, -1)}, "at least 0"),
        ({"phase_sequence": "negativ"}, "did you mean 'negative'?"),
        ({"name": ("a", "b")}, "three names"),
        ({"magnitude": math.inf}, "magnitude=inf"),
    ],
)
def test_a_wrong_three_phase_system_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignalError) as caught:
        generate.three_phase(rate=1000, count=100, **arguments)
    assert message in str(caught.value)


def test_names_of_three_phases_may_be_a_prefix() -> None:
    assert generate.three_phase(rate=1000, count=1, name="i").names == ("ia", "ib", "ic")


def test_arrays_become_signals() -> None:
    one = generate.array([1.0, 2.0], rate=4, name="v", unit="V")
    assert (one.names, one.signals[0].unit, one.origin.tolist()) == (("v",), "V", [0, 250_000_000])
    assert generate.array(np.ones((5, 2)), rate=1, name="x").names == ("x0", "x1")
    mixture = generate.array({"f": [0.5], "i": [1], "b": [True], "z": [1j]}, rate=1)
    assert [signal.type for signal in mixture.signals] == list(SignalType)


def test_an_array_keeps_nan() -> None:
    assert np.isnan(generate.array([math.nan, 1.0], rate=1)["signal"][0])


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        np.empty((0, 3)),
        np.empty((3, 0)),
        {"a": []},
        5.0,
        np.ones((2, 2, 2)),
        {"a": [1.0], "b": [1.0, 2.0]},
        {"a": [[1.0]]},
        ["a"],
    ],
)
def test_arrays_of_other_shapes_and_kinds_are_refused(data: Any) -> None:
    with pytest.raises(SignalError):
        generate.array(data, rate=1)


def test_a_mixture_has_all_columns_of_its_parts() -> None:
    three = generate.three_phase(rate=1000, count=10, start=5)
    trip = generate.array({"trip": np.arange(10) > 4}, rate=1000)
    samples = generate.mix(three, trip, generate.counter(rate=1000, count=10, name="n"))
    assert samples.names == ("va", "vb", "vc", "trip", "n")
    assert samples.signals[3].type is SignalType.BOOLEAN
    assert samples.origin[0] == 5
    assert np.array_equal(samples["vb"], three["vb"])
    assert samples.sequence.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "got nothing"),
        ([generate.sine(count=3), generate.square(count=4)], "part 1 of mix() has 4 samples"),
        ([generate.sine(count=3), generate.square(count=3, rate=20)], "another time grid"),
        ([generate.sine(count=3), generate.sine(count=3)], "2 signals called 'sine'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: list[Samples], message: str) -> None:
    with pytest.raises(SignalError) as caught:
        generate.mix(*parts)
    assert message in str(caught.value)


@settings(max_examples=20)
@given(order=st.integers(2, 32))
def test_a_long_sequence_starts_like_a_short_one(order: int) -> None:
    short, long = (generate.prbs(order=order, rate=1, count=count)["prbs"] for count in (100, 5000))
    assert np.array_equal(short, long[:100])
