"""A closed loop: PI controllers in firmware on an emulated board, around a three-phase grid in DPsim.

    python loop.py run --config dpsim.conf --node grid --port PATH     PATH becomes the port of the operator
    python loop.py solve STIMULUS.npz RESPONSE.npz                     offline, one step of the grid for each sample

::

    operator ──setpoints──▶ controllers ──voltages of the source──▶ grid ──▶ everybody
    (PATH, serial)          (QEMU, qemu.py)    ▲                   (DPsim, dpsim_grid.py, nanomsg)
                                               └──── voltages at the load ────┘

Between the second serial port of the controllers and the grid's VILLASnode node stands this program: it hands each output of the
controllers on to the grid, and answers it with the newest voltages that the grid has published. So the controllers hear from the grid
at the pace of their own steps, and nothing piles up on the way to them while they stand still.

The controllers step 1000 times a second and the grid 2000 times, each by a clock of its own. `tag`, the number of the setpoints, goes
through both: it comes back with the first step of the grid whose source has a voltage that was computed from these setpoints.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import runpy
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas import Samples, Signal, config, recordings
from pytest_villas.links import SpLink
from pytest_villas.links.framing import Checksum, Cobs

HERE = Path(__file__).resolve().parent
RATE, STEPS = 2000, 1000
"""Steps a second of the grid and of the controllers."""
AROUND = 7
"""Steps of the grid from a voltage at the load to the source's answer to it: see `solve`."""
PHASES = "abc"
START_S = 60.0
HEADER = struct.Struct(">BBHIII")
OUTPUT, MEASURED = struct.Struct(">3f3i"), struct.Struct(">3f")
"""villas.binary: header; what the controllers put out (voltages, fault, tag, step); what they are told of the grid."""
KIND = 0x20


