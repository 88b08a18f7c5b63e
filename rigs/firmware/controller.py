"""What controller.c and pi.h compute, in NumPy's float32: the same operations in the same order, so the same bits.

python controller.py solve STIMULUS.npz RESPONSE.npz        one step for each sample, from rest, with the loop open
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pytest_villas import Samples, Signal, recordings

PROPORTIONAL, INTEGRAL, LIMIT = np.float32(0.2), np.float32(0.03), np.float32(500)
WATCHDOG = 100
PHASES = "abc"


def solve(stimulus: Samples) -> Samples:
    """Return what the controllers put out for the setpoints that they had at each step, starting from rest."""
    with np.errstate(over="ignore"):
        setpoints = np.stack([stimulus[f"v{p}"] for p in PHASES], axis=1).astype(np.float32)
    integral = np.zeros(len(PHASES), np.float32)
    outputs = np.zeros((len(stimulus), len(PHASES)), np.float32)
    for k, age in enumerate(ages(stimulus["tag"]).tolist()):
        if age >= WATCHDOG:
            integral[:] = 0
            continue
        integral = np.clip(integral + INTEGRAL * setpoints[k], -LIMIT, LIMIT)
        outputs[k] = np.clip(PROPORTIONAL * setpoints[k] + integral, -LIMIT, LIMIT)
    signals = [Signal(f"u{p}", "V") for p in PHASES]
    return Samples(list(outputs.T.astype(float)), signals, origin=stimulus.origin, sequence=stimulus.sequence)


def ages(tags: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for how many steps the tag of each step has been the same."""
    steps = np.arange(len(tags))
    fresh = np.concatenate([[True], np.diff(tags) != 0]) if len(tags) else np.zeros(0, bool)
    return np.asarray(steps - np.maximum.accumulate(np.where(fresh, steps, 0)))


if __name__ == "__main__":
    _, _, source, target = sys.argv
    recordings.save(Path(target), solve(recordings.open(Path(source))))
