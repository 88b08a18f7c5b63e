"""A timer that wakes an epoll at an absolute time, to the nanosecond, where epoll itself counts in milliseconds."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

from pytest_villas.errors import LinkError

_CLOCK_MONOTONIC, _ABSOLUTE = 1, 1


class _Setting(ctypes.Structure):
    _fields_ = (("interval_s", ctypes.c_long), ("interval_ns", ctypes.c_long), ("s", ctypes.c_long), ("ns", ctypes.c_long))


class Timer:
    """A descriptor that becomes readable at a time of the monotonic clock [timerfd_create(2), in Python from 3.13]."""

    def __init__(self) -> None:
        """Raises LinkError where the system gives no timer."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise LinkError(f"no timer: {os.strerror(ctypes.get_errno())}")
        self._setting = _Setting()
        self._reference = ctypes.byref(self._setting)
        self._set_time = libc.timerfd_settime

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def set(self, due: int) -> None:
        """Ring at that time in ns, at once if it has passed, and not at the time set before."""
        self._setting.s, self._setting.ns = divmod(due, 1_000_000_000)
        self._set_time(self._descriptor, _ABSOLUTE, self._reference, None)

    def acknowledge(self) -> None:
        """Be readable no more until it rings again."""
        with suppress(BlockingIOError):  # set anew since it rang
            os.read(self._descriptor, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
