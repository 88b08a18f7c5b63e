"""A three-phase grid in DPsim: source, line, load, and a switch that makes a fault at the load.

    python dpsim_grid.py run --config dpsim.conf --node grid --rate 1000     in real time, behind a VILLASnode node
    python dpsim_grid.py solve STIMULUS.npz RESPONSE.npz --rate 1000         offline, one step for each sample

For each phase, with the source's voltage v and the fault as inputs, the load's voltage u and the line's current i as outputs::

    v ──[ R 0.5 Ω ]──[ L 5 mH ]──┬───────┬──────────┬── u
                          i →    │       │          │
                             C 20 µF  R 20 Ω   fault 1 Ω
                                 ┴       ┴          ┴

`tag` goes through unchanged, `tag1` to `tag8` are what it was one to eight steps before, and `step` counts the simulator's
steps: with them everybody can tell which input each step took, also where a response was lost. DPsim samples its input at its own steps, as every real-time simulator does: of two samples that arrive within
one step it takes the later one. It takes it over with one step, and computes with it in the next.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dpsimpy
import numpy as np

from pytest_villas import Samples, Signal, config, recordings

R_LINE, L_LINE, C_LOAD, R_LOAD, R_FAULT = 0.5, 5e-3, 20e-6, 20.0, 1.0
R_OPEN = 1e6
PHASES = "abc"
TAGS = ("tag", *(f"tag{back}" for back in range(1, 9)))
OUTPUTS = (*(Signal(f"u{p}", "V") for p in PHASES), *(Signal(f"i{p}", "A") for p in PHASES))


class Grid:
    """The circuit, with a handle on each input and output."""

    def __init__(self, rate: float) -> None:
        """Build the circuit and a simulation with steps of 1 / rate."""
        emt = dpsimpy.emt
        ground = emt.SimNode.gnd
        nodes: list[Any] = []
        parts: list[Any] = []

        def node(name: str) -> Any:
            nodes.append(emt.SimNode(name))
            return nodes[-1]

        def part(kind: Any, name: str, between: list[Any], *parameters: Any) -> Any:
            parts.append(kind(name))
            parts[-1].set_parameters(*parameters)
            parts[-1].connect(between)
            return parts[-1]

        ph1 = emt.ph1
        self.sources, self.faults, self.voltages, self.lines = [], [], [], []
        for p in PHASES:
            terminal, middle, load = node(f"terminal_{p}"), node(f"middle_{p}"), node(f"load_{p}")
            self.sources.append(part(ph1.VoltageSource, f"source_{p}", [ground, terminal], 0j, 0))
            part(ph1.Resistor, f"line_r_{p}", [terminal, middle], R_LINE)
            self.lines.append(part(ph1.Inductor, f"line_l_{p}", [middle, load], L_LINE))
            part(ph1.Capacitor, f"load_c_{p}", [load, ground], C_LOAD)
            part(ph1.Resistor, f"load_r_{p}", [load, ground], R_LOAD)
            self.faults.append(part(ph1.Switch, f"fault_{p}", [load, ground], R_OPEN, R_FAULT, False))
            self.voltages.append(load)
        self._fault = False
        self.echoes = {}
        for name in ("head", "step", *TAGS):  # a source on a resistor of its own: its voltage comes out as it went in
            terminal = node(name)
            source = part(ph1.VoltageSource, f"{name}_source", [ground, terminal], 0j, 0)
            part(ph1.Resistor, f"{name}_r", [terminal, ground], 1.0)
            self.echoes[name] = (source, terminal)
        self.simulation = dpsimpy.Simulation("grid", dpsimpy.LogLevel.off)
        self.simulation.set_domain(dpsimpy.Domain.EMT)
        self.simulation.set_system(dpsimpy.SystemTopology(50, nodes, parts))
        self.simulation.set_time_step(1 / rate)
        self.simulation.set_final_time(1e12)

    def step(self, volts: list[complex], fault: bool) -> None:
        """Advance by one step with these voltages of the sources and this state of the fault."""
        for source, volt in zip(self.sources, volts, strict=True):
            source.attr("V_ref").set(volt)
        if fault != self._fault:
            self._fault = fault
            for switch in self.faults:
                (switch.close if fault else switch.open)()
        self.simulation.next()

    def outputs(self) -> list[Any]:
        """Return the attributes of `OUTPUTS`, in that order."""
        return [n.attr("v").derive_coeff(0, 0) for n in self.voltages] + [
            line.attr("i_intf").derive_coeff(0, 0) for line in self.lines
        ]


class Inbox:
    """What came in last, beside the circuit: DPsim hands a message over signal by signal, while it steps.

    So a step may find the first signals of one message beside the last ones of the message before. `head` and `tag` carry
    the same number: where both have come, all between them is of one message.
    """

    def __init__(self, villas: Any, inputs: dict[str, int], head: Any) -> None:
        """Import every signal of the node, in this order.

        `head` is an attribute of the circuit: DPsim leaves out what it takes for useless, which is the whole import where
        nothing of it goes into the circuit.
        """
        names = (*(f"v{p}" for p in PHASES), "fault", "tag")
        self._kept = [_unconnected(boolean=name == "fault") for name in names]
        self._attributes = [head, *(attribute for _, attribute in self._kept)]
        for name, attribute in zip(("head", *names), self._attributes, strict=True):
            villas.import_attribute(attribute, inputs[name], False, False)
        self._newest: tuple[list[complex], bool, float] = ([0j] * len(PHASES), False, 0.0)

    def newest(self) -> tuple[list[complex], bool, float]:
        """Return voltages, fault and tag of the newest message that is there whole."""
        head, *volts, fault, tag = self._attributes
        number = tag.get()
        if head.get() == number:
            # DPsim shows a boolean attribute to Python as text alone
            self._newest = [volt.get() for volt in volts], str(fault) != "0", number.real
        return self._newest


def _unconnected(*, boolean: bool) -> tuple[Any, Any]:
    """Return a component that is in no circuit, and its attribute that can be set from outside."""
    if boolean:
        switch = dpsimpy.emt.ph1.Switch("inbox")
        switch.set_parameters(R_OPEN, R_FAULT, False)
        return switch, switch.attr("is_closed")
    source = dpsimpy.emt.ph1.VoltageSource("inbox")
    source.set_parameters(0j, 0)
    return source, source.attr("V_ref")


def solve(stimulus: Samples, rate: float) -> Samples:
    """Return what the grid does with the stimulus, one step for each sample, from rest."""
    grid = Grid(rate)
    outputs = grid.outputs()
    volts = np.stack([stimulus[f"v{p}"].astype(np.complex64).astype(complex) for p in PHASES], axis=1)
    fault = stimulus["fault"].astype(bool) if "fault" in stimulus.names else np.zeros(len(stimulus), bool)
    result = np.empty((len(stimulus), len(OUTPUTS)))
    grid.simulation.start()
    for k in range(len(stimulus)):
        grid.step(volts[k].tolist(), bool(fault[k]))
        result[k] = [attribute.get() for attribute in outputs]
    return Samples(list(result.T), OUTPUTS, origin=stimulus.origin, sequence=stimulus.sequence)


def run(path: Path, name: str, rate: float) -> None:
    """Simulate in real time, with the node of that config as the way in and out, until the process is ended."""
    import dpsimpyvillas  # noqa: PLC0415 - it takes its time, and `solve` does not need it

    node = config.load(path).nodes[name]
    grid = Grid(rate)
    villas = dpsimpyvillas.InterfaceVillas(name=name, config=json.dumps(_embedded(node)))
    inputs = {signal.name: i for i, signal in enumerate(node.input.signals)}
    inbox = Inbox(villas, inputs, grid.echoes["head"][0].attr("V_ref"))
    attributes = dict(zip((signal.name for signal in OUTPUTS), grid.outputs(), strict=True))
    attributes |= {echo: terminal.attr("v").derive_coeff(0, 0) for echo, (_, terminal) in grid.echoes.items()}
    for i, signal in enumerate(node.output.signals):
        villas.export_attribute(attributes[signal.name], i)
    grid.simulation.add_interface(villas)
    grid.simulation.start()
    wake = _receive_descriptor()
    step, *tags = (grid.echoes[name][0].attr("V_ref") for name in ("step", *TAGS))
    taken = [0.0] * len(TAGS)
    period, k = round(1e9 / rate), 0
    due = time.monotonic_ns() + period
    while True:
        # one message is read for each signal: twice a step, lest those that waited out a stall stay in the queue
        os.eventfd_write(wake, 1)
        left = due - time.monotonic_ns()
        if left < period / 2:
            # an overrun: time lost is not caught up, since of steps that follow too closely DPsim publishes only the last
            due, left = due - left + period // 2, period // 2
        time.sleep(left / 2e9)
        os.eventfd_write(wake, 1)
        time.sleep(max(due - time.monotonic_ns(), 0) / 1e9)
        due += period
        k += 1
        volts, fault, tag = inbox.newest()
        taken = [tag, *taken[:-1]]
        step.set(complex(k))
        for attribute, number in zip(tags, taken, strict=True):
            attribute.set(complex(number))
        grid.step(volts, fault)


def _embedded(node: config.Node) -> dict[str, Any]:
    """Return the settings that the node inside of DPsim takes; it has its signals from what is imported and exported."""
    return {
        "type": node.type,
        "format": node.input.format,
        "in": {"endpoints": list(node.input.endpoints)},
        "out": {"endpoints": list(node.output.endpoints)},
    }


def _receive_descriptor() -> int:
    """Return the descriptor on which libnanomsg signals a received message to DPsim.

    DPsim resets that descriptor by hand after each message. Where two messages wait, the second is then never signalled,
    and the simulation hears nothing any more [VILLASnode issue 309]. Signalling it by hand heals that.
    """
    libraries = Path(dpsimpy.__file__).parent / "dpsim.libs"
    library = ctypes.CDLL(str(next(libraries.glob("libnanomsg*.so*"))))
    nn_sol_socket, nn_rcvfd, first_sockets = 0, 11, 8
    descriptor, size = ctypes.c_int(-1), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
    for socket in range(first_sockets):
        if library.nn_getsockopt(socket, nn_sol_socket, nn_rcvfd, ctypes.byref(descriptor), ctypes.byref(size)) == 0:
            return descriptor.value
    sys.exit("the VILLASnode node inside of DPsim has no socket to receive from")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    real_time = commands.add_parser("run", help="simulate in real time")
    real_time.add_argument("--config", type=Path, required=True)
    real_time.add_argument("--node", required=True)
    offline = commands.add_parser("solve", help="simulate offline")
    offline.add_argument("stimulus", type=Path)
    offline.add_argument("response", type=Path)
    for command in (real_time, offline):
        command.add_argument("--rate", type=float, default=1000.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as logs:  # DPsim writes logs wherever it stands
        dpsimpy.Logger.set_log_dir(logs)
        if arguments.command == "run":
            run(arguments.config, arguments.node, arguments.rate)
        else:
            recordings.save(arguments.response, solve(recordings.open(arguments.stimulus), arguments.rate))


if __name__ == "__main__":
    main()
