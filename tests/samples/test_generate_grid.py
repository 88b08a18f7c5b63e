"""What all generators share: stamps, sequence, lengths, and how they refuse wrong arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import Samples, SignalType, generate
from pytest_villas.errors import SignalError

RATES = st.one_of(
    st.sampled_from([1.0, 3.0, 7.0, 10.0, 50.0, 1000.0, 2048.0, 10_000.0, 14_400.0, 44_100.0, 3333.3, 0.1, 1e6 / 3]),
    st.floats(0.01, 1e7),
)
NINE: list[Callable[..., Samples]] = [
    generate.sine,
    generate.square,
    generate.triangle,
    generate.ramp,
    generate.counter,
    generate.constant,
    generate.random,
    generate.pulse,
    generate.mixed,
]


def test_the_example_of_the_documentation_gives_one_signal() -> None:
    samples = generate.sine(frequency=50, amplitude=325, rate=10_000, duration=2)
    assert len(samples) == 20_000
    assert [signal.type for signal in samples.signals] == [SignalType.FLOAT]
    assert samples.sequence.tolist()[:3] == [0, 1, 2]
    assert samples.sequence[-1] == 19_999
    assert samples.origin[0] == 0
    assert samples.origin[-1] == 1_999_900_000
    assert samples["sine"].max() == 325.0


@pytest.mark.parametrize("generator", NINE)
def test_each_of_the_nine_has_the_defaults_of_villasnode(generator: Callable[..., Samples]) -> None:
    samples = generator(count=20)
    assert samples.origin[1] == 100_000_000  # 10 Hz
    assert len(samples) == 20
    assert all(column.dtype == np.float64 and np.isfinite(column).all() for column in samples)


@pytest.mark.parametrize("generator", NINE)
def test_name_unit_and_start_reach_the_samples(generator: Callable[..., Samples]) -> None:
    samples = generator(count=3, name="x", unit="V", start=1_700_000_000_000_000_000)
    assert samples.names[0] in ("x", "x0")
    assert {signal.unit for signal in samples.signals} == {"V"}
    assert samples.origin.tolist() == [1_700_000_000_000_000_000 + k * 100_000_000 for k in range(3)]
    assert samples.sequence.tolist() == [0, 1, 2]


@given(rate=RATES, count=st.integers(1, 3000))
def test_origin_is_the_rounded_instant(rate: float, count: int) -> None:
    origin = generate.constant(rate=rate, count=count).origin
    exact = [Fraction(k) * 10**9 / Fraction(rate) for k in (0, count // 2, count - 1)]
    for k, instant in zip((0, count // 2, count - 1), exact, strict=True):
        assert abs(int(origin[k]) - instant) <= Fraction(1, 2) + Fraction(1, 10**5)


@pytest.mark.parametrize("rate", [2048.0, 10_000.0, 14_400.0, 44_100.0])
def test_origin_of_whole_rates_is_exact_after_ten_million_samples(rate: float) -> None:
    origin = generate.constant(rate=rate, count=10_000_000).origin
    for k in (1, 2, 3, 5, 1_234_567, 9_999_998, 9_999_999):
        assert origin[k] == round(Fraction(k) * 10**9 / Fraction(rate))
    assert np.all(np.diff(origin) > 0)


@given(rate=st.sampled_from([10.0, 50.0, 1000.0, 10_000.0, 14_400.0]), count=st.integers(1, 10_000))
def test_a_duration_of_n_periods_gives_n_samples(rate: float, count: int) -> None:
    assert len(generate.constant(rate=rate, duration=count / rate)) == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 0, "count": 3}, "rate=0: it has to be above 0"),
        ({"rate": -5, "count": 3}, "rate=-5: it has to be above 0"),
        ({"rate": math.nan, "count": 3}, "rate=nan: it has to be finite"),
        ({"rate": math.inf, "count": 3}, "rate=inf: it has to be finite"),
        ({"rate": "1 kHz", "count": 3}, "rate='1 kHz': it has to be a number"),
        ({"rate": True, "count": 3}, "rate=True: it has to be a number"),
        ({}, "give one of them"),
        ({"duration": 1, "count": 3}, "give one of them"),
        ({"duration": 0}, "duration=0: it has to be above 0"),
        ({"duration": -1}, "duration=-1"),
        ({"duration": 0.01}, "duration=0.01 s at rate=10 Hz holds no sample: it has to be at least 0.1 s"),
        ({"duration": 2_000_000_000}, "duration is in seconds"),
        ({"count": 0}, "count=0: it has to be at least 1"),
        ({"count": 2.0}, "count=2.0: it has to be an integer"),
        ({"count": 10**12}, "count=1000000000000: it has to be at most"),
        ({"count": True}, "count=True: it has to be an integer"),
        ({"count": 3, "start": 1.5}, "start=1.5: it has to be an integer"),
        ({"count": 3, "start": 2**63 - 2}, "do not fit into 64 bits of nanoseconds"),
    ],
)
def test_wrong_common_keywords_are_named_with_value_and_remedy(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignalError) as caught:
        generate.constant(**arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("generator", [generate.sine, generate.square, generate.triangle, generate.pulse])
def test_a_frequency_above_half_the_rate_is_refused(generator: Callable[..., Samples]) -> None:
    with pytest.raises(SignalError, match="half the rate, 50 Hz"):
        generator(frequency=51, rate=100, count=10)
    with pytest.raises(SignalError, match="half the rate"):
        generator(frequency=-51, rate=100, count=10)


def test_a_sine_of_half_the_rate_is_refused_and_a_square_is_not() -> None:
    with pytest.raises(SignalError, match="below half the rate"):
        generate.sine(frequency=50, rate=100, count=10)
    assert generate.square(frequency=50, rate=100, count=4)["square"].tolist() == [-1, 1, -1, 1]
