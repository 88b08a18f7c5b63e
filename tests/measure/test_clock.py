"""How clocks are related, how far one runs away, and how far they can be apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.errors import ConfigError, SignalError
from pytest_villas.measure import Outcome
from pytest_villas.measure.timing.clock import Clock, difference, offset, remove_skew, skew, stamps
from pytest_villas.samples import NO_TIME, Int64s

EPOCH = 1_795_419_350_000_000_000


def traffic(ppm: float, n: int, seed: int, rate: float = 1000.0) -> tuple[Int64s, Int64s]:
    """Stamps of a sender and of a receiver whose clock is ahead, runs fast by ppm, and sits behind a queue."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / rate
    delay = 150e-6 + rng.gamma(0.8, 60e-6, n) + (rng.random(n) < 0.01) * rng.exponential(3e-3, n) + rng.uniform(-1, 1)
    sent = EPOCH + np.rint(t * 1e9).astype(np.int64)
    return sent, sent + np.rint((delay + ppm * 1e-6 * t) * 1e9).astype(np.int64)


@pytest.mark.parametrize("ppm", [0.0, 5.0, -50.0])
@pytest.mark.parametrize(("n", "bound"), [(1000, 0.6), (30_000, 0.001)])
def test_skew_is_found_below_the_queues(ppm: float, n: int, bound: float) -> None:
    found = skew(*traffic(ppm, n, seed=n))
    assert found.status == "ok"
    assert abs(float(found) - ppm) < bound


def test_the_uncertainty_of_the_skew_covers_its_error() -> None:
    found = [skew(*traffic(5.0, 5000, seed)) for seed in range(60)]
    covered = sum(estimate.lower <= 5.0 <= estimate.upper for estimate in found)
    assert covered >= 45
    assert np.median([estimate.u for estimate in found]) < 0.1


def test_without_skew_only_the_queue_is_left() -> None:
    sent, received = traffic(80.0, 20_000, seed=3)
    _, unskewed = traffic(0.0, 20_000, seed=3)
    delay = remove_skew(received - sent, sent, float(skew(sent, received)))
    truth = unskewed - sent
    assert np.abs((delay - delay.min()) - (truth - truth.min())).max() < 2000


@pytest.mark.parametrize("n", [0, 1, 99])
def test_few_stamps_show_no_skew(n: int) -> None:
    found = skew(*traffic(5.0, n, seed=1))
    assert found.status == "insufficient_record"
    assert (found < 100).outcome is Outcome.INCONCLUSIVE


def test_stamps_at_one_time_show_no_skew() -> None:
    assert skew(np.full(500, EPOCH), np.arange(500) + EPOCH).status == "insufficient_record"


def test_absent_repeated_and_disordered_stamps_do_not_disturb_the_skew() -> None:
    sent, received = traffic(5.0, 10_000, seed=2)
    expected = float(skew(sent, received))
    order = np.random.default_rng(1).permutation(10_000)
    twice = np.concatenate((order, order[:100]))
    more_sent = np.concatenate((sent[twice], [NO_TIME, EPOCH]))
    more_received = np.concatenate((received[twice], [EPOCH, NO_TIME]))
    assert float(skew(more_sent, more_received)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("ahead", "there", "back"), [(0, 100, 100), (5_000_000, 100, 900), (-7_000, 900, 100)])
def test_the_offset_lies_within_its_bound(ahead: int, there: int, back: int) -> None:
    rng = np.random.default_rng(4)
    forward = there + ahead + np.rint(rng.exponential(500, 1000)).astype(np.int64)
    backward = back - ahead + np.rint(rng.exponential(500, 1000)).astype(np.int64)
    forward[3], backward[5] = NO_TIME, NO_TIME
    found = offset(forward, backward)
    assert found.lower <= ahead <= found.upper
    assert found.upper - found.lower <= there + back + 200
    assert abs(found) < abs(ahead) + 2000


def test_an_impossible_round_trip_gives_no_offset() -> None:
    found = offset(np.array([100, -500]), np.array([100, 100]))
    assert (found < 10**9).outcome is Outcome.INVALID
    assert "stepped" in str(found < 10**9)


def test_no_round_trip_is_no_offset() -> None:
    assert (offset(np.array([NO_TIME]), np.array([5])) < 10).outcome is Outcome.INCONCLUSIVE


def test_a_clock_says_how_wrong_it_may_be() -> None:
    assert Clock().bound == 0
    assert Clock("same", 500).bound == 0
    assert Clock("ptp", 500).bound == 500
    assert Clock("unknown").bound is None


@pytest.mark.parametrize(
    ("relation", "error", "message"),
    [
        ("PTP", 5, "clock.relation is 'PTP'"),
        ("ntpd", 5, "did you mean 'ntp'"),
        ("ptp", 0, "never exact"),
        ("ntp", -5, "not below 0"),
    ],
)
def test_clocks_that_cannot_be_are_refused(relation: str, error: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Clock(relation, error)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_differences_are_exact_or_absent(later: int, earlier: int) -> None:
    exact = later - earlier
    possible = NO_TIME not in (later, earlier) and -(2**63) < exact < 2**63
    found = int(difference(np.array([later], np.int64), np.array([earlier], np.int64))[0])
    assert found == (exact if possible else NO_TIME)


def test_stamps_have_to_hold_nanoseconds() -> None:
    assert stamps(np.array(["2026-11-23T08:49:10.000000001"], "M8[ns]"), "t")[0] == 1795423750000000001
    assert stamps([1, 2], "t").dtype == np.int64
    assert stamps([], "t").size == 0
    with pytest.raises(SignalError, match="t_sent is float64"):
        stamps([1.5e18], "t_sent")
    with pytest.raises(SignalError, match=r"shape \(1, 2\)"):
        stamps([[1, 2]], "t_sent")
