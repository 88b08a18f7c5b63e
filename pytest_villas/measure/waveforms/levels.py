"""Gain, offset and what remains: ``y = gain * x + offset + residual`` for values that belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.measure.waveforms.shift import Floats

_CONSTANT: Final = 1e-9  # a deviation below this share of the largest value is rounding


@dataclass(frozen=True, slots=True)
class Levels:
    """How the values of one channel relate to their reference.

    Attributes:
        gain: response per reference; one real factor, also for complex values (a turned phase is residual). NaN where
            the reference does not move.
        gain_u, offset_u: standard uncertainties, widened for correlated residuals.
        offset: in units of the response; shape (rows,). Where the reference does not move, the mean difference.
        nrmse: rms(residual) / rms(gain * AC reference). Infinite where the gain is not positive: a response that stands
            still or is turned upside down has nothing of its reference in it. Where the reference does not move, 0 for a
            response that equals it and NaN for any other.
        signal: rms of the AC reference.
        worst: index of the largest residual.
        residual: that residual.
    """

    gain: float
    gain_u: float
    offset: Floats
    offset_u: float
    nrmse: float
    signal: float
    worst: int
    residual: float


def fit_levels(x: Floats, y: Floats) -> Levels:
    """Fit one gain and the offsets by least squares.

    Args:
        x: shape (rows, n), finite, n > 0: one row for real values, real and imaginary part for complex ones.
        y: the same shape, finite.
    """
    size = x.shape[1]
    scale_x, scale_y = float(np.abs(x).max()) or 1.0, float(np.abs(y).max()) or 1.0
    mean_x, mean_y = (x / scale_x).mean(axis=1, keepdims=True), (y / scale_y).mean(axis=1, keepdims=True)
    ac_x, ac_y = x / scale_x - mean_x, y / scale_y - mean_y
    power_x, power_y = float((ac_x**2).sum()), float((ac_y**2).sum())
    signal = scale_x * math.sqrt(power_x / size)
    if power_x <= size * _CONSTANT**2:
        return _constant(x, y)
    gain = float((ac_x * ac_y).sum()) / power_x
    if power_y <= size * _CONSTANT**2:
        gain = 0.0
    rest = ac_y - gain * ac_x
    away = np.sqrt((rest**2).sum(axis=0))
    worst = int(np.argmax(away))
    square = float((rest**2).sum())
    spread = _spread(rest, 2)
    lean = float((mean_x**2).sum()) / power_x
    ratio = scale_y / scale_x
    return Levels(
        gain=gain * ratio,
        gain_u=spread / math.sqrt(power_x) * ratio,
        offset=(scale_y * (mean_y - gain * mean_x))[:, 0],
        offset_u=scale_y * spread * math.sqrt(1 / size + lean),
        nrmse=math.sqrt(square / power_x) / gain if gain > 0 else math.inf,
        signal=signal,
        worst=worst,
        residual=scale_y * float(away[worst]),
    )


def _constant(x: Floats, y: Floats) -> Levels:
    """Return what a reference that does not move tells: its level, and nothing of a gain."""
    scale = max(float(np.abs(x).max()), float(np.abs(y).max())) or 1.0
    apart = y / scale - x / scale
    mean = apart.mean(axis=1, keepdims=True)
    away = np.sqrt((apart**2).sum(axis=0))
    worst = int(np.argmax(away))
    # a constant of 64 bits comes back as one of 32 over most formats
    with np.errstate(over="ignore"):
        rounded = x.astype(np.float32) if not np.ptp(x / scale, axis=1).any() else x
    same = np.array_equal(x, y) or np.array_equal(rounded, y)
    return Levels(
        gain=math.nan,
        gain_u=math.inf,
        offset=scale * mean[:, 0],
        offset_u=scale * _spread(apart - mean, 1) / math.sqrt(x.shape[1]),
        nrmse=0.0 if same else math.nan,
        signal=0.0,
        worst=worst,
        residual=scale * float(away[worst]),
    )


def _spread(rest: Floats, fitted: int) -> float:
    """Return the standard deviation of a residual, widened for what its values share with the ones before."""
    square = float((rest**2).sum())
    rho = min(max(float((rest[:, 1:] * rest[:, :-1]).sum()) / square, 0.0), 0.999) if square > 0 else 0.0
    return math.sqrt(square / max(rest.shape[1] - fitted, 1) * (1 + rho) / (1 - rho))
