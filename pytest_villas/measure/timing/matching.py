"""Which response answers which sample of the stimulus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.measure.timing.clock import difference
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s

Bools = npt.NDArray[np.bool_]

NONE: Final = -1
"""The index of a sample of the stimulus that is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Pairs of stimulus and response, in the order of arrival.

    Attributes:
        by: ``"sequence"``, ``"origin"``, ``"waveform"`` or ``"tag"``.
        stimulus: int64, shape (m,): index of the sample of the stimulus that each paired response answers.
        response: int64, shape (m,): index of that response.
        first: bool, shape (m,): false where an earlier response has answered the same sample already.
        sent: how many samples the stimulus had.
        responses: how many responses there were.
        unmatched: how many of them answer no sample of the stimulus.
        held: how many repeat the tag of an earlier one: a held output; they are among neither pairs nor unmatched.
        unknown: why nobody knows which response answers which sample, if so; then there are no pairs, and that says nothing.
    """

    by: str
    stimulus: Int64s
    response: Int64s
    first: Bools
    sent: int
    responses: int
    unmatched: int
    held: int = 0
    unknown: str = ""

    def of_stimulus(self, t_received: Int64s) -> Int64s:
        """Return when the first response to each sample of the stimulus arrived: int64 ns, shape (sent,).

        Args:
            t_received: int64 ns, shape (responses,). `NO_TIME` in the result where there was no response.
        """
        if t_received.shape != (self.responses,):
            raise SignalError(f"{t_received.shape} receive stamps for {self.responses} responses: one each")
        result = np.full(self.sent, NO_TIME)
        result[self.stimulus[self.first]] = t_received[self.response[self.first]]
        return result


def unpaired(by: str, sent: int, responses: int, why: str) -> Match:
    """Return a match of so many samples and responses of which nobody knows the pairs, and why."""
    none = np.zeros(0, np.int64)
    return Match(by, none, none, np.zeros(0, np.bool_), sent, responses, responses, unknown=why)


def by_sequence(
    sent: Int64s, received: Int64s, *, bits: int = 32, sent_at: Int64s | None = None, received_at: Int64s | None = None
) -> Match:
    """Pair by sequence number; both may wrap around.

    Numbers are compared modulo 2**bits. While the stimulus has fewer samples than that, each number is that of one
    sample, whatever is lost, repeated or late. A longer stimulus needs the times as well: a response then belongs to the
    last sample of its number that was sent before it arrived.

    Args:
        sent: sequence numbers of the stimulus, in the order of sending, shape (n,).
        received: sequence numbers of the responses, in the order of arrival, shape (m,); `NO_SEQUENCE` is unmatched.
        bits: width of the narrowest sequence field on the way (16, 32), up to 63.
        sent_at: int64 ns, shape (n,), `NO_TIME` where not sent; only used where numbers repeat.
        received_at: int64 ns by the same clock, shape (m,); only used where numbers repeat.

    Raises:
        SignalError: where the stimulus has no numbers, or repeats or lowers one; where its numbers repeat after a
            wrap-around and there are no times to tell them apart.
    """
    return _matched("sequence", _index_by_sequence(sent, received, bits, sent_at, received_at), sent.size)


def by_origin(sent: Int64s, received: Int64s, *, tolerance: int = 0) -> Match:
    """Pair by the origin stamp, for rigs that keep it and not the sequence number.

    Args:
        sent: origin stamps of the stimulus, increasing, int64 ns, shape (n,).
        received: origin stamps of the responses in the order of arrival, shape (m,); `NO_TIME` is unmatched.
        tolerance: how far two stamps may be apart, in ns, for formats that round them (milliseconds in json.kafka).

    Raises:
        SignalError: where stamps of the stimulus are absent or closer than twice the tolerance: a response could then
            belong to either.
    """
    gaps = np.diff(sent)
    if sent.size and (sent.min() == NO_TIME or np.any(gaps <= 2 * tolerance)):
        where = int(np.argmax(np.append(gaps <= 2 * tolerance, False)))
        raise SignalError(
            f"origin stamps {where} and {where + 1} of the stimulus are absent, not increasing or at most twice the tolerance "
            f"of {tolerance} ns apart: a response could belong to either"
        )
    return _matched("origin", _nearest(sent, received, tolerance), sent.size)


def by_waveform(sent_at: Int64s, received_at: Int64s, delay: int, *, tolerance: int | None = None) -> Match:
    """Pair by time, for rigs that keep neither number nor stamp: a response belongs to the sample sent `delay` before.

    Each response takes the nearest sample; the delay comes from the waveforms themselves. What can be told of
    duplicates and reordering this way is nothing.

    Args:
        sent_at: when each sample was sent, increasing, int64 ns, shape (n,); `NO_TIME` where it was not.
        received_at: when each response arrived, in that order, int64 ns, shape (m,).
        delay: between the two, in ns.
        tolerance: how far from its time a response may be, in ns; by default half the median distance of samples.
    """
    known = np.flatnonzero(sent_at != NO_TIME)
    times = sent_at[known]
    if np.any(np.diff(times) <= 0):
        raise SignalError("sending times do not increase: there is no nearest sample to pair a response with")
    if tolerance is None:
        tolerance = int(np.median(np.diff(times))) // 2 if times.size > 1 else 0
    wanted = difference(received_at, np.full(received_at.shape, delay))
    index = _nearest(times, wanted, tolerance)
    paired = index != NONE
    index[paired] = known[index[paired]]
    return _matched("waveform", index, sent_at.size)


def by_tag(
    sent: Int64s,
    tag: npt.NDArray[Any],
    *,
    largest: int = 1 << 53,
    tolerance: float = 0.1,
    sent_at: Int64s | None = None,
    received_at: Int64s | None = None,
) -> Match:
    """Pair through a signal that carries the stimulus' sequence number through a rig with a clock of its own.

    A simulator that samples its input at its own step repeats a tag while the input holds: only the first arrival of
    each counts. It skips those that came and went between two steps: they are lost.

    Args:
        sent: sequence numbers of the stimulus, in the order of sending, shape (n,).
        tag: the column of the responses, float or integer, in the order of arrival, shape (m,).
        largest: the largest number that is exact on the whole way: ``1 << 24`` where a float32 is on it.
        tolerance: how far a value may be from an integer; what is further (a filtered or interpolated tag), NaN and
            infinity are unmatched.
        sent_at: when each sample was sent, int64 ns, shape (n,). With the times a tag that arrives before its sample
            was sent is unmatched: an input that nobody has written yet reads 0.
        received_at: when each response arrived, int64 ns by the same clock, shape (m,).

    Raises:
        SignalError: for a column that is no number, and for numbers of the stimulus that a tag cannot carry.
    """
    if tag.dtype.kind not in "fiu":
        raise SignalError(f"a column of {tag.dtype} carries no sequence numbers: float or integer ones do")
    if sent.size and sent.max() > largest:
        raise SignalError(
            f"sequence {sent.max()} of the stimulus is beyond {largest}, the last number that a tag carries exactly"
        )
    values = tag.astype(np.float64)
    whole = np.rint(values)
    with np.errstate(invalid="ignore"):
        usable = (np.abs(values - whole) <= tolerance) & (whole >= 0) & (whole <= largest)
        numbers = np.where(usable, whole, NO_SEQUENCE).astype(np.int64)
    index = _index_by_sequence(sent, numbers, 63, None, None)
    if sent_at is not None and received_at is not None and sent.size:
        early = difference(received_at, sent_at[index]) < 0
        index[early & (sent_at[index] != NO_TIME)] = NONE
    match = _matched("tag", index, sent.size)
    return replace(
        match,
        stimulus=match.stimulus[match.first],
        response=match.response[match.first],
        first=match.first[match.first],
        held=int(np.count_nonzero(~match.first)),
    )


def _matched(by: str, index: Int64s, sent: int) -> Match:
    """Make a match of the index of a sample of the stimulus, or `NONE`, for each response."""
    paired = index != NONE
    response = np.flatnonzero(paired)
    stimulus = index if response.size == index.size else index[paired]
    if np.all(stimulus[1:] > stimulus[:-1]):
        first = np.ones(stimulus.size, np.bool_)
    else:
        # of several that write to one place the last one stays: written backwards, the earliest arrival
        earliest = np.empty(sent, np.int64)
        places = np.arange(stimulus.size)
        earliest[stimulus[::-1]] = places[::-1]
        first = earliest[stimulus] == places
    return Match(by, stimulus, response, first, sent, int(index.size), int(index.size - response.size))


def _index_by_sequence(sent: Int64s, received: Int64s, bits: int, sent_at: Int64s | None, received_at: Int64s | None) -> Int64s:
    if not 1 <= bits <= 63:
        raise SignalError(f"sequence numbers of {bits} bits: 1 to 63 can be compared")
    numbers = _unwrapped(sent, bits)
    mask = np.int64((1 << bits) - 1)
    offsets: Int64s = (received - (sent[0] if sent.size else 0)) & mask
    if numbers.size and numbers[-1] > mask:
        offsets = _by_time(numbers, offsets, mask, sent_at, received_at)
    if received.size and received.min() < 0:
        offsets[received < 0] = NONE
    return _index_of(numbers, offsets)


def _unwrapped(sent: Int64s, bits: int) -> Int64s:
    """Return the stimulus' numbers counted on from its first one, which is 0."""
    if np.any(sent == NO_SEQUENCE):
        raise SignalError("the stimulus has samples without a sequence number: pair by origin, tag or waveform instead")
    steps = sent[1:] - sent[:-1]
    if np.all(steps == 1):
        return np.arange(sent.size)
    # a step back by more than half of the range is a wrap-around, by less a repeated number
    half = np.int64(1) << np.int64(bits - 1)
    wraps = steps < -half
    if wraps.any():
        steps[wraps] &= np.int64((1 << bits) - 1)
    if np.any(steps <= 0):
        where = int(np.argmax(steps <= 0))
        raise SignalError(
            f"sequence {sent[where + 1]} of the stimulus follows {sent[where]}: a response could belong to either, "
            "they have to increase"
        )
    return np.concatenate((np.zeros(min(sent.size, 1), np.int64), np.cumsum(steps)))


