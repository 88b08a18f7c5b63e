"""How late a response is, to a fraction of a sample, with a stated uncertainty and a stated ambiguity.

The model is ``y_c(t) = gain_c * x_c(t - delay) + offset_c + noise_c``: one delay for all channels. First the
correlation at every whole-sample lag, then a Gauss-Newton fit of the best peak and of every rival that the first step
could not exclude. A rival that fits about as well stays a rival: a periodic signal does not say which cycle it is.
GCC-PHAT is not used: it whitens, and a narrow-band signal has nothing but noise in the bands that this lifts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft

from pytest_villas.measure.waveforms.correlation import LagProfile, lag_profile
from pytest_villas.measure.waveforms.shift import HALF, Floats, ShiftFit, fit_shift, unit_rows
from pytest_villas.units import format_duration

DelayStatus: TypeAlias = Literal["ok", "ambiguous", "edge", "no_information", "insufficient_record"]

_BESIDE: Final = 8  # samples looked at on either side of the search range ...
MARGIN: Final = HALF + _BESIDE  # ... and what it takes to interpolate there
SHORTEST: Final = 64  # samples that have to remain for the fit
_COARSE: Final = 1 << 20  # samples correlated at most ...
_FINE: Final = 1 << 17  # ... and fitted at most: where the response moves most
_CORRELATED: Final = 0.5  # below this no channel follows its reference
_RIVALS: Final = 3
_ATTEMPTS: Final = 32
_COARSE_RATIO: Final = math.log(1.5)  # rms ratio that the coarse step is trusted to see
_RATIO: Final = 1.05  # a rival's residual has to be this much larger ...
_EVIDENCE: Final = 10.0  # ... and its log-likelihood this much lower, to be excluded
_MODEL: Final = 1e-3  # relative to the signal: residuals below this are interpolation and quantisation, and exclude nothing
_FINEST: Final = 2e-5  # samples; what the fractional-delay filter can resolve
_BAND: Final = 0.8  # of Nyquist: how far that filter is good


@dataclass(frozen=True, slots=True)
class Delay:
    """A delay, or why there is none.

    Attributes:
        status: `ok`; `ambiguous` (others fit as well, see `rivals`); `edge` (the best is at the end of the search
            range); `no_information` (constant or unrelated signals); `insufficient_record`.
        seconds: the estimate, NaN where there is none; positive where the response is late.
        u: standard uncertainty in seconds.
        rivals: other delays in seconds that fit about as well, best first.
        reason: what is missing, for people; empty where the status is `ok`.
    """

    status: DelayStatus
    seconds: float = math.nan
    u: float = math.inf
    rivals: tuple[float, ...] = ()
    reason: str = ""


def estimate_delay(reference: npt.ArrayLike, response: npt.ArrayLike, rate: float, search: tuple[float, float]) -> Delay:
    """Estimate the one delay that all channels share.

    Args:
        reference: shape (c, n) or (n,), on a uniform grid.
        response: the same shape, on the same grid.
        rate: samples a second.
        search: least and greatest delay to consider, in seconds. The response is judged on samples for which every
            delay of the search range has its reference, so the record has to be longer than the range: at least by a
            third, and by 100 samples.

    Raises ValueError for shapes that differ, or for a search range that is none.
    """
    return estimate_delays(reference, response, rate, search)[0]


def estimate_delays(
    reference: npt.ArrayLike,
    response: npt.ArrayLike,
    rate: float,
    search: tuple[float, float],
    groups: Sequence[slice] = (),
) -> tuple[Delay, tuple[Delay, ...]]:
    """Return the joint delay, and the delay of each group of rows on its own; see `estimate_delay`."""
    x, y = (np.atleast_2d(np.asarray(a, np.float64)) for a in (reference, response))
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"reference is {x.shape} and response {y.shape}: both have to be (channels, samples), alike")
    if not (math.isfinite(rate) and rate > 0 and math.isfinite(search[0]) and search[0] <= search[1] < math.inf):
        raise ValueError(f"rate {rate}, search {search}: a positive rate, and two finite delays in order, are needed")
    x, y = _cropped(unit_rows(x), unit_rows(y), _COARSE)
    silent = Delay("no_information", reason="reference or response is constant, or not finite")
    first, last = math.floor(search[0] * rate) - MARGIN, math.ceil(search[1] * rate) + MARGIN
    span = max(last, 0) - min(first, 0)
    count = x.shape[1]
    if count - span < max(SHORTEST, count // 4):
        need = max(math.ceil(span * 4 / 3), span + SHORTEST)
        why = f"{count} samples for a search over {span}: at least {need} are needed, or a narrower search"
        short = Delay("insufficient_record", reason=why)
        return short, tuple(short for _ in groups)
    (x, x_moves), (y, y_moves) = _centred(x), _centred(y)
    moves = x_moves & y_moves
    if not moves.any():
        return silent, tuple(silent for _ in groups)
    if not moves.all():
        x, y = x[moves], y[moves]
    profile = lag_profile(x, y, first, last)
    joint = _solve(x, y, profile, rate)
    own = []
    for group in groups:
        rows = np.flatnonzero(np.isin(np.flatnonzero(moves), np.arange(moves.size)[group]))
        if rows.size == x.shape[0]:
            own.append(joint)
        else:
            own.append(_solve(x[rows], y[rows], profile.rows(rows), rate) if rows.size else silent)
    return joint, tuple(own)


def _solve(x: Floats, y: Floats, profile: LagProfile, rate: float) -> Delay:
    peaks = profile.peaks()
    lag, likelihood = peaks[0][0], max(value for _, value in peaks)
    column = round(lag) - int(profile.lags[0])
    strongest = float(np.abs(profile.r[:, column]).max())
    if strongest < _CORRELATED:
        return Delay("no_information", reason=f"response and reference do not correlate: {strongest:.2f} at best")
    start, stop = _busiest(y, profile.start, profile.stop, _FINE)
    best = fit_shift(x, y, start, stop, lag)
    if best is None:
        return Delay("edge", lag / rate, math.inf, (), "what agrees best lies outside of the search range")
    if _evidence(best) < _EVIDENCE + math.log(profile.lags.size):
        return Delay("no_information", reason="an agreement this weak is found by chance in a record this short")
    fits = [best]
    close = [other for other, value in peaks[1:] if likelihood - value <= _COARSE_RATIO * x.shape[0]]
    for other in close[:_ATTEMPTS]:
        fit = fit_shift(x, y, start, stop, other)
        if fit is not None and _inside(fit, profile, 3 * fit.sd) and all(abs(fit.delay - known.delay) > 0.5 for known in fits):
            fits.append(fit)
            fits.sort(key=lambda fit: float(_log_variance(fit).sum()))
        if sum(not _excluded(fit, fits[0]) for fit in fits) > _RIVALS:
            break
    tied = [fit for fit in fits if not _excluded(fit, fits[0])]
    # among explanations that the data cannot tell apart, show one that turns no channel upside down
    tied.sort(key=lambda fit: int((fit.gain < 0).sum()))
    best = tied[0]
    u = math.hypot(best.sd, _FINEST, 0.0 if _band_limited(x) else 0.5) / rate
    if len(tied) > 1:
        rivals = tuple(fit.delay / rate for fit in tied[1:])
        return Delay("ambiguous", best.delay / rate, u, rivals, _ambiguity(best, tied[1], rate))
    if len(close) > _ATTEMPTS:
        why = f"{len(close)} delays are too much alike to try them all: narrow the search"
        return Delay("ambiguous", best.delay / rate, u, tuple(other / rate for other in close[:_RIVALS]), why)
    if not best.converged:
        return Delay("no_information", best.delay / rate, math.inf, (), "the fit of the delay did not converge")
    if not _inside(best, profile):
        at = format_duration(best.delay / rate * 1e9)
        return Delay("edge", best.delay / rate, u, (), f"the best agreement, at {at}, is at the end of the search range")
    return Delay("ok", best.delay / rate, u)


def _ambiguity(best: ShiftFit, rival: ShiftFit, rate: float) -> str:
    here, there = (format_duration(fit.delay / rate * 1e9) for fit in (best, rival))
    turned = " with the opposite sign" if bool(((best.gain < 0) != (rival.gain < 0)).any()) else ""
    return (
        f"a delay of {there}{turned} fits as well as {here}: narrow the search, or use a stimulus with an event that does"
        " not repeat"
    )


def _excluded(rival: ShiftFit, best: ShiftFit) -> bool:
    worse = _log_variance(rival) - _log_variance(best)
    ratio = math.exp(0.5 * float(worse.mean()))
    evidence = 0.5 * float((worse * best.weight).sum())
    return ratio >= _RATIO and evidence >= _EVIDENCE


def _log_variance(fit: ShiftFit) -> Floats:
    out: Floats = np.log(fit.residual**2 + (_MODEL * fit.gain * fit.signal) ** 2)
    return out


def _evidence(fit: ShiftFit) -> float:
    explained = np.log1p((fit.gain * fit.signal / fit.residual) ** 2)
    return 0.5 * float((explained * fit.weight).sum())


def _inside(fit: ShiftFit, profile: LagProfile, spare: float = 0.0) -> bool:
    """Whether the delay is in the search range, give or take a sample and what there is to spare."""
    first, last = float(profile.lags[0]) + MARGIN - 1, float(profile.lags[-1]) - MARGIN + 1
    return first - spare <= fit.delay <= last + spare


def _centred(a: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return rows without their means, and which of them are finite and change by more than rounding."""
    with np.errstate(invalid="ignore"):
        centred = a - a.mean(axis=1, keepdims=True)
        # not np.dot(), which would start threads for it
        power = np.array([float(np.einsum("i,i", row, row)) for row in centred])
        largest = np.maximum(a.max(axis=1), -a.min(axis=1))
    return centred, np.sqrt(power / a.shape[1]) > 1e-9 * np.maximum(largest, 1e-30)


