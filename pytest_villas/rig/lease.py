"""A rig is used by one test session at a time: a lock file on the machine, with a word on who holds it."""

from __future__ import annotations

import getpass
import os
import tempfile
import time
from pathlib import Path

import filelock

from pytest_villas.errors import RigError
from pytest_villas.units import format_duration, s


class Lease:
    """The right to use a rig, held until `release` or the end of the process."""

    def __init__(self, name: str, wait: int) -> None:
        """Take the lease, waiting at most `wait` ns; RigError says who has it."""
        folder = Path(tempfile.gettempdir()) / "villas-rigs"
        folder.mkdir(mode=0o777, exist_ok=True)
        self._holder = folder / f"{name}.holder"
        self._lock = filelock.FileLock(folder / f"{name}.lock", timeout=wait / s, mode=0o666)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            holder = self._holder.read_text().strip() if self._holder.is_file() else "another session"
            raise RigError(f"rig {name!r} is in use by {holder}; waited {format_duration(wait)}, see --rig-wait") from None
        self._holder.write_text(f"{getpass.getuser()}, process {os.getpid()}, since {time.strftime('%H:%M:%S')}\n")

    def release(self) -> None:
        """Give the rig back."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()
