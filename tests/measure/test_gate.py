"""The quantile gate passes what holds, fails what does not, and says when it cannot tell."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import binomtest, norm

from pytest_villas.measure import Outcome
from pytest_villas.measure.timing.gate import (
    LOST,
    autocorrelation_time,
    dependence,
    exceedance,
    gate,
    rank,
    smallest_n,
    threshold_of,
)
from pytest_villas.samples import Int64s


def autoregressive(rng: np.random.Generator, phi: float, trials: int, n: int) -> Int64s:
    """Records whose values are uniform on 0 .. 10^9, each correlated by phi with the one before."""
    noise = rng.standard_normal((trials, n + 1000)) * math.sqrt(1 - phi**2)
    series: npt.NDArray[Any] = lfilter([1.0], [1.0, -phi], noise, axis=1)[:, 1000:]
    return np.asarray(norm.cdf(series) * 1e9, np.int64)


@pytest.mark.parametrize(("q", "n"), [(0.5, 7), (0.9, 44), (0.95, 90), (0.99, 459), (0.999, 4603), (0.9999, 46050)])
def test_the_smallest_record_that_passes(q: float, n: int) -> None:
    values = np.random.default_rng(8).integers(0, 10**6, n)
    assert smallest_n(q) == n
    assert gate(values, 2 * 10**6, q).outcome is Outcome.PASS
    one_less = gate(values[1:], 2 * 10**6, q)
    assert one_less.outcome is Outcome.INCONCLUSIVE
    assert one_less.more == 1


def test_more_samples_are_asked_for_and_they_do() -> None:
    values = np.zeros(400, np.int64)
    values[[7, 300]] = 100
    found = gate(values, 50, 0.99)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.more is not None
    enough = math.ceil((400 + found.more) / 400)
    assert gate(np.tile(values, enough), 50, 0.99).outcome is Outcome.PASS


def test_a_limit_exactly_at_the_quantile_is_never_decided() -> None:
    values = np.arange(10_000, dtype=np.int64)
    found = gate(np.random.default_rng(3).permutation(values), 9899, 0.99, strict=False)
    assert (found.exceedance.k, found.outcome, found.more) == (100, Outcome.INCONCLUSIVE, None)


def test_false_passes_are_rare_for_independent_samples() -> None:
    records = np.random.default_rng(11).integers(0, 10**9, (800, 5000))
    outcomes = [gate(record, 0.99 * 10**9, 0.99).outcome for record in records]
    assert outcomes.count(Outcome.PASS) <= 16
    assert outcomes.count(Outcome.FAIL) <= 16


@pytest.mark.parametrize(("phi", "q"), [(0.9, 0.5), (0.9, 0.9), (0.9, 0.99), (0.99, 0.9), (0.99, 0.99)])
def test_false_passes_are_rare_for_dependent_samples(phi: float, q: float) -> None:
    records = autoregressive(np.random.default_rng(12), phi, 300, 5000)
    outcomes = [gate(record, q * 10**9, q).outcome for record in records]
    assert outcomes.count(Outcome.PASS) <= 9
    assert outcomes.count(Outcome.FAIL) <= 9


def test_a_true_limit_passes_and_a_broken_one_fails_in_most_records() -> None:
    records = np.random.default_rng(13).integers(0, 10**9, (100, 5000))
    assert sum(gate(record, 0.997 * 10**9, 0.99).outcome is Outcome.PASS for record in records) >= 95
    assert sum(gate(record, 0.98 * 10**9, 0.99).outcome is Outcome.FAIL for record in records) >= 95


def test_a_drift_far_below_the_limit_does_not_hide_that_it_is_kept() -> None:
    rng = np.random.default_rng(5)
    state = np.repeat([20_000, 10_000], 1225)  # ns: a machine that gets faster, as seen with the rig loopback on a virtual one
    values = state + rng.integers(0, 2000, state.size)
    far = gate(values, 20 * 10**6, 0.9)
    assert far.outcome is Outcome.PASS
    assert far.exceedance.tau < 100
    near = gate(values, 21_500, 0.9)
    assert near.exceedance.tau > 200, "there, what decides is which of the two states it is in"
    assert near.outcome is Outcome.INCONCLUSIVE
    assert gate(values[:1000], 20 * 10**6, 0.99).exceedance.tau == dependence(values[:1000], 0, levels=(0.5, 0.9, 0.99))


def test_one_burst_is_no_independent_evidence() -> None:
    values = np.random.default_rng(2).integers(0, 10, 5000)
    values[1000:1025] = 100
    assert gate(values, 50, 0.99).exceedance.tau > 10
    assert gate(values, 50, 0.99).outcome is Outcome.INCONCLUSIVE
    assert gate(np.random.default_rng(3).permutation(values), 50, 0.99).outcome is Outcome.PASS


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 300))
def test_bounds_are_those_of_clopper_and_pearson(k: int, more: int) -> None:
    n = k + more
    values = np.repeat(np.array([100, 0]), [k, more])
    found = exceedance(values, 50, tau=1.0)
    expected = binomtest(k, n).proportion_ci(0.98, "exact")
    assert (found.k, found.n) == (k, n)
    assert found.lower == pytest.approx(expected.low, abs=1e-9)
    assert found.upper == pytest.approx(expected.high, abs=1e-9)


@settings(deadline=None)
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=200),
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.07]),
    st.integers(-(10**6), 10**6),
    st.integers(0, 20),
)
def test_the_interval_is_the_gate_turned_around(values: list[int], q: float, limit: int, unknown: int) -> None:
    record = np.array(values, np.int64)
    found = gate(record, limit, q, strict=False, unknown=unknown)
    tau = found.exceedance.tau
    assert found.lower <= found.upper
    if found.outcome is Outcome.PASS:
        assert limit >= found.upper
    elif found.outcome is Outcome.FAIL:
        assert limit < found.lower
    else:
        assert found.lower <= limit < found.upper
    assert tau >= 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999, 1.0, 0.0]))
def test_a_rank_is_that_of_the_empirical_quantile(values: list[int], q: float) -> None:
    assert sorted(values)[rank(q, len(values))] == np.quantile(values, q, method="inverted_cdf")


def test_ranks_do_not_suffer_from_binary_fractions() -> None:
    assert rank(0.07, 100) == 6


def test_what_was_lost_exceeds_every_limit() -> None:
    values = np.full(1000, 5, np.int64)
    values[::10] = LOST
    assert gate(values, math.inf, 0.99).outcome is Outcome.FAIL
    assert gate(values, math.inf, 0.99, strict=False).outcome is Outcome.FAIL
    assert gate(values, 1e300, 0.99).outcome is Outcome.FAIL
    assert gate(values, 6, 0.5).outcome is Outcome.PASS
    assert gate(values, 6, 0.99).upper == math.inf


@pytest.mark.parametrize(
    ("n", "lost", "outcome"), [(0, 0, "INCONCLUSIVE"), (1, 0, "INCONCLUSIVE"), (1, 1, "INCONCLUSIVE"), (500, 500, "FAIL")]
)
def test_records_of_nothing_and_of_losses(n: int, lost: int, outcome: str) -> None:
    values = np.full(n, 5, np.int64)
    values[:lost] = LOST
    assert gate(values, 10, 0.9).outcome.value == outcome


def test_equal_values_are_judged_at_their_edge() -> None:
    values = np.full(1000, 5, np.int64)
    assert gate(values, 5, 0.99, strict=True).outcome is Outcome.FAIL
    assert gate(values, 5, 0.99, strict=False).outcome is Outcome.PASS
    assert gate(values, 5.5, 0.99).outcome is Outcome.PASS


def test_the_error_of_the_clock_is_on_the_side_of_doubt() -> None:
    values = np.random.default_rng(5).integers(90, 100, 2000)
    assert gate(values, 120, 0.99, error=20).outcome is Outcome.PASS
    assert gate(values, 119, 0.99, error=21).outcome is Outcome.INCONCLUSIVE
    assert gate(values, 119, 0.99, error=21).more is None
    assert gate(values, 60, 0.99, error=29).outcome is Outcome.FAIL
    assert gate(values, 60, 0.99, error=40).outcome is Outcome.INCONCLUSIVE


def test_samples_without_a_stamp_are_on_the_side_of_doubt() -> None:
    values = np.zeros(2000, np.int64)
    assert gate(values, 10, 0.99, unknown=5).outcome is Outcome.PASS
    assert gate(values, 10, 0.99, unknown=100).outcome is Outcome.INCONCLUSIVE
    assert gate(values, -10, 0.99, unknown=5000).outcome is Outcome.FAIL
    assert gate(np.zeros(0, np.int64), 10, 0.99, unknown=5000).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("limit", "strict", "threshold"),
    [
        (5, True, 4),
        (5, False, 5),
        (5.5, True, 5),
        (5.5, False, 5),
        (-5.5, True, -6),
        (math.inf, True, LOST - 1),
        (-math.inf, True, -LOST),
    ],
)
def test_limits_become_whole_nanoseconds(limit: float, strict: bool, threshold: int) -> None:
    assert threshold_of(limit, strict=strict) == threshold


@pytest.mark.parametrize("q", [0, 1, -0.1, 1.1, math.nan])
def test_only_quantiles_between_0_and_1_go_through_the_gate(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        gate(np.zeros(10, np.int64), 1, q)


@pytest.mark.parametrize("n", [5000, 400_000])
def test_the_autocorrelation_time_of_a_chain_with_a_known_one(n: int) -> None:
    # two states, left with probability 1 / 20: the correlation is 0.9 ** lag, so tau is 19
    switches = np.random.default_rng(7).random(n) < 0.05
    tau = autocorrelation_time(np.cumsum(switches) % 2 == 1)
    assert tau == pytest.approx(19, rel=0.35 if n == 5000 else 0.1)


def test_a_trend_is_worth_few_independent_samples() -> None:
    assert dependence(np.arange(10_000, dtype=np.int64), 5000) > 1000


def test_no_exceedance_is_no_dependence() -> None:
    assert autocorrelation_time(np.zeros(100, np.bool_)) == 1.0
    assert dependence(np.zeros(0, np.int64), 0) == 1.0
