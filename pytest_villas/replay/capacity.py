"""Whether a stimulus fits onto a line that says how long it takes for a message."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.errors import EncodeError
from pytest_villas.links import Link
from pytest_villas.links.serial_line import departures
from pytest_villas.samples import Int64s
from pytest_villas.units import format_duration, s

_BACKLOG: Final = 8
"""Frames that may wait for the line at a time: about what the buffers of a UART and its driver hold."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What goes over a link.

    Attributes:
        link: it need not be open.
        answer: bytes of the message with which the rig answers each one; None where it does not, or that is not known.
    """

    link: Link
    answer: int | None = None

    def check(self, messages: Sequence[bytes], due: Int64s) -> None:
        """Raise EncodeError, with the highest rate that does fit, for a stimulus that does not.

        Args:
            messages: the stimulus.
            due: when each is sent, ns, ascending.
        """
        times = self.link.wire_times(messages, [] if self.answer is None else [b"0" * self.answer])
        if times is None or len(due) < 2:
            return
        if times.sent:
            _check(due, times.sent, "each of its frames", times.line)
        if times.received:
            _check(due, [times.received[0]] * len(due), "each answer", times.line)


def _check(due: Int64s, times: Sequence[int], what: str, line: str) -> None:
    longest, span = max(times), int(due[-1] - due[0])
    waits = np.array(departures(due.tolist(), times)) - times - due
    # times are rounded to ns
    if sum(times[:-1]) <= span + len(times) and waits.max() <= _BACKLOG * longest:
        return
    rate = s / float(np.median(np.diff(due)))
    raise EncodeError(
        f"the stimulus does not fit onto the line: at {rate:.4g} Hz it has {format_duration(s / rate)} for each sample, and {what} "
        f"takes {format_duration(longest)} ({line}); the highest rate that fits is {_rounded_down(s / (longest - 0.5)):g} Hz: lower the "
        f"rate or the number of signals, or take a higher baud rate or a shorter format"
    )


def _rounded_down(rate: float) -> float:
    """Return the rate with three digits, not above it."""
    step = 10.0 ** (math.floor(math.log10(rate)) - 2)
    return math.floor(rate / step) * step
