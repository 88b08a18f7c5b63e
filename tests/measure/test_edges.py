from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.errors import SignalError
from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.edges import edges
from pytest_villas.measure.waveforms.fidelity import fidelity
from pytest_villas.samples import NO_TIME, Samples
from pytest_villas.units import ms, us

EPOCH = 1_795_419_350_543_587_202


def pulses(count: int, period: int = 100) -> np.ndarray:
    out: np.ndarray = (np.arange(count) % period) >= period // 2
    return out


def test_a_late_response_has_the_delay_of_every_edge() -> None:
    t = EPOCH + np.arange(10_000) * 100_000
    found = edges(t, pulses(10_000), t + 2 * ms, pulses(10_000))
    assert found.delay.max < 3 * ms
    assert (found.delay.max < 1 * ms).outcome is Outcome.FAIL
    assert np.all(found.delay.values == 2 * ms)
    assert found.delay.error == 100 * us
    assert found.missing == 0
    assert found.extra == 0
    assert found.initial == 0


def test_missing_and_extra_edges_are_counted_and_named() -> None:
    t = EPOCH + np.arange(1000) * 100_000
    x = pulses(1000)
    y = np.roll(x, 3)
    y[:3] = False
    y[200:310] = False  # swallows a pulse
    y[420:422] = True  # and makes one up
    found = edges(t, x, t, y, within=(0, "1 ms"))
    assert found.missing == 2
    assert "250, 300 of the reference" in found.missing.why
    assert found.extra == 2
    assert "420, 422 of the response" in found.extra.why
    assert (found.delay.max < 10**15).outcome is Outcome.FAIL


def test_an_answer_of_the_other_direction_or_out_of_reach_is_none() -> None:
    t = EPOCH + np.arange(1000) * 100_000
    x = np.arange(1000) > 500
    assert edges(t, x, t, ~x).missing == 1
    assert edges(t, x, t, ~x).initial == 1
    late = np.arange(1000) > 520
    assert edges(t, x, t, late, within=(0, "1.9 ms")).missing == 1
    assert edges(t, x, t, late, within=(0, "2 ms")).missing == 0
    early = np.arange(1000) > 495
    assert edges(t, x, t, early).missing == 1
    assert edges(t, x, t, early, within=("-1 ms", 0)).missing == 0


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.integers(1, 30), st.integers(0, 20))
def test_as_many_edges_are_answered_as_can_be(seed: int, n: int, m: int, reach: int) -> None:
    """Against the best assignment of each direction, found by trying to improve it until nothing helps."""
    rng = np.random.default_rng(seed)
    x, y = rng.random(n) < 0.5, rng.random(m) < 0.5
    t, u = np.cumsum(rng.integers(1, 5, n)), np.cumsum(rng.integers(1, 5, m))
    found = edges(t, x, u, y, within=(0, reach))
    best = 0
    for rising in (True, False):
        asked = [int(t[i]) for i in range(1, n) if x[i] != x[i - 1] and x[i] == rising]
        free = [int(u[j]) for j in range(1, m) if y[j] != y[j - 1] and y[j] == rising]
        taken: dict[int, int] = {}

        def improve(i: int, seen: set[int], asked: list[int], free: list[int], taken: dict[int, int]) -> bool:
            for j, at in enumerate(free):
                if 0 <= at - asked[i] <= reach and j not in seen:
                    seen.add(j)
                    if j not in taken or improve(taken[j], seen, asked, free, taken):
                        taken[j] = i
                        return True
            return False

        best += sum(improve(i, set(), asked, free, taken) for i in range(len(asked)))
    total = int(np.count_nonzero(x[1:] != x[:-1]))
    assert found.missing == total - best
    assert found.extra == int(np.count_nonzero(y[1:] != y[:-1])) - best
    assert len(found.delay) == total


def test_a_response_stuck_in_one_state_misses_everything() -> None:
    t = EPOCH + np.arange(1000) * 100_000
    found = edges(t, pulses(1000), t, np.zeros(1000, np.bool_))
    assert found.missing == 19
    assert (found.delay.p50 < 10**15).outcome is Outcome.FAIL


def test_where_nothing_happens_nothing_is_said() -> None:
    t = EPOCH + np.arange(10)
    still = np.zeros(10, np.bool_)
    found = edges(t, still, t, still)
    assert (found.delay.max < 10**15).outcome is Outcome.INCONCLUSIVE
    none = edges(t[:0], still[:0], t, still)
    assert (none.initial == 0).outcome is Outcome.INCONCLUSIVE
    empty = edges(t, pulses(10, 4), t[:0], still[:0])
    assert empty.missing == 4


def test_what_is_not_boolean_or_has_no_time_is_an_error() -> None:
    t = np.arange(4)
    x = np.array([True, False, True, False])
    with pytest.raises(SignalError, match="boolean"):
        edges(t, x.astype(np.float64), t, x)
    with pytest.raises(SignalError, match="int64 ns"):
        edges(t.astype(np.float64), x, t, x)
    with pytest.raises(SignalError, match="absent or go back"):
        edges(np.array([0, 1, NO_TIME, 3]), x, t, x)
    with pytest.raises(SignalError, match="absent or go back"):
        edges(t[::-1], x, t, x)
    with pytest.raises(ValueError, match="comes first"):
        edges(t, x, t, x, within=(1, 0))


def test_a_boolean_channel_of_a_comparison_has_edges() -> None:
    stamps = EPOCH + np.arange(1000) * 100_000
    reference = Samples({"closed": pulses(1000)}, origin=stamps)
    response = Samples({"closed": pulses(1000)}, received=stamps + 300_000)
    found = fidelity(reference, response)["closed"].edges(within=(0, "1 ms"))
    assert found.missing == 0
    assert found.delay.max < 500 * us


def test_of_a_response_without_samples_nobody_knows_what_it_had_too_much() -> None:
    found = edges(np.arange(2), np.array([False, True]), np.zeros(0, np.int64), np.zeros(0, np.bool_))
    assert (found.extra == 0).outcome is Outcome.INCONCLUSIVE
    assert (found.missing == 0).outcome is Outcome.FAIL
