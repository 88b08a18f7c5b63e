"""Durations, rates and ratios, from text and for people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import ms, ns, s, us
from pytest_villas.errors import ConfigError
from pytest_villas.units import duration, format_duration, rate, ratio


def test_units_count_nanoseconds() -> None:
    assert (ns, us, ms, s) == (1, 1_000, 1_000_000, 1_000_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 ms", 2 * ms),
        ("1.5ms", 1_500_000),
        ("20 s", 20 * s),
        ("3 us", 3 * us),
        ("3 µs", 3 * us),
        ("0 us", 0),
        (" 2 min ", 120 * s),
        ("1 h", 3600 * s),
        ("1e3 ns", 1000),
        ("-1 ms", -ms),
        (".5 s", 500 * ms),
        (1234, 1234),
        (0.6, 1),
    ],
)
def test_a_duration_is_read(text: str | float, expected: int) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["2", "2 parsec", "ms", "", "two ms", "1 2 ms", math.nan, math.inf, "1e999 s"])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is no duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("5 kHz", 5000.0), ("50 Hz", 50.0), ("100 mHz", 0.1), ("2 kS/s", 2000.0), (10, 10.0)]
)
def test_a_rate_is_read(text: str | float, expected: float) -> None:
    assert rate(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["0 Hz", "-1 Hz", "5", "5 khz", 0, math.nan, math.inf])
def test_what_is_no_rate_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is no rate"):
        rate(text)


@pytest.mark.parametrize(("text", "expected"), [("1 %", 0.01), ("20 ppm", 2e-5), ("0.5", 0.5), (0.25, 0.25)])
def test_a_ratio_is_read(text: str | float, expected: float) -> None:
    assert ratio(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["1 percent", "", math.nan, -math.inf])
def test_what_is_no_ratio_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is no ratio"):
        ratio(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 ns"), (35, "35 ns"), (999.6, "1 us"), (1500, "1.5 us"), (-2 * ms, "-2 ms"), (90 * s, "90 s"), (3600 * s, "3600 s")],
)
def test_a_duration_is_written_with_three_digits(value: float, text: str) -> None:
    assert format_duration(value) == text


@given(value=st.integers(1, 999 * s))
def test_a_written_duration_reads_back_within_its_digits(value: int) -> None:
    assert duration(format_duration(value)) == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_duration_without_end_is_written_as_such(value: float) -> None:
    assert format_duration(value) == str(value)
