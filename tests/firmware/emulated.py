"""Firmware in QEMU on a pty, and our end of the line. It reads while it writes: QEMU stands still while nobody takes its bytes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import parts
import serial
from firmware.frames import accepted
from processes import wait_until

from pytest_villas.rig.registry import shipped

LAUNCHER = shipped("rigs") / "qemu.py"


def required() -> None:
    """Skip where a program is missing."""
    for name, package in (("qemu-system-arm", "qemu-system-arm"), ("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("make", "make")):
        parts.program(name, package)


class Line:
    """Our end of the line."""

    def __init__(self, port: Path) -> None:
        self._serial = serial.Serial(str(port), 2_000_000, exclusive=True)
        self._buffer = b""

    def exchange(self, data: bytes, enough: Callable[[list[bytes]], bool], seconds: float = 60) -> list[bytes]:
        """Send the data, and return the messages that arrive until they are enough and all is sent."""
        descriptor, messages, at, end = self._serial.fileno(), list[bytes](), 0, time.monotonic() + seconds
        while at < len(data) or not enough(messages):
            if time.monotonic() > end:
                raise TimeoutError(f"{at} of {len(data)} bytes sent, {len(messages)} messages received in {seconds} s")
            readable, writable, _ = select.select([descriptor], [descriptor] if at < len(data) else [], [], 1)
            if writable:
                at += os.write(descriptor, data[at : at + 512])
            if readable:
                done, zero, self._buffer = (self._buffer + os.read(descriptor, 65536)).rpartition(b"\0")
                messages += accepted(done + zero)
        return messages

    def close(self) -> None:
        self._serial.close()


@contextmanager
def running(program: str, folder: Path, ports: int = 1) -> Iterator[list[Line]]:
    """Run firmware, and give our ends of its lines."""
    required()
    paths = [folder / f"port{i}" for i in range(ports)]
    command = [sys.executable, str(LAUNCHER), "run", program]
    process = subprocess.Popen([*command, *(word for path in paths for word in ("--port", str(path)))])
    lines: list[Line] = []
    try:
        assert wait_until(lambda: process.poll() is not None or all(path.exists() for path in paths), 60)
        assert process.poll() is None
        lines = [Line(path) for path in paths]
        yield lines
    finally:
        process.terminate()
        process.wait(20)
        for line in lines:
            line.close()
