"""Two streams laid side by side: aligned, with their time bases and what the waveforms tell about time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.measure.waveforms.alignment import Aligned, align_pairs, align_waveforms
from pytest_villas.measure.waveforms.delay import Delay
from pytest_villas.measure.waveforms.place import Bools
from pytest_villas.measure.waveforms.resample import TimeBase, in_order, time_base
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.measure.waveforms.waveform import Timing, timings
from pytest_villas.samples import NO_TIME, Int64s, Samples

Search = tuple[float, float] | None
_MOST_LATE: Final = 0.1  # of the samples of a stream: where more came in one go with others, stamps do not tell when each was
_EVER: Final = NO_TIME, int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A response beside its reference.

    Attributes:
        aligned: what is compared with what.
        sent: time base of the reference, None where its stamps are no time axis.
        received: time base of the response, likewise; that of the reference where pairs are known.
        joint: delay and drift of all channels together.
        each: delay and drift of each float or complex channel.
        untimed: why nothing can be said that needs time; empty where it can.
        stamps: int64 ns of reference and response, in their own orders.
        own_pace: whether the response has a pace of its own and skips samples of the reference that it does not need.
    """

    aligned: Aligned
    sent: TimeBase | None
    received: TimeBase | None
    joint: Timing
    each: tuple[Timing, ...]
    untimed: str
    stamps: tuple[Int64s, Int64s]
    own_pace: bool = False

    def unseen(self, least: int, latest: int) -> Int64s:
        """Return from when to when no sample of the response tells its state, since some were lost: ns, shape (k, 2).

        With pairs it is where samples of the reference have none, and no sooner after the first of them than an answer may
        come, `least` ns or at once. Without, that is told by the time stamps of the response: by its holes, and where it
        begins more than `latest` ns after the reference or ends before it. With pairs and a pace of its own both have to say so.
        """
        sent, seen = self.stamps
        if self.aligned.matched:
            return self._unanswered(min(least, 0))
        if min(sent.size, seen.size) < 2 or bool((seen == NO_TIME).any()):
            return np.zeros((0, 2), np.int64)
        hole = int(time_base(seen, int(seen[0])).hole * 1e9)
        wide = np.flatnonzero(np.diff(seen) > hole)
        spans = [seen[wide], seen[wide + 1]]
        if seen[0] - sent[0] > latest + hole:
            spans = [np.append(spans[0], _EVER[0]), np.append(spans[1], seen[0])]
        if sent[-1] - seen[-1] > hole:
            spans = [np.append(spans[0], seen[-1]), np.append(spans[1], _EVER[1])]
        return np.stack(spans, axis=1)

    def _unanswered(self, soonest: int) -> Int64s:
        """Return from when to when the missing samples may have been answered, in ns after each of them at the soonest."""
        (sent, seen), pairs = self.stamps, self.aligned
        after, first = np.unique(np.searchsorted(pairs.reference, pairs.missing), return_index=True)
        bounds = np.concatenate([[_EVER[0]], seen[pairs.response], [_EVER[1]]])
        begin, end = np.sort(np.stack([bounds[after], bounds[after + 1]]), axis=0)
        asked = np.where(after > 0, sent[pairs.missing[first]] + soonest, _EVER[0])
        begin = np.minimum(np.maximum(begin, asked), end)
        return np.stack([begin, end], axis=1)[~self._skipped(after)]

    def _skipped(self, after: Int64s) -> Bools:
        """Say for each run of samples without a pair, by how many pairs are before it, whether no response was lost there."""
        (sent, seen), pairs = self.stamps, self.aligned
        if not self.own_pace or not pairs.response.size or bool((seen == NO_TIME).any()):
            return np.zeros(after.shape, np.bool_)
        pace = time_base(seen, int(seen[0]))
        if not pace.hole < 2 * pace.period:  # with so much jitter a lost sample does not show in the times
            return np.zeros(after.shape, np.bool_)
        hole = int(pace.hole * 1e9)
        holes = np.cumsum(np.diff(seen, prepend=seen[0]) > hole)[pairs.response]
        last = pairs.response.size - 1
        silent = holes[np.minimum(after, last)] != holes[np.maximum(after - 1, 0)]
        # at the ends by what the rig took: it had a step within a period after the first sample, and one after the last
        taken = np.concatenate([sent[:1], sent[pairs.reference], sent[-1:]])
        at_end = (after == 0) | (after > last)
        soon = hole - int(pace.period * 0.5e9)
        return np.asarray(~np.where(at_end, taken[after + 1] - taken[after] > soon, silent))


