"""Correlation of a response with its reference, for every whole-sample lag of a search range at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from pytest_villas.measure.waveforms.shift import HALF, TAPS, Floats, shift_taps

_CONSTANT: Final = 1e-9  # a variance below this share of the power is rounding, not signal
_CEILING: Final = 1 - 1e-12  # keeps the logarithm finite where a response repeats its reference exactly
_COARSE_CEILING: Final = 1 - 1e-4  # what the coarse step is trusted to tell apart; better peaks are ties
_PROMINENCE: Final = 0.01  # a rival has to be a hill of its own in the profile, not a wiggle on one
_OFFSETS: Final = np.linspace(-1, 1, 65)
_FINER: Final = np.stack([shift_taps(float(offset)) for offset in _OFFSETS], axis=1)  # (taps, offsets)
_BATCH: Final = 1 << 21  # samples transformed at a time: bounds memory


@dataclass(frozen=True, slots=True)
class LagProfile:
    """How well c channels agree at each of k whole-sample lags.

    The receive window is fixed and the reference slides below it, so that all lags are judged on the same
    samples of the response.

    Attributes:
        lags: shape (k,), in samples; positive where the response is late.
        r: shape (c, k), Pearson's correlation with its sign; 0 where either side is constant.
        start, stop: the receive window.
    """

    lags: npt.NDArray[np.int64]
    r: Floats
    start: int
    stop: int

    def rows(self, indices: npt.NDArray[np.intp]) -> LagProfile:
        """Return the profile of some of the channels."""
        return LagProfile(self.lags, self.r[indices], self.start, self.stop)

    def peaks(self) -> list[tuple[float, float]]:
        """Return `(lag, log-likelihood a sample)` of the local maxima, most promising first, between the lags.

        The likelihood is capped where interpolation errors decide: peaks at the cap are ties.
        With gain, offset and noise free for each channel, maximum likelihood at a fixed lag is
        ``-1/2 sum(log(1 - r**2))``. A negative gain is a legitimate explanation here: whoever asks has to look
        at its sign. The outer `HALF` lags are there to interpolate from.
        """
        from scipy.signal import find_peaks  # noqa: PLC0415 - a second to import, and few runs need it

        profile = _log_likelihood(self.r, _CEILING)
        inner = profile[HALF:-HALF]
        # walls at both ends: a hill that the range cuts off is as high as it looks from inside
        tops = find_peaks(np.concatenate([[-1.0], inner, [-1.0]]), prominence=_PROMINENCE)[0] - 1
        tops = np.union1d(tops, int(np.argmax(inner))) + HALF
        # between whole lags r is as band-limited as the signals: a parabola would be off by more than rivals differ
        around = self.r[:, tops[:, None] + TAPS]
        r = around @ _FINER
        likelihood = _log_likelihood(r, _CEILING)
        at = np.argmax(likelihood, axis=1)
        rows = np.arange(tops.size)
        capped = _log_likelihood(r, _COARSE_CEILING)[rows, at]
        order = np.argsort(-likelihood[rows, at])
        return list(zip((self.lags[tops] + _OFFSETS[at])[order].tolist(), capped[order].tolist(), strict=True))


def lag_profile(reference: Floats, response: Floats, first: int, last: int) -> LagProfile:
    """Correlate the channels of two arrays of shape (c, n) at the lags `first` to `last`, in samples.

    Block FFTs: O(c n log(last - first)) time, memory for the blocks only. The caller has removed the means.
    """
    count = reference.shape[1]
    start, stop = max(last, 0), count + min(first, 0)
    lags = np.arange(first, last + 1)
    r = np.zeros((reference.shape[0], lags.size))
    size = stop - start
    for c, (x, y) in enumerate(zip(reference, response, strict=True)):
        sums, squares = (_window_sums(values, first, last, start, stop) for values in (x, x * x))
        sum_y, square_y = float(y[start:stop].sum()), float(np.einsum("i,i", y[start:stop], y[start:stop]))
        var_x, var_y = squares - sums * sums / size, square_y - sum_y * sum_y / size
        moves = (var_x > _CONSTANT * max(float(squares.max()), 1e-300)) & (var_y > _CONSTANT * max(square_y, 1e-300))
        cross = _cross(x, y[start:stop], start - last, last - first) - sums * sum_y / size
        r[c, moves] = cross[moves] / np.sqrt(var_x[moves] * var_y)
    return LagProfile(lags, np.clip(r, -1, 1), start, stop)


def _log_likelihood(r: Floats, ceiling: float) -> Floats:
    total: Floats = -0.5 * np.log1p(-(np.clip(np.abs(r), 0, ceiling) ** 2)).sum(axis=0)
    return total


def _window_sums(values: Floats, first: int, last: int, start: int, stop: int) -> Floats:
    """Return ``sum(values[start - lag : stop - lag])`` for the lags `first` to `last`: one sum, and what enters and leaves."""
    enters, leaves = values[start - last : start - first][::-1], values[stop - last : stop - first][::-1]
    sums: Floats = values[start - first : stop - first].sum() + np.append(0.0, np.cumsum(enters - leaves))
    return sums


def _cross(x: Floats, y: Floats, begin: int, span: int) -> Floats:
    """Return ``sum(y[t] * x[begin + t + span - k])`` for k = 0 .. span: lag by lag, the least lag first."""
    size = y.size
    block = min(max(4096, 1 << math.ceil(math.log2(2 * span + 1))), 1 << math.ceil(math.log2(max(size, 2))))
    length = fft.next_fast_len(block + span, real=True)
    starts = range(0, size, block)
    batch = max(1, _BATCH // length)
    total = np.zeros(length // 2 + 1, np.complex128)
    for group in range(0, len(starts), batch):
        some = starts[group : group + batch]
        received, sent = np.zeros((len(some), length)), np.zeros((len(some), length))
        for row, t in enumerate(some):
            end = min(t + block, size)
            received[row, : end - t] = y[t:end]
            sent[row, : end - t + span] = x[begin + t : begin + end + span]
        total += (fft.rfft(received, axis=1).conj() * fft.rfft(sent, axis=1)).sum(axis=0)
    cross: Floats = fft.irfft(total, length)[: span + 1][::-1]
    return cross
