"""What a closed loop has to do, on any rig that takes setpoints `va vb vc` and gives what they should make of `ua ub uc`."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_villas import Samples, ms
from pytest_villas.rig.bench import Rig

SETPOINTS = {"a": 100.0, "b": 50.0, "c": -75.0}


@pytest.mark.needs("closed-loop")
def test_setpoints_are_reached(rig: Rig) -> None:
    """Setpoints that step are reached without an error that stays, and on the way there the loop is as its model says."""
    time = np.arange(1500) / 500
    steps = {f"v{phase}": np.where(time < 1, 0.0, volts) for phase, volts in SETPOINTS.items()}
    run = rig.replay(Samples(steps, origin=np.rint(time * 1e9).astype(np.int64)))
    run.check(nrmse=0.1)
    for phase, volts in SETPOINTS.items():
        step = run.fidelity[f"u{phase}"].step(target=volts)
        assert abs(step.steady_state_error) < 0.01
        assert step.overshoot < 0.1
        assert step.settling < 500 * ms
