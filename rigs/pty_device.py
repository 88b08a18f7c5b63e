"""A device on a serial line, in software: a first-order filter behind a pty that keeps the time of its baud rate.

    python pty_device.py run CONFIG.json                     make the port of that link, and serve it
    python pty_device.py solve STIMULUS.npz RESPONSE.npz     offline, one step for each sample

CONFIG is the `[link]` of a rig file as JSON; its port is made as a symbolic link to the pty. Each sample is answered with
one of the same sequence and origin. For each phase, with k = 0.2 during a fault and else 1::

    u[n] = u[n-1] + 0.25 (k v[n] - u[n-1])

No byte is read or written before its stop bit would have passed the line, in either direction. Where the baud rate of the
port is set to another one than the device has, both sides read garbage. With `--chatter` it sends its state by itself ten times
a second, as much firmware does. Faults come with `--fault "SECONDS WHAT"`, counted from the first sample on, or as a datagram
to the Unix socket PORT.control:

    noise N      N random bytes on the line to the harness      noise-in N   ... on the line to the device
    lose N       the next N bytes to the harness are lost       lose-in N    ... to the device
    stall S      nothing moves for S seconds; what does not fit into a FIFO of 16 bytes is lost meanwhile
    reboot S     off for S seconds, in the middle of whatever it sends; then it says so in plain text and begins anew
    vanish S     the port goes away, and comes back after S seconds as a new one
"""

from __future__ import annotations

import argparse
import array
import contextlib
import ctypes
import fcntl
import os
import random
import select
import socket
import struct
import sys
import termios
import time
import tty
from collections import deque
from pathlib import Path

import msgspec
import numpy as np

from pytest_villas import Samples, Signal, recordings
from pytest_villas.rig.face import SerialParts, line_of, serial_parts
from pytest_villas.rig.link_sections import SerialSection

SHARE, FAULT_GAIN = 0.25, 0.2
PHASES = "abc"
OUTPUTS = tuple(Signal(f"u{p}", "V") for p in PHASES)
S = 1_000_000_000
FIFO = 16
TICK = 50_000
"""ns between two looks at the line: what is due in between goes together, and none of it early."""
NOBODY = 50
"""Baud rate of the port until somebody has opened it."""
BANNER = b"\r\n*** boot ***\r\n"
_TCGETS2, _PR_SET_TIMERSLACK = 0x802C542A, 29


class Filter:
    """Three phases, at rest to begin with."""

    def __init__(self) -> None:
        """Begin at rest."""
        self._state = np.zeros(len(PHASES))

    def state(self, now: int) -> Samples:
        """Return the present outputs."""
        return Samples([self._state[i : i + 1] for i in range(len(PHASES))], OUTPUTS, origin=[now], sequence=[0])

    def step(self, samples: Samples) -> Samples:
        """Return the answers to samples that came one after the other."""
        volts = np.stack([samples[f"v{p}"] for p in PHASES], axis=1)
        answers = np.empty_like(volts)
        for n, gain in enumerate(np.where(samples["fault"], FAULT_GAIN, 1.0).tolist()):
            self._state = answers[n] = self._state + SHARE * (gain * volts[n] - self._state)
        return Samples(list(answers.T), OUTPUTS, origin=samples.origin, sequence=samples.sequence)


def solve(stimulus: Samples) -> Samples:
    """Return the answers to a stimulus of which every value was a float32 on the line, from rest [scipy.signal.lfilter]."""
    from scipy.signal import lfilter  # noqa: PLC0415 - the device starts sooner without it

    gain = np.where(stimulus["fault"], FAULT_GAIN, 1.0)
    volts = np.stack([stimulus[f"v{p}"].astype(np.float32) for p in PHASES]) * gain
    answers = lfilter([SHARE], [1.0, SHARE - 1.0], volts)
    return Samples(list(answers), OUTPUTS, origin=stimulus.origin, sequence=stimulus.sequence)


