from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.exact import allclose, bit_exact
from pytest_villas.measure.waveforms.place import Places

X = np.array([0.0, 1.5, -2.0, np.nan, np.inf])
any_floats = arrays(np.float64, st.integers(1, 20), elements=st.floats(allow_nan=True, allow_infinity=True))


@given(any_floats)
def test_a_copy_has_the_same_bits_whatever_they_are(values: np.ndarray) -> None:
    assert bit_exact(values, values.copy())


@given(any_floats, st.data())
def test_one_flipped_bit_is_found_and_named(values: np.ndarray, data: st.DataObject) -> None:
    where, bit = data.draw(st.integers(0, values.size - 1)), data.draw(st.integers(0, 63))
    other = values.copy()
    other.view(np.uint64)[where] ^= np.uint64(1 << bit)
    verdict = bit_exact(values, other)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.estimate == 1
    assert f"first at sample {where}" in verdict.why


def test_negative_zero_and_the_payload_of_a_nan_count() -> None:
    assert bit_exact(np.array([0.0]), np.array([-0.0])).outcome is Outcome.FAIL
    payload = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    assert bit_exact(np.array([np.nan]), payload).outcome is Outcome.FAIL
    assert bit_exact(payload, payload)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex64])
def test_bits_of_every_type_are_compared(dtype: type) -> None:
    values: np.ndarray = np.array([1, 0, 1]).astype(dtype)
    other: np.ndarray = np.array([1, 1, 1]).astype(dtype)
    assert bit_exact(values, values.copy())
    assert bit_exact(values, other).estimate == 1


def test_columns_of_different_types_never_have_the_same_bits() -> None:
    verdict = bit_exact(np.array([1.0]), np.array([1]))
    assert verdict.outcome is Outcome.FAIL
    assert "int64" in verdict.why


def test_comparing_nothing_proves_nothing() -> None:
    empty = np.zeros(0)
    assert bit_exact(empty, empty).outcome is Outcome.INCONCLUSIVE
    assert allclose(empty, empty).outcome is Outcome.INCONCLUSIVE


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="come in pairs"):
        bit_exact(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="come in pairs"):
        allclose(np.zeros(2), np.zeros(3))


@given(any_floats, any_floats, st.floats(0, 10), st.floats(0, 1))
def test_allclose_says_of_finite_values_what_its_formula_says(x: np.ndarray, y: np.ndarray, atol: float, rtol: float) -> None:
    size = min(x.size, y.size)
    x, y = x[:size], y[:size]
    verdict = allclose(x, y, atol=atol, rtol=rtol)
    wrong = 0
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(a) and np.isfinite(b):
            wrong += not abs(b - a) <= atol + rtol * abs(a)
        else:
            wrong += a != b
    assert verdict.estimate == wrong
    assert bool(verdict) is (wrong == 0)


def test_nan_fails_unless_it_is_allowed_on_both_sides() -> None:
    assert allclose(X, X, atol=1e300).outcome is Outcome.FAIL
    assert allclose(X, X, allow_nan=True)
    assert allclose(np.array([np.nan]), np.array([0.0]), atol=1e9, allow_nan=True).outcome is Outcome.FAIL
    assert allclose(np.array([0.0]), np.array([np.nan]), atol=1e9, allow_nan=True).outcome is Outcome.FAIL


def test_an_infinite_reference_does_not_make_the_tolerance_infinite() -> None:
    assert allclose(np.array([np.inf]), np.array([5.0]), rtol=0.1).outcome is Outcome.FAIL
    assert allclose(np.array([np.inf]), np.array([-np.inf]), rtol=0.1).outcome is Outcome.FAIL
    assert allclose(np.array([np.inf]), np.array([np.inf]))


def test_integers_are_compared_in_all_their_bits() -> None:
    big = np.array([2**62, -(2**63)])
    assert allclose(big, big)
    assert allclose(big, big + np.array([1, 0])).estimate == 1
    assert allclose(big, big + np.array([1, 0]), atol=1)
    extremes = np.array([-(2**63)]), np.array([2**63 - 1])
    assert allclose(*extremes, atol=1e18).outcome is Outcome.FAIL


