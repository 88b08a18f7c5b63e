"""What is lost, late, doubled or overtaken is what was asked for, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from impair.exchanges import LATENCY, START, account, exchange

from pytest_villas import Samples
from pytest_villas.impair import KINDS, parse
from pytest_villas.measure.timing.latency import Latency, latency
from pytest_villas.measure.timing.matching import by_sequence
from pytest_villas.replay.replay import Exchange
from pytest_villas.units import ms, us

MESSAGES = ["delay", "jitter", "loss", "burst_loss", "duplicate", "reorder", "wrong_type", "stalled_sender"]


def fields(samples: Samples) -> list[np.ndarray]:
    return [*samples.columns, samples.sequence, samples.origin, samples.received, samples.length]


def same(a: Samples, b: Samples) -> bool:
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc") for x, y in zip(fields(a), fields(b), strict=True))


def times(of: Exchange) -> Latency:
    match = by_sequence(of.stimulus.sequence, of.response.sequence)
    received = match.of_stimulus(of.response.received)
    return latency(of.capture.meant, of.sent, received, of.sent, warm_up=0, cool_down=0)


def test_a_delay_moves_every_arrival_and_nothing_else() -> None:
    before, after = exchange(), parse("delay=5 ms")(exchange())
    assert np.array_equal(after.response.received, before.response.received + 5 * ms)
    assert same(after.response.replace(received=before.response.received), before.response)


def test_jitter_is_within_its_bounds_and_below_a_period_reorders_nothing() -> None:
    after = parse("jitter=600 us")(exchange())
    late = after.response.received - after.response.origin - LATENCY - 10 * us
    assert late.min() >= 0
    assert late.max() <= 600 * us
    assert 150 * us < late.std() < 200 * us
    assert account(after).reordered == 0


def test_jitter_beyond_a_period_reorders() -> None:
    after = parse("jitter=5 ms")(exchange())
    assert account(after).reordered > 100
    assert account(after).lost == 0


@pytest.mark.parametrize(("share", "lost"), [("1 %", 10), ("0.01 %", 1), ("100 %", 1000), ("0.15 %", 2)])
def test_so_many_messages_are_lost_as_was_asked_for(share: str, lost: int) -> None:
    assert account(parse(f"loss={share}")(exchange())).lost == lost


@pytest.mark.parametrize("count", [1, 20, 5000])
def test_a_burst_is_one_hole(count: int) -> None:
    found = account(parse(f"burst_loss={count}")(exchange()))
    assert found.lost == min(count, 1000)
    assert found.loss_periods == 1


def test_duplicates_are_counted_and_nothing_is_lost() -> None:
    after = parse("duplicate=2 %")(exchange())
    assert account(after).duplicates == 20
    assert account(after).lost == 0
    assert account(after).reordered == 0


@pytest.mark.parametrize("extent", [1, 3, 10])
def test_messages_are_overtaken_by_so_many_others(extent: int) -> None:
    before, after = exchange(), parse(f"reorder:share=0.5 %,extent={extent}")(exchange())
    found = account(after)
    assert found.reordered == 5
    assert found.reorder_extent >= extent
    assert np.count_nonzero(~np.isin(after.response.received, before.response.received)) == 5
    assert found.lost == 0


def test_what_does_not_decode_is_rejected_and_lost() -> None:
    found = account(parse("wrong_type=1 %")(exchange()))
    assert (int(found.rejected), int(found.lost)) == (10, 10)


def test_a_stalled_sender_is_seen_from_when_samples_were_meant_and_hidden_from_when_they_were_sent() -> None:
    after = times(parse("stalled_sender:by=100 ms,stalls=3")(exchange()))
    assert float(after.owd.max) == LATENCY
    assert 95 * ms < float(after.max) < 101 * ms
    assert 95 * ms < float(after.send_lag.max) <= 100 * ms
    late = np.count_nonzero(after.values > LATENCY + 10 * us)
    assert 295 <= late <= 300, "three stalls of 100 samples"


def test_a_stalled_sender_overtakes_nobody() -> None:
    found = account(parse("stalled_sender")(exchange(3000)))
    assert found.reordered == 0
    assert found.lost == 0


def test_stalls_that_meet_are_one_long_one() -> None:
    after = parse("stalled_sender:by=300 ms,stalls=5")(exchange())
    stalled = after.sent[(after.sent - after.capture.meant) > 1 * ms]
    assert np.unique(stalled).size == 1
    assert np.all(np.diff(after.sent) >= 0)


@pytest.mark.parametrize("name", ["loss", "burst_loss=200", "duplicate", "reorder", "wrong_type", "nan"])
def test_what_comes_before_the_stimulus_proper_is_not_struck(name: str) -> None:
    before = exchange(1000, lead=600)
    after = parse(name)(before)
    first = np.flatnonzero(after.response.received < before.capture.meant[600]).size
    assert first == 600
    assert same(after.response[:600], before.response[:600])


@pytest.mark.parametrize("name", MESSAGES)
def test_the_same_seed_does_the_same(name: str) -> None:
    once, again = parse(f"{name}+seed=7")(exchange()), parse(f"{name}+seed=7")(exchange())
    assert same(once.response, again.response)


@pytest.mark.parametrize("name", ["jitter", "loss", "burst_loss", "duplicate", "reorder", "wrong_type", "noise", "nan"])
def test_another_seed_does_something_else(name: str) -> None:
    once, again = parse(f"{name}+seed=7")(exchange()), parse(f"{name}+seed=8")(exchange())
    assert not same(once.response, again.response)


def test_two_parts_of_one_name_do_not_strike_the_same_messages() -> None:
    assert account(parse("loss=1 %+loss=1 %")(exchange())).lost > 15


@pytest.mark.parametrize("name", KINDS)
def test_what_is_given_stays_as_it_was(name: str) -> None:
    given = exchange()
    kept = [array.copy() for array in fields(given.response)]
    parse(name)(given)
    for array, before in zip(fields(given.response), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert np.array_equal(given.sent, START + np.arange(1000) * ms + 10 * us)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_shortest_responses_are_no_error(name: str, count: int) -> None:
    given = exchange(10)
    short = Exchange(given.stimulus, 0, given.sent, given.response[:count], (), given.capture, given.folder)
    kind = (
        name if name not in {"frozen", "sign", "swapped"} else {"swapped": "swapped:first=va,second=vb"}.get(name, f"{name}=vb")
    )
    if name != "swapped" or count > 1:
        assert len(parse(kind)(short).response) <= 2 * count


@settings(max_examples=40)
@given(st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=4), st.integers(0, 1000))
def test_whatever_is_done_arrivals_are_in_order_and_every_sample_is_accounted_for(names: list[str], seed: int) -> None:
    before = exchange(200)
    after = parse("+".join([*names, f"seed={seed}"]))(before)
    found = account(after)
    assert np.all(np.diff(after.response.received) >= 0)
    assert int(found.received) + int(found.lost) == 200
    assert len(after.response) == int(found.received) + int(found.duplicates)
    assert np.all(after.response.received >= after.response.origin)
