"""The sub-sample step: fit delay, gains and offsets by Gauss-Newton, starting next to the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

Floats: TypeAlias = npt.NDArray[np.float64]

HALF: Final = 16  # taps on either side of the fractional-delay filter (Kaiser window, beta 9: -90 dB to 0.8 Nyquist)
TAPS: Final = np.arange(-HALF, HALF + 1)
_WINDOW: Final = np.kaiser(2 * HALF + 1, 9.0)
_STEPS: Final = 30
_LEAST: Final = 1e-30  # of a variance: rounding, in rows of unit size
_RECENTRE: Final = 0.75  # samples that the delay may move before the derivative is taken anew


@dataclass(frozen=True, slots=True)
class ShiftFit:
    """Maximum likelihood of one delay over c channels, each with its own gain, offset and noise.

    Attributes:
        delay, sd: in samples; sd follows from the Fisher information, widened for correlated residuals.
        gain, offset, residual, signal: shape (c,); rms of the residual, and of the reference without its mean.
        gain_sd, offset_sd: shape (c,).
        weight: shape (c,), how many independent samples the residual is worth.
        count: samples compared.
        converged: whether the last step was below 0.001 samples.
    """

    delay: float
    sd: float
    gain: Floats
    offset: Floats
    residual: Floats
    signal: Floats
    weight: Floats
    count: int
    converged: bool

    @property
    def log_variance(self) -> Floats:
        """Log of the residual's variance, shape (c,)."""
        out: Floats = 2 * np.log(self.residual)
        return out


def fit_shift(reference: Floats, response: Floats, start: int, stop: int, delay: float) -> ShiftFit | None:
    """Fit from `delay` (samples) on the receive window `[start, stop)` of two arrays of shape (c, n), each row of about unit size.

    Returns None where the window leaves the reference or where no channel says anything about the delay.
    """
    y = response[:, start:stop]
    y_mean = y.mean(axis=1, keepdims=True)
    y_ac = y - y_mean
    power = (y_ac * y_ac).sum(axis=1)
    size = stop - start
    centre, slope = delay, None
    step = np.inf
    for _ in range(_STEPS):
        if slope is None or abs(delay - centre) > _RECENTRE:
            centre, slope = delay, None
            whole = round(delay)
            if start - whole - HALF < 0 or stop - whole + HALF > reference.shape[1]:
                return None
            segment = reference[:, start - whole - HALF : stop - whole + HALF]
        fraction = delay - whole
        x = _filtered(segment, shift_taps(fraction))
        x_mean = x.mean(axis=1, keepdims=True)
        x_ac = x - x_mean
        xx = np.maximum((x_ac * x_ac).sum(axis=1), 1e-300)
        gain = (x_ac * y_ac).sum(axis=1) / xx
        rest = y_ac - gain[:, None] * x_ac
        squares = np.maximum((rest * rest).sum(axis=1), 1e-24 * power + _LEAST * size)
        if slope is None:
            slope = _filtered(segment, (shift_taps(fraction + 1e-4) - shift_taps(fraction)) / 1e-4)
            slope -= slope.mean(axis=1, keepdims=True)
        jacobian = gain[:, None] * slope
        jacobian -= ((jacobian * x_ac).sum(axis=1) / xx)[:, None] * x_ac  # what a change of gain explains is no delay
        weight = size / squares
        weight = np.minimum(weight, np.median(weight) * 1e6)  # one perfect channel does not silence the others
        information = (jacobian * jacobian).sum(axis=1)
        total = float((information * weight).sum())
        if not total > _LEAST:  # a delay known to 1e15 samples: nothing says anything about it
            return None
        step = float(np.clip(((jacobian * rest).sum(axis=1) * weight).sum() / total, -50, 50))
        delay += step
        if abs(step) < 1e-6:
            break
    rho = np.clip((rest[:, 1:] * rest[:, :-1]).sum(axis=1) / squares, 0, 0.999)
    widening = (1 + rho) / (1 - rho)
    variance = float((information * weight**2 * (squares / size) * widening).sum()) / total**2
    return ShiftFit(
        delay=delay,
        sd=float(np.sqrt(variance)),
        gain=gain,
        offset=(y_mean - gain[:, None] * x_mean)[:, 0],
        residual=np.sqrt(squares / size),
        signal=np.sqrt(xx / size),
        weight=size / widening,
        count=size,
        converged=abs(step) < 1e-3,
    )


def unit_rows(a: Floats) -> Floats:
    """Return rows whose largest absolute value is 1: delays do not depend on it, and squares do not overflow."""
    largest = np.maximum(a.max(axis=1, keepdims=True, initial=0.0), -a.min(axis=1, keepdims=True, initial=0.0))
    return a / np.where((largest > 0) & np.isfinite(largest), largest, 1.0)


def shift_taps(fraction: float) -> Floats:
    """Return the filter that reads a signal `fraction` samples after the middle of its 33 values."""
    taps = np.sinc(TAPS - fraction) * _WINDOW
    out: Floats = taps / taps.sum()
    return out


def _filtered(segment: Floats, taps: Floats) -> Floats:
    out: npt.NDArray[np.float64] = correlate1d(segment, taps[::-1], axis=1, mode="nearest")
    return out[:, HALF:-HALF]
