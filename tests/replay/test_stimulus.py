"""From a test's samples to what the rig's node takes: fitted, numbered, and refused where it would do harm."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_villas import Samples, Signal, SignalType, generate
from pytest_villas.errors import EncodeError
from pytest_villas.replay.stimulus import prepare
from pytest_villas.samples import signals_of
from pytest_villas.units import ms

NODE = (
    Signal("v"),
    Signal("on", "", SignalType.BOOLEAN, True),
    Signal("z", "", SignalType.COMPLEX),
    Signal("n", "", SignalType.INTEGER),
)


def of(**columns: object) -> Samples:
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    return Samples(arrays, origin=10**18 + np.arange(4) * ms)


def test_signals_are_found_by_name_and_missing_ones_rest_at_their_init() -> None:
    ready = prepare(of(v=[1.0, 2, 3, 4]), NODE, first=1)
    assert ready.samples["v"].tolist() == [1, 2, 3, 4]
    assert ready.samples["on"].all()
    assert not ready.samples["z"].any()
    assert ready.due.tolist() == [0, ms, 2 * ms, 3 * ms]
    assert ready.samples.sequence.tolist() == [1, 2, 3, 4]


def test_a_stimulus_with_other_names_counts_by_position() -> None:
    ready = prepare(of(x=[1.0, 2, 3, 4], y=[True, False, True, False]), NODE, first=1)
    assert ready.samples["v"].tolist() == [1, 2, 3, 4]
    assert ready.samples["on"].tolist() == [True, False, True, False]


def test_floats_are_put_into_complex_signals() -> None:
    assert prepare(of(z=[1.0, 2, 3, 4]), NODE, first=1).samples["z"].tolist() == [1, 2, 3, 4]


def test_booleans_are_put_into_integer_signals() -> None:
    assert prepare(of(n=[True, False, True, True]), NODE, first=1).samples["n"].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"v": [1, 2, 3, 4]}, "'v' is float in the rig's node and integer in the stimulus"),
        ({"v": [True] * 4}, "'v' is float in the rig's node and boolean"),
        ({"v": [1j] * 4}, "'v' is float in the rig's node and complex"),
        ({"n": [1.0] * 4}, "'n' is integer in the rig's node and float"),
        ({"on": [1.0] * 4}, "'on' is boolean in the rig's node and float"),
        ({"v": [1.0] * 4, "onn": [True] * 4}, "no signal 'onn', did you mean 'on'"),
        ({f"x{i}": [1.0] * 4 for i in range(5)}, "the stimulus has 5 signals, the rig takes 4: v, on, z, n"),
    ],
)
def test_what_would_harm_the_rig_is_refused_with_the_signal_and_the_remedy(columns: dict[str, object], message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        prepare(of(**columns), NODE, first=1)


def test_the_lead_rests_and_takes_at_least_the_time_asked_for() -> None:
    ready = prepare(of(v=[1.0, 2, 3, 4]), NODE, first=5, lead=2_500_000)
    assert ready.lead == 3
    assert ready.samples["v"].tolist() == [0, 0, 0, 1, 2, 3, 4]
    assert ready.samples["on"].all()
    assert np.diff(ready.due).tolist() == [ms] * 6
    assert ready.samples.sequence.tolist() == list(range(5, 12))


def test_the_tag_carries_the_number_and_a_stimulus_cannot_set_it() -> None:
    ready = prepare(of(v=[1.0, 2, 3, 4]), NODE, first=5, tags=["n"], lead=ms)
    assert ready.samples["n"].tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(EncodeError, match="no signal 'n'"):
        prepare(of(v=[1.0] * 4, n=[1] * 4), NODE, first=1, tags=["n"])


def test_every_signal_that_is_a_tag_carries_the_number() -> None:
    ready = prepare(of(v=[1.0, 2, 3, 4]), NODE, first=5, tags=["n", "z"])
    assert ready.samples["n"].tolist() == ready.samples["z"].tolist() == [5, 6, 7, 8]


def test_a_tag_that_could_not_be_carried_exactly_is_refused() -> None:
    with pytest.raises(EncodeError, match="tag 'z' is complex and cannot carry the number 16777217 exactly"):
        prepare(of(v=[1.0] * 4), NODE, first=2**24 - 2, tags=["z"])


def test_a_node_that_declares_no_signals_takes_as_many_as_there_are() -> None:
    ready = prepare(generate.three_phase(rate=1000, count=4), signals_of(None), first=1, lead=ms)
    assert ready.samples.length.tolist() == [3] * 4


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ([0, 2, 1], "goes back in time at sample 2"),
        ([0, 1, 1], "stands still in time at sample 2"),
        (None, "without a time stamp"),
    ],
)
def test_a_stimulus_needs_ascending_stamps(origin: list[int] | None, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        prepare(Samples({"v": [0.0, 1.0, 2.0]}, origin=origin), NODE, first=1)


def test_a_stimulus_needs_samples() -> None:
    with pytest.raises(EncodeError, match="no samples"):
        prepare(Samples({"v": np.zeros(0)}), NODE, first=1)
