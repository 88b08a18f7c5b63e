"""The floor: what the harness takes by itself, measured over the link of a rig without the rig.

The same process sends the beginning of the same stimulus at the same pace over a link of the same engine and transports,
which hears itself; in place of a serial line, which takes its own time, over a pseudo-terminal to an echo. What it takes is what
no rig can be blamed for: a limit below it cannot be judged.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from pytest_villas import formats
from pytest_villas.errors import DecodeError, LinkError
from pytest_villas.formats import Codec
from pytest_villas.links import Link, looped
from pytest_villas.measure.timing.latency import Latency, latency
from pytest_villas.replay.capture import BROKEN, Capture
from pytest_villas.replay.commands import Late, Replay
from pytest_villas.replay.process import Worker
from pytest_villas.replay.replay import Exchange
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import format_duration, ms, s

FILE = "floor.npz"
"""Name of the file in the folder of a run."""
_SPAN_NS = 1 * s
_LONGEST_NS = 3 * s
_WARM_UP_NS = 100 * ms
_ENOUGH = 100
"""Samples for which a slow stimulus is followed beyond the usual span, up to the longest."""
_TAIL_NS = 100 * ms
_HEAD_START_NS = 50 * ms
_TRIES = 4
_TAG = 8
"""Hex digits at the start of each message that say which it is, in place of what stood there: any framing carries them."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What the harness takes by itself for one link, rate and payload.

    Attributes:
        latency: of the harness; None where it was not measured.
        note: at which rate and with how many bytes a message it was measured, or why it was not.
        stamps: int64 ns, shape (3, n): when each message was meant to be sent, was sent, and came back.
    """

    latency: Latency | None
    note: str
    stamps: Int64s = field(default_factory=lambda: np.zeros((3, 0), np.int64))

    def save(self, folder: Path) -> None:
        """Write stamps and note beside the capture of a run; where that is not possible, the run has no stored floor."""
        with contextlib.suppress(OSError):
            np.savez(folder / FILE, stamps=self.stamps, note=np.array(self.note))

    @classmethod
    def load(cls, folder: Path) -> Floor:
        """Read what `save` wrote; DecodeError where it is damaged. Where there is none, it is not known."""
        path = folder / FILE
        if not path.exists():
            return cls(None, "not measured: none is stored")
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                stamps, note = stored["stamps"], str(stored["note"])
            return cls(_latency(stamps) if stamps.size else None, note, stamps)
        except BROKEN as error:
            raise DecodeError(f"{path}: no floor can be read from it: {error}") from error


class Floors:
    """The floors of one link, each measured once."""

    def __init__(self, worker: Worker, link: Link) -> None:
        """Measure with the worker that has this link open."""
        self._worker, self._link = worker, link
        self._known: dict[tuple[str, int, int], Floor] = {}

    def of(self, exchange: Exchange, writer: Codec, *, max_bytes: int, not_counted: int) -> Floor:
        """Return the floor for the stimulus of an exchange.

        It is measured where none of about this rate (two digits) and size (a power of two), with as many signals, is known;
        that takes a second and a half, or as long as the stimulus where it is shorter, or three for a slow one. Where the
        stimulus lasts no longer than the `not_counted` ns of its ends, no latency can be judged, and no floor is measured.
        """
        due = exchange.capture.meant[exchange.lead :]
        if np.ptp(due) < not_counted:
            return Floor(None, "not measured: no sample of this run counts")
        due = due[: max(np.searchsorted(due, due[0] + _SPAN_NS), _ENOUGH)]
        due = due[due <= due[0] + _LONGEST_NS]
        samples = exchange.stimulus[exchange.lead : exchange.lead + len(due)]
        if len(due) < 2:
            return Floor(None, "not measured: a single message has no rate")
        messages = formats.messages(writer, samples, max_bytes=max_bytes)
        rate, size = 1e9 / float(np.median(np.diff(due))), int(np.median([len(message) for message in messages]))
        key = (f"{rate:.2g}", size.bit_length(), len(samples.signals))
        if key not in self._known:
            try:
                stamps, way = self._measure(tagged(messages), due - due[0])
            except LinkError as error:
                self._known[key] = Floor(None, f"not measured: {error}")
            else:
                measured = _latency(stamps)
                note = f"{len(measured)} messages of about {size} bytes at {rate:.6g} Hz over {way}"
                self._known[key] = Floor(measured, note, stamps)
        return self._known[key]

    def _measure(self, messages: Sequence[bytes], due: Int64s) -> tuple[Int64s, str]:
        with tempfile.TemporaryDirectory(prefix="villas-") as name, looped(self._link, folder := Path(name), _TAG) as (link, way):
            self._worker.open(link)
            try:
                self._worker.wait_connected(5 * s)
                capture = self._replay(list(messages), due, folder)
            finally:
                self._worker.close_link()
        return _stamps(capture, len(messages)), way

    def _replay(self, messages: list[bytes], due: Int64s, folder: Path) -> Capture:
        head_start = _HEAD_START_NS
        for _ in range(_TRIES):
            began = time.monotonic_ns()
            job = partial(
                Replay, due=due, start=began + head_start, epoch_offset=time.time_ns() - began, tail=_TAIL_NS, folder=folder
            )
            outcome = self._worker.replay(messages, job, lambda *_: None)
            if not isinstance(outcome, Late):
                return outcome
            head_start = 2 * (head_start + outcome.by)
        raise LinkError(f"the machine is too busy: {_TRIES} times it was not ready {format_duration(head_start)} later")


def tagged(messages: Sequence[bytes]) -> list[bytes]:
    """Return messages of the same size (at least 8 bytes) that say which they are, whatever their format."""
    return [b"%08x" % i + message[_TAG:] for i, message in enumerate(messages)]


def tags(payloads: Iterable[bytes]) -> Int64s:
    """Return which each of these messages is; -1 where it does not say."""
    return np.array([_tag(payload[:_TAG]) for payload in payloads], np.int64)


def _tag(digits: bytes) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        return -1


def harness_latency(capture: Capture, count: int) -> Latency:
    """Return the latency of `count` tagged messages that came back as they were; what did not come back is lost."""
    return _latency(_stamps(capture, count))


def _stamps(capture: Capture, count: int) -> Int64s:
    received = np.full(count, NO_TIME)
    numbers = tags(capture.payloads())
    ours = np.flatnonzero((numbers >= 0) & (numbers < count))[::-1]  # the first arrival of a message is what stays
    received[numbers[ours]] = capture.received[ours]
    return np.stack([capture.meant, capture.sent, received])


def _latency(stamps: Int64s) -> Latency:
    meant, sent, received = stamps
    return latency(meant, sent, received, warm_up=min(_WARM_UP_NS, int(np.ptp(meant)) // 10), cool_down=0)
