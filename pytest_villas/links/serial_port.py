"""An open serial port: bytes without waiting, with the time at which they were read."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import serial

from pytest_villas.errors import LinkError
from pytest_villas.links.serial_line import SerialLine
from pytest_villas.links.serial_trouble import explain

_CHUNK = 65_536
_TIOCGICOUNT: Final = 0x545D
_ICOUNTS: Final = ("cts", "dsr", "ring", "dcd", "rx", "tx", "framing", "overruns", "parity", "breaks", "buffer_overruns")
LINE_FAULTS: Final = ("framing", "overruns", "parity", "breaks", "buffer_overruns")
"""What a driver counts of what goes wrong on its line [TIOCGICOUNT, linux/serial.h]."""


class Gone(LinkError):
    """The port went away while it was open."""


class Port(Protocol):
    """Bytes to and from one port; none of its calls waits."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the port can not do for good timing, for people."""

    def fileno(self) -> int:
        """Return a descriptor for epoll: readable when bytes have come, writable when bytes can go."""

    def read(self) -> tuple[int, bytes] | None:
        """Return bytes and when they were read (monotonic ns), None where there are none; Gone where the port is."""

    def write(self, data: bytes) -> int:
        """Hand bytes over and return how many were taken; Gone where the port is."""

    def unsent(self) -> int:
        """Return how many bytes the driver still holds, as far as it says so."""

    def line_faults(self) -> Mapping[str, int]:
        """Return the `LINE_FAULTS` since the port was opened, nothing where the driver does not count."""

    def close(self) -> None:
        """Give the port back."""


def open_serial(line: SerialLine) -> Any:
    """Open a port by pyserial, for us alone where that can be had. Raises LinkError with the cause and a remedy."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pyserial starts threads in an old way
            return serial.serial_for_url(
                line.port,
                baudrate=line.baudrate,
                bytesize=line.bytesize,
                parity=line.parity[0].upper(),
                stopbits=line.stopbits,
                rtscts=line.rtscts,
                xonxoff=line.xonxoff,
                dsrdtr=line.dsrdtr,
                exclusive=True,
                timeout=0.2,
            )
    except (serial.SerialException, OSError, ValueError, termios.error) as error:
        raise LinkError(explain(line, error)) from error


def close_serial(opened: Any) -> None:
    """Close a port of pyserial, which leaves a socket open whose other side is gone."""
    behind: Any = getattr(opened, "_socket", None)
    with suppress(OSError, serial.SerialException):
        opened.close()
    if behind is not None:
        behind.close()


class DescriptorPort:
    """A port whose descriptor tells when bytes are there: a tty, or the socket of `socket://`."""

    def __init__(self, line: SerialLine, opened: Any) -> None:
        """Take an open port of pyserial."""
        self._line, self._serial = line, opened
        self._descriptor: int = opened.fileno()
        self._tty = os.isatty(self._descriptor)
        self.notes = _quicken(opened) if self._tty else ()
        self._before = self._counts()

    def fileno(self) -> int:
        """See `Port.fileno`."""
        return self._descriptor

    def read(self) -> tuple[int, bytes] | None:
        """See `Port.read`."""
        for _ in range(2):
            try:
                data = os.read(self._descriptor, _CHUNK)
            except BlockingIOError:
                return None
            except OSError as error:
                raise Gone(error.errno, os.strerror(error.errno or 0)) from error
            if data:
                return time.monotonic_ns(), data
            # a tty that has nothing reads as empty, and one that is gone says all the same that it is readable
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if not poll.poll(0):
                return None
        raise Gone("it ended")

    def write(self, data: bytes) -> int:
        """See `Port.write`."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone(error.errno, os.strerror(error.errno or 0)) from error

    def unsent(self) -> int:
        """See `Port.unsent`."""
        if not self._tty:
            return 0
        try:
            return int(self._serial.out_waiting)
        except (OSError, serial.SerialException):
            return 0

    def line_faults(self) -> Mapping[str, int]:
        """See `Port.line_faults`."""
        now = self._counts()
        return {name: now[name] - self._before[name] for name in LINE_FAULTS} if now else {}

    def close(self) -> None:
        """See `Port.close`."""
        if self._tty:
            with suppress(OSError):  # gone already
                fcntl.ioctl(self._descriptor, termios.TIOCNXCL)
        close_serial(self._serial)

    def _counts(self) -> dict[str, int]:
        if not self._tty:
            return {}
        with suppress(OSError):  # a driver that does not count, or is gone
            return counts(fcntl.ioctl(self._descriptor, _TIOCGICOUNT, bytes(80)))
        return {}


def counts(raw: bytes) -> dict[str, int]:
    """Read what TIOCGICOUNT gives: eleven int, and room for nine more [struct serial_icounter_struct]."""
    return dict(zip(_ICOUNTS, struct.unpack_from(f"{len(_ICOUNTS)}i", raw), strict=True))


def _quicken(opened: Any) -> tuple[str, ...]:
    """Keep others out of a tty and its driver from holding bytes back. Returns what could not be had."""
    notes = []
    try:
        fcntl.ioctl(opened.fileno(), termios.TIOCEXCL)
    except OSError as error:
        notes.append(f"not exclusive ({os.strerror(error.errno or 0)})")
    try:
        opened.set_low_latency_mode(True)
    except (ValueError, OSError):
        notes.append("no low-latency mode in this driver")
    timer = latency_timer(opened.portstr)
    if timer is not None:
        try:
            if int(timer.read_text()) > 1:
                timer.write_text("1")
        except OSError as error:
            notes.append(f"FTDI latency timer is {timer.read_text().strip()} ms ({os.strerror(error.errno or 0)}: {timer})")
    return tuple(notes)


def latency_timer(port: str) -> Path | None:
    """Return the file with the latency timer of an FTDI adapter, None for any other port."""
    timer = Path("/sys/class/tty") / Path(port).resolve().name / "device" / "latency_timer"
    return timer if timer.is_file() else None
