"""The device on a pty, run by a test, with a link to it."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_villas import Samples
from pytest_villas.links import SerialLink
from pytest_villas.rig.face import SerialParts, line_of, serial_parts
from pytest_villas.rig.link_sections import SerialSection
from pytest_villas.rig.registry import Registry, shipped

BAUD = 115_200


@dataclass
class Bench:
    """A device that runs, and a link to it."""

    section: SerialSection
    parts: SerialParts
    link: SerialLink
    sent: int = 0

    def ask(self, count: int, *, within: float = 5.0) -> list[tuple[int, int, int]]:
        """Send samples one after the other, each when the one before was answered; return when, until when, and its sequence."""
        answered = []
        for _ in range(count):
            self.sent += 1
            columns = [np.array([float(self.sent)]) for _ in range(3)]
            payload = self.parts.writer.encode(
                Samples([*columns, np.array([False])], self.parts.writer.signals, origin=[1], sequence=[self.sent])
            )
            before = time.monotonic_ns()
            self.link.send(payload)
            if (message := self.hear(within)) is not None:
                sequence = int(self.parts.reader.decode(message[1]).sequence[0])
                answered.append((before, message[0], sequence))
        return answered

    def hear(self, within: float) -> tuple[int, bytes] | None:
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            select.select([self.link.fileno()], (), (), left)
            if (message := self.link.receive()) is not None:
                return message
        return None

    def fault(self, words: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
            control.sendto(words.encode(), f"{self.section.port}.control")


@contextlib.contextmanager
def device(folder: Path, *arguments: str, **settings: Any) -> Iterator[SerialSection]:
    """Run the device at `folder`/port; return its link as its rig file would have it."""
    section = Registry.of(Path("/nowhere")).load("pty").link
    assert isinstance(section, SerialSection)
    section = msgspec.structs.replace(section, port=str(folder / "port"), baudrate=BAUD, **settings)
    config = folder / "config.json"
    config.write_bytes(msgspec.json.encode(section))
    command = [sys.executable, str(shipped("rigs") / "pty_device.py"), "run", str(config), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield section
        finally:
            process.kill()


@contextlib.contextmanager
def bench(folder: Path, *arguments: str, heard_at: int = BAUD, **settings: Any) -> Iterator[Bench]:
    """Run the device, and open a link to it with the baud rate `heard_at`."""
    with device(folder, *arguments, **settings) as section:
        parts = serial_parts(section)
        line = line_of(msgspec.structs.replace(section, baudrate=heard_at), section.port)
        link = SerialLink(line, parts.sending, parts.receiving)
        link.open()
        try:
            yield Bench(section, parts, link)
        finally:
            link.close()
