"""What is said about delays and tubes, held against what is known, and against the plainest way to compute it."""

from __future__ import annotations

import numpy as np
import pytest
from measure.test_delay import cases
from measure.test_tube import brute_bounds
from proof.trials import cycles, delay_errors, funnel_differences, stalled, tube_differences

from pytest_villas.measure import Outcome
from pytest_villas.units import ms, us


def test_twice_the_stated_uncertainty_of_a_delay_covers_the_truth() -> None:
    errors, stated = delay_errors(trials=50)
    assert np.mean(np.abs(errors) < 2 * stated) >= 0.88
    assert stated.max() < 0.01, "and it is not there by claiming nothing"


def test_no_wrong_cycle_is_called_ok() -> None:
    seen, wrong = cycles(cases(77, 80))
    assert wrong == 0
    assert seen["ok"] > 20
    assert seen["ambiguous"] > 20


def test_a_tube_is_what_is_found_one_by_one() -> None:
    assert tube_differences(80, brute_bounds) < 1e-9


def test_a_tube_gives_the_verdicts_of_pyfunnel() -> None:
    found = funnel_differences(10)
    if found is None:
        pytest.skip("needs pyfunnel")
    differ, failed = found
    assert differ == 0
    assert 0 < failed < 10


def test_a_stalled_sender_is_seen_and_not_blamed_on_the_device() -> None:
    seen = stalled()
    assert float(seen.owd.p99) == 300 * us, "from sending, nothing happened"
    assert float(seen.p99) > 150 * ms
    verdict = seen.p99 < 50 * ms
    assert verdict.outcome is Outcome.INVALID
    assert "not sent on time" in verdict.why
