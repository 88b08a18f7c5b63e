from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.errors import SignalError
from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.edges import Edges, edges
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


@pytest.mark.parametrize("seed", range(100))
def test_whatever_was_lost_nothing_is_claimed_that_the_whole_response_does_not_bear_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    t = np.arange(n) * 1000
    sent = (np.cumsum(rng.random(n) < rng.choice([0.02, 0.1, 0.4])) % 2).astype(np.bool_)
    late = int(rng.integers(0, 12))
    came = np.concatenate([sent[:1].repeat(late), sent[: n - late]])
    came ^= rng.random(n) < rng.choice([0, 0.01])
    kept = rng.random(n) < rng.choice([0.5, 0.9, 0.99])
    kept[np.arange(n) // 40 == rng.integers(0, 20)] = False
    x = Samples({"on": sent}, origin=EPOCH + t)
    y = Samples({"on": came}, received=EPOCH + t + rng.integers(0, 999, n))
    reach = (0, int(rng.integers(5, 40)) * 1000)
    rows, every = np.flatnonzero(kept), np.arange(n)
    truth = fidelity(x, y, match=(every, every))["on"].edges(within=reach)
    found = fidelity(x, y[rows], match=(rows, np.arange(rows.size)))["on"].edges(within=reach)
    for name in ("missing", "extra", "initial"):
        count, true = getattr(found, name), int(getattr(truth, name))
        if count.value is not None:
            assert count.value <= true <= (count.value if count.most is None else count.most), name
    assert len(found.delay) == len(truth.delay)
    for q in (0, 0.5, 1):
        true_delay = truth.delay.figure(q)
        for limit in (true_delay - 1, true_delay + 1):
            outcome = (found.delay.quantile(q) <= limit).outcome
            if q == 1 and np.isfinite(limit):
                assert outcome is not (Outcome.FAIL if true_delay <= limit else Outcome.PASS)


def test_a_lost_sample_keeps_a_pass_away_from_what_it_may_hide_and_from_nothing_else() -> None:
    t = EPOCH + np.arange(1000) * ms
    sent = np.arange(1000) >= 300

    def found(came: np.ndarray, *lost: int) -> Edges:
        kept = np.delete(np.arange(1000), lost)
        response = Samples({"trip": came[kept]}, received=t[kept] + 200 * us)
        return fidelity(Samples({"trip": sent}, origin=t), response, match=(kept, np.arange(kept.size)))["trip"].edges()

    one = found(sent, 700)
    assert one.missing == 0
    assert one.delay.max < 5 * ms
    assert one.initial == 0
    assert (one.extra == 0).outcome is Outcome.INCONCLUSIVE
    assert "lost samples may hide" in (one.extra == 0).why
    chatter = found(sent ^ (np.arange(1000) == 500), 700)
    assert (chatter.extra == 0).outcome is Outcome.FAIL
    assert str(chatter.extra) == "at least 2"
    stuck = np.zeros(1000, np.bool_)
    assert (found(stuck, 700).missing == 0).outcome is Outcome.FAIL
    assert (found(stuck, *range(305, 390)).missing == 0).outcome is Outcome.INCONCLUSIVE
    assert (found(sent, 0).initial == 0).outcome is Outcome.INCONCLUSIVE


def test_an_answer_after_a_lost_sample_is_one_in_time_where_that_could_not_come_before_the_question() -> None:
    t = EPOCH + np.arange(1000) * ms
    sent = pulses(1000)

    def found(lost: int, late: int = 0) -> Edges:
        kept = np.delete(np.arange(1000), lost)
        response = Samples({"on": np.concatenate([sent[:late], sent[: 1000 - late]])[kept]}, received=t[kept] + 200 * us)
        match = kept, np.arange(kept.size)
        return fidelity(Samples({"on": sent}, origin=t), response, match=match)["on"].edges(within=(0, "5 ms"))

    for lost, late in ((250, 0), (251, 0), (251, 2), (252, 2), (253, 2)):
        one = found(lost, late)
        assert one.missing == 0
        assert one.delay.max <= 6 * ms
        assert (one.extra == 0).outcome is Outcome.INCONCLUSIVE
    # what answered the sample before may have gone up already, and then this is no answer
    early = found(249)
    assert (early.missing == 0).outcome is Outcome.INCONCLUSIVE
    assert early.missing <= 1
    assert early.delay.p50 <= 5 * ms
    # of an answer that may have come in time or too late nothing is known
    assert (found(254, 4).missing == 0).outcome is Outcome.INCONCLUSIVE
    assert (found(254, 6).missing == 0).outcome is Outcome.FAIL


def slow(t: np.ndarray, sent: np.ndarray, steps: np.ndarray, came: np.ndarray, kept: np.ndarray, reach: int) -> Edges:
    """Compare with what a rig says of the last sample before each of its steps, whose responses arrived where `kept`."""
    pairs = np.unique((np.searchsorted(t, steps, "right") - 1)[kept], return_index=True)
    response = Samples({"on": came[kept]}, received=steps[kept] + 200 * us)
    return fidelity(Samples({"on": sent}, origin=t), response, match=pairs, own_pace=True)["on"].edges(within=(0, reach))


def test_what_a_slower_rig_skips_is_no_loss_and_what_it_loses_may_hide_transitions() -> None:
    t = EPOCH + np.arange(10_000) * 100 * us
    sent = pulses(10_000, 1006)
    steps = EPOCH + 70 * us + np.arange(1000) * ms + np.random.default_rng(1).integers(0, 100 * us, 1000)
    came, every = sent[np.searchsorted(t, steps, "right") - 1], np.ones(1000, np.bool_)
    whole = slow(t, sent, steps, came, every, 5 * ms)
    for verdict in (
        whole.missing <= 0,
        whole.delay.max <= 5 * ms,
        whole.delay.p50 <= 4 * ms,
        whole.extra <= 0,
        whole.initial <= 0,
    ):
        assert verdict.outcome is Outcome.PASS, verdict
    for lost in (slice(300, 301), slice(995, 1000), slice(0, 3)):
        kept = every.copy()
        kept[lost] = False
        some = slow(t, sent, steps, came, kept, 5 * ms)
        assert some.missing <= 0
        assert some.delay.max <= 5 * ms
        assert (some.extra <= 0).outcome is Outcome.INCONCLUSIVE
    # a pulse that nobody asked for: seen, and lost
    blip = came ^ (np.arange(1000) == 420)
    assert (slow(t, sent, steps, blip, every, 5 * ms).extra <= 0).outcome is Outcome.FAIL
    assert (slow(t, sent, steps, blip, np.arange(1000) != 420, 5 * ms).extra <= 0).outcome is Outcome.INCONCLUSIVE
    # a pulse in the stimulus whose response was lost may have been answered
    pulse = sent ^ (np.arange(10_000) // 10 == 420)
    assert (slow(t, pulse, steps, came, np.arange(1000) != 420, 2 * ms).missing <= 0).outcome is Outcome.INCONCLUSIVE
    assert (slow(t, pulse, steps, came, every, 2 * ms).missing <= 0).outcome is Outcome.FAIL


def test_where_a_rig_of_its_own_pace_jitters_so_much_that_no_loss_would_show_nothing_is_taken_for_skipped() -> None:
    t = EPOCH + np.arange(10_000) * 100 * us
    sent = pulses(10_000, 1006)
    steps = EPOCH + 70 * us + np.arange(1000) * ms + np.random.default_rng(1).integers(0, 900 * us, 1000)
    came = sent[np.searchsorted(t, steps, "right") - 1]
    assert (slow(t, sent, steps, came, np.ones(1000, np.bool_), 5 * ms).extra <= 0).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("seed", range(60))
def test_of_a_slower_rig_nothing_is_claimed_either_that_its_whole_response_does_not_bear_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    period = int(rng.integers(1100, 12_000)) * us
    t = EPOCH + np.arange(3000) * ms
    sent = (np.cumsum(rng.random(3000) < rng.choice([0.005, 0.02, 0.1])) % 2).astype(np.bool_)
    count = 3000 * ms // period + 3
    steps = EPOCH + np.arange(count) * period + rng.integers(0, period // 8, count)
    came = sent[np.searchsorted(t, steps, "right") - 1] ^ (rng.random(steps.size) < rng.choice([0, 0.02]))
    kept = rng.random(steps.size) < rng.choice([0.8, 0.95, 0.995])
    kept[0] = True  # nobody can tell that from a first step before the stimulus began
    reach = int(rng.integers(1, 10)) * period
    truth, found = (slow(t, sent, steps, came, rows, reach) for rows in (np.ones(steps.size, np.bool_), kept))
    for name in ("missing", "extra", "initial"):
        count, true = getattr(found, name), int(getattr(truth, name))
        if count.value is not None:
            assert count.value <= true <= (count.value if count.most is None else count.most), name
    true_delay = truth.delay.figure(1)
    if np.isfinite(true_delay):
        assert (found.delay.max <= true_delay - 1).outcome is not Outcome.PASS
        assert (found.delay.max <= true_delay + 1).outcome is not Outcome.FAIL


def test_a_response_without_pairs_that_ends_early_or_has_holes_may_hide_transitions() -> None:
    t = EPOCH + np.arange(1000) * ms
    sent = Samples({"trip": np.arange(1000) >= 300}, origin=t)
    for kept in (np.arange(1000) < 500, np.arange(1000) >= 150, abs(np.arange(1000) - 600) > 30):
        rows = np.flatnonzero(kept)
        found = fidelity(sent, sent[rows].replace(received=t[rows] + 200 * us))["trip"].edges()
        assert found.missing == 0
        assert (found.extra == 0).outcome is Outcome.INCONCLUSIVE
    assert fidelity(sent, sent.replace(received=t + 200 * us))["trip"].edges().extra == 0