def test_an_integer_is_not_equal_to_the_float_that_it_rounds_to() -> None:
    big = np.array([2**53 + 1, 3, -(2**63), 2**63 - 1])
    for pair in ((big, big.astype(np.float64)), (big.astype(np.float64), big)):
        verdict = allclose(*pair)
        assert verdict.outcome is Outcome.FAIL
        assert verdict.estimate == 2
        assert allclose(*pair, atol=1)
    floats = np.array([0.5, np.nan, np.inf, 1e300])
    assert allclose(np.array([0, 0, 0, 0]), floats, atol=0.4).estimate == 4
    assert allclose(np.array([0, 0, 0, 0]), floats, atol=0.6).estimate == 3
    assert allclose(np.arange(5), np.arange(5.0))


def test_a_part_that_is_no_nan_is_compared_where_the_other_one_is() -> None:
    def close(x: complex, y: complex, atol: float = 0.0, rtol: float = 0.0) -> Outcome:
        one, other = np.array([x], np.complex64), np.array([y], np.complex64)
        return allclose(one, other, atol=atol, rtol=rtol, allow_nan=True).outcome

    nan, inf = np.nan, np.inf
    assert close(complex(nan, 1), complex(nan, 1)) is Outcome.PASS
    assert close(complex(nan, 1), complex(nan, 1.5)) is Outcome.FAIL
    assert close(complex(nan, 1), complex(nan, 1.5), atol=0.6) is Outcome.PASS
    assert close(complex(nan, 1), complex(5, nan), atol=100) is Outcome.FAIL
    assert close(complex(nan, 1), complex(nan, nan), atol=100) is Outcome.FAIL
    assert close(complex(nan, nan), complex(nan, nan)) is Outcome.PASS
    assert close(complex(nan, inf), complex(nan, inf)) is Outcome.PASS
    assert close(complex(nan, inf), complex(nan, -inf), rtol=1) is Outcome.FAIL
    none = np.zeros(0, np.complex64)
    assert allclose(none, none, allow_nan=True).outcome is Outcome.INCONCLUSIVE


def test_complex_numbers_are_compared_by_the_modulus_of_the_difference() -> None:
    x, y = np.array([1 + 1j], np.complex64), np.array([4 + 5j], np.complex64)
    assert allclose(x, y, atol=5)
    assert allclose(x, y, atol=4.99).outcome is Outcome.FAIL
    half = np.array([complex(np.nan, 0)], np.complex64)
    assert allclose(half, half, atol=1).outcome is Outcome.FAIL
    assert allclose(half, half, allow_nan=True)


def test_booleans_have_to_be_equal_and_are_no_numbers() -> None:
    x = np.array([True, False])
    assert allclose(x, x)
    assert allclose(x, ~x, atol=10).estimate == 2
    assert allclose(x, np.array([1.0, 0.0])).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("tolerance", [-1.0, np.nan, np.inf])
def test_a_tolerance_that_is_none_is_an_error(tolerance: float) -> None:
    with pytest.raises(ValueError, match="atol"):
        allclose(X, X, atol=tolerance)


def test_a_failure_names_the_first_and_the_worst_with_time_and_sequence() -> None:
    x = np.zeros(100)
    y = x.copy()
    y[[10, 20]] = 1, 5
    places = Places(np.arange(100), 10**18 + np.arange(100) * 1_000_000, np.arange(100) + 7, 10**18)
    verdict = allclose(x, y, atol=0.5, places=places)
    assert "first at sample 10 (sequence 17, 10 ms after the first): 1.0 instead of 0.0" in verdict.why
    assert "worst at sample 20 (sequence 27, 20 ms after the first): 5.0 instead of 0.0" in verdict.why
    assert (verdict.estimate, verdict.n) == (2, 100)


def test_a_nan_is_worse_than_any_number() -> None:
    verdict = allclose(np.zeros(3), np.array([1e300, np.nan, 0.0]))
    assert "worst at sample 1: nan" in verdict.why
