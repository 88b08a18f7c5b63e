"""A serial port that sends back what it gets: a pseudo-terminal, and a thread of ours behind it."""

from __future__ import annotations

import contextlib
import os
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_villas.links.waiting import readable

_CHUNK = 1 << 16


@contextmanager
def echo() -> Iterator[str]:
    """Give the path of the port. What its reader does not take in time is dropped."""
    ours, theirs = os.openpty()
    stop, told = os.pipe()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    thread = threading.Thread(target=_run, args=(ours, stop), name="villas-echo", daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(told, b"x")
        thread.join()
        for descriptor in (ours, theirs, stop, told):
            os.close(descriptor)


def _run(port: int, stop: int) -> None:
    while True:
        if stop in readable(port, stop):
            return
        with contextlib.suppress(BlockingIOError):
            os.write(port, os.read(port, _CHUNK))
