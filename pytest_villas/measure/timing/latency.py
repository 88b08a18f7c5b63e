"""Latency: how long after it was meant to be sent a sample was answered, and what that time is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.timing import clock as clocks
from pytest_villas.measure.timing.clock import Clock, difference, stamps
from pytest_villas.measure.timing.deadline import DeadlineMiss, deadline_miss
from pytest_villas.measure.timing.distribution import Distribution
from pytest_villas.measure.timing.gate import LOST
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import duration, format_duration, ms

WARM_UP: Final = 500 * ms
COOL_DOWN: Final = 50 * ms

# the filter of the jitter starts at 0 and has come within 1 % of where it belongs after this many differences
_JITTER_SETTLED: Final = 80
# ppm by which two clocks that nobody steers may differ: a crystal is good for 100, a poor or a hot one for a little more
_GREATEST_SKEW: Final = 250

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Latency(Distribution):
    """Latency t_received - t_meant of one run, which no stall of the sender can hide, and its neighbours.

    What was lost counts as infinite in `latency` itself, in `owd` and in `pdv`; the others are about what arrived.

    Attributes:
        send_lag: t_sent - t_meant: the harness's own quality; infinite for what was neither sent nor answered.
        owd: t_received - t_origin, VILLASnode's one-way delay.
        pdv: owd - min(owd) [RFC 5481]; between clocks of unknown relation their skew is removed, as far as it can be theirs.
        ipdv: owd less that of the sample sent before; with a sign; not defined next to a loss [RFC 3393].
        gap_received: time between arrivals, in the order of arrival; before the first and after the last one it counts as well
            where samples were lost, up to the first and the last that were sent.
        gap_sent: time between the origin stamps of samples sent one after the other.
        jitter: the smoothed size of ipdv in the order of arrival, at the end of the run [RFC 3550 A.8].
        jitter_worst: its greatest value of the run, once its filter had settled.
        skew: of the clocks; exactly 0 for one clock. A queue that grows steadily looks alike.
        note: how many samples were counted, and that warm-up and cool-down were left out.
    """

    send_lag: Distribution
    owd: Distribution
    pdv: Distribution
    ipdv: Distribution
    gap_received: Distribution
    gap_sent: Distribution
    jitter: Estimate
    jitter_worst: Estimate
    skew: Estimate
    note: str

    def deadline_miss(self, deadline: str | float) -> DeadlineMiss:
        """Return share, number and longest run of the samples later than a deadline (ns or text); lost ones are."""
        return deadline_miss(self, deadline)

    def __repr__(self) -> str:
        """Say the quantiles, and what was left out."""
        return f"{Distribution.__repr__(self)[:-1]}, {self.note}>"


def latency(
    t_meant: npt.ArrayLike,
    t_sent: npt.ArrayLike,
    t_received: npt.ArrayLike,
    t_origin: npt.ArrayLike | None = None,
    *,
    lost: int = 0,
    warm_up: str | float = WARM_UP,
    cool_down: str | float = COOL_DOWN,
    t_max: str | float | None = None,
    clock: Clock | None = None,
    one_clock: bool = True,
    floor: Latency | int | None = None,
    unpaired: str = "",
    within: int = 0,
    dropped: int = 0,
    spare: int = 0,
) -> Latency:
    """Measure the latency of one run.

    A limit on the latency is INVALID where half of it is less than the 99 % quantile of the size of send_lag (or than
    the quantile that is judged, if that is further out). With half of the budget gone before a sample was sent, the
    verdict would be about our scheduler: what is left for the device is no longer most of what the limit grants.

    Args:
        t_meant: when each sample was to be sent: int64 ns, shape (n,), one for each sample of the stimulus in order.
        t_sent: when it was sent; `NO_TIME` where it was not, or where that is not known.
        t_received: when its (first) response arrived; `NO_TIME` where none did: see `Match.of_stimulus`.
        t_origin: the stamp that the response carries, `NO_TIME` where it has none; without it t_sent, by our clock.
        lost: further samples without a response, that are not in the arrays. Nobody knows where they were lost, so they
            are taken as one burst: better leave lost samples in their places, with `NO_TIME` in t_received.
        warm_up: how much of the start of the run to leave out, ns or text; reckoned on t_meant.
        cool_down: how much of its end to leave out.
        t_max: a response that took longer counts as lost.
        clock: the clock of `t_origin`, by default ours.
        one_clock: t_meant and t_received were stamped by one clock, as in any round trip: then `latency` is valid
            whatever `clock` is. Else the error of `clock` holds for it too.
        floor: the latency of the harness without a rig (measured alike), or one figure in ns.
        unpaired: why nobody knows which response answers which sample, if so: nothing is said of their times then.
        within: how far t_origin may be off besides its clock, in ns: a format that keeps whole milliseconds, a clock that was
            stepped during the run.
        dropped: how many samples or responses our own queues dropped: of as many of the lost ones the time is unknown, and
            what that leaves open is INVALID.
        spare: how many further of the lost ones may have been answered, nobody knows when: see `spare_responses`.

    Raises:
        SignalError: for arrays of unequal shapes, for stamps that are no integers, and for an absent t_meant.
    """
    own = Clock() if t_origin is None else clock or Clock()
    kept, note = _counted(_stamps(t_meant, t_sent, t_received, t_origin), duration(warm_up), duration(cool_down))
    if t_max is not None:
        kept = _without_late(kept, duration(t_max))
    total, delays = difference(kept.received, kept.meant), difference(kept.received, kept.origin)
    lags = difference(kept.sent, kept.meant)
    # what was neither sent nor answered never left our queue; an answer to what has no stamp leaves the lag unknown
    lags[(kept.sent == NO_TIME) & ~kept.arrived] = LOST
    span = int(np.ptp(kept.meant)) if kept.meant.size else 0
    invalid, inconclusive = _stepped(kept), unpaired if kept.meant.size else note

    def of_own_stamps(what: str, values: Int64s, error: int = 0) -> Distribution:
        return Distribution(what=what, values=values, error=error, invalid=invalid, inconclusive=inconclusive, span=span)

    def of_clock(what: str, values: Int64s, other: Clock) -> Distribution:
        known = values[values != NO_TIME]
        placed = np.concatenate((_lost_in_place(values, kept.arrived), np.full(lost, LOST)))
        unclear = np.flatnonzero(placed == LOST)[: dropped + spare]
        return Distribution(
            what=what,
            values=np.delete(placed, unclear) if unclear.size else placed,
            unknown=int(np.count_nonzero(kept.arrived & (values == NO_TIME))) + unclear.size,
            dropped=min(dropped, unclear.size),
            error=other.bound or 0,
            invalid=invalid or _impossible(what, known, other),
            inconclusive=inconclusive or (_UNRELATED if other.bound is None else ""),
            span=span,
        )

    alone = floor if isinstance(floor, Latency) else None
    owd = of_clock("owd", delays, own)
    owd = replace(owd, error=owd.error + within, floor=None if alone is None else alone.owd)
    round_trip = of_clock("latency", total, Clock() if one_clock else clock or Clock())
    drift = clocks.skew(kept.origin, kept.received) if own.relation != "same" else Estimate("clock skew", 0.0, "ppm")
    variation, doubt = (owd.values, "") if own.bound is not None else _without_skew(owd.values, delays, kept, drift)
    jitter, worst = _jitter(delays, kept.received, invalid, within, alone)
    steps = difference(delays[1:], delays[:-1])
    gaps = difference(kept.origin[1:], kept.origin[:-1])
    arrivals, departures = np.sort(kept.received[kept.arrived]), np.sort(kept.sent[kept.sent != NO_TIME])
    if not dropped and not spare:
        arrivals = _with_silence(arrivals, kept)
    planned = np.sort(kept.meant)
    send_lag = of_own_stamps("send_lag", lags[lags != NO_TIME])
    return Latency(
        what=round_trip.what,
        values=round_trip.values,
        unknown=round_trip.unknown,
        dropped=round_trip.dropped,
        error=round_trip.error,
        invalid=round_trip.invalid,
        inconclusive=round_trip.inconclusive,
        floor=floor,
        # sent too early hides a latency as much as too late adds to it
        lag=replace(send_lag, values=np.abs(send_lag.values)),
        span=span,
        send_lag=send_lag,
        owd=owd,
        # differences of delays do not know how far the clocks are apart, but feel it twice where it changes in between
        pdv=replace(
            owd,
            what="pdv",
            values=_variation(variation),
            error=2 * (own.bound or 0) + within,
            inconclusive=inconclusive or doubt,
            floor=None if alone is None else alone.pdv,
        ),
        ipdv=replace(of_own_stamps("ipdv", steps[steps != NO_TIME], within), own=() if alone is None else (alone.ipdv,)),
        gap_received=replace(
            of_own_stamps("gap_received", arrivals[1:] - arrivals[:-1]),
            own=(
                of_own_stamps("gap between what was sent", departures[1:] - departures[:-1]),
                *(() if alone is None else (alone.gap_received,)),
            ),
            meant=of_own_stamps("gap as meant", planned[1:] - planned[:-1]),
        ),
        gap_sent=of_own_stamps("gap_sent", gaps[gaps != NO_TIME], within),
        jitter=jitter,
        jitter_worst=worst,
        skew=drift,
        note=note,
    )


_UNRELATED: Final = "the clocks are of unknown relation: only round trips, ipdv and pdv can be judged"


@dataclass(frozen=True, slots=True, eq=False)
class _Stamps:
    """Stamps of the same samples, in the order of sending; `NO_TIME` where absent."""

    meant: Int64s
    sent: Int64s
    received: Int64s
    origin: Int64s

    @property
    def arrived(self) -> Bools:
        present: Bools = self.received != NO_TIME
        return present


def _stamps(meant: npt.ArrayLike, sent: npt.ArrayLike, received: npt.ArrayLike, origin: npt.ArrayLike | None) -> _Stamps:
    origin = sent if origin is None else origin
    taken = _Stamps(stamps(meant, "t_meant"), stamps(sent, "t_sent"), stamps(received, "t_received"), stamps(origin, "t_origin"))
    sizes = [taken.meant.size, taken.sent.size, taken.received.size, taken.origin.size]
    if len(set(sizes)) > 1:
        raise SignalError(f"t_meant, t_sent, t_received and t_origin have {sizes} stamps: one each for every sample")
    absent = np.flatnonzero(taken.meant == NO_TIME)
    if absent.size:
        raise SignalError(f"t_meant[{absent[0]}] is absent: when a sample is meant to be sent is always known")
    return taken


def _counted(taken: _Stamps, warm_up: int, cool_down: int) -> tuple[_Stamps, str]:
    """Return the samples between warm-up and cool-down, and a sentence about what was left out."""
    n = taken.meant.size
    if n == 0:
        return taken, "there are no samples"
    first, last = int(taken.meant.min()), int(taken.meant.max())
    inside = (taken.meant >= first + warm_up) & (taken.meant <= last - cool_down)
    kept = _Stamps(taken.meant[inside], taken.sent[inside], taken.received[inside], taken.origin[inside])
    left_out = f"warm-up {format_duration(warm_up)} and cool-down {format_duration(cool_down)} left out"
    if kept.meant.size == 0:
        return kept, f"none of {n} samples in {format_duration(last - first)} counts, {left_out}"
    return kept, f"{kept.meant.size} of {n} samples count, {left_out}"


def _without_late(kept: _Stamps, t_max: int) -> _Stamps:
    # from sending, not from when it was meant to be sent: a late start is no fault of the response
    began = np.where(kept.sent == NO_TIME, kept.meant, kept.sent)
    late = difference(kept.received, began) > t_max
    return _Stamps(kept.meant, kept.sent, np.where(late, NO_TIME, kept.received), kept.origin)


def _stepped(kept: _Stamps) -> str:
    """Say where our own clock was set back while it stamped what was sent."""
    sent = np.flatnonzero(kept.sent != NO_TIME)
    back = (np.diff(kept.sent[sent]) < 0) & (np.diff(kept.meant[sent]) >= 0)
    if not back.any():
        return ""
    where = int(np.argmax(back))
    step = int(kept.sent[sent[where]] - kept.sent[sent[where + 1]])
    return f"our clock was set back by {format_duration(step)} or more after sample {sent[where]}"


def _impossible(what: str, known: Int64s, clock: Clock) -> str:
    """Say that a sample arrived before it was sent, if one did by more than the clocks can be wrong."""
    least = int(known.min(initial=0))
    if clock.bound is None or least >= -clock.bound:
        return ""
    return f"{what} of {format_duration(least)}: a response before its stimulus, so a clock was stepped or the pairing is wrong"


def _lost_in_place(values: Int64s, arrived: Bools) -> Int64s:
    """Return the values in the order of sending: `LOST` where nothing arrived, without those that have no stamp."""
    placed: Int64s = np.where(arrived, values, LOST)[~arrived | (values != NO_TIME)]
    return placed


def _without_skew(one_way: Int64s, delays: Int64s, kept: _Stamps, drift: Estimate) -> tuple[Int64s, str]:
    """Return owd without the skew of two clocks that run freely, and why it cannot be theirs, where it cannot."""
    if drift.status != "ok":
        return one_way, ""
    if abs(float(drift)) > _GREATEST_SKEW:
        return one_way, f"the one-way delay grows by {drift}: a clock may be wrong by {_GREATEST_SKEW} ppm, the rest is delay"
    known = delays != NO_TIME
    result = one_way.copy()
    result[one_way != LOST] = clocks.remove_skew(delays[known], kept.origin[known], float(drift))
    return result, ""


def _variation(one_way: Int64s) -> Int64s:
    """Return owd - min(owd) in the places of owd."""
    return np.where(one_way == LOST, LOST, one_way - one_way.min(initial=LOST))


def _with_silence(arrivals: Int64s, kept: _Stamps) -> Int64s:
    """Return times of arrival, and where the first or the last sample was lost when that was sent: a gap was at least as long."""
    sent = np.flatnonzero(kept.sent != NO_TIME)
    ends = kept.sent[[end for end in (*sent[:1], *sent[-1:]) if not kept.arrived[end]]]
    outside = (ends < arrivals[0]) | (ends > arrivals[-1]) if arrivals.size else np.ones(ends.size, np.bool_)
    return np.sort(np.concatenate((arrivals, ends[outside])))


def _jitter(delays: Int64s, received: Int64s, invalid: str, within: int, alone: Latency | None) -> tuple[Estimate, Estimate]:
    known = delays != NO_TIME
    order = np.argsort(received[known], kind="stable")
    sizes = np.abs(np.diff(delays[known][order])).astype(np.float64)
    if sizes.size < _JITTER_SETTLED:
        why = f"{sizes.size} differences, and the filter needs {_JITTER_SETTLED} to settle"
        last, worst = (
            Estimate(what, math.nan, "ns", n=sizes.size, status="insufficient_record", why=why, invalid=invalid)
            for what in ("jitter", "jitter_worst")
        )
        return last, worst
    smoothed = list(accumulate(sizes.tolist(), lambda jitter, size: jitter + (size - jitter) / 16, initial=0.0))
    greatest = max(smoothed[_JITTER_SETTLED:])
    # each of two delays is off by that much, and so is any average of their differences
    off = 2.0 * within
    floors = [math.nan] * 2 if alone is None else [float(alone.jitter), float(alone.jitter_worst)]
    last, worst = (
        Estimate(
            what,
            value,
            "ns",
            n=sizes.size,
            interval=(max(value - off, 0.0), value + off) if off else None,
            invalid=invalid,
            harness=None if math.isnan(floor) else floor,
        )
        for what, value, floor in zip(("jitter", "jitter_worst"), (smoothed[-1], greatest), floors, strict=True)
    )
    return last, worst
