"""A sine in a record: frequency, phasor, distortion. Four-parameter least squares, as in [IEEE 1057]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.shift import Floats

HARMONICS: Final = 40
_STEPS: Final = 20
_GUESS: Final = 1 << 17  # samples for the first guess of the frequency
_DISTORTION: Final = 1 << 15  # samples for the harmonics: 81 columns of them have to fit into memory
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
        phase: against the reference, in degrees, -180 to 180; negative where the response is late.
        thd: total harmonic distortion, harmonics 2 to 40 (or to Nyquist) over the fundamental, unit 1.
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
    at, x = seconds_of(t)[:_DISTORTION], np.atleast_2d(np.asarray(values, np.float64))[:, :_DISTORTION]
    nyquist = (at.size - 1) / (2 * float(at[-1] - at[0]))
    most = max(1, min(count, math.ceil(nyquist / frequency * (1 - 1e-9)) - 1, (at.size - 2) // 4))
    angle = 2 * np.pi * frequency * np.outer(np.arange(1, most + 1), at)
    basis = np.concatenate([np.ones((1, at.size)), np.cos(angle), np.sin(angle)])
    gram = basis @ basis.T
    theta = np.linalg.solve(gram, basis @ x.T)
    rest = x - theta.T @ basis
    theta += np.linalg.solve(gram, basis @ rest.T)  # once more: the normal equations square the condition
    rest = x - theta.T @ basis
    return theta[1 : most + 1] - 1j * theta[most + 1 :], np.sqrt((rest**2).mean(axis=1))


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
        given = None if reference is None else _at_frequency(t, reference, fit.frequency)
    except ValueError as error:
        nothing = {"status": "no_information", "why": str(error)}
        return Sine(*(Estimate(f"{what} {n}", math.nan, u, **nothing) for n, u in zip(names, units, strict=True)))  # type: ignore[arg-type]  # two texts
    n = int(np.size(response))
    amplitude, u = abs(complex(fit.phasor[0])), float(fit.phasor_u[0])
    noise = float(fit.residual[0])
    level_u = noise * math.sqrt(2 / n)
    tones, rest = harmonics(t, response, fit.frequency)
    used = min(n, _DISTORTION)
    thd = float(np.sqrt((np.abs(tones[1:, 0]) ** 2).sum()) / abs(tones[0, 0]))
    tone_u = float(rest[0]) * math.sqrt(2 / used) / amplitude
    sinad = 20 * math.log10(amplitude / math.sqrt(2) / noise) if noise else math.inf
    enob = math.log2((full_scale or 2 * amplitude) / (math.sqrt(12) * noise)) if noise else math.inf
    short = "" if len(tones) == HARMONICS else f"harmonics to the {len(tones)}th only: the next is above Nyquist"
    against: dict[str, Any] = {} if given else {"status": "no_information", "why": "there is no reference"}
    ratio = complex(fit.phasor[0]) / given[0] if given else complex(math.nan)
    spread = math.hypot(level_u / amplitude, given[1] / abs(given[0])) if given else 0.0
    return Sine(
        frequency=Estimate(f"{what} frequency", fit.frequency, "Hz", fit.frequency_u, n=n),
        amplitude=Estimate(f"{what} amplitude", amplitude, "", min(u, level_u), n=n),
        offset=Estimate(f"{what} offset", float(fit.offset[0]), "", noise / math.sqrt(n), n=n),
        gain=Estimate(f"{what} gain", abs(ratio), "1", spread * abs(ratio), n=n, **against),
        phase=Estimate(f"{what} phase", math.degrees(np.angle(ratio)), "deg", math.degrees(spread), n=n, **against),
        thd=Estimate(
            f"{what} thd", thd, "1", tone_u, n=used, floor=2 * tone_u * math.sqrt(len(tones)) or None, why=short,
            status="ok" if len(tones) > 1 else "no_information",
        ),
        sinad=Estimate(f"{what} sinad", sinad, "dB", 20 / math.log(10) / math.sqrt(2 * n), n=n),
        enob=Estimate(f"{what} enob", enob, "bit", 1 / math.log(2) / math.sqrt(2 * n), n=n),
    )  # fmt: skip


def _at_frequency(t: npt.ArrayLike, values: npt.ArrayLike, frequency: float) -> tuple[complex, float]:
    """Fit amplitude, phase and offset at a known frequency: the phasor, and its uncertainty."""
    at, x = seconds_of(t), np.asarray(values, np.float64)
    if x.shape != at.shape or not np.isfinite(x).all():
        raise ValueError("the reference has to be finite, with one value for each of the response")
    theta, rest = _three(at, x[None], frequency)
    phasor = complex(theta[0, 0], -theta[1, 0])
    noise = float(np.sqrt((rest**2).mean()))
    if not abs(phasor) > 1e-9 * float(np.abs(x).max()) or abs(phasor) < noise / math.sqrt(at.size):
        raise ValueError(f"the reference has no line at {frequency:.6g} Hz")
    return phasor, noise * math.sqrt(2 / at.size)


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
