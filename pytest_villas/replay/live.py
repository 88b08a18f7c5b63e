"""How a replay goes, while it goes: for people who look on. No verdict rests on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.errors import SignalError
from pytest_villas.formats import Codec
from pytest_villas.measure.timing.gate import rank
from pytest_villas.replay.run import Matching, matched
from pytest_villas.replay.shared import Look
from pytest_villas.samples import Samples

_WINDOW: Final = 1 << 15
"""So many samples before the last that was sent may still be answered; at most as many as 16 bits can number."""
_WIDTH: Final = math.log(1.01)
"""Latencies are counted in classes of 1 %: so an hour takes no more memory than a second."""
_CLASSES: Final = math.ceil(math.log(3.6e12) / _WIDTH)


@dataclass(frozen=True, slots=True)
class State:
    """How far a replay is.

    Attributes:
        sent, received: messages until now.
        total: messages to be sent.
        p99: ns, of the latency from when a sample was meant to be sent to its answer, among the answers that were looked at:
            up to 4000 a second, without warm-up and without what is lost. None where there is none, or nobody can know.
    """

    sent: int
    received: int
    total: int
    p99: float | None = None


class Live:
    """Follows one replay."""

    def __init__(self, stimulus: Samples, epoch_offset: int, *, first: int, reader: Codec, how: Matching) -> None:
        """Know what is sent.

        Args:
            stimulus: all samples, with the stamps that they carry.
            epoch_offset: added to a time of the monotonic clock, it gives the one that stamps are of, ns.
            first: how many samples come before those that count.
            reader: decodes what comes back.
            how: it is matched.
        """
        self._stimulus, self._offset, self._first, self._reader, self._how = stimulus, epoch_offset, first, reader, how
        self._answered = np.zeros(len(stimulus), np.bool_)
        self._counts = np.zeros(_CLASSES + 1, np.int64)

    def state(self, look: Look) -> State:
        """Return how far the replay is, by what has come since the last look."""
        if len(look.messages) and self._how.by != "waveform":
            self._count(look)
        return State(look.sent, look.received, len(self._stimulus), self._p99())

    def _count(self, look: Look) -> None:
        begin = max(self._first, look.sent - _WINDOW)
        stimulus = self._stimulus[begin : max(begin, look.sent)]
        decoded = self._reader.decode_many(look.messages)
        if not len(stimulus) or not len(decoded.samples):
            return
        received = look.times[decoded.message] + self._offset
        try:
            match = matched(stimulus, stimulus.origin, decoded.samples.replace(received=received), self._how)
        except SignalError:  # told when the run is measured
            return
        fresh = match.first & ~self._answered[begin + match.stimulus]
        answers = match.stimulus[fresh]
        self._answered[begin + answers] = True
        latency = np.maximum(received[match.response[fresh]] - stimulus.origin[answers], 1)
        classes = np.minimum(np.log(latency) / _WIDTH, _CLASSES).astype(np.int64)
        self._counts += np.bincount(classes, minlength=_CLASSES + 1)

    def _p99(self) -> float | None:
        """Return the upper end of the class that holds it."""
        up_to = np.cumsum(self._counts)
        if not up_to[-1]:
            return None
        return math.exp((int(np.searchsorted(up_to, rank(0.99, int(up_to[-1])) + 1)) + 1) * _WIDTH)
