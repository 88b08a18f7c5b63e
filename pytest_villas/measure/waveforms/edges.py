"""Transitions of boolean signals: how late each came, which never came, and which nobody asked for."""

from __future__ import annotations

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
        delay: of each transition of the reference, in their order, in ns; infinite for the missing ones. Its error is the
            distance of the samples of the response: a transition is seen at the first sample after it.
        missing: transitions of the reference without an answer.
        extra: transitions of the response that answer none.
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
    what: str = "edges",
) -> Edges:
    """Match each transition of the reference with the first free one of the response in reach, of the same direction.

    Args:
        reference_t: int64 ns, shape (n,), increasing.
        reference: bool, shape (n,).
        response_t: int64 ns, shape (m,), increasing.
        response: bool, shape (m,).
        within: least and greatest delay of an answer, in ns or as text with a unit.
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
    answer = np.full(wanted.size, -1)
    for rising in (True, False):
        asked, free = np.flatnonzero(sent[wanted] == rising), found[seen[found] == rising]
        answer[asked] = _first_free(sent_t[wanted[asked]], seen_t[free], least, most, free)
    answered = answer >= 0
    delays = np.where(answered, seen_t[np.maximum(answer, 0)] - sent_t[wanted], LOST) if seen.size else np.full(wanted.size, LOST)
    error = int((seen_t[answer[answered]] - seen_t[answer[answered] - 1]).max(initial=0))
    missing, extra = wanted[~answered], np.setdiff1d(found, answer)
    known = bool(sent.size and seen.size)
    return Edges(
        delay=Distribution(what=f"{what} delay", values=delays, error=error),
        missing=Count(f"{what} missing", int(missing.size), _at("sample", missing, "reference"), n=int(wanted.size)),
        extra=Count(
            f"{what} extra",
            int(extra.size) if seen.size else None,
            _at("sample", extra, "response") if seen.size else "the response has no samples",
            n=int(found.size),
        ),
        initial=Count(
            f"{what} initial state differs",
            int(sent[0] != seen[0]) if known else None,
            "" if known else "one side has no samples",
        ),
    )


def _first_free(asked: Int64s, offered: Int64s, least: int, most: int, names: Int64s) -> Int64s:
    """Give each time asked the first offer in `least .. most` after it that no earlier one has taken; -1 for none."""
    answer = np.full(asked.size, -1)
    starts = np.searchsorted(offered, asked + least).tolist()
    times, requests = offered.tolist(), asked.tolist()
    taken = 0
    for i, start in enumerate(starts):
        taken = max(taken, start)
        if taken < len(times) and times[taken] - requests[i] <= most:
            answer[i] = names[taken]
            taken += 1
    return answer


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
