"""What became of each sample of the stimulus: answered, late, lost, answered twice or out of order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError, nearest
from pytest_villas.measure.estimate import OPERATORS, Count, Estimate, Limit
from pytest_villas.measure.timing.clock import difference
from pytest_villas.measure.timing.deadline import runs
from pytest_villas.measure.timing.matching import Match
from pytest_villas.measure.verdict import Outcome, Verdict
from pytest_villas.samples import Int64s
from pytest_villas.units import duration, format_duration

PLACES: Final = ("send_queue", "receive_queue", "link", "rig")
"""Where a loss can happen that somebody counts; the rest is ``"unknown"``."""

_OURS: Final = ("send_queue", "receive_queue")

_NO_ORDER: Final = "pairing by waveform cannot tell: responses carry neither number nor stamp"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OfLosses(Count):
    """A count that rests on losses, of which our own queues made some: no rig is blamed for these.

    Attributes:
        ours: how many they made.
        without: what the count would be without them, at best.
    """

    ours: int = field(default=0, kw_only=True)
    without: float = field(default=0, kw_only=True)

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """See `Count.judge`; INVALID where what our own queues dropped decides."""
        return _excused(Count.judge(self, comparison, limit), self.ours, self.without)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LossRatio(Estimate):
    """As `OfLosses`, for a ratio."""

    ours: int = field(default=0, kw_only=True)
    without: float = field(default=0, kw_only=True)

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """See `Estimate.judge`; INVALID where what our own queues dropped decides."""
        return _excused(Estimate.judge(self, comparison, limit), self.ours, self.without)


def _excused(verdict: Verdict, ours: int, without: float) -> Verdict:
    holds = OPERATORS[verdict.comparison](without, verdict.limit)
    if not ours or verdict.outcome not in {Outcome.PASS, Outcome.FAIL} or holds is (verdict.outcome is Outcome.PASS):
        return verdict
    return replace(
        verdict, outcome=Outcome.INVALID, why=f"{ours} of the lost samples were dropped by our own queues, or never sent"
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Delivery:
    """An account of one run. It is exact, and it is about this run: nothing is inferred about the next one.

    Attributes:
        sent: samples of the stimulus.
        received: those of them that were answered in time.
        lost: those that were not: never, or later than T_max; ``sent - received``.
        late: those of the lost that were answered after T_max.
        loss_ratio: lost / sent.
        loss_periods: runs of consecutive losses [RFC 3357].
        longest_loss: samples in the longest of them.
        duplicates: responses to what was answered already.
        reordered: samples answered after one that was sent later [RFC 4737]; duplicates and late ones are left out.
        reorder_extent: the greatest distance, in arrivals, from the earliest one that overtook a sample to that sample
            [RFC 4737]; 0 without reordering.
        rejected: payloads that could not be decoded.
        unmatched: responses that answer no sample of the stimulus.
        where: where losses happened: `PLACES` as far as somebody counted there, and ``"unknown"``.
        lost_at: int64, shape (lost,): index of each lost sample.
    """

    sent: Count
    received: Count
    lost: Count
    late: Count
    loss_ratio: Estimate
    loss_periods: Count
    longest_loss: Count
    duplicates: Count
    reordered: Count
    reorder_extent: Count
    rejected: Count
    unmatched: Count
    where: Mapping[str, Count]
    lost_at: Int64s

    def __repr__(self) -> str:
        """Say the counts that are not 0."""
        counts = (self.late, self.duplicates, self.reordered, self.rejected, self.unmatched)
        rest = "".join(f", {count} {count.what}" for count in counts if count.value)
        return f"<delivery: {self.sent} sent, {self.received} received, {self.lost} lost{rest}>"


def delivery(
    match: Match,
    t_sent: Int64s | None = None,
    t_received: Int64s | None = None,
    *,
    t_max: str | float | None = None,
    rejected: int | None = 0,
    dropped: Mapping[str, int] | None = None,
) -> Delivery:
    """Account for every sample of the stimulus, from the first to the last one sent.

    Args:
        match: which response answers which sample; see `matching`.
        t_sent: when each sample was sent, int64 ns, shape (match.sent,); only needed with `t_max`.
        t_received: when each response arrived, int64 ns, shape (match.responses,); only needed with `t_max`.
        t_max: a response later than this counts as lost; ns or text; None waits for ever.
        rejected: how many payloads could not be decoded; None where nobody counted.
        dropped: how many samples were dropped at some of `PLACES`, by those who counted there. Queues are ours: where what
            they dropped decides, a limit on losses is INVALID.

    Raises:
        SignalError: for `t_max` without times, times of other shapes, and unknown places.
    """
    dropped = dict(dropped or {})
    for place in dropped:
        if place not in PLACES:
            raise SignalError(f"dropped[{place!r}]: no such place{nearest(place, PLACES)}")
    stimulus = match.stimulus[match.first]
    late = 0
    if t_max is not None:
        in_time = _in_time(match, t_sent, t_received, duration(t_max))
        late = int(np.count_nonzero(~in_time))
        stimulus = stimulus[in_time]
    missing = np.ones(match.sent, np.bool_)
    missing[stimulus] = False
    lost = match.sent - stimulus.size
    periods = runs(missing)[1] if lost else np.empty(0, np.int64)
    vague = match.by == "waveform"
    spare = min(spare_responses(match), lost)
    nothing = "nothing was sent" if match.sent == 0 else match.unknown
    why = nothing or (
        f"{spare} responses came at other times, and may answer some of them: losses and jitter look alike" if spare else ""
    )

    def of_stimulus(what: str, value: int, reason: str = why) -> Count:
        return Count(what, None if reason else value, reason, match.sent)

    ours = min(sum(dropped.get(place, 0) for place in _OURS), lost - late)
    longest = int(periods.max(initial=0))

    def of_losses(what: str, value: int, without: int, reason: str = why) -> Count:
        return OfLosses(what, None if reason else value, reason, match.sent, ours=ours, without=without)

    overtaken, extent = (0, 0) if vague else _reordering(stimulus)
    unclear = nothing or (_NO_ORDER if vague else "")
    certain = lost - spare
    losses = of_losses("lost", certain, max(certain - ours, 0), nothing)
    if spare:
        losses = replace(losses, why=why, most=math.inf)
    return Delivery(
        sent=Count("sent", match.sent),
        received=of_losses("received", stimulus.size, stimulus.size + ours, "" if nothing else why),
        lost=losses,
        late=of_stimulus("late", late),
        loss_ratio=LossRatio(
            "loss_ratio",
            lost / match.sent if match.sent else math.nan,
            "1",
            n=match.sent,
            interval=(certain / match.sent, 1.0) if spare else None,
            confidence=1.0 if spare else None,
            status="no_information" if nothing else "ok",
            why=why,
            ours=ours,
            without=max(certain - ours, 0) / match.sent if match.sent else math.nan,
        ),
        loss_periods=of_losses("loss_periods", periods.size, max(periods.size - ours, 0)),
        # the longest is shortest where ours are spread over it
        longest_loss=of_losses("longest_loss", longest, -(-max(longest - ours, 0) // (ours + 1))),
        duplicates=of_stimulus("duplicates", int(np.count_nonzero(~match.first)), unclear),
        reordered=of_stimulus("reordered", overtaken, unclear),
        reorder_extent=of_stimulus("reorder_extent", extent, unclear),
        rejected=Count("rejected", rejected, "" if rejected is not None else "nobody counted payloads that were not decoded"),
        unmatched=Count("unmatched", None if match.unknown else match.unmatched, match.unknown, n=match.responses),
        where=_where(losses, late, dropped),
        lost_at=np.flatnonzero(missing),
    )


def spare_responses(match: Match) -> int:
    """Return how many responses may answer some of the lost samples: pairing by waveform cannot tell that from jitter.

    It is those that answer nothing, or what was answered already, and came between the first that answers a sample and the
    last; of those that came later, from a rig that goes on by itself, no more than there are samples after the last answered.
    """
    if match.by != "waveform" or not match.response.size:
        return 0
    first, last = int(match.response[0]), int(match.response[-1])
    between = last + 1 - first - int(np.count_nonzero(match.first))
    return between + min(match.responses - 1 - last, match.sent - 1 - int(match.stimulus.max()))


def _in_time(match: Match, t_sent: Int64s | None, t_received: Int64s | None, t_max: int) -> npt.NDArray[np.bool_]:
    """Say for each first response whether it came within T_max; without a stamp of sending nobody can call it late."""
    if t_sent is None or t_received is None:
        raise SignalError(f"t_max = {format_duration(t_max)} wants t_sent and t_received")
    if t_sent.shape != (match.sent,) or t_received.shape != (match.responses,):
        raise SignalError(
            f"{t_sent.shape} and {t_received.shape} stamps for {match.sent} samples and {match.responses} responses"
        )
    times = difference(t_received[match.response[match.first]], t_sent[match.stimulus[match.first]])
    in_time: npt.NDArray[np.bool_] = times <= t_max
    return in_time


def _reordering(stimulus: Int64s) -> tuple[int, int]:
    """Return how many of the samples, in the order of arrival, were overtaken, and the greatest extent."""
    if np.all(stimulus[1:] > stimulus[:-1]):
        return 0, 0
    furthest = np.maximum.accumulate(stimulus)
    overtaken = np.flatnonzero(stimulus < furthest)
    # the first arrival with a greater index is where the running maximum first exceeds it
    earliest = np.searchsorted(furthest, stimulus[overtaken], side="right")
    return int(overtaken.size), int((overtaken - earliest).max())


def _where(lost: Count, late: int, dropped: Mapping[str, int]) -> dict[str, Count]:
    """Spread the losses over the places that somebody watched; what is late was not dropped anywhere."""
    result = {}
    for place in PLACES:
        counted = dropped.get(place)
        nobody = "" if counted is not None else f"nobody counts what the {place.replace('_', ' ')} drops"
        if lost.value == 0 and counted is None:
            counted, nobody = 0, ""
        result[place] = Count(f"lost in the {place.replace('_', ' ')}", counted, nobody)
    rest = None if lost.value is None else max(0, lost.value - late - sum(dropped.values()))
    result["unknown"] = Count("lost somewhere", rest, lost.why)
    return result
