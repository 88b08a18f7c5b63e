"""The right response, from a program of the user's: a model of the device that computes what it should have sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
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


def applied(stimulus: Samples, tag: Int64s, step: Int64s) -> tuple[Samples, Int64s]:
    """Tell which sample of the stimulus a rig that samples it by its own clock took at each of its steps.

    Args:
        stimulus: all samples sent, in the order of sending, with ascending `sequence`.
        tag: for each response the number that the rig had taken, shape (m,).
        step: for each response the number of the rig's step, shape (m,), ascending; where steps are missing, because
            their responses were lost, the tags between are taken to have gone on evenly.

    Returns the stimulus, one sample for each step from the first to the last response, and for each response its row.
    """
    rows = step - step[0]
    grid = np.arange(rows[-1] + 1)
    taken = np.rint(np.interp(grid, rows, tag)).astype(np.int64)
    index = np.clip(np.searchsorted(stimulus.sequence, taken), 0, len(stimulus) - 1)
    return stimulus[index].replace(sequence=grid, origin=grid), rows


def substitute(word: str, values: dict[str, str]) -> str:
    """Replace `{name}` by its value, for the names in `values` alone."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
