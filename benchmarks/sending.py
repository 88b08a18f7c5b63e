"""How late messages leave: the replay process against a loop that sleeps until each is due."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from pytest_villas import generate
from pytest_villas.rig.registry import Registry
from pytest_villas.rig.rig import RigProcess

SECONDS = 2


def ours(rate: int) -> float:
    """Return the 99 % quantile of the send lag of a replay to the loopback rig, in s."""
    registry = Registry.of(Path.cwd())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rig = RigProcess("loopback", registry.load("loopback"), folder=folder)
        try:
            exchange = rig.exchange(generate.three_phase(rate=rate, duration=SECONDS), folder, lambda *_: None)
        finally:
            rig.close()
    return float(np.quantile(exchange.capture.sent - exchange.capture.meant, 0.99)) / 1e9


def sleeping(rate: int) -> float:
    """Return the same for a loop over `time.sleep` that sends nothing at all."""
    start, late = time.monotonic() + 0.05, []
    for k in range(rate * SECONDS):
        due = start + k / rate
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        late.append(time.monotonic() - due)
    return float(np.quantile(late, 0.99))


def figures() -> Iterator[Figure]:
    """Return one figure for each rate."""
    for rate in (1000, 5000):
        name = f"send lag, p99, {rate} Hz, json over ipc"
        yield Figure(name, "a time.sleep loop that sends nothing", partial(ours, rate), partial(sleeping, rate), 2.0)