def _cropped(x: Floats, y: Floats, most: int) -> Sequence[Floats]:
    start, stop = _busiest(y, 0, y.shape[1], most)
    return x[:, start:stop], y[:, start:stop]


def _busiest(y: Floats, start: int, stop: int, most: int) -> tuple[int, int]:
    """Return the part of `[start, stop)` of at most `most` samples in which the channels move most."""
    if stop - start <= most:
        return start, stop
    energy = np.zeros(stop - start)
    for channel in y:
        part = channel[start:stop]
        scale = float(np.std(part)) or 1.0
        energy[1:] += (np.diff(part) / scale) ** 2
    total = np.nancumsum(energy)
    starts = np.arange(0, stop - start - most + 1, max(1, most // 8))
    first = start + int(starts[int(np.argmax(total[starts + most - 1] - total[starts]))])
    return first, first + most


def _band_limited(x: Floats) -> bool:
    """Whether at most 5 % of what the signal says about time, f**2 |X|**2, is above 0.8 of Nyquist."""
    start, stop = _busiest(x, 0, x.shape[1], 1 << 15)
    steps = np.diff(x[:, start:stop], axis=1)
    spectrum: Floats = (np.abs(fft.rfft(steps * np.hanning(steps.shape[1]), axis=1)) ** 2).sum(axis=0)
    f = np.linspace(1e-9, np.pi, spectrum.size)
    spectrum *= (f / (2 * np.sin(f / 2))) ** 2  # a difference is no derivative near Nyquist
    return bool(spectrum[int(_BAND * f.size) :].sum() <= 0.05 * spectrum.sum())
