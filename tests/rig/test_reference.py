"""The model of a rig: it gets the stimulus as the rig took it, and what goes wrong in it is the rig's fault."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_villas import Samples, recordings
from pytest_villas.errors import RigError
from pytest_villas.rig.reference import applied, compute
from pytest_villas.units import s

STIMULUS = Samples({"v": np.arange(10.0) * 10}, origin=np.arange(10), sequence=np.arange(100, 110))


def test_each_step_gets_the_sample_that_the_rig_had_taken() -> None:
    took = applied(STIMULUS[:4], np.array([100, 100, 102, 103]), np.array([7, 8, 9, 10]))
    assert took.inputs["v"].tolist() == [0, 0, 20, 30]
    assert took.rows.tolist() == [0, 1, 2, 3]
    assert not took.guessed.size


def test_steps_whose_response_was_lost_are_filled_evenly_and_said_to_be_guessed() -> None:
    took = applied(STIMULUS[:5], np.array([100, 103, 104]), np.array([5, 8, 9]))
    assert took.inputs["v"].tolist() == [0, 10, 20, 30, 40]
    assert took.rows.tolist() == [0, 3, 4]
    assert took.guessed.tolist() == [1, 2]


def test_nothing_is_guessed_where_the_number_is_the_same_on_both_sides_of_a_gap() -> None:
    took = applied(STIMULUS[:3], np.array([101, 101, 102]), np.array([5, 8, 9]))
    assert took.inputs["v"].tolist() == [10, 10, 10, 10, 20]
    assert not took.guessed.size


def test_the_history_of_a_later_response_tells_what_was_taken_in_steps_whose_response_was_lost() -> None:
    tag, step = np.array([100, 103, 104]), np.array([5, 9, 10])
    history = [np.array([-1, 103, 103]), np.array([-1, 101, 103])]
    took = applied(STIMULUS[:5], tag, step, history)
    assert took.inputs["v"].tolist() == [0, 0, 10, 30, 30, 40]
    assert took.guessed.tolist() == [1]


def test_a_rig_that_falls_silent_goes_on_at_its_pace_and_one_that_missed_the_last_sample_does_not() -> None:
    silent = applied(STIMULUS, np.array([100, 101, 102, 103]), np.array([5, 6, 7, 8]))
    assert silent.inputs["v"].tolist() == [0, 10, 20, 30, 40, 60, 80, 90]
    assert not silent.guessed.size
    slow = applied(STIMULUS, np.array([100, 104, 108]), np.array([5, 6, 7]))
    assert len(slow.inputs) == 3
    missed = applied(STIMULUS, np.arange(100, 109), np.arange(9))
    assert len(missed.inputs) == 9
    idle = applied(STIMULUS, np.array([105, 105, 105]), np.array([5, 6, 7]))
    assert len(idle.inputs) == 3


def test_the_program_reads_the_stimulus_and_writes_the_response(tmp_path: Path) -> None:
    script = tmp_path / "model.py"
    script.write_text("""
import sys
from pytest_villas import Samples, recordings
x = recordings.open(sys.argv[1])
recordings.save(sys.argv[2], Samples({"u": 2 * x["v"]}, sequence=x.sequence))
""")
    result = compute(["{python}", str(script), "{stimulus}", "{response}"], STIMULUS, tmp_path, 60 * s)
    assert result["u"].tolist() == (2 * STIMULUS["v"]).tolist()
    assert recordings.open(tmp_path / "applied.npz").sequence.tolist() == STIMULUS.sequence.tolist()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([sys.executable, "-c", "print('no licence'); raise SystemExit(3)"], r"(?s)ended with status 3.*no licence"),
        ([sys.executable, "-c", "pass"], "ended with status 0"),
        (["no-such-program"], "no-such-program: No such file"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "took longer than 300 ms"),
    ],
)
def test_a_model_that_fails_is_an_error_of_the_rig_with_its_last_words(tmp_path: Path, command: list[str], message: str) -> None:
    with pytest.raises(RigError, match=message):
        compute(command, STIMULUS, tmp_path, 300_000_000 if "sleep" in command[-1] else 60 * s)
