"""An exchange is matched, counted and timed as a whole: nothing that was answered is lost, and no stamp is trusted too far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_villas import Samples, formats
from pytest_villas.measure import Verdict
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.replay import Exchange
from pytest_villas.replay.run import Matching, Timed, timed
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import ms, us

START = 1_795_419_350_123_456_789
FLOOR = Floor(None, "none")


def exchange(due: Int64s, answer: Any = 200 * us, *, lead: int = 0) -> Exchange:
    """Samples that were sent 5 us late and were all answered after that."""
    number = np.arange(due.size)
    stimulus = Samples({"v": np.sin(number / 50)}, origin=START + due, sequence=number)
    sent = stimulus.origin + 5 * us
    response = stimulus.replace(received=sent + answer)
    nothing = np.zeros(due.size, np.bool_)
    offsets, blob = np.zeros(due.size + 1, np.int64), np.zeros(0, np.uint8)
    capture = Capture(stimulus.origin, sent, nothing, response.received, offsets, blob)
    return Exchange(stimulus, lead, sent, response, (), capture, Path())


def measured(came: Exchange, **how: Any) -> Timed:
    return timed(came, Matching(**how), FLOOR)


def outcome(verdict: Verdict) -> str:
    return verdict.outcome.value


def test_numbers_of_the_lead_that_come_again_after_a_wrap_around_are_answers() -> None:
    came = exchange(np.arange(70_000) * 100 * us, lead=200)
    came = replace(came, response=came.response.replace(sequence=came.response.sequence & 0xFFFF))
    found = measured(came, bits=16)
    assert found.delivery.lost == 0
    assert found.delivery.unmatched == 0
    assert len(found.response) == 69_800
    assert found.latency.max < "1 ms"


@pytest.mark.parametrize("lead", [0, 100])
@pytest.mark.parametrize("name", ["json", "json.edgeflex", "json.kafka", "json.reserve", "villas.human"])
def test_stamps_that_a_format_cuts_off_pair_all_the_same(name: str, lead: int) -> None:
    codec = formats.codec(name, signals="1f")
    due = np.arange(2000) * 2 * ms + np.random.default_rng(1).integers(0, 900, 2000) * us
    came = exchange(due, lead=lead)
    stimulus = Samples(came.stimulus.columns, "1f", origin=came.stimulus.origin, sequence=came.stimulus.sequence)
    echoed = codec.decode_many(codec.encode_many(stimulus)).samples.replace(received=came.response.received)
    found = measured(replace(came, stimulus=stimulus, response=echoed), by="origin", resolution=formats.resolution(codec))
    assert found.delivery.lost == 0
    assert found.delivery.unmatched == 0
    assert found.latency.max < "1 ms"
    # such a stamp says no more of a one-way delay than its own resolution
    cut = formats.resolution(codec)
    assert cut == (0 if name in {"json", "villas.human"} else ms)
    assert outcome(found.latency.owd.p50 < "100 us") == ("INCONCLUSIVE" if cut else "FAIL")


def test_a_wall_clock_that_was_stepped_counts_as_an_error_of_stamps_that_are_not_ours() -> None:
    came = exchange(np.arange(2000) * ms, 4 * ms)
    wall = came.response.received - 3 * ms + np.where(np.arange(2000) >= 100, 2500 * us, 0)
    stepped = replace(came.capture, clock_step=2500 * us)
    found = measured(replace(came, response=came.response.replace(origin=wall), capture=stepped)).latency
    for measure in (found.owd.p99, found.owd.max, found.pdv.max, found.ipdv.max):
        assert outcome(measure < "1 ms") == "INCONCLUSIVE"
    assert found.owd.max < "6 ms"
    echoed = measured(replace(came, capture=stepped)).latency
    assert echoed.owd.max < "4.1 ms"


@pytest.mark.parametrize("how", ["refused", "stopped", "received"])
def test_what_never_left_us_or_was_dropped_on_our_side_is_not_held_against_the_rig(how: str) -> None:
    came = exchange(np.arange(5000) * ms)
    gone = np.arange(5000) >= 4000
    facts = {
        "refused": {"refused": gone},
        "stopped": {"sent": np.where(gone, NO_TIME, came.sent), "complete": False},
        "received": {"receive_queue": 1000},
    }
    capture = replace(came.capture, **facts[how])  # type: ignore[arg-type]  # each of its own type
    found = measured(replace(came, response=came.response[~gone], capture=capture))
    for verdict in (found.delivery.lost == 0, found.delivery.loss_ratio <= "1 %", found.latency.p99 < "1 ms"):
        assert outcome(verdict) == "INVALID"


def test_where_nothing_came_back_all_is_known_to_be_lost() -> None:
    came = exchange(np.arange(2000) * ms)
    found = measured(replace(came, response=came.response[:0]), by="waveform")
    assert outcome(found.delivery.lost == 0) == "FAIL"
    assert found.delivery.lost == 2000
    assert outcome(found.latency.p50 < "1 s") == "FAIL"


def test_by_waveform_an_answer_in_a_pause_may_be_one_that_came_late() -> None:
    number = np.arange(4000)
    due = (number // 20 * 50 + number % 20) * ms
    came = exchange(due, 200 * us + np.where(number % 200 == 199, 700 * us, 0))
    seconds = due / 1e9
    sweep = {"v": np.sin(2 * np.pi * (5 * seconds + 3 * seconds**2))}
    stimulus = Samples(sweep, origin=came.stimulus.origin, sequence=number)
    came = replace(came, stimulus=stimulus, response=Samples(sweep, received=came.response.received))
    found = measured(came, by="waveform")
    assert outcome(found.delivery.lost == 0) == "INCONCLUSIVE"
    assert outcome(found.latency.max < "5 ms") == "INCONCLUSIVE"
    assert found.latency.p90 < "5 ms"
    assert outcome(found.latency.p50 < "100 us") == "FAIL"
