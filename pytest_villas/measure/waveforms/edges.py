"""Transitions of boolean signals: how late each came, which never came, and which nobody asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.measure.estimate import Count
from pytest_villas.measure.timing.distribution import Distribution
from pytest_villas.measure.timing.gate import LOST
from pytest_villas.measure.waveforms.place import Bools, ranges
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import duration, format_duration


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """What became of the transitions of a boolean reference.

    Attributes:
        delay: of each transition of the reference, in their order, in ns; infinite for the missing ones, and unknown for
            those whose answer may be among lost samples. Its error is the distance of the samples of the response: a
            transition is seen at the first sample after it.
        missing: transitions of the reference without an answer; where that may be among lost samples, they may be fewer.
        extra: transitions of the response that answer none; where samples were lost, there may be more.
        initial: 1 where the two start in different states, else 0.
    """

    delay: Distribution
    missing: Count
    extra: Count
    initial: Count


def edges(
    reference_t: npt.ArrayLike,
    reference: npt.ArrayLike,
    response_t: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    within: tuple[int | str, int | str] = (0, "100 ms"),
    unseen: npt.ArrayLike = (),
    what: str = "edges",
) -> Edges:
    """Match each transition of the reference with the first free one of the response in reach, of the same direction.

    Args:
        reference_t: int64 ns, shape (n,), increasing.
        reference: bool, shape (n,).
        response_t: int64 ns, shape (m,), increasing.
        response: bool, shape (m,).
        within: least and greatest delay of an answer, in ns or as text with a unit.
        unseen: int64 ns, shape (k, 2): from when to when nobody has seen the response, since samples were lost.
        what: name of the channel, for verdicts.

    A transition is where the first sample of the new state is. Raises SignalError for columns that are not boolean, and
    for stamps that are absent or do not increase.
    """
    sent_t, sent = _checked(reference_t, reference, "reference")
    seen_t, seen = _checked(response_t, response, "response")
    least, most = (duration(limit) for limit in within)
    if least > most:
        raise ValueError(f"within is {format_duration(least)} to {format_duration(most)}: the least delay comes first")
    wanted, found = _transitions(sent), _transitions(seen)
    asked, lost = sent_t[wanted], _spans(unseen)
    hidden = lost.touch(asked + least, asked + most)
    soonest = lost.soonest(seen_t[found - 1], seen_t[found])
    answer, unsure = np.full(wanted.size, -1), np.zeros(wanted.size, np.bool_)
    fewest_missing = fewest_extra = most_missing = 0
    own = np.zeros(wanted.size, np.bool_)  # whose answer came in reach, if at an unknown time in a gap that hides no other
    for rising in (True, False):
        of, same = np.flatnonzero(sent[wanted] == rising), seen[found] == rising
        free, offered, begun = found[same], seen_t[found[same]], soonest[same]
        taken, displaced = _first_free(asked[of], offered, offered, least, most)
        answer[of[taken >= 0]] = free[taken[taken >= 0]]
        # what may have been answered by what nobody has seen leaves its offer to the next one
        until = np.where(taken >= 0, seen_t[np.maximum(answer[of], 0)] if seen.size else 0, asked[of] + most)
        unsure[of] = _spread(lost.touch(asked[of] + least, until), displaced)
        before = begun[np.maximum(taken, 0)] if begun.size else until
        own[of] = (taken >= 0) & ~displaced & (before >= asked[of] + least) & ~lost.touch(asked[of] + least, before)
        fewest_missing += int(np.count_nonzero(_first_free(asked[of[~hidden[of]]], offered, offered, least, most)[0] < 0))
        # whenever in its gap an offer was: in reach for certain, and in reach perhaps
        certain = int(np.count_nonzero(_first_free(asked[of], begun, offered, least, most)[0] >= 0))
        perhaps = int(np.count_nonzero(_first_free(asked[of], offered, begun, least, most)[0] >= 0))
        fewest_extra, most_missing = fewest_extra + offered.size - perhaps, most_missing + of.size - certain
    unsure &= ~own
    answered = answer >= 0
    delays = np.where(answered, seen_t[np.maximum(answer, 0)] - asked, LOST) if seen.size else np.full(wanted.size, LOST)
    error = int((seen_t[answer[answered]] - seen_t[answer[answered] - 1]).max(initial=0))
    missing, extra = wanted[~answered], np.setdiff1d(found, answer)
    known = bool(sent.size and seen.size) and not (lost.start.size and lost.start[0] < seen_t[0])
    blind = "lost samples may hide transitions of the response" if lost.start.size else ""
    return Edges(
        delay=Distribution(what=f"{what} delay", values=delays[~unsure], unknown=int(np.count_nonzero(unsure)), error=error),
        missing=Count(
            f"{what} missing",
            fewest_missing,
            _because(_at("sample", missing, "reference"), blind if fewest_missing < most_missing else ""),
            n=int(wanted.size),
            most=most_missing if fewest_missing < most_missing else None,
        ),
        extra=Count(
            f"{what} extra",
            fewest_extra if seen.size else None,
            _because(_at("sample", extra, "response"), blind) if seen.size else "the response has no samples",
            n=int(found.size),
            most=math.inf if lost.start.size else None,
        ),
        initial=Count(
            f"{what} initial state differs",
            int(sent[0] != seen[0]) if known else None,
            "" if known else "the beginning of one side was not seen",
        ),
    )


@dataclass(frozen=True, slots=True)
class _Spans:
    """Stretches of time in ns, by their start; `end` is the last end up to there."""

    start: Int64s
    end: Int64s

    def soonest(self, first: Int64s, last: Int64s) -> Int64s:
        """Return when, in each `first .. last`, the first of them begins; `last` where none overlaps it."""
        if not self.start.size:
            return last
        begin = np.maximum(self.start[np.minimum(np.searchsorted(self.end, first, "right"), self.end.size - 1)], first)
        return np.where(self.touch(first, last), begin, last)

    def touch(self, first: Int64s, last: Int64s) -> Bools:
        """Say for each `first .. last` whether one of them overlaps it."""
        if not self.start.size:
            return np.zeros(first.shape, np.bool_)
        before = np.searchsorted(self.start, last)
        return np.asarray((before > 0) & (self.end[np.maximum(before - 1, 0)] > first))


def _spans(pairs: npt.ArrayLike) -> _Spans:
    spans = np.asarray(pairs, np.int64).reshape(-1, 2)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    return _Spans(spans[:, 0], np.maximum.accumulate(spans[:, 1]))


def _spread(unsure: Bools, displaced: Bools) -> Bools:
    """Let doubt go on from one to the next as long as offers had been taken by the one before."""
    number = np.arange(unsure.size)
    last = np.maximum.accumulate(np.where(unsure, number, -1))
    chain = np.maximum.accumulate(np.where(displaced, 0, number))
    return np.asarray(last >= chain)


def _because(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _first_free(asked: Int64s, early: Int64s, late: Int64s, least: int, most: int) -> tuple[Int64s, Bools]:
    """Give each time asked the first offer, `early` at `least` after it and `late` at `most`, that no earlier one has taken.

    Returns the index of the offer, -1 for none; and whether the first offer in reach had been taken.
    """
    answer, displaced = np.full(asked.size, -1), np.zeros(asked.size, np.bool_)
    starts = np.searchsorted(early, asked + least).tolist()
    times, requests = late.tolist(), asked.tolist()
    taken = 0
    for i, start in enumerate(starts):
        displaced[i] = taken > start
        taken = max(taken, start)
        if taken < len(times) and times[taken] - requests[i] <= most:
            answer[i] = taken
            taken += 1
    return answer, displaced


def _transitions(values: Bools) -> Int64s:
    return np.flatnonzero(values[1:] != values[:-1]) + 1


def _at(noun: str, indices: Int64s, of: str) -> str:
    return f"at {noun} {ranges(indices)} of the {of}" if indices.size else ""


def _checked(t: npt.ArrayLike, values: npt.ArrayLike, name: str) -> tuple[Int64s, Bools]:
    stamps, states = np.asarray(t), np.asarray(values)
    if states.dtype != np.bool_ or states.ndim != 1:
        raise SignalError(f"{name} is {states.dtype} of shape {states.shape}: transitions are those of a boolean column")
    if stamps.shape != states.shape or (stamps.size and stamps.dtype.kind not in "iu"):
        raise SignalError(
            f"{name}: times are {stamps.dtype} of shape {stamps.shape}: int64 ns of shape {states.shape} are needed"
        )
    stamps = stamps.astype(np.int64)
    if stamps.size and (stamps.min() == NO_TIME or bool((np.diff(stamps) < 0).any())):
        raise SignalError(f"{name}: time stamps are absent or go back")
    return stamps, states
