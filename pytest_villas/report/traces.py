"""What of a run can be drawn: for each channel its reference and its response, and the latency of each sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.measure import ChannelFidelity, vector_error
from pytest_villas.replay.run import Run
from pytest_villas.samples import NO_TIME, Int64s, SignalType

Floats: TypeAlias = npt.NDArray[np.float64]

_TUBE: Final = re.compile(
    r"fidelity (?P<name>.+) samples out of the tube atol (?P<atol>\S+), rtol (?P<rtol>\S+), dt (?P<dt>\S+) s"
)
_PHASORS: Final = re.compile(
    r"(?:abs\()?fidelity (?P<name>.+) phasor \((?P<nominal>\S+) Hz, (?P<reports>\S+)/s, (?P<cycles>\d+) cycles\) (?:tve|frequency error)\)?"
)
_FEWEST: Final = 16
_EVEN: Final = 0.01
"""How far distances between values may differ, as a share, for a spectrum."""
_LARGEST: Final = 1e150
"""What is larger is drawn as this, and what is smaller than one of it as 0: no axis has the range of all doubles."""


@dataclass(frozen=True, slots=True)
class Tube:
    """The tube that a test asked a channel to stay in.

    Attributes:
        lower, upper: shape (m,), the bounds at each value that was compared.
        about: its tolerances, in words.
    """

    lower: Floats
    upper: Floats
    about: str


@dataclass(frozen=True, slots=True)
class PhasorTrace:
    """The phasors of a channel whose vector or frequency error a test asked for.

    Attributes:
        t: shape (k,), seconds since the first sample of the stimulus: the middle of each window.
        reference, response: magnitudes (rms), shape (k,).
        phase: of the response against the reference, degrees, shape (k,).
        tve: total vector error, unit 1, shape (k,).
        about: how they were measured, in words.
    """

    t: Floats
    reference: Floats
    response: Floats
    phase: Floats
    tve: Floats
    about: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One channel, or one part of a complex one.

    Attributes:
        name, unit: of the signal.
        t: shape (m,), seconds since the first sample of the stimulus, ascending.
        reference, response: shape (m,).
        step: whether the value holds until the next one, as that of a boolean does.
        tube: what it was asked to stay in.
        phasors: those that it was judged by.
    """

    name: str
    unit: str
    t: Floats
    reference: Floats
    response: Floats
    step: bool = False
    tube: Tube | None = None
    phasors: PhasorTrace | None = None

    @property
    def residual(self) -> Floats:
        """Response less reference, as they came."""
        return self.response - self.reference

    @property
    def outside(self) -> Int64s:
        """Indices of the values that are outside of the tube."""
        if self.tube is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero(~((self.response >= self.tube.lower) & (self.response <= self.tube.upper)))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The latency of each sample of the stimulus, in the order of sending.

    Attributes:
        t: shape (n,), seconds after the first one, when each was to be sent.
        latency: shape (n,), ns; NaN where nothing came.
        lost: indices of what was lost or late.
        reordered: indices of what was answered after a sample that was sent later.
        duplicates: indices of what was answered again, once for each time.
        first, last: the samples that count for the latency, in seconds: warm-up and cool-down lie outside.
    """

    t: Floats
    latency: Floats
    lost: Int64s
    reordered: Int64s
    duplicates: Int64s
    first: float
    last: float


def traces(run: Run, claims: Iterable[str] = ()) -> Iterator[Trace]:
    """Yield the channels of a run, worst first; a complex one as its real and its imaginary part.

    Args:
        run: measured.
        claims: what was asked of it (`Verdict.what`): a tube and phasors that are among them are drawn.
    """
    asked = list(claims)
    tubes, turning = ({match["name"]: match for match in map(kind.fullmatch, asked) if match} for kind in (_TUBE, _PHASORS))
    for channel in run.fidelity.channels:
        found = channel.compared()
        t = _seconds(run, found.t, found.received)
        unit = next((signal.unit for signal in run.response.signals if signal.name == channel.name), "")
        if channel.type is SignalType.COMPLEX:
            for part, pick in (("real", np.real), ("imaginary", np.imag)):
                yield Trace(
                    f"{channel.name}, {part} part", unit, t, _floats(pick(found.reference)), _floats(pick(found.response))
                )
            continue
        step = channel.type is not SignalType.FLOAT
        tube = _tube(channel, tubes.get(channel.name))
        turned = None if step else _phasors(channel, turning.get(channel.name))
        yield Trace(channel.name, unit, t, _floats(found.reference), _floats(found.response), step, tube, turned)


def timeline(run: Run, *, warm_up: int, cool_down: int) -> Timeline:
    """Return the latency of every sample, those that do not count included."""
    match = run.match
    meant = run.stimulus.origin
    received = match.of_stimulus(run.response.received)
    came = received != NO_TIME
    start = int(meant[0]) if meant.size else 0
    order = match.stimulus[match.first]
    late = np.isin(order, run.delivery.lost_at)
    kept = order[~late]
    t = (meant - start) / 1e9
    end = float(t[-1]) if t.size else 0.0
    return Timeline(
        t=t,
        latency=np.where(came, (received - np.where(came, meant, received)).astype(np.float64), np.nan),
        lost=run.delivery.lost_at,
        reordered=kept[kept < np.maximum.accumulate(kept)] if kept.size else kept,
        duplicates=match.stimulus[~match.first],
        first=warm_up / 1e9,
        last=end - cool_down / 1e9,
    )


def exceedance(values: Int64s, lost: int, most: int = 800) -> tuple[Floats, Floats]:
    """Return latencies, and the share of all samples that took longer: the curve of a distribution, its tail included.

    Args:
        values: int64 ns of what arrived.
        lost: how many never did: they exceed every latency.
        most: points of the curve; those of the tail are all there, the others are thinned out evenly on a log scale.
    """
    ranked = np.sort(values).astype(np.float64)
    n = ranked.size
    if not n:
        return np.zeros(0), np.zeros(0)
    above = np.unique(np.round(np.geomspace(1, n, most)).astype(np.int64))[::-1]  # so many are at this value or beyond
    index = n - above
    return ranked[index], (above - 1 + lost) / (n + lost)


def spectrum(t: Floats, values: Floats) -> tuple[Floats, Floats] | str:
    """Return frequency in Hz and amplitude (0 to peak) of evenly sampled values, Hann window, or why there is none.

    Nothing is resampled: what a line through the gaps would add looks like distortion of the device.
    """
    n, steps = t.size, np.diff(t)
    if n < _FEWEST:
        return f"{n} values are too few, at least {_FEWEST} are needed"
    if not np.isfinite(values).all():
        return f"{np.count_nonzero(~np.isfinite(values))} of {n} values are not finite"
    if not np.abs(values).max() < _LARGEST:
        return "the values are too large"
    period = float(np.mean(steps))
    if period <= 0 or np.ptp(steps) > _EVEN * period:
        widest = int(np.argmax(np.abs(steps - np.median(steps))))
        return f"the values are not evenly spaced in time, least so after {t[widest]:.6g} s, and are not resampled"
    window = np.hanning(n)
    lines = np.abs(np.fft.rfft((values - values.mean()) * window)) * 2 / window.sum()
    return np.asarray(np.fft.rfftfreq(n, period)), np.asarray(lines, np.float64)


def _tube(channel: ChannelFidelity, asked: re.Match[str] | None) -> Tube | None:
    if asked is None:
        return None
    atol, rtol, dt = (float(asked[name]) for name in ("atol", "rtol", "dt"))
    bounds = channel.tube_bounds(dt)
    if bounds is None:
        return None
    reference = channel.compared().reference
    finite = reference[np.isfinite(reference)]
    tolerance = atol + (rtol * float(finite.max()) - rtol * float(finite.min()) if finite.size else 0.0)
    about = f"absolute {atol:g}, relative {rtol:g} of the range, within {dt:g} s"
    with np.errstate(over="ignore"):
        lower, upper = (np.clip(bound, -_LARGEST, _LARGEST) for bound in (bounds[0] - tolerance, bounds[1] + tolerance))
    return Tube(_drawable(lower), _drawable(upper), about)


def _phasors(channel: ChannelFidelity, asked: re.Match[str] | None) -> PhasorTrace | None:
    if asked is None:
        return None
    settings = {"nominal": float(asked["nominal"]), "reports": float(asked["reports"]), "cycles": int(asked["cycles"])}
    one, other = channel.phasor_series(**settings)  # type: ignore[arg-type]  # two floats and an int
    if not one.t.size:
        return None
    phase = np.degrees(np.angle(other.phasor * np.conj(one.phasor)))
    tve = vector_error(one.phasor, other.phasor).tve
    about = "nominal {nominal:g} Hz, {reports:g} a second, each over {cycles} cycles".format(**settings)
    return PhasorTrace(one.t, _floats(np.abs(one.phasor)), _floats(np.abs(other.phasor)), _floats(phase), _floats(tve), about)


def _seconds(run: Run, t: Floats, received: Int64s) -> Floats:
    """Return seconds since the stimulus began: where the reference counts the rig's own steps, of the arrivals."""
    start = int(run.stimulus.origin[0])
    span = float(run.stimulus.origin[-1] - start) / 1e9
    timed = np.isfinite(t).all() and (t.size < 2 or float(np.ptp(t)) > 0.5 * span)
    return t if timed else (received - start) / 1e9


def _floats(column: npt.NDArray[np.generic]) -> Floats:
    return _drawable(np.asarray(column, np.float64))


def _drawable(values: Floats) -> Floats:
    """Return what an axis can show of values; a gap for what is not finite."""
    size = np.abs(values)
    shown = np.where(size < 1 / _LARGEST, 0.0, np.clip(values, -_LARGEST, _LARGEST))
    return np.where(np.isfinite(values), shown, np.nan)
