"""Responses find the sample of the stimulus that they answer, or none."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas.errors import SignalError
from pytest_villas.measure.timing.matching import Match, by_origin, by_sequence, by_tag, by_waveform
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s

EPOCH = 1_795_419_350_000_000_000
MS = 1_000_000


def ints(*values: int) -> Int64s:
    return np.array(values, np.int64)


def pairs(match: Match) -> list[tuple[int, int, bool]]:
    return list(zip(match.stimulus.tolist(), match.response.tolist(), match.first.tolist(), strict=True))


def test_pairs_by_sequence() -> None:
    match = by_sequence(ints(5, 6, 7, 8), ints(5, 8, 7, 8, 99, NO_SEQUENCE, 4))
    assert pairs(match) == [(0, 0, True), (3, 1, True), (2, 2, True), (3, 3, False)]
    assert (match.sent, match.responses, match.unmatched, match.by) == (4, 7, 3, "sequence")


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_numbers_wrap_around(bits: int) -> None:
    top = 1 << bits
    sent = np.arange(top - 50, top + 50)
    arrived = np.concatenate((sent[3:40], sent[60:], sent[:2]))
    expected = [(int(number - sent[0]), i, True) for i, number in enumerate(arrived)]
    assert pairs(by_sequence(sent, arrived % top, bits=bits)) == expected
    assert pairs(by_sequence(sent % top, arrived % top, bits=bits)) == expected


def test_a_number_from_the_run_before_is_unmatched_across_the_wrap_around() -> None:
    assert by_sequence(ints(0, 1, 2), ints(2**32 - 1, 2**32 - 2, 0)).unmatched == 2


def test_numbers_need_not_be_contiguous() -> None:
    assert pairs(by_sequence(ints(10, 20, 35), ints(35, 10, 11, 36, 9))) == [(2, 0, True), (0, 1, True)]


@pytest.mark.parametrize("lost_at_once", [0, 40_000, 100_000])
def test_times_tell_apart_numbers_that_repeat(lost_at_once: int) -> None:
    n = 300_000
    sent_at = EPOCH + np.arange(n) * 100_000
    kept = np.delete(np.arange(n), slice(70_000, 70_000 + lost_at_once))
    kept[[500, 501]] = kept[[501, 500]]
    arrival = np.append(kept, kept[-1])
    received_at = np.append(sent_at[kept] + 5 * MS, sent_at[-1] + 9 * MS)
    match = by_sequence(np.arange(n) % 65536, arrival % 65536, bits=16, sent_at=sent_at, received_at=received_at)
    assert np.array_equal(match.stimulus, arrival)
    assert np.count_nonzero(~match.first) == 1


def test_a_response_stamped_before_its_send_call_returned_still_finds_it() -> None:
    n = 70_000
    sent_at = EPOCH + np.arange(n) * 100_000
    match = by_sequence(np.arange(n) % 65536, np.arange(n) % 65536, bits=16, sent_at=sent_at, received_at=sent_at - 10)
    assert np.array_equal(match.stimulus, np.arange(n))


def test_numbers_that_repeat_want_times() -> None:
    with pytest.raises(SignalError, match="repeat sequence numbers of 8 bits: give the times"):
        by_sequence(np.arange(300) % 256, ints(3), bits=8)


@pytest.mark.parametrize("sent", [ints(1, 2, 2), ints(1, 5, 3), ints(1, NO_SEQUENCE)])
def test_a_stimulus_that_repeats_lowers_or_lacks_numbers_is_refused(sent: Int64s) -> None:
    with pytest.raises(SignalError):
        by_sequence(sent, ints(1))


@pytest.mark.parametrize("bits", [0, 64])
def test_widths_that_cannot_be_are_refused(bits: int) -> None:
    with pytest.raises(SignalError, match="1 to 63"):
        by_sequence(ints(1), ints(1), bits=bits)


def test_nothing_sent_and_nothing_received() -> None:
    nothing = ints()
    for match in (
        by_sequence(nothing, ints(1, 2)),
        by_origin(nothing, ints(1, 2)),
        by_waveform(nothing, ints(1, 2), 5),
        by_tag(nothing, np.array([1.0, 2.0])),
        by_tag(nothing, np.array([1.0, 2.0]), sent_at=nothing, received_at=ints(1, 2)),
    ):
        assert (pairs(match), match.unmatched) == ([], 2)
    for match in (
        by_sequence(ints(1), nothing),
        by_origin(ints(1), nothing),
        by_waveform(ints(1), nothing, 5),
        by_tag(ints(1), np.array([])),
    ):
        assert (pairs(match), match.unmatched, match.sent) == ([], 0, 1)


@settings(deadline=None)
@given(
    start=st.integers(0, 2**32 - 1),
    arrived=st.lists(st.integers(-3, 30), max_size=60),
    n=st.integers(0, 25),
)
def test_pairing_by_sequence_agrees_with_a_dictionary(start: int, arrived: list[int], n: int) -> None:
    sent = (start + np.arange(n, dtype=np.int64)) % 2**32
    received = np.array([(start + number) % 2**32 for number in arrived], np.int64)
    known = {number: i for i, number in enumerate(sent.tolist())}
    seen: set[int] = set()
    expected = []
    for i, number in enumerate(received.tolist()):
        if number in known:
            expected.append((known[number], i, number not in seen))
            seen.add(number)
    match = by_sequence(sent, received)
    assert pairs(match) == expected
    assert match.unmatched == len(arrived) - len(expected)


def test_pairs_by_origin_stamp() -> None:
    sent = EPOCH + ints(0, 10, 20) * MS
    received = ints(EPOCH + 20 * MS, EPOCH + 1, NO_TIME, EPOCH + 20 * MS, EPOCH)
    match = by_origin(sent, received)
    assert pairs(match) == [(2, 0, True), (2, 3, False), (0, 4, True)]
    assert match.unmatched == 2


def test_origin_stamps_may_be_rounded_on_the_way() -> None:
    sent = EPOCH + ints(0, 10, 20) * MS + 432_100
    match = by_origin(sent, sent // MS * MS, tolerance=MS)
    assert pairs(match) == [(0, 0, True), (1, 1, True), (2, 2, True)]
    assert by_origin(sent, sent // MS * MS).unmatched == 3


@pytest.mark.parametrize("sent", [ints(5, 5), ints(9, 5), ints(5, 6), ints(NO_TIME, 100)])
def test_origin_stamps_that_two_samples_could_claim_are_refused(sent: Int64s) -> None:
    with pytest.raises(SignalError, match="origin stamps 0 and 1"):
        by_origin(sent, ints(5), tolerance=1)


def test_pairs_by_waveform_delay() -> None:
    sent_at = np.where(np.arange(5) == 2, NO_TIME, EPOCH + np.arange(5) * 10 * MS)
    received_at = EPOCH + 3 * MS + ints(0, 12, 20, 31, 90) * MS
    match = by_waveform(sent_at, received_at, 3 * MS)
    assert pairs(match) == [(0, 0, True), (1, 1, True), (3, 3, True)]
    assert match.unmatched == 2


def test_sending_times_that_do_not_increase_are_refused() -> None:
    with pytest.raises(SignalError, match="do not increase"):
        by_waveform(ints(5, 5), ints(6), 1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_pairs_through_a_signal(dtype: type[np.generic]) -> None:
    tag: npt.NDArray[Any] = np.array([100, 100, 101, 103, 103, 103, 102, 99], dtype)
    match = by_tag(np.arange(100, 105), tag)
    assert pairs(match) == [(0, 0, True), (1, 2, True), (3, 3, True), (2, 6, True)]
    assert (match.held, match.unmatched, match.responses, match.by) == (3, 1, 8, "tag")


def test_a_tag_has_to_be_close_to_an_integer() -> None:
    tag = np.array([0.02, 0.5, np.nan, np.inf, -np.inf, 1.98, 2.2, -1.0, 1e300])
    match = by_tag(np.arange(5), tag)
    assert pairs(match) == [(0, 0, True), (2, 5, True)]
    assert match.unmatched == 7


def test_a_tag_before_its_sample_was_sent_is_the_rig_at_rest() -> None:
    tag = np.array([0.0, 0.0, 0.0, 1.0])
    sent_at, received_at = EPOCH + ints(10, 20), EPOCH + ints(2, 6, 12, 22)
    assert pairs(by_tag(np.arange(2), tag, sent_at=sent_at, received_at=received_at)) == [(0, 2, True), (1, 3, True)]
    assert pairs(by_tag(np.arange(2), tag)) == [(0, 0, True), (1, 3, True)]


def test_a_stimulus_too_long_for_its_tag_is_refused() -> None:
    with pytest.raises(SignalError, match="beyond 16777216"):
        by_tag(ints(2**24, 2**24 + 1), np.array([1.0]), largest=1 << 24)


def test_a_tag_is_a_number() -> None:
    with pytest.raises(SignalError, match="bool carries no sequence numbers"):
        by_tag(ints(1), np.array([True]))


def test_arrival_of_each_sample_of_the_stimulus() -> None:
    match = by_sequence(ints(0, 1, 2), ints(2, 0, 2))
    assert match.of_stimulus(ints(70, 80, 90)).tolist() == [80, NO_TIME, 70]
    with pytest.raises(SignalError, match="3 responses"):
        match.of_stimulus(ints(70))
