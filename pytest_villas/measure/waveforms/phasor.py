"""Phasors: total vector error and frequency error [IEEE C37.118.1]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.place import ranges
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.measure.waveforms.sine import fit_sine, seconds_of

Phasors = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class VectorError:
    """How far measured phasors are from their references.

    Attributes:
        tve: total vector error of each pair, shape (n,), NaN where it is not defined.
        frequency: frequency error of each pair in Hz, shape (n,); NaN throughout where frequencies were not given.
        worst_tve: the largest of the former.
        worst_frequency: the largest absolute value of the latter.
    """

    tve: Floats
    frequency: Floats
    worst_tve: Estimate
    worst_frequency: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class PhasorSeries:
    """Phasors of a waveform, one for each window.

    Attributes:
        t: shape (k,), middle of each window, in seconds since the base.
        phasor: complex, shape (k,): rms amplitude, and phase against a cosine of the nominal frequency at the base.
        frequency: shape (k,), Hz.
    """

    t: Floats
    phasor: Phasors
    frequency: Floats


def phasors(
    t: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    nominal: float = 50.0,
    reports: float = 50.0,
    cycles: int = 4,
    base: int | None = None,
) -> PhasorSeries:
    """Measure the phasor of a waveform `reports` times a second, by a sine fit over each window of some cycles.

    The fit knows no leakage at any frequency near the nominal one, but neither filters out-of-band interference: it is no
    PMU of class M. Windows that cannot be fitted (not finite, constant) are NaN.

    Args:
        t: shape (n,), int64 ns, or seconds.
        values: shape (n,), float64.
        nominal: Hz.
        reports: windows a second, in the middle of which a phasor stands, at multiples of 1/reports after the base.
        cycles: nominal cycles in a window, at least 2.
        base: int64 ns that t = 0 of the result stands for: give the same for streams to compare. By default the first.
    """
    if not (nominal > 0 and reports > 0 and cycles >= 2):
        raise ValueError(f"nominal {nominal}, reports {reports}, cycles {cycles}: positive, and at least 2 cycles are needed")
    at, x = seconds_of(t, base), np.asarray(values, np.float64)
    if at.shape != x.shape or x.ndim != 1:
        raise ValueError(f"{at.shape} times for values of shape {x.shape}: one each")
    half = cycles / nominal / 2
    first = math.ceil((at[0] + half) * reports - 1e-9) if at.size else 0
    # a window ends before its end: a record of whole windows has its last sample one period before
    spare = float(np.median(np.diff(at))) if at.size > 1 else 0.0
    last = math.floor((at[-1] + spare - half) * reports + 1e-9) if at.size else -1
    middles = np.arange(first, last + 1) / reports
    result = np.full(middles.size, complex(np.nan, np.nan))
    frequency = np.full(middles.size, np.nan)
    starts = np.searchsorted(at, middles - half - 1e-9)
    stops = np.searchsorted(at, middles + half - 1e-9)
    for i, (a, b) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        try:
            fit = fit_sine(at[a:b] - middles[i], x[a:b], nominal)
        except ValueError:
            continue
        result[i], frequency[i] = fit.phasor[0] / math.sqrt(2), fit.frequency
    return PhasorSeries(middles, result * np.exp(-2j * np.pi * ((nominal * middles) % 1.0)), frequency)


def vector_error(
    reference: npt.ArrayLike,
    measured: npt.ArrayLike,
    reference_frequency: npt.ArrayLike | None = None,
    measured_frequency: npt.ArrayLike | None = None,
    *,
    what: str = "phasor",
) -> VectorError:
    """Compare matched phasors, complex of shape (n,), and their frequencies in Hz: ``abs(m - r) / abs(r)``, ``f_m - f_r``.

    A measured phasor that is not finite has an infinite error. Where a reference is zero or not finite the error is not
    defined: the estimates are `no_information` then, with the places named, as they are where there is nothing.
    Raises ValueError for shapes that differ.
    """
    r, m = np.asarray(reference, np.complex128), np.asarray(measured, np.complex128)
    if r.shape != m.shape or r.ndim != 1:
        raise ValueError(f"reference is {r.shape} and measured {m.shape}: matched phasors come in pairs")
    undefined = ~np.isfinite(r) | (r == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        tve = np.where(undefined, np.nan, np.where(np.isfinite(m), np.abs(m - r) / np.abs(r), np.inf))
    worst = _worst(tve, undefined, f"{what} tve", "1", "the reference phasor is zero or not finite")
    if reference_frequency is None or measured_frequency is None:
        nothing = Estimate(f"{what} frequency error", math.nan, "Hz", status="no_information", why="no frequencies were given")
        return VectorError(tve, np.full(r.shape, np.nan), worst, nothing)
    f_r, f_m = np.asarray(reference_frequency, np.float64), np.asarray(measured_frequency, np.float64)
    if f_r.shape != r.shape or f_m.shape != r.shape:
        raise ValueError(f"frequencies are {f_r.shape} and {f_m.shape} for {r.size} phasors: one each")
    unknown = ~np.isfinite(f_r)
    error = np.where(unknown, np.nan, np.where(np.isfinite(f_m), f_m - f_r, np.inf))
    off = _worst(np.abs(error), unknown, f"{what} frequency error", "Hz", "the reference frequency is not finite")
    return VectorError(tve, error, worst, off)


def _worst(errors: Floats, undefined: npt.NDArray[np.bool_], what: str, unit: str, reason: str) -> Estimate:
    facts: dict[str, Any] = {}
    if undefined.any():
        facts = {"status": "no_information", "why": f"{reason} at {ranges(np.flatnonzero(undefined))}"}
    elif not errors.size:
        facts = {"status": "no_information", "why": "there are no phasors"}
    known = errors[~undefined]
    if not known.size:
        return Estimate(what, math.nan, unit, **facts)
    if not facts:
        facts = {"why": f"worst at phasor {int(np.argmax(errors))}"}
    return Estimate(what, float(known.max()), unit, n=int(errors.size), **facts)
