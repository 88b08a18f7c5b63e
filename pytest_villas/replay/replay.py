"""One replay: encode, agree on a start, let the worker send and capture, decode. Judging comes later."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pytest_villas import formats, recordings
from pytest_villas.errors import LinkError
from pytest_villas.formats import Codec, Rejection
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.commands import Late, Replay
from pytest_villas.replay.process import Watch, Worker
from pytest_villas.replay.stimulus import Stimulus
from pytest_villas.samples import Int64s, Samples
from pytest_villas.units import format_duration, ms, s

STIMULUS, RESPONSE = "stimulus.npz", "response.npz"
"""Names of the two recordings in the folder of a run."""
Fits = Callable[[Sequence[bytes], Int64s], None]
"""Takes messages and when each is due, ns."""
_HEAD_START_NS = 100 * ms
_PROBE = 1000
_LONGEST_HEAD_START_NS = 60 * s


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went out and what came back, as samples.

    Attributes:
        stimulus: all samples sent, those of the lead included; `origin` is the stamp that they carried, which is when
            they were meant to be sent.
        lead: how many of them come before the stimulus proper.
        sent: int64 ns, shape (n,), when each was handed to the link, `NO_TIME` where the replay ended before.
        response: all samples received, in order of arrival, with `received`.
        rejected: messages that could not be decoded.
        capture: the raw outcome.
        folder: where stimulus, capture and response are stored.
        unstored: why they could not be, as with a full disk; empty where they were.
    """

    stimulus: Samples
    lead: int
    sent: Int64s
    response: Samples
    rejected: tuple[Rejection, ...]
    capture: Capture
    folder: Path
    unstored: str = ""


def replay(
    worker: Worker,
    stimulus: Stimulus,
    writer: Codec,
    reader: Codec,
    *,
    tail: int,
    max_bytes: int,
    folder: Path,
    watch: Callable[[Samples, int], Watch],
    fits: Fits = lambda _messages, _due: None,
) -> Exchange:
    """Send a prepared stimulus and return what came back until `tail` ns after its last sample.

    Messages are encoded before the first is sent, since that takes longer than sending. The start is chosen so that they
    are ready in time, by the time that some of them take; where that fails, a later one is chosen. `fits` raises EncodeError
    for messages that must not be sent at such a pace. `watch` gets the samples with their stamps, and how far these are
    from the monotonic clock, and makes what looks on.
    """
    store(folder / STIMULUS, stimulus.at(0))
    head_start = _HEAD_START_NS + 2 * _encoding_time(stimulus, writer, max_bytes)
    while head_start <= _LONGEST_HEAD_START_NS:
        began = time.monotonic_ns()
        epoch_offset = time.time_ns() - began
        start = began + head_start
        samples = stimulus.at(start + epoch_offset)
        messages = formats.messages(writer, samples, max_bytes=max_bytes)
        fits(messages, stimulus.due)
        job = partial(Replay, due=stimulus.due, start=start, epoch_offset=epoch_offset, tail=tail, folder=folder)
        outcome = (
            worker.replay(messages, job, watch(samples, epoch_offset))
            if time.monotonic_ns() < start
            else Late(time.monotonic_ns() - start)
        )
        if not isinstance(outcome, Late):
            unstored = store(folder / STIMULUS, samples)
            exchange = decode(samples, stimulus.lead, outcome, reader, folder)
            return replace(exchange, unstored=exchange.unstored or unstored)
        head_start = 2 * (head_start + outcome.by)
    raise LinkError(f"the stimulus could not be encoded within {format_duration(_LONGEST_HEAD_START_NS)}")


def _encoding_time(stimulus: Stimulus, writer: Codec, max_bytes: int) -> int:
    """Return about how long encoding will take, in ns, from a share of the samples."""
    probe = stimulus.at(time.time_ns())[:_PROBE]
    began = time.monotonic_ns()
    formats.messages(writer, probe, max_bytes=max_bytes)
    return (time.monotonic_ns() - began) * len(stimulus.due) // len(probe)


def decode(stimulus: Samples, lead: int, capture: Capture, reader: Codec, folder: Path) -> Exchange:
    """Decode a capture, and store the response beside it."""
    decoded = reader.decode_many(capture.payloads())
    received = capture.received[decoded.message] if len(decoded.samples) else np.empty(0, np.int64)
    response = decoded.samples.replace(received=received)
    unstored = store(folder / RESPONSE, response) or capture.unstored
    return Exchange(stimulus, lead, capture.sent, response, decoded.rejected, capture, folder, unstored)


def store(path: Path, samples: Samples) -> str:
    """Save a recording. Returns why that was not possible: a full disk costs the file, and no verdict."""
    try:
        recordings.save(path, samples)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""
