"""The right response, from a program of the user's: a model of the device that computes what it should have sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_villas import recordings
from pytest_villas.errors import RigError
from pytest_villas.samples import Int64s, Samples
from pytest_villas.units import format_duration, s

APPLIED, REFERENCE = "applied.npz", "reference.npz"
"""Names of the recordings in the folder of a run: what the program was given, and what it gave back."""


def compute(command: Sequence[str], stimulus: Samples, folder: Path, timeout: int) -> Samples:
    """Run the program on the stimulus; RigError with its last words where it fails or takes longer than `timeout` ns."""
    recordings.save(folder / APPLIED, stimulus)
    words = {"python": sys.executable, "stimulus": str(folder / APPLIED), "response": str(folder / REFERENCE)}
    filled = [substitute(word, words) for word in command]
    try:
        done = subprocess.run(filled, capture_output=True, text=True, errors="replace", timeout=timeout / s, check=False)
    except subprocess.TimeoutExpired:
        raise RigError(f"the reference took longer than {format_duration(timeout)}: {' '.join(filled)}") from None
    except OSError as error:
        raise RigError(f"the reference cannot be started: {filled[0]}: {error.strerror}") from None
    if done.returncode != 0 or not (folder / REFERENCE).is_file():
        words_said = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise RigError(f"the reference ended with status {done.returncode}: {' '.join(filled)}\n    {words_said}")
    return recordings.open(folder / REFERENCE)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a rig that samples its input by its own clock took at each of its steps.

    Attributes:
        inputs: one sample of the stimulus for each step from the first response to the last, or to the end of the stimulus.
        taken: the number of the sample that was taken at each step, int64.
        rows: for each response its row in `inputs`, int64.
        guessed: rows of `inputs` up to the last response that no response tells, int64.
    """

    inputs: Samples
    taken: Int64s
    rows: Int64s
    guessed: Int64s


def applied(stimulus: Samples, tag: Int64s, step: Int64s, history: Sequence[Int64s] = ()) -> Applied:
    """Tell which sample of the stimulus the rig took at each of its steps.

    Args:
        stimulus: all samples sent, in the order of sending, with ascending `sequence`.
        tag: for each response the number that the rig had taken, shape (m,).
        step: for each response the number of the rig's step, shape (m,), ascending.
        history: the numbers that it had taken one, two, ... steps before, each of shape (m,), -1 where it is not known.

    What neither a response nor the history of a later one tells is guessed: the numbers are taken to have gone on evenly.
    Where the same number stands before and after such a gap, nothing else can have been taken in it, since numbers ascend.
    A rig that falls silent before the end of the stimulus is taken to have gone on at its pace.
    """
    rows = step - step[0]
    known = np.full(rows[-1] + 1 + _silent(tag, rows, int(stimulus.sequence[-1])), -1)
    for back, numbers in reversed(tuple(enumerate((tag, *history)))):
        told = (rows >= back) & (numbers >= 0)
        known[rows[told] - back] = numbers[told]
    grid, where = np.arange(known.size), np.flatnonzero(known >= 0)
    if known.size > rows[-1] + 1:
        where, known[-1] = np.append(where, known.size - 1), stimulus.sequence[-1]
    even = np.interp(grid, where, known[where])
    before = known[where[np.searchsorted(where, grid, side="right") - 1]]
    after = known[where[np.minimum(np.searchsorted(where, grid), where.size - 1)]]
    index = np.clip(np.searchsorted(stimulus.sequence, np.rint(even).astype(np.int64)), 0, len(stimulus) - 1)
    inputs = stimulus[index].replace(sequence=grid, origin=grid)
    return Applied(inputs, stimulus.sequence[index], rows, np.flatnonzero((known < 0) & (before != after) & (grid <= rows[-1])))


def _silent(tag: Int64s, rows: Int64s, end: int) -> int:
    """Return how many steps are missing after the last response, from the numbers that were taken in a step until then."""
    if rows.size < 2:  # one response tells no pace
        return 0
    pace = float(tag[-1] - tag[0]) / float(rows[-1])
    jumps = np.diff(tag)[np.diff(rows) == 1]
    left = end - int(tag[-1])
    # the last samples may have been lost on their way to the rig, or have come between two of its steps
    if not (pace > 0 and left > max(2 * pace, int(jumps.max(initial=1)))):
        return 0
    return min(int(left / pace), int(rows[-1]) + 1)  # as many as there were say enough


def substitute(word: str, values: dict[str, str]) -> str:
    """Replace `{name}` by its value, for the names in `values` alone."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
