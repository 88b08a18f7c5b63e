"""What the operating system grants to a process that must not be late, and what such a process may take."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_villas.links import Link, NanomsgLink, SplitLink
from pytest_villas.units import us

_MCL_CURRENT_AND_FUTURE = 3
_PRIORITY = 50
"""Above everything ordinary, below the kernel's own interrupt threads under PREEMPT_RT."""
_ISOLATED = Path("/sys/devices/system/cpu/isolated")
_SPIN_NS = 100 * us
"""More than waking up takes."""


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
    return ", ".join(granted)


def spin(link: Link, period: int) -> int:
    """Return for how long before a deadline to stay awake where messages leave every `period` ns. Returns ns.

    That takes a CPU which nobody else gets meanwhile, so only a part of the time does, which the hot loop sees to; none where
    there is a single CPU, which the rig may need, nor where the link has threads of its own, which need one too.
    """
    alone = len(os.sched_getaffinity(0)) < 2
    return 0 if alone or _has_threads(link) else min(_SPIN_NS, period)


@contextmanager
def pinned(link: Link) -> Iterator[str]:
    """Keep this thread on one CPU that no other harness of this machine has, and say which, or why not.

    An isolated one comes first [isolcpus], and CPU 0, which most interrupts go to, last. Threads of a link would inherit it.
    """
    allowed = os.sched_getaffinity(0)
    if _has_threads(link):
        yield f"{len(allowed)} CPUs (NNG has threads)"
        return
    with socket.socket(socket.AF_UNIX) as claimed:
        mine = next((cpu for cpu in _preferred(allowed) if _take(claimed, cpu)), None) if len(allowed) > 1 else None
        if mine is None:
            yield f"{len(allowed)} CPUs, none of which is free" if len(allowed) > 1 else "1 CPU"
            return
        os.sched_setaffinity(0, {mine})
        try:
            yield f"on CPU {mine}, one of {len(allowed)}"
        finally:
            os.sched_setaffinity(0, allowed)


def _has_threads(link: Link) -> bool:
    ends = link.ends if isinstance(link, SplitLink) else (link,)
    return any(isinstance(end, NanomsgLink) for end in ends)


def _preferred(allowed: set[int]) -> list[int]:
    isolated = _ISOLATED.read_text().strip() if _ISOLATED.is_file() else ""
    ranges = [part.split("-") for part in isolated.split(",") if part]
    apart = {cpu for ends in ranges for cpu in range(int(ends[0]), int(ends[-1]) + 1)}
    return sorted(allowed, key=lambda cpu: (cpu in apart, cpu), reverse=True)


def _take(claimed: socket.socket, cpu: int) -> bool:
    """Say whether this process has the CPU now; the name is given back with the socket, whatever happens."""
    try:
        claimed.bind(f"\0pytest-villas-cpu-{cpu}")
    except OSError:
        return False
    return True
