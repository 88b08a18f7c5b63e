"""What aborts or crashes a real VILLASnode is refused before it is sent, and the rig goes on answering."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_villas import Samples, generate
from pytest_villas.errors import EncodeError
from pytest_villas.rig.bench import Rig

HARMLESS = generate.three_phase(magnitude=325, frequency=50, rate=1000, duration=0.5)


def answers(rig: Rig) -> None:
    run = rig.replay(HARMLESS)
    assert run.delivery.sent == len(HARMLESS)
    assert run.delivery.received > 0.5 * len(HARMLESS)


def test_an_integer_in_a_float_signal_is_refused_and_the_rig_still_answers(rig: Rig) -> None:
    with pytest.raises(EncodeError, match=r"'va' is (float|complex) in the rig's node and integer in the stimulus"):
        rig.replay(Samples({"va": np.arange(100)}, origin=np.arange(100) * 1_000_000))
    answers(rig)


def test_a_signal_that_the_rig_does_not_take_is_refused_with_the_nearest_one(rig: Rig) -> None:
    with pytest.raises(EncodeError, match="takes no signal 'fualt', did you mean 'fault'"):
        rig.replay(Samples({"va": [0.0], "fualt": [True]}, origin=[0]))
    answers(rig)


@pytest.mark.needs("stimulus.json")
def test_not_a_number_is_refused_and_the_rig_still_answers(rig: Rig) -> None:
    with pytest.raises(EncodeError, match="nan"):
        rig.replay(Samples({"va": [0.0, np.nan]}, origin=[0, 1_000_000]))
    answers(rig)