class Part:
    """A process of the loop, whose end is the end of the loop."""

    def __init__(self, name: str, *command: str) -> None:
        """Start it."""
        self._name = name
        self._process = subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL)
        self._descriptor = os.pidfd_open(self._process.pid)

    def fileno(self) -> int:
        """Return a descriptor that is readable when the process has ended."""
        return self._descriptor

    def check(self) -> None:
        """End this program where the process has ended."""
        if (status := self._process.poll()) is not None:
            sys.exit(f"the {self._name} ended with status {status}")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(path: Path, name: str, port: Path) -> None:
    """Close the loop until a part of it, or this process, is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parts: list[Part] = []
    with tempfile.TemporaryDirectory() as folder:
        line = Path(folder, "plant")
        try:
            parts.append(Part("board", str(HERE / "qemu.py"), "run", "controller", "--port", str(port), "--port", str(line)))
            _wait(line.exists, parts, "the board made no port")
            plant = os.open(line, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(plant)
            # its first sample is what tells that the loop is ready
            grid = ("run", "--config", str(path), "--node", name, "--rate", str(RATE))
            parts.append(Part("grid", str(HERE / "dpsim_grid.py"), *grid))
            try:
                _bridge(plant, config.load(path).nodes[name].mirror(), parts)
            except (OSError, termios.error):  # the port ended, and why is told by the end of the board
                _wait(lambda: False, parts, "the port of the board ended, and the board did not")
        finally:
            for part in parts:
                part.stop()


def _wait(ready: Callable[[], Any], parts: list[Part], missing: str) -> None:
    end = time.monotonic() + START_S
    while not ready():
        for part in parts:
            part.check()
        if time.monotonic() > end:
            sys.exit(f"{missing} within {START_S:g} s")
        time.sleep(0.01)


def _bridge(line: int, ours: config.Node, parts: list[Part]) -> None:
    """Carry voltages both ways."""
    framing, link = Cobs(Checksum("crc32")), SpLink(ours.output.endpoints, ours.input.endpoints).open()
    names = [signal.name for signal in ours.input.signals]
    places = [names.index(f"u{p}") for p in PHASES]
    measured, newest = b"", b""
    frame = len(framing.wrap(bytes(HEADER.size + OUTPUT.size)))
    waited_for: list[int | SpLink | Part] = [line, link, *parts]
    while True:
        readable = select.select(waited_for, (), ())[0]
        for part in parts:
            if part in readable:
                part.check()
        while (message := link.receive()) is not None:
            newest = message[1]
        if line not in readable:
            continue
        data = os.read(line, 65536)
        outputs = framing.feed(data)
        _whole(line, frame - (len(data) - data.rfind(b"\0") - 1) % frame)
        for output in outputs:
            link.send(_to_grid(output, [signal.name for signal in ours.output.signals]))
        if newest:
            measured, newest = _to_board(newest, places), b""
        if outputs and measured:
            with contextlib.suppress(BlockingIOError):  # the board stands still, and will want newer voltages when it goes on
                os.write(line, framing.wrap(measured))


def _whole(line: int, count: int) -> None:
    """Let `select` find a line readable only when so many bytes are there [termios(3), VMIN]: QEMU sends them one by one."""
    settings = termios.tcgetattr(line)
    if settings[6][termios.VMIN] != count:
        settings[6][termios.VMIN] = count
        termios.tcsetattr(line, termios.TCSANOW, settings)


def _to_grid(output: bytes, names: list[str]) -> bytes:
    """Return what the controllers put out as the JSON that the node of the grid takes."""
    *_, sequence, seconds, nanoseconds = HEADER.unpack_from(output)
    *volts, fault, tag, _ = OUTPUT.unpack_from(output, HEADER.size)
    values: dict[str, Any] = {f"v{p}": _complex(volt) for p, volt in zip(PHASES, volts, strict=True)}
    values |= {"head": _complex(tag), "fault": bool(fault), "tag": _complex(tag)}
    sample = {"ts": {"origin": [seconds, nanoseconds]}, "sequence": sequence, "data": [values[name] for name in names]}
    return json.dumps([sample]).encode()


def _complex(real: float) -> Mapping[str, float]:
    return {"real": float(real), "imag": 0.0}


def _to_board(message: bytes, places: list[int]) -> bytes:
    """Return the voltages in a message of the grid as the controllers take them."""
    sample = json.loads(message)[-1]
    seconds, nanoseconds = sample["ts"]["origin"]
    volts = [sample["data"][place] for place in places]
    return HEADER.pack(KIND, 0, len(volts), sample["sequence"] % 2**32, seconds, nanoseconds) + MEASURED.pack(*volts)


def solve(stimulus: Samples) -> Samples:
    """Return what the loop does with setpoints, one step of the grid for each, from rest.

    Every second step of the grid the controllers make one, with the voltages that the load had `AROUND` steps before their output
    reaches the source: in the real loop that time varies, with where the steps of the one fall into those of the other, and with
    what else the machine has to do. This is the loop as it is meant, and not what happened step by step.
    """
    grid = runpy.run_path(str(HERE / "dpsim_grid.py"))["Grid"](RATE)
    controller = runpy.run_path(str(HERE / "firmware" / "controller.py"))
    proportional, integral_gain, limit = (controller[name] for name in ("PROPORTIONAL", "INTEGRAL", "LIMIT"))
    tripped = controller["ages"](stimulus["tag"]) >= controller["WATCHDOG"] * RATE // STEPS
    setpoints = np.stack([stimulus[f"v{p}"] for p in PHASES], axis=1).astype(np.float32)
    fault = stimulus["fault"].astype(bool)
    outputs = grid.outputs()[: len(PHASES)]
    past = deque([np.zeros(len(PHASES), np.float32)] * AROUND, AROUND)
    integral, volts = np.zeros(len(PHASES), np.float32), np.zeros(len(PHASES), np.float32)
    result = np.empty((len(stimulus), len(PHASES)))
    grid.simulation.start()
    for k in range(len(stimulus)):
        if k % (RATE // STEPS) == 0:
            error = setpoints[k] - past[0]
            integral = np.clip(integral + integral_gain * error, -limit, limit)
            volts = np.clip(proportional * error + integral, -limit, limit)
            if tripped[k]:
                integral, volts = np.zeros_like(integral), np.zeros_like(volts)
        grid.step(volts.astype(complex).tolist(), bool(fault[k]))
        result[k] = [attribute.get() for attribute in outputs]
        past.append(result[k].astype(np.float32))
    signals = [Signal(f"u{p}", "V") for p in PHASES]
    return Samples(list(result.T), signals, origin=stimulus.origin, sequence=stimulus.sequence)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    closed = commands.add_parser("run", help="close the loop in real time")
    closed.add_argument("--config", type=Path, required=True)
    closed.add_argument("--node", required=True)
    closed.add_argument("--port", type=Path, required=True)
    offline = commands.add_parser("solve", help="compute it offline")
    offline.add_argument("stimulus", type=Path)
    offline.add_argument("response", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.config, arguments.node, arguments.port)
    else:
        import dpsimpy  # noqa: PLC0415 - the loop itself does not need it

        with tempfile.TemporaryDirectory() as logs:  # DPsim writes logs wherever it stands
            dpsimpy.Logger.set_log_dir(logs)
            recordings.save(arguments.response, solve(recordings.open(arguments.stimulus)))


if __name__ == "__main__":
    main()
