"""A recording is replayed when VILLASnode's file node would replay it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, recordings
from pytest_villas.errors import ConfigError, SignalError

FIRST, NOW, EPOCH = 1_000, 50_000_000, 7
STAMPS = [FIRST, FIRST + 10, FIRST + 30, FIRST + 40]
SAMPLES = Samples({"x": [0.0, 1.0, 2.0, 3.0]}, origin=STAMPS, received=[9] * 4, sequence=[5, 6, 7, 8])


@pytest.mark.parametrize(
    ("mode", "start"),
    [
        ("direct", NOW + EPOCH),
        ("wait", NOW + FIRST + EPOCH),
        ("relative", FIRST + EPOCH),
        ("absolute", EPOCH),
        ("original", FIRST),
    ],
)
def test_the_epoch_modes_of_the_file_node(mode: Any, start: int) -> None:
    due = recordings.schedule(SAMPLES, epoch_mode=mode, epoch=EPOCH, now=NOW)
    assert due.origin.tolist() == [start, start + 10, start + 30, start + 40]
    assert due["x"].tolist() == SAMPLES["x"].tolist()
    assert due.received.tolist() == [NO_TIME] * 4
    # the pause that skipped samples leave is kept: the first stamp of the file counts
    skipped = recordings.schedule(SAMPLES, epoch_mode=mode, epoch=EPOCH, now=NOW, skip=2)
    assert skipped.origin.tolist() == [start + 30, start + 40]
    assert skipped.sequence.tolist() == [7, 8]


def test_nothing_asked_for_changes_nothing() -> None:
    assert recordings.schedule(SAMPLES).origin.tolist() == STAMPS


def test_a_rate_overrides_the_recorded_pace() -> None:
    due = recordings.schedule(SAMPLES, epoch_mode="direct", now=NOW, rate="3 kHz", skip=1)
    assert due.origin.tolist() == [NOW, NOW + 333_333, NOW + 666_667]
    assert due["x"].tolist() == [1.0, 2.0, 3.0]
    unstamped = SAMPLES.replace(origin=[NO_TIME] * 4)
    assert recordings.schedule(unstamped, epoch_mode="absolute", epoch="1 us", rate=1e9).origin.tolist() == [
        1000,
        1001,
        1002,
        1003,
    ]


def test_rounds_go_on_a_period_after_the_last_sample() -> None:
    due = recordings.schedule(SAMPLES, repeat=2)
    assert (due.origin - FIRST).tolist() == [0, 10, 30, 40, 50, 60, 80, 90]
    assert due.sequence.tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    due = recordings.schedule(SAMPLES, repeat=2, skip=3)
    assert (due.origin - FIRST).tolist() == [40, 50, 60, 80, 90]
    assert due["x"].tolist() == [3.0, 0.0, 1.0, 2.0, 3.0]
    due = recordings.schedule(SAMPLES.replace(sequence=[5, NO_SEQUENCE, 7, 8]), repeat=2, rate=1e9, epoch_mode="absolute")
    assert due.origin.tolist() == list(range(8))
    assert due.sequence.tolist() == [5, NO_SEQUENCE, 7, 8, 9, NO_SEQUENCE, 11, 12]


@given(
    stamps=st.lists(st.integers(0, 10**15), min_size=2, max_size=20, unique=True).map(sorted),
    speed=st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0, 1e6]),
)
def test_speed_scales_every_distance_from_the_first(stamps: list[int], speed: float) -> None:
    samples = Samples({"x": np.zeros(len(stamps))}, origin=np.array(stamps) + 1_700_000_000 * 10**9)
    due = recordings.schedule(samples, speed=speed).origin
    assert due[0] == samples.origin[0]
    assert np.all(np.abs((due - due[0]) * speed - (samples.origin - samples.origin[0])) <= max(1.0, speed))


@pytest.mark.parametrize("skip", [4, 9])
def test_skipping_everything_leaves_nothing(skip: int) -> None:
    assert len(recordings.schedule(SAMPLES, skip=skip)) == 0
    assert len(recordings.schedule(SAMPLES, skip=skip, epoch_mode="direct", rate=10)) == 0
    assert len(recordings.schedule(SAMPLES[:0])) == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"epoch_mode": "absolut"}, "did you mean 'absolute'"),
        ({"rate": 10}, "'original'"),
        ({"rate": 10, "epoch_mode": "direct", "speed": 2.0}, "overrides"),
        ({"rate": 0, "epoch_mode": "direct"}, "no rate"),
        ({"skip": -1}, "at least 0"),
        ({"repeat": 0}, "at least"),
        ({"speed": 0.0}, "above 0"),
        ({"speed": float("nan")}, "finite"),
        ({"epoch": "2", "epoch_mode": "absolute"}, "no duration"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        recordings.schedule(SAMPLES, **settings)


def test_stamps_that_are_needed_and_absent() -> None:
    with pytest.raises(SignalError, match="sample 1 has no time stamp: give a rate"):
        recordings.schedule(SAMPLES.replace(origin=[1, NO_TIME, 3, 4]))
    with pytest.raises(SignalError, match="give a rate"):
        recordings.schedule(SAMPLES[:1], repeat=2)
