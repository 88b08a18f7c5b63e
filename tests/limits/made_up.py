"""Runs that never were: what went out, what came back, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas import Samples
from pytest_villas.measure import by_sequence, delivery, fidelity, latency
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.run import Run
from pytest_villas.units import ms, us

START = 1_795_419_350_000_000_000
T = np.arange(2000) / 1000.0
"""Two seconds at 1 kHz."""


def run(
    reference: Mapping[str, Any],
    response: Mapping[str, Any] | None = None,
    *,
    answer: Any = 300 * us,
    lost: Any = (),
    limits: Mapping[str, Any] | None = None,
) -> Run:
    """Answer samples at 1 kHz after a time, with the reference itself or another response; some are lost."""
    count = len(next(iter(reference.values())))
    meant = START + np.arange(count) * ms
    numbers = np.arange(count)
    sent = Samples(dict(reference), origin=meant, sequence=numbers)
    received = meant + answer
    came = Samples(dict(response or reference), origin=meant, received=received, sequence=numbers)
    came = came[np.setdiff1d(numbers, np.asarray(lost, np.int64))]
    match = by_sequence(sent.sequence, came.sequence)
    nothing: Any = None
    return Run(
        rig="made up", stimulus=sent, response=came, match=match, delivery=delivery(match),
        latency=latency(meant, meant, match.of_stimulus(came.received), match.of_stimulus(came.origin), warm_up=0, cool_down=0),
        fidelity=fidelity(sent, came, match=(match.stimulus, match.response)),
        capture=nothing, floor=Floor(None, "made up"), folder=Path("made-up"), limits=limits or {},
    )  # fmt: skip


def wave(frequency: float = 50.0, amplitude: float = 325.0, phase: float = 0.0, t: Any = T) -> Any:
    """A sine; phase in degrees."""
    return amplitude * np.sin(2 * np.pi * frequency * t + np.radians(phase))
