"""A rig is used by one test session at a time: a lock file on the machine, with a word on who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from pytest_villas.errors import RigError
from pytest_villas.units import format_duration, ms, s

_ALL: Final = 0o1777
"""Every user of the machine may make a lock there, and removes none of another user."""
_GLANCE_NS: Final = 50 * ms


class Lease:
    """The right to use a rig, held until `release` or the end of the process."""

    def __init__(self, name: str, wait: int) -> None:
        """Take the lease, waiting at most `wait` ns; RigError says who has it, or why nobody can."""
        path = Path(tempfile.gettempdir()) / "villas-rigs" / f"{name}.lock"
        try:
            self._file = _open(path)
        except OSError as error:
            raise RigError(
                f"rig {name!r}: its lock {path} cannot be had: {error.strerror}; other users of this machine need it too: "
                f"have its owner remove {path.parent}, or chmod 1777 it and chmod 666 what is in it"
            ) from error
        end = time.monotonic_ns() + wait
        while not self._taken():
            if time.monotonic_ns() >= end:
                holder = os.pread(self._file, 1000, 0).decode(errors="replace").strip() or "another session"
                os.close(self._file)
                raise RigError(f"rig {name!r} is in use by {holder}; waited {format_duration(wait)}, see --rig-wait")
            time.sleep(_GLANCE_NS / s)
        self._write(f"{_user()}, process {os.getpid()}, since {time.strftime('%H:%M:%S')}\n")

    def release(self) -> None:
        """Give the rig back."""
        self._write("")
        fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _write(self, holder: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, holder.encode(), 0)


def _open(path: Path) -> int:
    """Open a lock that every user can open, and make it where there is none."""
    folder = path.parent
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(_ALL)  # which the umask keeps mkdir from
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL)
        os.fchmod(file, 0o666)
        return file
    # without O_CREAT, which Linux refuses for a file of another user in such a folder [fs.protected_regular]
    return os.open(path, flags)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()}"
