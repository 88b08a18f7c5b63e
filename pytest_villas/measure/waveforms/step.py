"""A step response: delay, rise, overshoot, settling, steady-state error; steady against noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.measure.waveforms.sine import seconds_of
from pytest_villas.units import format_duration, s, seconds

_SHORTEST: Final = 20
_TAIL: Final = 0.1  # share of the record that stands for the final value
_VISIBLE: Final = 5.0  # a step has to be this many times the noise
_CUBIC: Final = 3
_OF_RISE: Final = 0.4  # how much of the rise a cubic filter may span


@dataclass(frozen=True, slots=True)
class Step:
    """The response to a step, smoothed by a Savitzky-Golay filter before it is read.

    Attributes:
        delay: from the step of the stimulus to half of the way, in ns.
        rise: from 10 % to 90 % of the way, in ns.
        overshoot: beyond the final value, relative to the height of the step, unit 1; 0 where there is none.
        settling: from the step of the stimulus until the response stays within the band, in ns.
        steady_state_error: final value minus target, relative to the height of the step, unit 1.
        initial, final: the values before and after, in the unit of the signal.
    """

    delay: Estimate
    rise: Estimate
    overshoot: Estimate
    settling: Estimate
    steady_state_error: Estimate
    initial: Estimate
    final: Estimate


def step(
    t: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    at: float | None = None,
    target: float | None = None,
    band: float = 0.02,
    smoothing: float | str | None = None,
    what: str = "step",
) -> Step:
    """Read a step response.

    Args:
        t: shape (n,), int64 ns, or seconds; increasing.
        response: shape (n,), float64; the last fifth has to be steady, and so has what comes before the step.
        at: when the stimulus stepped, in the unit of `t`; by default the first sample.
        target: the value that should be reached, for the steady-state error.
        band: of the settling, relative to the height of the step: 0.02 for 2 %.
        smoothing: length of the filter in seconds, or as text with a unit, shorter than the record; by default a hundredth of the record, but at most two fifths of the rise.
        what: name of the channel, for verdicts.

    Times are known to a sample at best, and noise widens them; what cannot be read (no step, not settled within the record,
    values that are not finite) has a status that says so.
    """
    when, y = seconds_of(t), np.asarray(response, np.float64)
    if when.shape != y.shape or y.ndim != 1:
        raise ValueError(f"{when.shape} times for values of shape {y.shape}: one each")
    if not 0 < band < 1:
        raise ValueError(f"band {band}: a share of the height of the step, such as 0.02, is needed")
    if y.size < _SHORTEST or not np.isfinite(y).all() or not (np.diff(when) > 0).all():
        return _nothing(what, "no_information", f"at least {_SHORTEST} finite samples at increasing times are needed")
    length = None if smoothing is None else seconds(smoothing)
    if length is not None and not 0 <= length < when[-1] - when[0]:
        lasts = format_duration(float(when[-1] - when[0]) * s)
        raise ValueError(f"smoothing is {length:g} s, and the record lasts {lasts}: it counts seconds, or is text such as '1 ms'")
    start = float(when[0])
    if at is not None:
        start = float(seconds_of(np.asarray([at]), int(np.asarray(t)[0]))[0])
    if not when[0] <= start < when[-1]:
        return _nothing(what, "no_information", "the step of the stimulus is not in the record")
    even = np.linspace(when[0], when[-1], y.size)
    dt = float(even[1] - even[0])
    raw = np.interp(even, when, y)
    after = int(np.searchsorted(even, start))
    tail = raw[-max(int(_TAIL * (raw.size - after)), 4) :]
    final, initial = float(np.median(tail)), float(np.median(raw[:after])) if after >= 3 else float(raw[after])
    height = final - initial
    # of white noise; the second difference leaves out what is smooth
    noise = 1.4826 * float(np.median(np.abs(np.diff(raw, 2)))) / math.sqrt(6)
    if not abs(height) > max(_VISIBLE * noise, 1e-9 * max(abs(initial), abs(final))):
        return _nothing(what, "no_information", "there is no step of more than five times the noise")
    z, sigma = _smoothed((raw - initial) / height, _length(raw, even, initial, height, after, length), noise / abs(height))
    level_u = noise / math.sqrt(tail.size)
    spread = level_u / abs(height)
    ten, half, ninety = (_crossing(even, z, level, after) for level in (0.1, 0.5, 0.9))
    initial_u = noise / math.sqrt(max(after, 1) if after >= 3 else 1)
    ten_u, half_u, ninety_u = (
        math.hypot(dt / 2, math.hypot(sigma, (1 - level) * initial_u / height, spread) / max(abs(_slope(even, z, c)), 1e-12))
        for level, c in ((0.1, ten), (0.5, half), (0.9, ninety))
    )
    peak = float(z[after:].max()) - 1
    low, middle, high = (_settled(even, z, limit, after) - start for limit in (band + 2 * sigma, band, band - 2 * sigma))
    unsteady = _unsteady(raw[-2 * tail.size :], band * abs(height), noise)
    crossed = unsteady or ("" if math.isfinite(ninety) else "90 % of the step is never reached")
    settled = unsteady or ("" if math.isfinite(middle) else f"the response leaves the band of {band:g} until the record ends")
    if not settled and band <= 3 * sigma:
        settled = f"the noise fills the band of {band:g}: a longer filter is needed"
    n = raw.size
    error = math.nan if target is None else (final - target) / abs(height)
    beyond = max(peak - 4 * sigma - 2 * spread, 0.0), max(peak + 2 * (sigma + spread), 0.0)
    about = (low - dt) * 1e9, (high + dt) * 1e9
    return Step(
        delay=_doubt(Estimate(f"{what} delay", (half - start) * 1e9, "ns", half_u * 1e9, n=n), crossed),
        rise=_doubt(Estimate(f"{what} rise", (ninety - ten) * 1e9, "ns", math.hypot(ten_u, ninety_u) * 1e9, n=n), crossed),
        overshoot=_doubt(Estimate(f"{what} overshoot", max(peak, 0.0), n=n, interval=beyond), unsteady),
        settling=_doubt(Estimate(f"{what} settling", middle * 1e9, "ns", n=n, interval=about), settled),
        steady_state_error=_doubt(
            Estimate(f"{what} steady-state error", error, u=spread, n=tail.size),
            unsteady or ("" if target is not None else "no target was given"),
        ),
        initial=Estimate(f"{what} initial", initial, "", initial_u, n=max(after, 1)),
        final=_doubt(Estimate(f"{what} final", final, "", level_u, n=tail.size), unsteady),
    )


def _doubt(estimate: Estimate, why: str) -> Estimate:
    return replace(estimate, status="no_information", why=why) if why else estimate


def _unsteady(end: Floats, band: float, noise: float) -> str:
    """Say so where the four parts of the end of a record are at different levels, or where it swings around one."""
    levels = [float(np.median(part)) for part in np.array_split(end, 4)]
    moves = max(levels) - min(levels) > band + 4 * noise / math.sqrt(end.size / 4)
    moves |= 1.4826 * float(np.median(np.abs(end - np.median(end)))) > band + 2 * noise
    return "the record ends before the response is steady" if moves else ""


def _length(raw: Floats, t: Floats, initial: float, height: float, after: int, smoothing: float | None) -> float:
    """Return the length of the filter in samples: as asked for, or short beside the rise."""
    if smoothing is not None:
        return smoothing / float(t[1] - t[0])
    length = raw.size / 100
    for _ in range(8):  # the filter itself rises slowly: shorter until it no longer decides
        z, _ = _smoothed((raw - initial) / height, length, 0.0)
        rise = _crossing(t, z, 0.9, after) - _crossing(t, z, 0.1, after)
        if math.isfinite(rise):
            length = min(length, rise / float(t[1] - t[0]) * _OF_RISE)
    return length


def _smoothed(z: Floats, length: float, noise: float) -> tuple[Floats, float]:
    """Filter with an odd number of samples, and say what is left of white noise."""
    size = min(int(length) // 2 * 2 + 1, (z.size - 1) // 2 * 2 + 1)
    if size <= _CUBIC + 1:
        return z, noise
    # a cubic filter of n points lets 9/4n of the power of noise through
    from scipy.signal import savgol_filter  # noqa: PLC0415 - a second to import, and few runs need it

    return np.asarray(savgol_filter(z, size, _CUBIC)), noise * math.sqrt(min(2.25 / size, 1.0))


def _crossing(t: Floats, z: Floats, level: float, after: int) -> float:
    """Return when z first reaches a level from `after` on, between the samples; NaN where it never does."""
    above = z[after:] >= level
    k = after + int(np.argmax(above))
    if not above.any():
        return math.nan
    if k == 0 or z[k - 1] >= level:
        return float(t[k])
    return float(t[k - 1] + (level - z[k - 1]) / (z[k] - z[k - 1]) * (t[k] - t[k - 1]))


def _slope(t: Floats, z: Floats, at: float) -> float:
    if not math.isfinite(at):
        return 0.0
    k = min(max(int(np.searchsorted(t, at)), 1), t.size - 1)
    return float((z[k] - z[k - 1]) / (t[k] - t[k - 1]))


def _settled(t: Floats, z: Floats, band: float, after: int) -> float:
    """Return from when on z stays within the band around 1; inf where it does not until the end."""
    away = np.abs(z[after:] - 1)
    outside = np.flatnonzero(~(away <= band))
    if not outside.size:
        return float(t[after])
    k = after + int(outside[-1])
    if k + 1 >= t.size:
        return math.inf
    over, under = abs(z[k] - 1), abs(z[k + 1] - 1)
    return float(t[k] + (over - band) / (over - under) * (t[k + 1] - t[k]))


def _nothing(what: str, status: str, why: str) -> Step:
    names = ("delay", "rise", "overshoot", "settling", "steady-state error", "initial", "final")
    units = ("ns", "ns", "1", "ns", "1", "", "")
    return Step(
        *(Estimate(f"{what} {name}", math.nan, unit, status=status, why=why) for name, unit in zip(names, units, strict=True))
    )
