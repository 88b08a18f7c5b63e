"""What the operating system grants to a process that must not be late."""

from __future__ import annotations

import ctypes
import os

_MCL_CURRENT_AND_FUTURE = 3
_PRIORITY = 50
"""Above everything ordinary, below the kernel's own interrupt threads under PREEMPT_RT."""


def claim() -> str:
    """Ask for SCHED_FIFO and locked memory, and say in a few words what was granted."""
    granted = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        granted.append(f"SCHED_FIFO {_PRIORITY}")
    except OSError as error:
        granted.append(f"ordinary scheduling ({os.strerror(error.errno or 0)})")
    locked = ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_AND_FUTURE) == 0
    granted.append("memory locked" if locked else f"memory not locked ({os.strerror(ctypes.get_errno())})")
    granted.append(f"{len(os.sched_getaffinity(0))} CPUs")
    return ", ".join(granted)