def _by_time(numbers: Int64s, offsets: Int64s, mask: np.int64, sent_at: Int64s | None, received_at: Int64s | None) -> Int64s:
    """Return, for numbers that occur several times in the stimulus, the last one sent before the response arrived."""
    if sent_at is None or received_at is None:
        raise SignalError(
            f"{numbers.size} samples repeat sequence numbers of {int(mask).bit_length()} bits: "
            "give the times of sending and arrival to tell them apart"
        )
    known = np.flatnonzero(sent_at != NO_TIME)
    if known.size == 0:
        return np.full(offsets.shape, NONE)
    if np.any(np.diff(sent_at[known]) < 0):
        raise SignalError("sending times decrease: they cannot tell apart what repeats its sequence number")
    latest = numbers[known][np.maximum(np.searchsorted(sent_at[known], received_at, side="right") - 1, 0)]
    # a quarter of the range ahead is allowed for: a response can be stamped before the return of the call that sent
    latest += mask >> np.int64(2)
    result: Int64s = latest - ((latest - offsets) & mask)
    result[received_at == NO_TIME] = NONE
    return result


def _index_of(numbers: Int64s, wanted: Int64s) -> Int64s:
    """Return where `wanted` is among increasing numbers that start at 0, or `NONE`."""
    if numbers.size == 0:
        return np.full(wanted.shape, NONE)
    if numbers[-1] == numbers.size - 1:
        if wanted.size and wanted.min() >= 0 and wanted.max() < numbers.size:
            return wanted
        return np.where((wanted >= 0) & (wanted < numbers.size), wanted, NONE)
    places = np.minimum(np.searchsorted(numbers, wanted), numbers.size - 1)
    return np.where(numbers[places] == wanted, places, NONE)


def _nearest(times: Int64s, wanted: Int64s, tolerance: int) -> Int64s:
    """Return the index of the nearest of increasing times, or `NONE` where it is further than the tolerance."""
    if times.size == 0:
        return np.full(wanted.shape, NONE)
    after = np.minimum(np.searchsorted(times, wanted), times.size - 1)
    before = np.maximum(after - 1, 0)
    to_next, to_last = np.abs(difference(times[after], wanted)), np.abs(difference(wanted, times[before]))
    index = np.where(to_next < to_last, after, before)
    distance = np.minimum(to_next, to_last)
    # the size of NO_TIME is NO_TIME itself: below 0
    return np.where((distance >= 0) & (distance <= tolerance), index, NONE)
