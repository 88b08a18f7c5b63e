"""Waiting for descriptors, of which there may be any number: `select.select` takes none beyond 1023."""

from __future__ import annotations

import math
import select


def readable(*descriptors: int, timeout: float | None = None) -> set[int]:
    """Return those that are readable or at their end, after waiting at most `timeout` s for the first; for ever without it."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if timeout is None else math.ceil(timeout * 1e3))}
