"""A three-phase recording and a switched fault, on any rig that takes `va vb vc fault`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_villas import Samples, generate, ms
from pytest_villas.rig.bench import Rig


def test_recorded_fault(rig: Rig, recording: Callable[[str], Samples]) -> None:
    """A fault somewhere in the grid, as the terminal voltages recorded it: every limit of the rig file is kept."""
    run = rig.replay(recording("fault"))
    assert run.delivery.rejected == 0
    run.check()


def test_switched_fault(rig: Rig) -> None:
    """A healthy grid feeds a load on which a fault is switched for 200 ms, and the rig does what its model does."""
    healthy = generate.three_phase(magnitude=325, frequency=50, rate=1000, duration=3)
    time = np.arange(len(healthy)) / 1000
    fault = Samples({"fault": (time >= 1.5) & (time < 1.7)}, origin=healthy.origin)
    run = rig.replay(generate.mix(healthy, fault))
    run.check()


def test_latency(rig: Rig) -> None:
    """Half of the answers come soon, with a confidence that needs a record of some seconds.

    487 Hz divides no rate of a rig: the samples meet its steps at every phase. A divisor would measure one phase alone.
    """
    run = rig.replay(generate.three_phase(magnitude=325, frequency=50, rate=487, duration=10))
    assert run.latency.p50 < 5 * ms