def stamps_of(reference: Samples, response: Samples, times: tuple[npt.ArrayLike, npt.ArrayLike] | None) -> tuple[Int64s, Int64s]:
    """Return the int64 ns stamps to compare by: those given, else origin of the reference, receive time of the response."""
    if times is None:
        return _present(reference.origin, reference.received), _present(response.received, response.origin)
    for stamps, samples, name in zip(times, (reference, response), ("reference", "response"), strict=True):
        if np.shape(stamps) != (len(samples),) or (len(samples) and np.asarray(stamps).dtype.kind not in "iu"):
            raise SignalError(f"times of the {name}: int64 ns of shape ({len(samples)},) are needed")
    return np.asarray(times[0], np.int64), np.asarray(times[1], np.int64)


def compare_pairs(
    reference: Samples,
    response: Samples,
    pairs: tuple[Int64s, Int64s],
    stamps: tuple[Int64s, Int64s],
    rows: tuple[Floats, Floats],
    search: Search,
    groups: Sequence[slice],
) -> Comparison:
    """Compare known pairs; time is that of the reference alone."""
    order, why = in_order(stamps[0])
    base = int(stamps[0][order[0]]) if order.size and not why else 0
    aligned = align_pairs(reference, response, pairs, stamps[0], base)
    if why or not np.array_equal(order, np.arange(order.size)):
        why = why or "the time stamps of the reference do not increase"
        return _untimed(aligned, groups, why, stamps)
    # a sample that was answered twice has one place on the time axis: the first answer takes it
    first = np.flatnonzero(np.diff(aligned.reference, prepend=-1))
    answered = aligned.reference[first]
    sent, received = time_base(stamps[0], base), time_base(stamps[0][answered], base)
    joint, each = timings(sent, rows[0], received, rows[1][:, aligned.response[first]], search, groups)
    return Comparison(aligned, sent, received, joint, each, "", stamps)


def compare_times(
    reference: Samples,
    response: Samples,
    stamps: tuple[Int64s, Int64s],
    rows: tuple[Floats, Floats],
    search: Search,
    groups: Sequence[slice],
) -> Comparison:
    """Compare by time stamps and waveforms."""
    (sent_order, sent_why), (order, why) = in_order(stamps[0]), in_order(stamps[1])
    if not sent_why and not np.array_equal(sent_order, np.arange(sent_order.size)):
        sent_why = "they do not increase"
    why = f"reference: {sent_why}" if sent_why else f"response: {why}" if why else ""
    if why or not sent_order.size:
        return _untimed(_nothing(reference, response), groups, why or "the reference is empty", stamps)
    base = int(stamps[0][0])
    sent, received = time_base(stamps[0], base), time_base(stamps[1][order], base)
    if why := _bursts("reference", sent) or _bursts("response", received):
        return _untimed(_nothing(reference, response), groups, why, stamps)
    joint, each = timings(sent, rows[0], received, rows[1][:, order], search, groups)
    if joint.delay.status != "ok":
        why = f"{joint.delay.status}: {joint.delay.reason}"
        return Comparison(_nothing(reference, response), sent, received, joint, each, why, stamps)
    aligned = align_waveforms(reference, sent, received, order, joint.at(received.t), stamps[0])
    return Comparison(aligned, sent, received, joint, each, "", stamps)


def _untimed(aligned: Aligned, groups: Sequence[slice], why: str, stamps: tuple[Int64s, Int64s]) -> Comparison:
    """Return a comparison of which nothing can be said that needs time."""
    nothing = Timing(Delay("no_information", reason=why), why_no_drift=why)
    return Comparison(aligned, None, None, nothing, tuple(nothing for _ in groups), why, stamps)


def _bursts(side: str, times: TimeBase) -> str:
    """Say so where the samples of a stream came in bursts; else nothing."""
    late = int(np.count_nonzero(times.late))
    if late <= _MOST_LATE * times.t.size:
        return ""
    return f"{side}: {late} of {times.t.size} samples came in one go with the next one: their stamps do not tell when each was"


def _present(first: Int64s, second: Int64s) -> Int64s:
    return second if bool((first == NO_TIME).all()) else first


def _nothing(reference: Samples, response: Samples) -> Aligned:
    """Nothing was compared: every sample of the reference is missing."""
    none = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    return replace(align_pairs(reference, response, none, np.zeros(len(reference), np.int64), 0), matched=False)
