"""What can be said about one channel of a response, with its reference beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar

import numpy as np

from pytest_villas.errors import SignalError
from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.verdict import Outcome, Verdict, told, worst
from pytest_villas.measure.waveforms.bode import Bode, bode
from pytest_villas.measure.waveforms.comparison import Comparison
from pytest_villas.measure.waveforms.edges import Edges, edges
from pytest_villas.measure.waveforms.exact import allclose, bit_exact, check_tolerances
from pytest_villas.measure.waveforms.phasor import PhasorSeries, VectorError, phasors, vector_error
from pytest_villas.measure.waveforms.place import Place
from pytest_villas.measure.waveforms.resample import interpolate
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.measure.waveforms.sine import Sine, sine
from pytest_villas.measure.waveforms.step import Step, step
from pytest_villas.measure.waveforms.tube import tube, tube_bounds
from pytest_villas.samples import Column, Int64s, SignalType
from pytest_villas.units import duration, seconds


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """m values of a response beside those of its reference, in the order of the reference.

    Attributes:
        t: shape (m,), seconds since the first sample of the reference; NaN without stamps.
        reference: shape (m,); interpolated where no pairs are known.
        response: shape (m,), as it came.
        received: shape (m,), int64 ns, the stamps of the response.
    """

    t: Floats
    reference: Column
    response: Column
    received: Int64s


INCOMPLETE: Final = 0.1
"""Share of the reference without a response above which an average speaks for too little."""

_RANGE: Final = 1e-150, 1e150
"""Beyond these, squares of values are more, or less, than a double holds."""

_Found = TypeVar("_Found", Sine, VectorError, Step)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFidelity:
    """One channel: estimates to compare with limits, and checks that give a verdict.

    Gain and offset are estimated and taken out before the residual is measured, as is the delay where no pairs are
    known: limits on them are the user's to set. `nrmse` alone says nothing about them, except that a gain which is not
    positive makes it infinite.

    Attributes:
        name, type: of the signal.
        nrmse: rms(residual) / rms(gain * AC reference), unit 1. Infinite for a response that is frozen, inverted or not
            finite.
        gain: response per reference, unit 1; its sign is kept. Complex values have one real gain.
        offset: in the unit of the signal; its modulus for complex values.
        delay: of this channel's waveform on its own, in ns. With pairs it is what remains within the pairs.
        drift_ppm: how fast that delay grows, in ppm.
        worst: where the residual is largest; for integers and booleans where the first value differs. None if nowhere.
        badness: what orders the channels, worst first.
    """

    name: str
    type: SignalType
    nrmse: Estimate
    gain: Estimate
    offset: Estimate
    delay: Estimate
    drift_ppm: Estimate
    worst: Place | None
    badness: float
    _reference: Column = field(repr=False)
    _response: Column = field(repr=False)
    _side: Comparison = field(repr=False)
    _doubt: str = field(default="", repr=False)

    @property
    def gain_error(self) -> Estimate:
        """Gain less 1, unit 1; with its sign."""
        return replace(self.gain, what=f"{self.gain.what} error", value=self.gain.value - 1.0, interval=None)

    def bit_exact(self, *, missing: int = 0) -> Verdict:
        """Judge whether all bits are those of the reference; needs known pairs.

        Args:
            missing: how many samples of the reference may be without a response; with more, nothing worse than that is
                INCONCLUSIVE.
        """
        return told(self, self._paired("samples that differ in their bits", missing, bit_exact))

    def allclose(self, *, rtol: float = 0.0, atol: float = 0.0, allow_nan: bool = False, missing: int = 0) -> Verdict:
        """Judge ``abs(response - reference) <= atol + rtol * abs(reference)`` everywhere; needs known pairs.

        Complex values are compared by modulus (they are float32: below 1e-6 relative makes no sense), integers exactly,
        booleans for equality. NaN fails, unless `allow_nan` and both are NaN. For `missing` see `bit_exact`.
        """
        check_tolerances(rtol=rtol, atol=atol)

        def close(reference: Column, response: Column, **names: object) -> Verdict:
            return allclose(reference, response, rtol=rtol, atol=atol, allow_nan=allow_nan, **names)  # type: ignore[arg-type]  # places and what, handed through

        return told(self, self._paired(f"samples out of atol {atol:g}, rtol {rtol:g}", missing, close))

    def tube(self, *, atol: float = 0.0, rtol: float = 0.0, dt: float | str | None = None, missing: int = 0) -> Verdict:
        """Judge whether the response stays in a tube around the reference, after the delay is taken out.

        Args:
            atol: in the unit of the signal.
            rtol: relative to the range of the reference.
            dt: seconds, or text with a unit (``"1 ms"``), by default one sample of the reference. It hides errors of dt
                times the slope; ValueError where all of the reference has its place in it.
            missing: see `bit_exact`.

        Complex values have to be in the tube with both their parts. Integers and booleans have no tube: INCONCLUSIVE.
        """
        return told(self, self._in_tube(atol, rtol, None if dt is None else seconds(dt), missing))

    def _in_tube(self, atol: float, rtol: float, dt: float | None, missing: int) -> Verdict:
        sent = self._side.sent
        check_tolerances(atol=atol, rtol=rtol, dt=dt or 0.0)
        what = f"fidelity {self.name} samples out of the tube"
        if self.type not in (SignalType.FLOAT, SignalType.COMPLEX) or self._reference.dtype != self._response.dtype:
            why = f"{self._types()} cannot be drawn: use allclose() or bit_exact()"
            return Verdict(Outcome.INCONCLUSIVE, what, 0, "==", why=why)
        index = self._side.aligned.response
        bad = np.flatnonzero(~np.isfinite(self._response[index] if self._side.aligned.matched else self._response))
        if bad.size:
            where = (
                f", first at {self._side.aligned.places.at(int(bad[0]))}"
                if self._side.aligned.matched
                else f", first at {bad[0]}"
            )
            why = f"{bad.size} values of the response are not finite{where}"
            return Verdict(Outcome.FAIL, what, 0, "==", float(bad.size), n=index.size, why=why)
        if sent is None or self._side.untimed:
            return Verdict(Outcome.INCONCLUSIVE, what, 0, "==", why=self._side.untimed)
        reach = dt if dt is not None else sent.period if sent.t.size > 1 else 0.0
        parts = [np.real, np.imag] if self.type is SignalType.COMPLEX else [np.asarray]
        verdicts = [self._tube(sent.t, part, atol, rtol, reach) for part in parts]
        grave = worst(verdicts)
        return self._complete(next(v for v in verdicts if v.outcome is grave), missing)

    def sine(self, *, frequency: float | None = None, full_scale: float | None = None) -> Sine:
        """Fit a sine; see `pytest_villas.measure.sine`. Gain and phase are against the reference.

        Where no pairs are known the delay is taken out before: the phase is what remains. Raises SignalError for a channel
        that is not float, as `phasors`, `step` and `bode` do.
        """
        t, x, y = self._series()
        what = f"fidelity {self.name}"
        return self._doubted(sine(t, y, x, frequency=frequency, full_scale=full_scale, what=what))

    def phasors(self, *, nominal: float = 50.0, reports: float = 50.0, cycles: int = 4) -> VectorError:
        """Compare the phasors of both waveforms, or, of a complex channel, its values, which are phasors already.

        See `pytest_villas.measure.phasors` and `vector_error`.
        """
        if self.type is SignalType.COMPLEX:
            what, aligned = f"fidelity {self.name}", self._side.aligned
            if not aligned.matched:
                raise SignalError(f"{what}: it is not known which phasor belongs to which: match by sequence or origin")
            return self._doubted(vector_error(self._reference[aligned.reference], self._response[aligned.response], what=what))
        what = f"fidelity {self.name} phasor ({nominal:g} Hz, {reports:g}/s, {cycles} cycles)"
        one, other = self.phasor_series(nominal=nominal, reports=reports, cycles=cycles)
        return self._doubted(vector_error(one.phasor, other.phasor, one.frequency, other.frequency, what=what))

    def phasor_series(
        self, *, nominal: float = 50.0, reports: float = 50.0, cycles: int = 4
    ) -> tuple[PhasorSeries, PhasorSeries]:
        """Return the phasors of reference and response, for a float channel; see `pytest_villas.measure.phasors`."""
        t, x, y = self._series()
        one, other = (phasors(t, values, nominal=nominal, reports=reports, cycles=cycles) for values in (x, y))
        return one, other

    def step(
        self,
        *,
        at: float | str | None = None,
        target: float | None = None,
        band: float = 0.02,
        smoothing: float | str | None = None,
    ) -> Step:
        """Read a step response; see `pytest_villas.measure.step`.

        Args:
            at: when the stimulus stepped, in seconds, or as text with a unit, after the first sample of the reference; by
                default when the reference has gone half of its way.
            target: the value to reach; by default the last of the reference.
            band: as there.
            smoothing: as there.
        """
        t, x, y = self._series()
        if at is None and x.size:
            with np.errstate(invalid="ignore"):  # what is not finite is no step, and is told below
                at = float(t[int(np.argmax(np.abs(x - x[0]) >= abs(x[-1] - x[0]) / 2))])
        if target is None and x.size:
            target = float(x[-1])
        at = None if at is None else seconds(at)
        found = step(t, y, at=at, target=target, band=band, smoothing=smoothing, what=f"fidelity {self.name} step")
        if target is not None and x.size and (target - x[0]) * (float(found.final) - float(found.initial)) < 0:
            turned = {"status": "no_information", "why": "the response steps the other way than its reference"}
            for name in ("delay", "rise", "overshoot", "settling"):
                found = replace(found, **{name: replace(getattr(found, name), **turned)})
        return self._doubted(found)

    def bode(self, *, resolution: float | None = None) -> Bode:
        """Estimate the frequency response of the response to the reference; see `pytest_villas.measure.bode`.

        Raises ValueError where the record is too short or has holes.
        """
        t, x, y = self._series()
        if self._untold:
            raise ValueError(f"fidelity {self.name}: {self._untold}")
        steps = np.diff(t)
        if t.size < 2 or float(np.ptp(steps)) > 1e-3 * float(np.median(steps)):
            raise ValueError(f"fidelity {self.name}: a frequency response wants a uniform grid without holes")
        found = bode(x, y, 1 / float(steps.mean()), resolution=resolution, what=f"fidelity {self.name} bode")
        aligned = self._side.aligned
        lacking = aligned.note if aligned.missing.size > INCOMPLETE * aligned.total else ""
        return replace(found, doubt=self._doubt, incomplete=lacking)

    def compared(self) -> Compared:
        """Return what was compared with what, to draw it: the reference is read where the response shows it."""
        side = self._side
        index = side.aligned.response
        reference = self._reference[side.aligned.reference]
        if not side.aligned.matched and side.sent is not None and self.type in (SignalType.FLOAT, SignalType.COMPLEX):
            parts = [self._reference.real, self._reference.imag] if self.type is SignalType.COMPLEX else [self._reference]
            drawn = [interpolate(side.sent, part.astype(np.float64), side.aligned.t) for part in parts]
            reference = drawn[0] if len(drawn) == 1 else drawn[0] + 1j * drawn[1]
        return Compared(side.aligned.t, reference, self._response[index], side.stamps[1][index])

    def tube_bounds(self, dt: float) -> tuple[Floats, Floats] | None:
        """Return the least and the greatest value of a float reference within `dt` seconds of each value that was compared."""
        if self._side.sent is None or self.type is not SignalType.FLOAT:
            return None
        return tube_bounds(self._side.sent.t, self._reference.astype(np.float64), self._side.aligned.t, dt)

    def edges(self, *, within: tuple[int | str, int | str] = (0, "100 ms")) -> Edges:
        """Match the transitions of a boolean channel by their time stamps; see `pytest_villas.measure.edges`.

        What lost samples may have hidden, transitions that nobody asked for above all, is neither PASS nor FAIL. Raises
        SignalError for other types, and where stamps are absent or go back.
        """
        sent_t, seen_t = self._side.stamps
        what = f"fidelity {self.name} edges"
        found = edges(
            sent_t,
            self._reference,
            seen_t,
            self._response,
            within=within,
            unseen=self._side.unseen(*(duration(limit) for limit in within)),
            what=what,
        )
        if self._doubt:
            wrong = {name: replace(getattr(found, name), value=None, why=self._doubt) for name in ("missing", "extra", "initial")}
            found = replace(found, delay=replace(found.delay, inconclusive=self._doubt), **wrong)
        return found

    def _series(self) -> tuple[Floats, Floats, Floats]:
        """Return times in seconds, the reference and the response there; empty where they have none in common."""
        aligned, sent = self._side.aligned, self._side.sent
        if self.type is not SignalType.FLOAT or self._reference.dtype != self._response.dtype:
            raise SignalError(f"fidelity {self.name}: {self._types()}: float ones are needed")
        x, y = self._reference, self._response[aligned.response]
        if self._untold or sent is None:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        if aligned.matched:
            first = np.flatnonzero(np.diff(aligned.reference, prepend=-1))
            return aligned.t[first], x[aligned.reference[first]], y[first]
        return aligned.t, interpolate(sent, x, aligned.t), y

    @property
    def _untold(self) -> str:
        """Why nothing can be said that needs times and squares of values; empty where it can."""
        for values in (self._reference, self._response):
            peak = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
            if peak and not _RANGE[0] <= peak <= _RANGE[1]:
                return f"values of up to {peak:.3g} cannot be squared: scale the signal"
        return self._side.untimed

    def _doubted(self, found: _Found) -> _Found:
        """Take back what estimates say where a tenth of the reference or more has no response, or the reference is in doubt."""
        aligned, doubts, untold = self._side.aligned, dict[str, Any](), self._untold
        for each in fields(found):
            if isinstance(estimate := getattr(found, each.name), Estimate):
                if untold and self.type is SignalType.FLOAT:
                    estimate = replace(estimate, status="no_information", why=untold)
                elif estimate.status == "ok" and self._side.untimed:
                    estimate = replace(estimate, status="no_information", why=self._side.untimed)
                elif estimate.status == "ok" and aligned.missing.size > INCOMPLETE * aligned.total:
                    estimate = replace(estimate, status="incomplete", why=aligned.note)
                doubts[each.name] = replace(estimate, doubt=self._doubt)
        return replace(found, **doubts)

    def _tube(self, t: Floats, part: Callable[[Column], Column], atol: float, rtol: float, dt: float) -> Verdict:
        aligned = self._side.aligned
        return tube(
            t,
            part(self._reference).astype(np.float64),
            aligned.t,
            part(self._response)[aligned.response].astype(np.float64),
            atol=atol,
            rtol=rtol,
            dt=dt,
            places=aligned.places,
            what=f"fidelity {self.name} samples",
        )

    def _paired(self, what: str, missing: int, judge: Callable[..., Verdict]) -> Verdict:
        aligned = self._side.aligned
        if not aligned.matched:
            why = "it is not known which response belongs to which sample: match by sequence or origin, or use tube()"
            return Verdict(Outcome.INCONCLUSIVE, f"fidelity {self.name} {what}", 0, "==", why=why)
        reference, response = self._reference[aligned.reference], self._response[aligned.response]
        verdict = judge(reference, response, places=aligned.places, what=f"fidelity {self.name} samples")
        return self._complete(verdict, missing)

    def _complete(self, verdict: Verdict, missing: int) -> Verdict:
        """Keep a PASS from being given for samples that nobody has seen."""
        why = "; ".join(filter(None, (verdict.why, self._side.aligned.note)))
        if self._doubt and verdict.outcome is Outcome.FAIL:
            return replace(verdict, why="; ".join(filter(None, (self._doubt, why))), outcome=Outcome.INCONCLUSIVE)
        short = verdict.outcome is Outcome.PASS and self._side.aligned.missing.size > missing
        return replace(verdict, why=why, outcome=Outcome.INCONCLUSIVE if short else verdict.outcome)

    def _types(self) -> str:
        kinds = [SignalType.of(column.dtype).value for column in (self._reference, self._response)]
        return f"{kinds[0]} values" if kinds[0] == kinds[1] else f"a {kinds[0]} reference and a {kinds[1]} response"
