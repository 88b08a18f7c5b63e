"""What links could be opened on this machine: its serial ports, and who listens at nanomsg endpoints."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serial.tools import list_ports

from pytest_villas.errors import LinkError
from pytest_villas.links.sp_socket import endpoint_of, places
from pytest_villas.links.sp_wire import PUB_HELLO, SUB_HELLO, hear

BY_ID: Final = Path("/dev/serial/by-id")
_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port: its device, what says which one it is, and its name that stays the same wherever it is plugged in."""

    device: str
    description: str = ""
    serial_number: str = ""
    by_id: str = ""

    @property
    def path(self) -> str:
        """What a rig file should say."""
        return self.by_id or self.device

    def __str__(self) -> str:
        """Write one line."""
        number = f"serial number {self.serial_number}" if self.serial_number else ""
        return "  ".join(filter(None, (self.device, self.description, number, self.by_id)))


def ports(by_id: Path = BY_ID) -> list[Port]:
    """Return the serial ports of this machine, sorted by device; the names that stay are those in the folder `by_id`."""
    names = {str(name.resolve()): str(name) for name in sorted(by_id.iterdir())} if by_id.is_dir() else {}
    found = [
        Port(
            port.device,
            "" if port.description == "n/a" else port.description,
            port.serial_number or "",
            names.get(port.device, ""),
        )
        for port in list_ports.comports()
    ]
    known = {port.device for port in found}
    found += [Port(device, by_id=name) for device, name in names.items() if device not in known]
    return sorted(found, key=lambda port: port.device)


def listening(address: str) -> str:
    """Say in a few words who listens at a nanomsg address of tcp or ipc."""
    try:
        family, place = places(endpoint_of(address))[0]
    except LinkError as error:
        return str(error)
    with socket.socket(family) as probe:
        probe.settimeout(_TIMEOUT_S)
        try:
            probe.connect(place)
            probe.sendall(SUB_HELLO)
        except TimeoutError:
            return "nobody listens (no answer)"
        except OSError as error:
            return f"nobody listens ({error.strerror})"
        return _answer(probe)


def _answer(probe: socket.socket) -> str:
    heard = b""
    try:
        while heard != PUB_HELLO:
            heard = hear(probe, heard, PUB_HELLO)
    except TimeoutError:
        return "somebody listens and says nothing"
    except OSError:
        return "somebody listens and is no nanomsg publisher"
    return "publishes"
