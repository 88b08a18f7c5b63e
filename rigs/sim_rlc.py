"""A three-phase plant in real time: a line (R, L) that feeds a load (C parallel R), with a fault at the load.

    python sim_rlc.py run --config sim.conf --node plant --rate 1000        in real time, up to 5 kHz
    python sim_rlc.py solve STIMULUS.npz RESPONSE.npz --rate 1000           offline, one step for each sample

Each phase is of second order, in discrete state space for an input that is held over a step::

    d/dt [i, u] = [[-R/L, -1/L], [1/C, -G/C]] [i, u] + [1/L, 0] v,   G = 1/20 S, and 1/1 S more during a fault

`tag` goes through unchanged, `tag1` to `tag8` are what it was one to eight steps before, and `step` counts the steps. Of two samples that arrive within one step the later one counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

from pytest_villas import Samples, Signal, config, recordings
from pytest_villas.links import choose

R_LINE, L_LINE, C_LOAD, G_LOAD, G_FAULT = 0.5, 5e-3, 20e-6, 1 / 20, 1 / 1
HISTORY = 8
PHASES = "abc"
OUTPUTS = (*(Signal(f"u{p}", "V") for p in PHASES), *(Signal(f"i{p}", "A") for p in PHASES))
Matrix = npt.NDArray[np.float64]


class Plant:
    """Three phases, each with the state (line current, load voltage), at rest to begin with."""

    def __init__(self, rate: float) -> None:
        """Discretise for steps of 1 / rate."""
        self._matrices = [_discrete(conductance, 1 / rate) for conductance in (G_LOAD, G_LOAD + G_FAULT)]
        self._state = np.zeros((2, len(PHASES)))

    def step(self, volts: Matrix, fault: bool) -> Matrix:
        """Advance by one step with these voltages, shape (3,). Returns ua ub uc ia ib ic after it."""
        a, b = self._matrices[bool(fault)]
        self._state = a @ self._state + b * volts
        return self._state[::-1].reshape(-1)


def _discrete(conductance: float, period: float) -> tuple[Matrix, Matrix]:
    """Return the exact transition of state and held input over one period [zero-order hold]."""
    system = np.zeros((3, 3))
    system[0] = [-R_LINE / L_LINE, -1 / L_LINE, 1 / L_LINE]
    system[1] = [1 / C_LOAD, -conductance / C_LOAD, 0.0]
    exact = expm(system * period)
    return exact[:2, :2], exact[:2, 2:]


def solve(stimulus: Samples, rate: float) -> Samples:
    """Return what the plant does with the stimulus, one step for each sample, from rest."""
    plant = Plant(rate)
    volts = np.stack([stimulus[f"v{p}"].astype(float) for p in PHASES], axis=1)
    fault = stimulus["fault"] if "fault" in stimulus.names else np.zeros(len(stimulus), bool)
    steps = [plant.step(v, f) for v, f in zip(volts, fault.tolist(), strict=True)]
    columns = np.array(steps).reshape(len(stimulus), len(OUTPUTS))
    return Samples(list(columns.T), OUTPUTS, origin=stimulus.origin, sequence=stimulus.sequence)


def run(path: Path, name: str, rate: float) -> None:
    """Step in real time, with the node of that config as the way in and out, until the process is ended.

    It speaks json by the standard library: at 5 kHz a step has 200 us.
    """
    node = config.load(path).nodes[name]
    if (node.input.format, node.output.format) != ("json", "json"):
        sys.exit(f"{path}: nodes.{name}.format: the plant speaks json only")
    link = choose(node.output.endpoints, node.input.endpoints).open()
    names = [signal.name for signal in node.input.signals]
    plant, inputs, step, taken = Plant(rate), dict.fromkeys(names, 0), 0, [0] * (HISTORY + 1)
    period = round(1e9 / rate)
    due = time.monotonic_ns()
    while True:
        due += period
        left = due - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        else:
            due -= left  # an overrun: time lost is not caught up
        newest = None
        while (message := link.receive()) is not None:
            newest = message[1]
        if newest is not None:
            inputs = dict(zip(names, json.loads(newest)[-1]["data"], strict=True))
        outputs = plant.step(np.array([inputs[f"v{p}"] for p in PHASES]), bool(inputs["fault"])).tolist()
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        taken = [inputs["tag"], *taken[:-1]]
        data = [*outputs, step + 1, *taken]
        link.send(json.dumps([{"ts": {"origin": [seconds, nanoseconds]}, "sequence": step, "data": data}]).encode())
        step += 1


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    real_time = commands.add_parser("run", help="step in real time")
    real_time.add_argument("--config", type=Path, required=True)
    real_time.add_argument("--node", required=True)
    offline = commands.add_parser("solve", help="compute offline")
    offline.add_argument("stimulus", type=Path)
    offline.add_argument("response", type=Path)
    for command in (real_time, offline):
        command.add_argument("--rate", type=float, default=1000.0)
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.config, arguments.node, arguments.rate)
    else:
        recordings.save(arguments.response, solve(recordings.open(arguments.stimulus), arguments.rate))


if __name__ == "__main__":
    main()
