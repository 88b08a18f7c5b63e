"""Why a serial port cannot be opened, and what to do about it."""

from __future__ import annotations

import errno
import grp
import os
from pathlib import Path
from typing import Final

from pytest_villas.errors import nearest
from pytest_villas.links.serial_line import SerialLine

_BUSY: Final = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


def explain(line: SerialLine, error: Exception) -> str:
    """Say in a sentence what an attempt to open a port failed for, with the remedy."""
    port, number = line.port, _errno_of(error)
    if number in _BUSY:
        who = holder(port) if "://" not in port else ""
        return f"{port} is in use{f' by {who}' if who else ''}: end what uses it, or take another port"
    if "://" in port:
        return f"{port} cannot be opened: {error}; is the server running, and its address right?"
    if number == errno.ENOENT:
        return (
            f"{port}: no such port{_similar(port)}; is it plugged in and powered? villas-rig scan lists the ports that there are"
        )
    if number in {errno.EACCES, errno.EPERM}:
        return f"{port} is forbidden to this user{_group(port)}"
    if number in {errno.ENOTTY, errno.EISDIR, errno.EINVAL}:
        return f"{port} is no serial port, or does not know {line}: villas-rig scan lists the ports that there are"
    if number in {errno.ENXIO, errno.ENODEV, errno.EIO}:
        return f"{port} does not answer ({os.strerror(number or 0)}): its device is gone; unplug it and plug it in again"
    return f"{port} cannot be opened with {line}: {error}"


def holder(port: str) -> str:
    """Return a process that has the port open, as ``process 123 (minicom)``; nothing where none can be seen."""
    device = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.path.realpath(fd) == device for fd in (process / "fd").iterdir()) and process.name != str(os.getpid()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue  # it ended, or belongs to somebody else
    return ""


def _errno_of(error: BaseException | None) -> int | None:
    """Return the error number; pyserial puts it into its own exceptions, or only into their text."""
    while error is not None:
        number = getattr(error, "errno", None) or (error.args[0] if error.args and isinstance(error.args[0], int) else None)
        if isinstance(number, int):
            return number
        error = error.__cause__ or error.__context__
    return None


def _similar(port: str) -> str:
    folder = Path(port).parent
    there = [str(path) for path in folder.glob("*")] if folder.is_dir() else []
    close = nearest(port, there)
    return close if "did you mean" in close else ""


def _group(port: str) -> str:
    try:
        group = grp.getgrgid(Path(port).stat().st_gid).gr_name
    except (OSError, KeyError):
        return ""
    return f": it belongs to the group {group}; sudo usermod -aG {group} $USER, and log in again"
