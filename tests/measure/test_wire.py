"""The latency of a serial rig is split into what the wire takes and what the rig does."""

from __future__ import annotations

import numpy as np

from pytest_villas import ms
from pytest_villas.measure.timing.wire import wire_split
from pytest_villas.measure.verdict import Outcome
from pytest_villas.samples import NO_TIME


def test_the_parts_are_the_whole() -> None:
    sent = np.arange(1000) * 10 * ms
    out, back, rig = np.full(1000, 2 * ms), np.full(1000, 3 * ms), np.random.default_rng(1).integers(0, 100_000, 1000)
    split = wire_split(sent, sent + out + back + rig, out, back, line="115200 baud 8N1")
    assert np.array_equal(split.rig.values, rig)
    assert split.rig.p50 < 1 * ms
    assert float(split.stimulus.p50) == 2 * ms
    assert float(split.response.p50) == 3 * ms


def test_what_was_not_answered_or_has_no_time_is_left_out() -> None:
    sent = np.array([0, 10, NO_TIME, 30, 40]) * 1
    received = np.array([5, NO_TIME, 25, 35, 45])
    out, back = np.array([1, 1, 1, NO_TIME, 1]), np.array([1, 1, 1, 1, NO_TIME])
    assert wire_split(sent, received, out, back, line="x").rig.values.tolist() == [3]


def test_a_port_that_does_not_keep_its_baud_rate_gives_no_latency_of_the_rig() -> None:
    sent = np.arange(1000) * 10 * ms
    split = wire_split(sent, sent + 1 * ms, np.full(1000, 2 * ms), np.full(1000, 2 * ms), line="9600 baud 8N1")
    verdict = split.rig.p50.judge("<", 1 * ms)
    assert verdict.outcome is Outcome.INVALID
    assert "does not keep the time of its baud rate" in "\n".join(verdict.lines())