class Port:
    """A pty whose other end is a serial port, with the time of a line."""

    def __init__(self, path: Path, byte_ns: float, baudrate: int) -> None:
        """Make the port at that path."""
        self._path, self._byte, self._baudrate = path, byte_ns, baudrate
        self._master, self._slave = os.openpty()
        # held open, lest the master reads an error while nobody has the port
        tty.setraw(self._slave)
        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[5] = termios.B50
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        os.set_blocking(self._master, False)
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        part.symlink_to(os.ttyname(self._slave))
        part.replace(path)
        self._going: deque[tuple[float, bytes]] = deque()
        self._line_free_at = 0.0
        self._read_until = 0.0
        self._more = False

    def fileno(self) -> int:
        """Return the descriptor that is readable when the harness has written."""
        return self._master

    def close(self) -> None:
        """Take the port away."""
        self._path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)

    def garbled(self) -> bool:
        """Say whether the harness has set another baud rate."""
        settings = fcntl.ioctl(self._master, _TCGETS2, bytes(44))
        speed: int = struct.unpack_from("I", settings, 36)[0]
        return speed not in {self._baudrate, NOBODY}

    def receive(self, now: float) -> list[tuple[float, int]]:
        """Return the bytes that the harness put onto the line, each with the time at which it will have passed."""
        if now < self._read_until:
            return []
        try:
            data = os.read(self._master, FIFO)
        except (BlockingIOError, OSError):
            self._more = False
            return []
        # what waited follows without a gap
        begin = self._read_until if self._more else now
        waiting = array.array("i", [0])
        fcntl.ioctl(self._master, termios.FIONREAD, waiting)
        self._more = waiting[0] > 0
        self._read_until = begin + len(data) * self._byte
        return [(begin + (i + 1) * self._byte, byte) for i, byte in enumerate(data)]

    def drop_input(self) -> None:
        """Lose what the harness has sent, but for what a FIFO keeps."""
        with contextlib.suppress(BlockingIOError, OSError):
            while len(os.read(self._master, 4096)) == 4096:
                pass

    def send(self, data: bytes, now: float) -> None:
        """Put bytes onto the line as soon as it is free."""
        self._line_free_at = max(self._line_free_at, now)
        for byte in data:
            self._line_free_at += self._byte
            self._going.append((self._line_free_at, bytes([byte])))

    def cut_off(self) -> None:
        """Forget what has not been sent yet."""
        self._going.clear()
        self._line_free_at = 0.0

    def flush(self, now: float) -> None:
        """Write what has passed the line by now; the harness loses what it does not read."""
        passed = b""
        while self._going and self._going[0][0] <= now:
            passed += self._going.popleft()[1]
        if passed:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._master, passed)

    def next_write(self) -> float:
        """Return when the next byte has passed."""
        return self._going[0][0] if self._going else float("inf")

    def next_read(self) -> float:
        """Return when more bytes can be read, infinity where select tells."""
        return self._read_until if self._more else float("inf")


