"""Gain, offset and what remains: ``y = gain * x + offset + residual`` for values that belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.measure.shift import Floats

_CONSTANT: Final = 1e-9  # a deviation below this share of the largest value is rounding


@dataclass(frozen=True, slots=True)
class Levels:
    """How the values of one channel relate to their reference.

    Attributes:
        gain: response per reference; one real factor, also for complex values (a turned phase is residual). NaN where
            the reference does not move.
        gain_u, offset_u: standard uncertainties, widened for correlated residuals.
        offset: in units of the response; shape (rows,).
        nrmse: rms(residual) / rms(gain * AC reference). Infinite where the gain is not positive: a response that stands
            still or is turned upside down has nothing of its reference in it.
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
        away = np.sqrt((ac_y**2).sum(axis=0))
        worst = int(np.argmax(away))
        return Levels(math.nan, math.inf, np.full(len(x), np.nan), math.inf, math.nan, 0.0, worst, scale_y * float(away[worst]))
    gain = float((ac_x * ac_y).sum()) / power_x
    if power_y <= size * _CONSTANT**2:
        gain = 0.0
    rest = ac_y - gain * ac_x
    away = np.sqrt((rest**2).sum(axis=0))
    worst = int(np.argmax(away))
    square = float((rest**2).sum())
    rho = min(max(float((rest[:, 1:] * rest[:, :-1]).sum()) / square, 0.0), 0.999) if square > 0 else 0.0
    spread = math.sqrt(square / max(size - 2, 1) * (1 + rho) / (1 - rho))
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
