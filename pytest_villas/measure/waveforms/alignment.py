"""Which sample of a response to compare with which value of the reference: by pairs that are known, or by the waveforms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError
from pytest_villas.measure.waveforms.place import Places, ranges
from pytest_villas.measure.waveforms.resample import TimeBase
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.samples import NO_TIME, Int64s, Samples


@dataclass(frozen=True, slots=True)
class Aligned:
    """What is compared with what: m samples of the response and their places in the reference.

    Attributes:
        matched: whether the pairs were known; else the reference has to be interpolated at `t`.
        response: shape (m,), indices of the samples of the response.
        reference: shape (m,), index of the matched, or else nearest, sample of the reference.
        t: shape (m,), seconds since the base of the time bases: when the reference was what the response shows now.
        places: names for the m comparisons.
        total: samples of the reference.
        missing: indices of those with which nothing was compared.
        extra: samples of the response that were compared with nothing.
    """

    matched: bool
    response: Int64s
    reference: Int64s
    t: Floats
    places: Places
    total: int
    missing: Int64s
    extra: int

    @property
    def note(self) -> str:
        """What was compared, as a sentence; empty where everything was."""
        if not self.missing.size and not self.extra:
            return ""
        parts = [f"{self.total - self.missing.size} of {self.total} samples of the reference compared"]
        parts += [f"missing: {ranges(self.missing)}"] if self.missing.size else []
        parts += [f"{self.extra} samples of the response belong to none"] if self.extra else []
        return ", ".join(parts)


def checked_pairs(match: tuple[npt.ArrayLike, npt.ArrayLike], reference: Samples, response: Samples) -> tuple[Int64s, Int64s]:
    """Return pairs `(indices of the reference, indices of the response)` as int64; SignalError where they do not fit."""
    sent, received = (_indices(indices, name) for indices, name in zip(match, ("reference", "response"), strict=True))
    if sent.shape != received.shape:
        raise SignalError(f"match has {sent.size} indices of the reference and {received.size} of the response")
    for indices, samples, name in ((sent, reference, "reference"), (received, response, "response")):
        if indices.size and not (indices.min() >= 0 and indices.max() < len(samples)):
            raise SignalError(f"match: {name} indices {indices.min()} to {indices.max()}, for {len(samples)} samples")
    return sent, received


def align_pairs(reference: Samples, response: Samples, pairs: tuple[Int64s, Int64s], stamps: Int64s, base: int) -> Aligned:
    """Compare the pairs of `checked_pairs`, in the order of the reference."""
    order = np.lexsort(pairs[::-1])
    sent, received = pairs[0][order], pairs[1][order]
    return Aligned(
        matched=True,
        response=received,
        reference=sent,
        t=np.where(stamps[sent] == NO_TIME, np.nan, (stamps[sent] - np.int64(base)) / 1e9),
        places=_places(reference, stamps, sent),
        total=len(reference),
        missing=_others(sent, len(reference)),
        extra=_others(received, len(response)).size,
    )


def align_waveforms(
    reference: Samples, sent: TimeBase, received: TimeBase, order: Int64s, delay: Floats, stamps: Int64s
) -> Aligned:
    """Compare each sample of the response with the reference `delay` before.

    Args:
        reference: n samples, in the order of their stamps.
        sent: its time base.
        received: time base of the m samples of the response, since the same base.
        order: shape (m,), their indices in the response, in the order of their stamps.
        delay: shape (m,), in seconds.
        stamps: shape (n,), int64 ns, of the reference.
    """
    due = received.t - delay
    inside = sent.covers(due)
    t = due[inside]
    nearest = _nearest(sent.t, t)
    answered = np.zeros(len(reference), np.bool_)
    if due.size:
        # half a hole: the middle between two neighbours that have not lost one
        near = max(sent.hole, received.hole) / 2
        answered = np.abs(due[_nearest(due, sent.t)] - sent.t) <= near
    return Aligned(
        matched=False,
        response=order[inside],
        reference=nearest,
        t=t,
        places=_places(reference, stamps, nearest),
        total=len(reference),
        missing=np.flatnonzero(~answered),
        extra=int(np.count_nonzero(~inside)),
    )


def _others(indices: Int64s, count: int) -> Int64s:
    left = np.ones(count, np.bool_)
    left[indices] = False
    return np.flatnonzero(left)


def _nearest(sorted_t: Floats, t: Floats) -> Int64s:
    right = np.clip(np.searchsorted(sorted_t, t), min(1, sorted_t.size - 1), sorted_t.size - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(t - sorted_t[left]) < np.abs(sorted_t[right] - t), left, right)


def _indices(values: npt.ArrayLike, name: str) -> Int64s:
    indices = np.asarray(values)
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise SignalError(
            f"match: {name} indices are {indices.dtype} of shape {indices.shape}: integers of shape (n,) are needed"
        )
    return indices.astype(np.int64)


def _places(reference: Samples, stamps: Int64s, index: Int64s) -> Places:
    start = int(stamps[0]) if stamps.size else NO_TIME
    return Places(index, stamps[index], reference.sequence[index], start)
