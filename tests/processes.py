"""Which processes there are, read from /proc: what a harness started has to be gone when it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def standing_in(folder: Path) -> dict[int, str]:
    """Return the command lines of the other processes whose working directory is that folder, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            here = (entry / "cwd").readlink() == folder
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended, or belongs to somebody else
        if here and command:  # a process that has ended and waits for its parent has none
            found[int(entry.name)] = command
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Say whether the condition came to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
