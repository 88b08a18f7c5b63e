"""What the quantile gate says of data whose quantile is known."""

from __future__ import annotations

import pytest
from proof.trials import PROCESSES, bursty, gate_outcomes, same_against_same

from pytest_villas.measure import Outcome


@pytest.mark.parametrize("name", ["iid", "AR(.9)", "AR(.99)"])
def test_a_limit_at_the_true_quantile_is_hardly_ever_decided(name: str) -> None:
    found = gate_outcomes(PROCESSES[name], trials=300, n=5000)
    # 1 % is promised for each; 8 of 300 is what that exceeds once in a hundred times
    assert found[Outcome.PASS] <= 8
    assert found[Outcome.FAIL] <= 8


def test_bursts_that_the_record_has_only_a_few_of_pass_more_often_but_not_often() -> None:
    found = gate_outcomes(bursty(5), trials=300, n=5000)
    # ten bursts a record, and nothing before them that tells of their coming: more than the 1 % promised
    assert found[Outcome.PASS] <= 0.1 * 300
    assert found[Outcome.FAIL] <= 8


def test_longer_records_know_bursts_better() -> None:
    short, long = (gate_outcomes(bursty(20), trials=100, n=n)[Outcome.PASS] for n in (5000, 50_000))
    assert short > 5, "two or three bursts a record: many show none"
    assert long <= 5


def test_the_same_against_the_same_never_fails() -> None:
    found = same_against_same(PROCESSES["iid"], trials=200, n=5000)
    assert found.total() == 200
    assert found[Outcome.FAIL] == 0
    assert found[Outcome.PASS] > 50


def test_the_same_against_the_same_never_fails_where_samples_depend_on_each_other() -> None:
    found = same_against_same(PROCESSES["AR(.9)"], trials=50, n=20_000)
    assert found.total() == 50
    assert found[Outcome.FAIL] == 0
    assert found[Outcome.PASS] > 10