class Device:
    """The device: its line, its filter, and what goes wrong with them."""

    def __init__(self, section: SerialSection, faults: list[tuple[float, str]], *, chatter: bool) -> None:
        """Make the port."""
        self._section, self._path = section, Path(section.port)
        line = line_of(section, section.port)
        self._byte = line.bits * S / line.baudrate
        self._port: Port | None = Port(self._path, self._byte, section.baudrate)
        self._begin_anew()
        self._planned = sorted(faults)
        self._first = 0.0
        self._next_word = 0.0 if chatter else float("inf")
        self._off_until = 0.0
        self._lose = {"": 0, "-in": 0}
        self._random = random.Random(1)  # noqa: S311 - noise need not be secret
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._control.setblocking(False)
        self._control.bind(f"{section.port}.control")
        self._due: deque[tuple[float, bytes]] = deque()

    def _begin_anew(self) -> None:
        self._parts: SerialParts = serial_parts(self._section)
        self._filter = Filter()
        self._due = deque()

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            now = float(time.monotonic_ns())
            self._happen(now)
            if self._port is not None:
                if now >= self._off_until:
                    self._take(self._port, now)
                    self._answer(self._port, now)
                    self._chatter(self._port, now)
                self._port.flush(float(time.monotonic_ns()))
            self._wait()

    def _wait(self) -> None:
        now = float(time.monotonic_ns())
        soon = [self._next_word, *(self._first + at * S for at, _ in self._planned[:1] if self._first)]
        readers: list[Port | socket.socket] = [self._control]
        if self._off_until > now:
            soon.append(self._off_until)
        elif self._port is not None:
            soon += [self._due[0][0]] if self._due else []
            soon.append(self._port.next_read())
            if self._port.next_read() == float("inf") and not self._port.next_write() < now:
                readers.append(self._port)
        if self._port is not None:
            soon.append(self._port.next_write())
        left = min(soon, default=float("inf")) - now
        timeout = 1.0 if left > S else max(left, TICK) / S if left > 0 else 0
        select.select(readers, (), (), timeout)

    def _take(self, port: Port, now: float) -> None:
        """Read what has come onto the line; more than once where the device is behind, as an interrupt would not be."""
        garbled = port.garbled()
        while passed := port.receive(now):
            for at, byte in passed:
                if self._lose["-in"]:
                    self._lose["-in"] -= 1
                    continue
                heard = bytes([self._random.randrange(256) if garbled else byte])
                self._due.extend((at, payload) for payload in self._parts.sending.feed(heard))

    def _answer(self, port: Port, now: float) -> None:
        """Answer the samples whose last bit has passed, each from then on."""
        passed: list[tuple[float, bytes]] = []
        while self._due and self._due[0][0] <= now:
            passed.append(self._due.popleft())
        if not passed:
            return
        self._first = self._first or now
        decoded = self._parts.writer.decode_many([payload for _, payload in passed])
        if len(decoded.samples):
            for message in self._parts.reader.encode_many(self._filter.step(decoded.samples)):
                self._say(port, self._parts.receiving.wrap(message), now)

    def _chatter(self, port: Port, now: float) -> None:
        if now >= self._next_word:
            self._next_word = now + S / 10
            message = self._parts.reader.encode(self._filter.state(time.time_ns()))
            self._say(port, self._parts.receiving.wrap(message), now)

    def _say(self, port: Port, data: bytes, now: float) -> None:
        lost = min(self._lose[""], len(data))
        self._lose[""] -= lost
        data = data[lost:]
        port.send(self._random.randbytes(len(data)) if port.garbled() else data, now)

    def _happen(self, now: float) -> None:
        """Let those faults happen that are due, or asked for."""
        if self._port is None and now >= self._off_until:
            self._port = Port(self._path, self._byte, self._section.baudrate)
        while self._planned and self._first and self._first + self._planned[0][0] * S <= now:
            self._fault(self._planned.pop(0)[1], now)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._fault(self._control.recv(256).decode(), now)

    def _fault(self, words: str, now: float) -> None:
        what, _, amount = words.strip().partition(" ")
        number = float(amount)
        print(f"fault: {what} {number:g}", flush=True)
        if self._port is None:
            return
        if what == "noise":
            self._port.send(self._random.randbytes(int(number)), now)
        elif what == "noise-in":
            for byte in self._random.randbytes(int(number)):
                self._due.extend((now, payload) for payload in self._parts.sending.feed(bytes([byte])))
        elif what in {"lose", "lose-in"}:
            self._lose[what[4:]] += int(number)
        elif what == "stall":
            time.sleep(number)
            self._port.drop_input()
        elif what == "reboot":
            self._port.cut_off()
            self._begin_anew()
            time.sleep(number)
            self._port.drop_input()
            self._port.send(BANNER, float(time.monotonic_ns()))
        elif what == "vanish":
            self._port.close()
            self._port = None
            self._begin_anew()
            self._off_until = now + number * S
        else:
            sys.exit(f"{words!r} is no fault: noise, noise-in, lose, lose-in, stall, reboot, vanish")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    real_time = commands.add_parser("run", help="serve a port")
    real_time.add_argument("config", type=Path)
    real_time.add_argument("--fault", action="append", default=[], metavar="'SECONDS WHAT'")
    real_time.add_argument("--chatter", action="store_true", help="send by itself, too")
    offline = commands.add_parser("solve", help="compute offline")
    offline.add_argument("stimulus", type=Path)
    offline.add_argument("response", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "solve":
        recordings.save(arguments.response, solve(recordings.open(arguments.stimulus)))
        return
    # a byte at 115200 baud takes 87 us, and a sleep is 50 us longer than asked for unless told otherwise
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    section = msgspec.json.decode(arguments.config.read_bytes(), type=SerialSection)
    faults = [(float(at), what) for at, _, what in (fault.partition(" ") for fault in arguments.fault)]
    device = Device(section, faults, chatter=arguments.chatter)
    print("ready", flush=True)
    device.serve()


if __name__ == "__main__":
    main()
