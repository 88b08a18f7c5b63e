"""A sine in a record: frequency, phasor, distortion. Four-parameter least squares, as in [IEEE 1057]."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft

from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.shift import Floats

HARMONICS: Final = 40
_STEPS: Final = 20
_GUESS: Final = 1 << 17  # samples for the first guess of the frequency
_CACHED: Final = 1 << 12  # samples of which 41 powers fit into a cache
_STRETCH: Final = 1 << 15  # samples of a stretch of which the harmonics are told ...
_IN_STRETCH: Final = 10  # ... and at least so many periods: over longer ones a frequency that wanders would hide them
_PERIODS: Final = 1.5  # fewer do not tell a sine from an offset


@dataclass(frozen=True, slots=True)
class SineFit:
    """``offset + abs(phasor) * cos(2 pi frequency t + angle(phasor))`` for c channels that share their frequency.

    Attributes:
        frequency, frequency_u: Hz; the standard uncertainty.
        phasor: complex, shape (c,): peak amplitude, and phase against a cosine at t = 0.
        phasor_u: standard uncertainty of its real and imaginary part, shape (c,).
        offset, residual: shape (c,); the residual is an rms, of noise and distortion together.
    """

    frequency: float
    frequency_u: float
    phasor: npt.NDArray[np.complex128]
    phasor_u: Floats
    offset: Floats
    residual: Floats


@dataclass(frozen=True, slots=True)
class Sine:
    """One channel as a sine, against a reference where there is one.

    Attributes:
        frequency: in Hz.
        amplitude: peak, in the unit of the signal.
        offset: in the unit of the signal.
        gain: amplitude over that of the reference.
        phase: against the reference, in degrees, -180 to 180; negative where the response is late. Where the frequencies of
            both differ it is that in the middle of the record, uncertain by what it turns until the ends.
        thd: total harmonic distortion, harmonics 2 to 40 (or to Nyquist) over the fundamental, unit 1; of a long record the rms
            over stretches of 32768 samples or ten periods.
        sinad: signal to noise and distortion, in dB.
        enob: effective number of bits, for the full scale given (else for twice the amplitude).
    """

    frequency: Estimate
    amplitude: Estimate
    offset: Estimate
    gain: Estimate
    phase: Estimate
    thd: Estimate
    sinad: Estimate
    enob: Estimate


def seconds_of(t: npt.ArrayLike, base: int | None = None) -> Floats:
    """Return times in seconds since `base` (the first by default) where they are int64 ns; else as they are."""
    times: npt.NDArray[Any] = np.asarray(t)
    if times.dtype.kind not in "iu":
        return times.astype(np.float64)
    first = base if base is not None else int(times[0]) if times.size else 0
    return np.asarray((times - np.int64(first)) / 1e9)


def fit_sine(t: npt.ArrayLike, values: npt.ArrayLike, frequency: float | None = None) -> SineFit:
    """Fit frequency, amplitude, phase and offset.

    Args:
        t: shape (n,), increasing: seconds, or int64 ns (t = 0 is the first sample then). Not necessarily even.
        values: shape (n,) or (c, n), finite.
        frequency: where to start from, in Hz; by default the largest line of the spectrum.

    Raises ValueError where there is nothing to fit: values that are not finite or constant, fewer than 1.5 periods.
    """
    at, x = seconds_of(t), np.atleast_2d(np.asarray(values, np.float64))
    if x.ndim != 2 or x.shape[1] != at.size:
        raise ValueError(f"{at.size} times for values of shape {x.shape}: one time a sample is needed")
    if at.size < 8 or not np.isfinite(x).all() or not (np.diff(at) > 0).all():
        raise ValueError("at least 8 finite samples at increasing times are needed to fit a sine")
    if (np.ptp(x, axis=1) <= 1e-9 * np.abs(x).max(axis=1)).any():
        raise ValueError("a constant channel is no sine")
    middle = (at[0] + at[-1]) / 2
    tc = at - middle  # phase and frequency are least correlated in the middle
    f = _first_guess(at, x) if frequency is None else frequency
    span = float(at[-1] - at[0]) * at.size / (at.size - 1)
    scale = x.std(axis=1, keepdims=True)
    f, theta, rest, curve = _descend(tc, x / scale, f)
    if not f * span >= _PERIODS or not f < (at.size - 1) / (2 * span):
        raise ValueError(f"{f * span:.2g} periods at {f:.4g} Hz: at least {_PERIODS} are needed, and two samples a period")
    theta, rest = theta * scale.T, rest * scale
    size = at.size
    variance = (rest**2).sum(axis=1) / max(size - 4, 1)
    turn = np.exp(-2j * np.pi * f * middle)
    amplitude = theta[0] - 1j * theta[1]
    # the frequency turns the phase at t = 0, which is not in the middle
    f_u = math.sqrt(1 / max(float((curve / np.maximum(variance / scale[:, 0] ** 2, 1e-300)).sum()), 1e-300))
    phase_u = np.hypot(np.sqrt(2 * variance / size), np.abs(amplitude) * 2 * np.pi * abs(middle) * f_u)
    return SineFit(f, f_u, amplitude * turn, phase_u, theta[2], np.sqrt((rest**2).mean(axis=1)))


def harmonics(t: npt.ArrayLike, values: npt.ArrayLike, frequency: float, count: int = HARMONICS) -> tuple[Any, Floats]:
    """Fit the harmonics of a known frequency, together.

    Args:
        t: as for `fit_sine`.
        values: shape (c, n).
        frequency: of the fundamental, in Hz.
        count: of the highest harmonic; those above Nyquist are left out.

    Returns:
        Phasors, complex of shape (h, c), from the fundamental on; and the rms of the rest, shape (c,).
    """
    at, x = seconds_of(t), np.atleast_2d(np.asarray(values, np.float64))
    nyquist = (at.size - 1) / (2 * float(at[-1] - at[0]))
    most = max(1, min(count, math.ceil(nyquist / frequency * (1 - 1e-9)) - 1, (at.size - 2) // 4))
    # values = sum over k = -most .. most of c_k turn**k, so that the normal equations are sums of powers of turn alone
    sums, parts = np.zeros(2 * most + 1, np.complex128), np.zeros((most + 1, len(x)), np.complex128)
    for part, _ in _powers_of(at, x, frequency, most):
        sums[: most + 1] += part.sum(axis=1)
        sums[most + 1 :] += np.einsum("kn,n->k", part[1:], part[most])
    lag = np.arange(2 * most + 1)[None, :] - np.arange(2 * most + 1)[:, None]
    gram = np.where(lag >= 0, sums[np.abs(lag)], sums[np.abs(lag)].conj())
    for _ in range(2):  # twice: the normal equations square the condition
        right = np.zeros_like(parts)
        for part, y in _powers_of(at, x, frequency, most):
            right += np.einsum("kn,cn->kc", part, _rest(part, parts, y)).conj()  # the values are real
        parts += np.linalg.solve(gram, np.concatenate([right[:0:-1].conj(), right]))[most:]
    square = sum((_rest(part, parts, y) ** 2).sum(axis=1) for part, y in _powers_of(at, x, frequency, most))
    return 2 * parts[1:], np.sqrt(square / at.size)


_Powers: TypeAlias = npt.NDArray[np.complex128]


def _powers_of(t: Floats, x: Floats, frequency: float, most: int) -> Iterator[tuple[_Powers, Floats]]:
    """Yield the powers 0 .. most of the turning phase, shape (most + 1, m), and the values there, as many as a cache holds."""
    for start in range(0, t.size, _CACHED):
        within = slice(start, start + _CACHED)
        turn = np.exp(2j * np.pi * frequency * t[within])
        powers = np.empty((most + 1, turn.size), np.complex128)
        powers[0] = 1
        for k in range(most):
            np.multiply(powers[k], turn, out=powers[k + 1])
        yield powers, x[:, within]


def _rest(powers: _Powers, parts: npt.NDArray[np.complex128], x: Floats) -> Floats:
    """Take from values, shape (c, m), what a mean and harmonics with coefficients of shape (most + 1, c) explain."""
    return np.asarray(x - parts[0].real[:, None] - 2 * np.einsum("kc,kn->cn", parts[1:], powers[1:]).real)


def _distortion(t: Floats, values: Floats, frequency: float) -> tuple[Floats, float, float]:
    """Fit harmonics to each stretch of a record.

    Returns the rms over the stretches of each harmonic's amplitude, from the fundamental on; that of the rest; and the
    samples of a stretch.
    """
    period = t.size / (frequency * float(t[-1] - t[0]))
    stretches = max(int(t.size / max(_STRETCH, _IN_STRETCH * period)), 1)
    bounds = np.linspace(0, t.size, stretches + 1).astype(int).tolist()
    found = []
    for a, b in pairwise(bounds):
        own = frequency
        if stretches > 1:  # one that wanders over the record has the harmonics of each stretch elsewhere
            with contextlib.suppress(ValueError):
                own = fit_sine(t[a:b], values[a:b], frequency).frequency
        found.append(harmonics(t[a:b], values[a:b], own))
    fewest = min(len(tones) for tones, _ in found)
    tones = np.sqrt(np.mean([np.abs(tones[:fewest, 0]) ** 2 for tones, _ in found], axis=0))
    return tones, math.sqrt(float(np.mean([rest[0] ** 2 for _, rest in found]))), t.size / stretches


def sine(
    t: npt.ArrayLike,
    response: npt.ArrayLike,
    reference: npt.ArrayLike | None = None,
    *,
    frequency: float | None = None,
    full_scale: float | None = None,
    what: str = "sine",
) -> Sine:
    """Measure one channel as a sine.

    Args:
        t: shape (n,), when the samples were: seconds, or int64 ns.
        response: shape (n,).
        reference: shape (n,), at the same times; gain and phase are against it, at the frequency of the response.
        frequency: where to look, in Hz; by default the largest line of the spectrum.
        full_scale: range of the converter, for `enob`.
        what: name of the channel, for verdicts.

    What cannot be fitted has estimates with the status `no_information`.
    """
    names = ("frequency", "amplitude", "offset", "gain", "phase", "thd", "sinad", "enob")
    units = ("Hz", "", "", "1", "deg", "1", "dB", "bit")
    try:
        fit = fit_sine(t, response, frequency)
        given = None if reference is None else _at_frequency(t, reference, fit)
    except ValueError as error:
        nothing = {"status": "no_information", "why": str(error)}
        return Sine(*(Estimate(f"{what} {n}", math.nan, u, **nothing) for n, u in zip(names, units, strict=True)))  # type: ignore[arg-type]  # two texts
    n = int(np.size(response))
    amplitude, u = abs(complex(fit.phasor[0])), float(fit.phasor_u[0])
    noise = float(fit.residual[0])
    level_u = noise * math.sqrt(2 / n)
    tones, rest, used = _distortion(seconds_of(t), np.asarray(response, np.float64), fit.frequency)
    thd = float(np.sqrt((tones[1:] ** 2).sum()) / tones[0])
    tone_u = rest * math.sqrt(2 / used) / amplitude
    sinad = 20 * math.log10(amplitude / math.sqrt(2) / noise) if noise else math.inf
    enob = math.log2((full_scale or 2 * amplitude) / (math.sqrt(12) * noise)) if noise else math.inf
    short = "" if len(tones) == HARMONICS else f"harmonics to the {len(tones)}th only: the next is above Nyquist"
    against: dict[str, Any] = {} if given else {"status": "no_information", "why": "there is no reference"}
    ratio = complex(fit.phasor[0]) / given[0] if given else complex(math.nan)
    spread = math.hypot(level_u / amplitude, given[1] / abs(given[0])) if given else 0.0
    # two frequencies: the phase of the record is any from that of its beginning to that of its end
    turned = given[2] if given else 0.0
    gain_u, phase_u = math.hypot(spread, 1 - float(np.sinc(turned))), math.hypot(spread, math.pi * turned / 2)
    return Sine(
        frequency=Estimate(f"{what} frequency", fit.frequency, "Hz", fit.frequency_u, n=n),
        amplitude=Estimate(f"{what} amplitude", amplitude, "", min(u, level_u), n=n),
        offset=Estimate(f"{what} offset", float(fit.offset[0]), "", noise / math.sqrt(n), n=n),
        gain=Estimate(f"{what} gain", abs(ratio), "1", gain_u * abs(ratio), n=n, **against),
        phase=Estimate(f"{what} phase", math.degrees(np.angle(ratio)), "deg", math.degrees(phase_u), n=n, **against),
        thd=Estimate(
            f"{what} thd", thd, "1", tone_u, n=n, floor=2 * tone_u * math.sqrt(len(tones)) or None, why=short,
            status="ok" if len(tones) > 1 else "no_information",
        ),
        sinad=Estimate(f"{what} sinad", sinad, "dB", 20 / math.log(10) / math.sqrt(2 * n), n=n),
        enob=Estimate(f"{what} enob", enob, "bit", 1 / math.log(2) / math.sqrt(2 * n), n=n),
    )  # fmt: skip


def _at_frequency(t: npt.ArrayLike, values: npt.ArrayLike, fit: SineFit) -> tuple[complex, float, float]:
    """Fit amplitude, phase and offset of a reference at the frequency of the response.

    Returns the phasor, its uncertainty, and how many turns the response gains on it over the record, beyond doubt.
    """
    frequency = fit.frequency
    at, x = seconds_of(t), np.asarray(values, np.float64)
    if x.shape != at.shape or not np.isfinite(x).all():
        raise ValueError("the reference has to be finite, with one value for each of the response")
    theta, rest = _three(at, x[None], frequency)
    phasor = complex(theta[0, 0], -theta[1, 0])
    noise = float(np.sqrt((rest**2).mean()))
    if not abs(phasor) > 1e-9 * float(np.abs(x).max()) or abs(phasor) < noise / math.sqrt(at.size):
        raise ValueError(f"the reference has no line at {frequency:.6g} Hz")
    try:
        own = fit_sine(at, x, frequency)
    except ValueError:  # it has that line, and is no sine by itself
        return phasor, noise * math.sqrt(2 / at.size), 0.0
    apart = max(abs(own.frequency - frequency) - 2 * math.hypot(own.frequency_u, fit.frequency_u), 0.0)
    return phasor, noise * math.sqrt(2 / at.size), apart * float(at[-1] - at[0])


def _three(t: Floats, x: Floats, frequency: float) -> tuple[Floats, Floats]:
    angle = 2 * np.pi * frequency * t
    basis = np.stack([np.cos(angle), np.sin(angle), np.ones_like(t)])
    theta = np.linalg.solve(basis @ basis.T, basis @ x.T)
    return theta, x - theta.T @ basis


def _descend(t: Floats, x: Floats, frequency: float) -> tuple[float, Floats, Floats, Floats]:
    """Gauss-Newton on the frequency; amplitude, phase and offset follow from it by linear least squares."""
    span = float(t[-1] - t[0])
    for _ in range(_STEPS):
        angle = 2 * np.pi * frequency * t
        c, s = np.cos(angle), np.sin(angle)
        basis = np.stack([c, s, np.ones_like(t)])
        gram = basis @ basis.T
        theta = np.linalg.solve(gram, basis @ x.T)
        rest = x - theta.T @ basis
        slope = 2 * np.pi * t * (theta[1][:, None] * c - theta[0][:, None] * s)
        slope -= np.linalg.solve(gram, basis @ slope.T).T @ basis
        curve = (slope**2).sum(axis=1)
        step = float((slope * rest).sum()) / max(float(curve.sum()), 1e-300)
        step = min(max(step, -0.25 / span), 0.25 / span)
        if abs(step) < 1e-13 * frequency or not 0.5 / span < frequency + step:
            break
        frequency += step
    return frequency, theta, rest, curve


def _first_guess(t: Floats, x: Floats) -> float:
    """Interpolate the largest line of a Hann spectrum, over all channels."""
    count = min(t.size, _GUESS)
    even = np.linspace(t[0], t[count - 1], count)
    window = np.hanning(count)
    padded = fft.next_fast_len(4 * count if count < 1 << 14 else count, real=True)
    power = np.zeros(padded // 2 + 1)
    for row in x:
        part = np.interp(even, t, row)
        part = (part - part.mean()) / part.std() if part.std() else part * 0
        power += np.abs(fft.rfft(part * window, padded)) ** 2
    k = int(np.argmax(power[1:-1])) + 1
    low, mid, high = np.log(np.maximum(power[k - 1 : k + 2], 1e-300))
    bend = low - 2 * mid + high
    k_fine = k + (0.5 * (low - high) / bend if bend < 0 else 0.0)
    return float(k_fine / padded * (count - 1) / (even[-1] - even[0]))
