"""A port that is being opened again: a thread waits for that, which takes seconds where a host does not answer."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any

from pytest_villas.errors import LinkError
from pytest_villas.links.serial_line import SerialLine
from pytest_villas.links.serial_port import Port, close_serial, open_serial


class Opening:
    """One attempt; either `take` or `give_up` ends it."""

    def __init__(self, line: SerialLine, former: Port | None) -> None:
        """Begin, after the former port has been closed, which may take as long."""
        self._line, self._former = line, former
        self._over = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._wanted = True
        self._opened: Any = None
        threading.Thread(target=self._open, name="villas-serial-open", daemon=True).start()

    def fileno(self) -> int:
        """Return what is readable once there is a port, or none can be had."""
        return self._over

    def take(self) -> Any:
        """Return the open port of pyserial, None where it could not be opened; to be asked when `fileno` is readable."""
        with self._lock:
            opened, self._opened = self._opened, None
        self.give_up()
        return opened

    def give_up(self) -> None:
        """Close the port, also one that is yet to come."""
        with self._lock:
            self._wanted = False
            os.close(self._over)
        if self._opened is not None:
            close_serial(self._opened)

    def _open(self) -> None:
        opened = None
        try:
            if self._former is not None:
                self._former.close()
            with suppress(LinkError):
                opened = open_serial(self._line)
        finally:
            with self._lock:
                if wanted := self._wanted:
                    self._opened = opened
                    os.eventfd_write(self._over, 1)
            if opened is not None and not wanted:
                close_serial(opened)
