"""Runs against runs: noise never fails a build, a real slow-down does, and too few runs say how many are missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.measure import Outcome
from pytest_villas.measure.regression import Factor, _mann_whitney, _signed_ranks, judge, paired, unpaired

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
FIGURES = st.lists(st.floats(1e3, 1e9), min_size=1, max_size=7)


def noisy(rng: np.random.Generator, count: int, spread: float, factor: float = 1.0) -> list[float]:
    """Figures of runs that scatter by `spread`, with one run in ten that had bad luck."""
    luck = np.where(rng.random(count) < 0.1, 1 + rng.exponential(3 * spread, count), 1.0)
    return list(1e6 * factor * np.exp(spread * rng.standard_normal(count)) * luck)


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.1])
def test_unchanged_rigs_never_fail(spread: float) -> None:
    rng = np.random.default_rng(1)
    outcomes = [unpaired(noisy(rng, 5, spread), noisy(rng, 8, spread)).outcome(0.1) for _ in range(200)]
    assert Outcome.FAIL not in outcomes
    if spread == 0.01:
        assert outcomes.count(Outcome.PASS) > 180


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_unchanged_rigs_that_scatter_widely_fail_less_often_than_one_time_in_a_hundred(spread: float) -> None:
    rng = np.random.default_rng(6)
    failed = [unpaired(noisy(rng, 5, spread), noisy(rng, 8, spread)).outcome(0.1) is Outcome.FAIL for _ in range(2000)]
    assert np.mean(failed) < 0.01


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.1, 0.3])
def test_unchanged_pairs_never_fail_whatever_mood_the_machine_is_in(spread: float) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        mood = np.exp(0.5 * np.cumsum(rng.standard_normal(12)))
        old, new = (list(np.asarray(noisy(rng, 12, spread)) * mood) for _ in range(2))
        assert paired(old, new).outcome(0.1) is not Outcome.FAIL


def test_a_slow_down_of_a_fifth_is_found() -> None:
    rng = np.random.default_rng(3)
    found = [unpaired(noisy(rng, 5, 0.02), noisy(rng, 8, 0.02, 1.2)).outcome(0.1) for _ in range(200)]
    assert Outcome.PASS not in found
    assert found.count(Outcome.FAIL) > 140
    pairs = [paired(noisy(rng, 12, 0.03), noisy(rng, 12, 0.03, 1.2)).outcome(0.1) for _ in range(200)]
    assert Outcome.PASS not in pairs
    assert pairs.count(Outcome.FAIL) > 150


def test_the_bounds_hold_the_true_factor_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    factors = [unpaired(noisy(rng, 5, 0.1), noisy(rng, 8, 0.1, 1.5)) for _ in range(2000)]
    assert np.mean([factor.lower > 1.5 for factor in factors]) < 0.015
    assert np.mean([factor.upper < 1.5 for factor in factors]) < 0.015


@given(FIGURES, FIGURES)
def test_the_counts_are_those_of_all_orders(old: list[float], new: list[float]) -> None:
    n, m = min(len(old), 5), min(len(new), 5)
    ranks = range(n + m)
    wanted = [0] * (n * m + 1)
    for chosen in itertools.combinations(ranks, m):
        others = [rank for rank in ranks if rank not in chosen]
        wanted[sum(a > b for a in chosen for b in others)] += 1
    assert _mann_whitney(n, m) == wanted


def test_the_signed_ranks_are_those_of_all_signs() -> None:
    for pairs in range(1, 9):
        wanted = [0] * (pairs * (pairs + 1) // 2 + 1)
        for signs in itertools.product((0, 1), repeat=pairs):
            wanted[sum(rank * sign for rank, sign in enumerate(signs, 1))] += 1
        assert _signed_ranks(pairs) == wanted


@given(FIGURES, FIGURES, st.floats(1.01, 100))
def test_slower_figures_give_a_greater_factor(old: list[float], new: list[float], by: float) -> None:
    factor, slower = unpaired(old, new), unpaired(old, [by * value for value in new])
    assert slower.estimate == pytest.approx(by * factor.estimate)
    assert factor.lower <= factor.estimate <= factor.upper


@pytest.mark.parametrize(("old", "new"), [(3, 3), (4, 4), (1, 8), (2, 100), (5, 1)])
def test_too_few_runs_are_inconclusive_and_say_what_is_missing(old: int, new: int) -> None:
    verdict = judge(unpaired([1e6] * old, [9e6] * new), "latency p99")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"{old} old and {new} new runs: " in verdict.why
    assert "would decide" in verdict.why


@pytest.mark.parametrize(("old", "new"), [(3, 7), (4, 5), (5, 4), (5, 8)])
def test_runs_that_do_not_scatter_decide_with_as_few_as_the_confidence_allows(old: int, new: int) -> None:
    assert unpaired([1e6] * old, [2e6] * new).outcome(0.1) is Outcome.FAIL
    assert unpaired([1e6] * old, [1e6] * new).outcome(0.1) is Outcome.PASS


@pytest.mark.parametrize(("old", "new"), [(3, 1), (4, 4), (5, 1), (5, 3)])
def test_as_many_runs_as_were_said_to_be_missing_decide_where_nothing_scatters(old: int, new: int) -> None:
    said = unpaired([1e6] * old, [2e6] * new).missing(0.1)
    more = int(said.split("about ")[1].split()[0])
    assert unpaired([1e6] * old, [2e6] * (new + more)).outcome(0.1) is Outcome.FAIL
    assert unpaired([1e6] * old, [2e6] * (new + more - 1)).outcome(0.1) is Outcome.INCONCLUSIVE


def test_a_rig_that_began_to_lose_samples_is_slower() -> None:
    verdict = judge(unpaired([1e6] * 5, [math.inf] * 8), "latency p99")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.estimate == math.inf


@pytest.mark.parametrize("compare", [unpaired, paired])
def test_figures_to_which_nothing_is_relative_are_refused(compare: Callable[[list[float], list[float]], Factor]) -> None:
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="old figure"):
            compare([1.0, bad], [1.0, 2.0])
    with pytest.raises(ValueError, match="new figure"):
        compare([1.0, 1.0], [1.0, 0.0])


def test_unequal_numbers_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="2 and 1 runs are no pairs"):
        paired([1.0, 2.0], [1.0])


def test_an_empty_side_says_nothing() -> None:
    assert unpaired([], [1.0]).outcome(0.1) is Outcome.INCONCLUSIVE
