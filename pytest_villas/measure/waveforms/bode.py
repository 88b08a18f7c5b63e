"""A frequency response from a stimulus that covers a band: gain and phase where stimulus and response agree."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.place import Bools
from pytest_villas.measure.waveforms.shift import Floats

COHERENT: Final = 0.9
"""Below this coherence a bin is not measurable: noise, distortion or no stimulus there."""
_SEGMENTS: Final = 8  # averages that a coherence of a single bin needs to mean anything
_INDEPENDENT: Final = 0.6  # how many of the half-overlapping Hann segments count in full


@dataclass(frozen=True, slots=True, eq=False)
class Bode:
    """A frequency response, H1 = S_xy / S_xx, at k frequencies.

    Attributes:
        frequency: shape (k,), Hz, without 0.
        response: complex, shape (k,).
        coherence: shape (k,), 0 to 1.
        u: shape (k,): standard uncertainty of the gain relative to it, and of the phase in radians.
        measurable: bool, shape (k,): coherence of at least 0.9. What is not measurable is no zero and no pass.
        resolution: Hz between the bins of one segment.
        what: name of the channel, for verdicts.
        doubt: why the reference may be wrong, if so.
        incomplete: what of the reference has no response, if that is more than an average may leave out.
    """

    frequency: Floats
    response: npt.NDArray[np.complex128]
    coherence: Floats
    u: Floats
    measurable: Bools
    resolution: float
    what: str = "bode"
    doubt: str = ""
    incomplete: str = ""

    @property
    def gain(self) -> Floats:
        """Absolute gain, NaN where it is not measurable."""
        return np.where(self.measurable, np.abs(self.response), np.nan)

    @property
    def phase(self) -> Floats:
        """Phase in degrees, unwrapped over the measurable bins; NaN where it is not measurable."""
        out = np.full(self.frequency.shape, np.nan)
        out[self.measurable] = np.degrees(np.unwrap(np.angle(self.response[self.measurable])))
        return out

    def gain_at(self, frequency: float) -> Estimate:
        """Return the gain at the bin nearest to a frequency in Hz."""
        k, facts = self._bin(frequency)
        gain = float(np.abs(self.response[k])) if k >= 0 else math.nan
        return Estimate(f"{self.what} gain at {frequency:g} Hz", gain, "1", gain * float(self.u[k]) if k >= 0 else 0.0, **facts)

    def gain_error_at(self, frequency: float) -> Estimate:
        """Return the gain less 1, with its sign, at the bin nearest to a frequency in Hz."""
        gain = self.gain_at(frequency)
        return replace(gain, what=gain.what.replace("gain", "gain error"), value=gain.value - 1.0)

    def phase_at(self, frequency: float) -> Estimate:
        """Return the phase in degrees, -180 to 180, at the bin nearest to a frequency in Hz."""
        k, facts = self._bin(frequency)
        angle = math.degrees(float(np.angle(self.response[k]))) if k >= 0 else math.nan
        spread = math.degrees(float(self.u[k])) if k >= 0 else 0.0
        return Estimate(f"{self.what} phase at {frequency:g} Hz", angle, "deg", spread, **facts)

    def _bin(self, frequency: float) -> tuple[int, dict[str, Any]]:
        if not self.frequency.size or not self.resolution / 2 <= frequency <= self.frequency[-1] + self.resolution / 2:
            return -1, {"status": "not_measurable", "why": f"{frequency:g} Hz is outside of the bins"}
        k = int(np.argmin(np.abs(self.frequency - frequency)))
        if not self.measurable[k]:
            why = f"the coherence at {self.frequency[k]:.6g} Hz is {self.coherence[k]:.2g}, below {COHERENT}"
            return k, {"status": "not_measurable", "why": why}
        if self.incomplete:
            return k, {"status": "incomplete", "why": self.incomplete}
        return k, {"doubt": self.doubt}


def bode(
    reference: npt.ArrayLike, response: npt.ArrayLike, rate: float, *, resolution: float | None = None, what: str = "bode"
) -> Bode:
    """Estimate a frequency response by averaging over half-overlapping Hann segments [Welch].

    Args:
        reference: shape (n,), float64, on a uniform grid, with energy over the band of interest.
        response: shape (n,), on the same grid; its delay is part of the phase, and has to be short beside a segment.
        rate: samples a second.
        resolution: Hz between the bins; by default so that there are about 30 segments.
        what: name of the channel, for verdicts.

    Raises ValueError for shapes that differ, values that are not finite, and records of fewer than 8 segments.
    """
    x, y = np.asarray(reference, np.float64), np.asarray(response, np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"reference is {x.shape} and response {y.shape}: both have to be (n,), alike")
    if not (math.isfinite(rate) and rate > 0) or (resolution is not None and not resolution > 0):
        raise ValueError(f"rate {rate}, resolution {resolution}: both have to be above 0")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("values that are not finite have no spectrum")
    size = round(rate / resolution) if resolution is not None else max(2 * x.size // 31, 16)
    segments = (x.size - size) // (size // 2) + 1 if 16 <= size <= x.size else 0
    if segments < _SEGMENTS:
        need = (_SEGMENTS + 1) * max(size, 16) // 2 + 1
        raise ValueError(f"{x.size} samples are {segments} segments of {size}: at least {_SEGMENTS} are needed, {need} samples")
    options: dict[str, Any] = {"fs": rate, "nperseg": size, "noverlap": size - size // 2}
    from scipy.signal import csd, welch  # noqa: PLC0415 - a second to import, and few runs need it

    frequency, cross = csd(x, y, **options)
    power_x, power_y = welch(x, **options)[1], welch(y, **options)[1]
    # what is this far below the strongest line is rounding and leakage of the window, whatever the coherence says
    heard = power_x > 1e-20 * max(float(power_x.max()), 1e-300)
    with np.errstate(invalid="ignore", divide="ignore"):
        h = np.where(heard, cross / power_x, np.nan)
        coherence = np.where(heard & (power_y > 0), np.abs(cross) ** 2 / (power_x * power_y), 0.0)
        spread = np.sqrt((1 - np.minimum(coherence, 1)) / (2 * coherence * segments * _INDEPENDENT))
    keep = slice(1, None)
    return Bode(
        frequency=frequency[keep],
        response=h[keep],
        coherence=coherence[keep],
        u=spread[keep],
        measurable=(coherence >= COHERENT)[keep],
        resolution=rate / size,
        what=what,
    )
