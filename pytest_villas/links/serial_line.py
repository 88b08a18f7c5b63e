"""How a serial port is set, and how long its line takes for what it carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_villas.units import s

Parity = Literal["none", "even", "odd", "mark", "space"]


@dataclass(frozen=True, slots=True)
class SerialLine:
    """The settings of one port.

    Attributes:
        port: a device (`/dev/serial/by-id/...`), or a URL of pyserial (`socket://`, `rfc2217://`, `loop://`, `spy://`).
        baudrate: bits/s.
        bytesize: data bits of a character, 5 to 8.
        parity: its parity bit, if any.
        stopbits: 1, 1.5 or 2.
        rtscts, xonxoff, dsrdtr: flow control.
    """

    port: str
    baudrate: int = 115_200
    bytesize: int = 8
    parity: Parity = "none"
    stopbits: float = 1
    rtscts: bool = False
    xonxoff: bool = False
    dsrdtr: bool = False

    @property
    def bits(self) -> float:
        """Bits of a character on the wire, with its start bit."""
        return 1 + self.bytesize + (self.parity != "none") + self.stopbits

    def time(self, count: int) -> int:
        """Return how long so many bytes take on the wire, in ns."""
        return round(count * self.bits * s / self.baudrate)

    def __str__(self) -> str:
        """Write ``115200 baud 8N1``."""
        return f"{self.baudrate} baud {self.bytesize}{self.parity[0].upper()}{self.stopbits:g}"


def departures(due: Sequence[int], times: Sequence[int]) -> list[int]:
    """Return when the last bit of each frame has left a line that takes them in order, one at a time.

    Args:
        due: when each is handed to the line, ascending, ns.
        times: how long each is on the line, ns.
    """
    free, ends = due[0] if due else 0, []
    for at, time in zip(due, times, strict=True):
        free = max(free, at) + time
        ends.append(free)
    return ends
