"""Every sample that was sent is accounted for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.errors import SignalError
from pytest_villas.measure import Outcome
from pytest_villas.measure.timing.delivery import Delivery, delivery, spare_responses
from pytest_villas.measure.timing.matching import by_sequence, by_tag, by_waveform
from pytest_villas.samples import Int64s

MS = 1_000_000


def account(sent: int, arrived: list[int]) -> Delivery:
    return delivery(by_sequence(np.arange(sent), np.array(arrived, np.int64)))


def test_all_is_well() -> None:
    found = account(1000, list(range(1000)))
    assert found.lost == 0
    assert found.received == found.sent
    assert found.duplicates == 0
    assert found.reordered == 0
    assert found.reorder_extent == 0
    assert found.unmatched == 0
    assert found.loss_ratio <= 0
    assert found.loss_periods == 0
    assert found.longest_loss == 0
    assert all(bool(count == 0) for count in found.where.values())


def test_losses_at_both_ends_are_seen() -> None:
    found = account(10, [2, 3, 4, 6, 7])
    assert found.lost == 5
    assert found.received == 5
    assert found.lost_at.tolist() == [0, 1, 5, 8, 9]
    assert found.loss_periods == 3
    assert found.longest_loss == 2
    assert float(found.loss_ratio) == 0.5
    assert repr(found) == "<delivery: 10 sent, 5 received, 5 lost>"


def test_one_of_ten_lost_breaks_the_limit_and_says_so() -> None:
    lost = account(10, [0, 1, 2, 3, 4, 5, 6, 7, 8]).lost == 0
    assert lost.outcome is Outcome.FAIL
    assert str(lost) == "FAIL: lost == 0: is 1, n = 10"


def test_all_lost() -> None:
    found = account(10, [])
    assert found.lost == 10
    assert found.longest_loss == 10
    assert found.loss_periods == 1
    assert float(found.loss_ratio) == 1.0


def test_nothing_sent_proves_nothing() -> None:
    found = account(0, [])
    assert (found.lost == 0).outcome is Outcome.INCONCLUSIVE
    assert (found.duplicates == 0).outcome is Outcome.INCONCLUSIVE
    assert (found.loss_ratio < 1).outcome is Outcome.INCONCLUSIVE
    assert found.sent == 0


def test_duplicates_are_no_reordering() -> None:
    found = account(5, [0, 1, 0, 2, 3, 1, 4, 4])
    assert found.duplicates == 3
    assert found.reordered == 0
    assert found.lost == 0


def test_what_answers_nothing_is_unmatched() -> None:
    found = account(3, [0, 1, 2, 3, 77])
    assert found.unmatched == 2
    assert found.lost == 0


def test_what_was_overtaken_is_reordered() -> None:
    # arrivals 1 2 3 7 8 9 10 4 5 6 11: 4 was overtaken by 7, four arrivals before
    found = account(12, [1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11])
    assert found.reordered == 3
    assert found.reorder_extent == 6


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), max_size=40), st.integers(1, 10))
def test_the_account_agrees_with_a_slow_one(arrived: list[int], sent: int) -> None:
    first = list(dict.fromkeys(number for number in arrived if number < sent))
    overtaken = [i for i, number in enumerate(first) if any(other > number for other in first[:i])]
    extents = [i - next(j for j, other in enumerate(first) if other > first[i]) for i in overtaken]
    gone = [number not in first for number in range(sent)]
    found = account(sent, arrived)
    assert int(found.lost) == sum(gone)
    assert int(found.received) + int(found.lost) == int(found.sent)
    assert int(found.duplicates) == len([number for number in arrived if number < sent]) - len(first)
    assert int(found.unmatched) == len([number for number in arrived if number >= sent])
    assert int(found.reordered) == len(overtaken)
    assert int(found.reorder_extent) == max(extents, default=0)
    assert int(found.loss_periods) == sum(lost and not before for lost, before in zip(gone, [False, *gone], strict=False))
    assert "".join("x" if lost else " " for lost in gone).count("x" * (int(found.longest_loss) + 1)) == 0
    assert int(found.longest_loss) in {len(run) for run in "".join("x" if lost else " " for lost in gone).split(" ")}


def times(n: int, delays: dict[int, int]) -> tuple[Int64s, Int64s]:
    t_sent = 1_795_419_350_000_000_000 + np.arange(n) * MS
    return t_sent, t_sent + np.array([delays.get(i, 200_000) for i in range(n)])


def test_later_than_t_max_is_lost() -> None:
    t_sent, t_received = times(10, {3: 50 * MS, 4: 50 * MS + 1})
    match = by_sequence(np.arange(10), np.arange(10))
    found = delivery(match, t_sent, t_received, t_max="50 ms")
    assert found.lost == 1
    assert found.late == 1
    assert found.lost_at.tolist() == [4]
    assert found.where["unknown"] == 0
    assert delivery(match, t_sent, t_received).lost == 0


def test_t_max_wants_times() -> None:
    match = by_sequence(np.arange(10), np.arange(10))
    with pytest.raises(SignalError, match="wants t_sent and t_received"):
        delivery(match, t_max="50 ms")
    with pytest.raises(SignalError, match="stamps for 10 samples"):
        delivery(match, np.zeros(3, np.int64), np.zeros(10, np.int64), t_max=5)


def test_losses_are_placed_as_far_as_somebody_counted() -> None:
    match = by_sequence(np.arange(10), np.arange(4))
    found = delivery(match, dropped={"send_queue": 2, "receive_queue": 0}, rejected=1)
    assert int(found.lost) == 6
    assert found.where["send_queue"] == 2
    assert found.where["receive_queue"] == 0
    assert found.where["unknown"] == 4
    assert (found.where["rig"] == 0).outcome is Outcome.INCONCLUSIVE
    assert "nobody counts what the rig drops" in str(found.where["rig"] == 0)
    assert found.rejected == 1
    assert (delivery(match, rejected=None).rejected == 0).outcome is Outcome.INCONCLUSIVE


def test_losses_of_our_own_queues_are_no_fail_and_the_rest_may_be() -> None:
    arrived = [i for i in range(1000) if not 100 <= i < 110]
    match = by_sequence(np.arange(1000), np.array(arrived))
    for place in ("send_queue", "receive_queue"):
        ours = delivery(match, dropped={place: 10})
        for verdict in (
            ours.lost == 0, ours.lost > 0, ours.loss_ratio <= 0, ours.loss_periods == 0, ours.longest_loss <= 3, ours.received == 1000,
        ):  # fmt: skip
            assert verdict.outcome is Outcome.INVALID, verdict
            assert verdict.why == "10 of the lost samples were dropped by our own queues, or never sent"
        assert ours.lost <= 10
    some = delivery(match, dropped={"send_queue": 4})
    assert (some.lost == 0).outcome is (some.loss_ratio <= "0.5 %").outcome is Outcome.FAIL
    assert (some.lost <= 6).outcome is (some.longest_loss <= 2).outcome is Outcome.INVALID
    assert (some.longest_loss <= 1).outcome is Outcome.FAIL
    assert (delivery(match, dropped={"link": 10}).lost == 0).outcome is Outcome.FAIL


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(SignalError, match="did you mean 'send_queue'"):
        delivery(by_sequence(np.arange(1), np.arange(1)), dropped={"sendqueue": 1})


def test_a_held_output_repeats_nothing() -> None:
    found = delivery(by_tag(np.arange(4), np.array([0.0, 0.0, 1.0, 1.0, 3.0, 3.0])))
    assert found.duplicates == 0
    assert found.lost == 1
    assert found.unmatched == 0


def test_a_waveform_knows_no_order() -> None:
    t_sent, t_received = times(10, {})
    found = delivery(by_waveform(t_sent, t_received, 200_000))
    assert found.lost == 0
    assert (found.reordered == 0).outcome is Outcome.INCONCLUSIVE
    assert (found.duplicates == 0).outcome is Outcome.INCONCLUSIVE
    shorter = delivery(by_waveform(t_sent, t_received[:-2], 200_000))
    assert shorter.lost == 2


def test_a_waveform_with_jitter_beyond_its_period_cannot_tell_losses() -> None:
    t_sent, t_received = times(10, {4: 1_100_000})
    found = delivery(by_waveform(t_sent, np.sort(t_received), 200_000))
    assert (found.lost == 0).outcome is Outcome.INCONCLUSIVE
    assert (found.loss_ratio < 0.5).outcome is Outcome.INCONCLUSIVE


def test_a_response_in_a_pause_may_be_one_that_came_late() -> None:
    burst = np.arange(400) // 20 * 50_000_000 + np.arange(400) % 20 * 1_000_000
    late = np.where(np.arange(400) % 20 == 19, 700_000, 0)
    answers = burst + 200_000 + late
    found = delivery(by_waveform(burst, answers, 200_000))
    for verdict in (found.lost == 0, found.lost <= 3, found.loss_ratio <= 0, found.received == 400, found.longest_loss == 0):
        assert verdict.outcome is Outcome.INCONCLUSIVE, verdict
    assert (found.lost <= 20).outcome is Outcome.INCONCLUSIVE
    # of more losses than such responses some are known
    fewer = delivery(by_waveform(burst, answers[np.arange(400) % 20 != 7], 200_000))
    assert (fewer.lost == 0).outcome is (fewer.lost <= 19).outcome is (fewer.loss_ratio <= "4 %").outcome is Outcome.FAIL
    assert (fewer.lost <= 30).outcome is (fewer.loss_ratio <= "7 %").outcome is Outcome.INCONCLUSIVE
    assert (fewer.lost <= 40).outcome is Outcome.INCONCLUSIVE
    # what came before the first answer is of the lead
    lead = np.concatenate((np.arange(-5, 0) * 1_000_000 - 300_000, np.delete(burst + 200_000, 50)))
    assert (delivery(by_waveform(burst, lead, 200_000)).lost == 0).outcome is Outcome.FAIL


def test_a_rig_that_goes_on_after_the_stimulus_has_answered_none_of_the_losses_with_that() -> None:
    sent = np.arange(1000) * MS
    answers = np.arange(-50, 2000) * MS + 200_000
    for lost in (0, 500, 998):
        found = delivery(by_waveform(sent, np.delete(answers, 50 + lost), 200_000))
        for verdict in (found.lost <= 5, found.loss_ratio <= "1 %", found.longest_loss <= 3, found.received == 999):
            assert verdict.outcome is Outcome.PASS, verdict
        assert (found.lost <= 0).outcome is Outcome.FAIL
    # what comes after the last answer may be the one that is lost there, and no other
    tail = by_waveform(sent, np.delete(answers, [550, 1048, 1049]), 200_000)
    assert spare_responses(tail) == 2
    assert (delivery(tail).lost == 0).outcome is Outcome.FAIL
    assert (delivery(tail).lost <= 2).outcome is Outcome.INCONCLUSIVE
    # an echo, whose last answer is late
    assert (delivery(by_waveform(sent, sent + np.where(sent == sent[-1], 900_000, 200_000), 200_000)).lost == 0).outcome is (
        Outcome.INCONCLUSIVE
    )


def test_ten_million_samples_are_accounted_for_without_an_object_each() -> None:
    n = 10_000_000
    arrived = np.arange(n)[np.arange(n) % 1000 != 17]
    found = delivery(by_sequence(np.arange(n), arrived))
    assert found.lost == 10_000
    assert found.longest_loss == 1
