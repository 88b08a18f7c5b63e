"""A run: what was sent and what came back, matched, counted, timed and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.limits import judge_all, require_all
from pytest_villas.links.serial_line import departures
from pytest_villas.measure.timing.clock import Clock
from pytest_villas.measure.timing.delivery import Delivery, delivery, spare_responses
from pytest_villas.measure.timing.latency import Latency, latency
from pytest_villas.measure.timing.matching import Match, by_origin, by_sequence, by_tag, by_waveform, unpaired
from pytest_villas.measure.timing.wire import WireSplit, wire_split
from pytest_villas.measure.verdict import Verdict
from pytest_villas.measure.waveforms.fidelity import Fidelity, fidelity
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.replay import Exchange
from pytest_villas.samples import NO_TIME, Int64s, Samples
from pytest_villas.units import us


@dataclass(frozen=True, slots=True)
class Matching:
    """How responses are matched, and when they are too late: the `[match]` and `[clock]` of a rig file, in numbers.

    Attributes:
        by: what both sides have in common.
        bits: width of sequence numbers.
        tag, step, history: the signals of a rig with a clock of its own; see `[match]`.
        late_after: ns after which a response counts as lost.
        resolution: ns of which those stamps are whole multiples, the rest was cut off; 0 where it was not.
        clock: that of the stamps which responses carry.
        warm_up, cool_down: ns that do not count for latency.
    """

    by: Literal["sequence", "origin", "waveform"] = "sequence"
    bits: int = 63
    tag: str | None = None
    step: str | None = None
    history: tuple[str, ...] = ()
    late_after: int = 1_000_000_000
    resolution: int = 0
    clock: Clock = field(default_factory=Clock)
    warm_up: int = 0
    cool_down: int = 0

    @property
    def carriers(self) -> tuple[str, ...]:
        """The signals that carry numbers to match by, and nothing to compare."""
        return tuple(filter(None, (self.tag, self.step, *self.history)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One replay and what is known of it.

    Attributes:
        rig: name of the rig.
        stimulus: as sent, without the lead; `origin` is when each sample was meant to be sent.
        response: as received from the beginning of the stimulus on, with `received`.
        match: which response answers which sample.
        delivery: what was lost, duplicated, reordered or rejected.
        latency: from when a sample was meant to be sent to its response, and all other times.
        wire: what of the latency the wire took, and what the rig; None where nobody knows how long a message is on the wire.
        fidelity: how the response compares with the reference, for each channel.
        capture: the raw outcome.
        floor: what the harness takes by itself; its latency is `latency.floor`, too.
        folder: where stimulus, capture, response, floor and reference are stored.
        limits: what `check` holds the run against.
        unstored: why they could not be stored, as with a full disk; empty where they were.
    """

    rig: str
    stimulus: Samples
    response: Samples
    match: Match
    delivery: Delivery
    latency: Latency
    fidelity: Fidelity
    capture: Capture
    floor: Floor
    folder: Path
    limits: Mapping[str, Any] = field(default_factory=dict)
    wire: WireSplit | None = None
    unstored: str = ""

    @property
    def runs(self) -> tuple[Run, ...]:
        """This run alone; `Runs` has several."""
        return (self,)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where it is stored."""
        return (self.folder,)

    def judge(self, **limits: Any) -> list[Verdict]:
        """Hold it against every limit of the rig file, of the test's marks and of this call (the nearest wins).

        Raises ConfigError for a limit that there is not.
        """
        return judge_all(self, limits)

    def check(self, **limits: Any) -> None:
        """Raise LimitsNotKept, an AssertionError with all verdicts, unless every limit is known to hold."""
        require_all(self, limits)


@dataclass(frozen=True, slots=True)
class Timed:
    """A replay matched, counted and timed; what `Run` has before its response is compared with a reference."""

    stimulus: Samples
    response: Samples
    match: Match
    delivery: Delivery
    latency: Latency
    wire: WireSplit | None


def timed(exchange: Exchange, how: Matching, floor: Floor) -> Timed:
    """Match an exchange and measure delivery and latency. What answers the lead is left out."""
    capture, lead = exchange.capture, exchange.lead
    stimulus = exchange.stimulus[lead:]
    response = exchange.response[_answers(exchange, how)]
    if how.by == "waveform":
        response = response.replace(received=_apart(response.received))
    meant, sent = capture.meant[lead:], capture.sent[lead:]
    match = matched(stimulus, sent, response, how)
    # what was never sent, in a replay that was stopped, did not leave us either
    kept_back = int(np.count_nonzero(capture.refused[lead:] | (sent == NO_TIME)))
    dropped = {"send_queue": capture.send_queue + kept_back, "receive_queue": capture.receive_queue}
    late_after, carried = how.late_after, match.of_stimulus(response.origin)
    return Timed(
        stimulus,
        response,
        match,
        delivery(
            match, sent, response.received, t_max=late_after, rejected=len(exchange.rejected), dropped=dropped
        ),
        latency(
            meant, sent, match.of_stimulus(response.received), carried,
            warm_up=how.warm_up, cool_down=how.cool_down, t_max=late_after, clock=how.clock, floor=floor.latency,
            unpaired=match.unknown, within=_within(stimulus.origin, carried, capture.clock_step, how.resolution),
            dropped=sum(dropped.values()), spare=spare_responses(match),
        ),
        _split(exchange, how, match, response.received),
    )  # fmt: skip


def _within(origin: Int64s, carried: Int64s, clock_step: int, resolution: int) -> int:
    """Return how far the stamps that responses carry may be off, in ns, whatever their clock.

    Those that come from a wall clock which was stepped during the run are off by that: those that are not our own, sent back.
    """
    known = carried != NO_TIME
    off = origin[known] - carried[known]
    return resolution + (abs(clock_step) if np.any((off < -_ROUNDED) | (off > resolution + _ROUNDED)) else 0)


_ROUNDED = 1 * us
"""How far formats that cut off stamps may be from where they would cut: they reckon in 64-bit floats."""


def _apart(received: Int64s) -> Int64s:
    """Return times of arrival that increase: messages that were read in one go may share a stamp, and have an order."""
    step = np.arange(received.size)
    return np.maximum.accumulate(received - step) + step


def _split(exchange: Exchange, how: Matching, match: Match, received: Int64s) -> WireSplit | None:
    """Split the time from sending to the answer, without warm-up and cool-down, where the capture knows the wire."""
    capture, lead = exchange.capture, exchange.lead
    meant, sent = capture.meant, capture.sent
    if not capture.received.size or not capture.sent_wire.size + capture.received_wire.size:
        return None
    out = back = None
    if capture.sent_wire.size:
        handed = np.flatnonzero(sent != NO_TIME)
        out = np.full(sent.size, NO_TIME)
        out[handed] = np.array(departures(sent[handed].tolist(), capture.sent_wire[handed].tolist()), np.int64) - sent[handed]
    if capture.received_wire.size:
        # a response is told from its message by its arrival; one that was moved in time has none
        rows = np.clip(np.searchsorted(capture.received, received), 0, capture.received.size - 1)
        back = np.where(capture.received[rows] == received, capture.received_wire[rows], NO_TIME)
    counted = np.flatnonzero((meant[lead:] >= meant[lead] + how.warm_up) & (meant[lead:] <= meant[-1] - how.cool_down))
    return wire_split(
        sent[lead:][counted],
        match.of_stimulus(received)[counted],
        None if out is None else out[lead:][counted],
        None if back is None else match.of_stimulus(back)[counted],
        line=capture.line,
        span=int(np.ptp(meant[lead:][counted])) if counted.size else 0,
    )


def tags(response: Samples, tag: str) -> Int64s:
    """Return the numbers in a tag signal; -1 where it holds no whole number from 0 to 2^63 - 1."""
    values = np.real(response[tag]).astype(np.float64)
    values = np.where((values > -0.1) & (values < 2.0**63), values, -1)
    whole = np.rint(values)
    return np.where(np.abs(values - whole) < 0.1, whole, -1).astype(np.int64)


def _answers(exchange: Exchange, how: Matching) -> npt.NDArray[np.bool_]:
    """Say which responses are not answers to the lead, nor to what was sent before it."""
    response, lead = exchange.response, exchange.lead
    if how.tag is not None:
        numbers = tags(response, how.tag)
        return np.asarray((numbers < 0) | (numbers >= exchange.stimulus.sequence[lead]))
    if lead == 0 or how.by == "waveform":
        return np.asarray(response.received >= exchange.capture.meant[lead])
    if how.by == "origin":
        first = exchange.stimulus.origin[lead] - (how.resolution + _ROUNDED if how.resolution else 0)
        return np.asarray((response.origin == NO_TIME) | (response.origin >= first))
    # with all of the stimulus: numbers of the lead may come again after a wrap-around
    everything = matched(exchange.stimulus, exchange.capture.sent, response, how)
    answers = np.ones(len(response), np.bool_)
    answers[everything.response[everything.stimulus < lead]] = False
    return answers


def matched(stimulus: Samples, sent: Int64s, response: Samples, how: Matching) -> Match:
    """Find which response answers which sample; see `measure.matching` for what each way raises."""
    if how.tag is not None:
        return by_tag(stimulus.sequence, tags(response, how.tag), sent_at=sent, received_at=response.received)
    if how.by == "origin":
        # what was cut off is between nothing and all of the resolution: half of it to either side of the middle
        half = how.resolution // 2
        return by_origin(stimulus.origin - half, response.origin, tolerance=half + _ROUNDED if half else 0)
    if how.by == "waveform" and len(response):  # where nothing came, everybody knows what answers what
        try:
            # by when samples were meant to be sent too: what tells periods apart must not be the jitter of our sending
            delays = [fidelity(stimulus, response, times=(t, response.received)).delay for t in (stimulus.origin, sent)]
        except SignalError as error:
            return unpaired("waveform", len(stimulus), len(response), str(error))
        for delay in delays:
            if delay.status != "ok":
                return unpaired("waveform", len(stimulus), len(response), f"{delay.status}: {delay.why}")
        return by_waveform(sent, response.received, round(float(delays[-1])))
    if how.by == "waveform":
        return by_waveform(sent, response.received, 0)
    return by_sequence(stimulus.sequence, response.sequence, bits=how.bits, sent_at=sent, received_at=response.received)
