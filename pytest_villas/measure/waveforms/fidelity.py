"""Is it the right signal? A response compared with its reference, channel by channel, all of them reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError, nearest
from pytest_villas.measure.estimate import Estimate
from pytest_villas.measure.waveforms.alignment import Aligned, checked_pairs
from pytest_villas.measure.waveforms.channel import INCOMPLETE, ChannelFidelity
from pytest_villas.measure.waveforms.comparison import Comparison, compare_pairs, compare_times, stamps_of
from pytest_villas.measure.waveforms.levels import fit_levels
from pytest_villas.measure.waveforms.place import Bools, Place, ranges
from pytest_villas.measure.waveforms.resample import interpolate, interpolation_error, slope_of
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.measure.waveforms.waveform import Timing
from pytest_villas.samples import Column, Int64s, Samples, Signal, SignalType
from pytest_villas.units import seconds

_FEWEST: Final = 8  # values that a gain and an offset are fitted to at least: fewer agree by chance
_FLOORS: Final = 3  # a limit has to be this many times what resampling alone does


@dataclass(frozen=True, slots=True, eq=False)
class Fidelity(Mapping[str, ChannelFidelity]):
    """All channels of a comparison: a mapping of names to `ChannelFidelity`, worst first.

    Attributes:
        channels: worst first.
        delay: the one delay of all waveforms together, in ns; positive where the response is late.
        drift_ppm: how fast it grows.
        compared: samples of the reference with which something was compared, of `total`.
        missing: int64 indices of the others.
        extra: samples of the response that belong to no sample of the reference.
        unanswered: signals of the reference that the response does not have, where no channels were asked for.
        unexpected: names of signals of the response that the reference does not have, likewise.
    """

    channels: tuple[ChannelFidelity, ...]
    delay: Estimate
    drift_ppm: Estimate
    total: int
    missing: Int64s = field(repr=False)
    extra: int
    unanswered: tuple[Signal, ...] = ()
    unexpected: tuple[str, ...] = ()

    @property
    def compared(self) -> int:
        """Samples of the reference with which something was compared."""
        return self.total - int(self.missing.size)

    def __getitem__(self, name: str) -> ChannelFidelity:
        """Return a channel; KeyError with the nearest name where there is none."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(f"no channel {name!r}{nearest(name, iter(self))}")

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, worst first."""
        return iter([channel.name for channel in self.channels])

    def __len__(self) -> int:
        """Return the number of channels."""
        return len(self.channels)


def fidelity(
    reference: Samples,
    response: Samples,
    *,
    channels: Iterable[str] | None = None,
    match: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    search: tuple[float | str, float | str] | None = None,
    times: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    own_pace: bool = False,
    doubt: str = "",
) -> Fidelity:
    """Compare a response with its reference.

    With `match`, values are compared in pairs as they are; a delay of the waveform within the pairs is reported, not
    taken out. Without, both need time stamps: the delay of the waveforms is estimated over all channels, taken out
    (with its drift, where there is one beyond doubt), and the reference is read between its samples by a cubic spline.
    An nrmse below three times the error of that, and of the jitter of the stamps, cannot be judged.

    A value that a sample of the response did not carry, by its `length`, is missing, as if that sample had been lost.

    Args:
        reference: what should have come.
        response: what came.
        channels: names to compare; by default those that both have.
        match: pairs, as `(indices of the reference, indices of the response)`, each int64 of shape (m,).
        search: least and greatest delay of the waveform to consider, in seconds or as text with a unit; by default an eighth
            of the record to either side, at most one second. A periodic signal wants less than half a
            period (three phases less than a third: a delay of a third looks like phases that were exchanged in a ring).
        times: int64 ns stamps for reference and response; by default `origin` (or `received`, where there is none) of the
            reference and `received` (or `origin`) of the response.
        own_pace: whether the response comes at a pace of its own, as that of a rig that is matched by a tag. Samples of the
            reference that it skipped hide no transitions, but where its time stamps tell that some of its own were lost.
        doubt: why the reference may be wrong, if so. What disagrees with it is then INCONCLUSIVE and no FAIL.

    Raises SignalError for channels that one side does not have, or has twice, no channel in common, and pairs that do not fit.
    """
    names = _names(reference, response, channels)
    stamps = stamps_of(reference, response, times)
    pairs = None if match is None else checked_pairs(match, reference, response)
    reach = None if search is None else (seconds(search[0]), seconds(search[1]))
    together: dict[bytes, tuple[Bools, list[str]]] = {}
    for name in names:
        rows = _carried(reference, response, name, pairs)
        together.setdefault(rows.tobytes(), (rows, []))[1].append(name)
    parts = [
        _fidelity(reference, *_only(rows, response, stamps, pairs), of, reach, own_pace, doubt) for rows, of in together.values()
    ] or [_fidelity(reference, response, stamps, pairs, [], reach, own_pace, doubt)]
    # what was compared of the most complete channels was compared at all
    fullest = min(parts, key=lambda part: part.missing.size)
    judged = sorted((channel for part in parts for channel in part.channels), key=lambda channel: -channel.badness)
    if channels is not None:
        return replace(fullest, channels=tuple(judged))
    return replace(
        fullest,
        channels=tuple(judged),
        unanswered=_alone(reference, response),
        unexpected=tuple(signal.name for signal in _alone(response, reference)),
    )


def _alone(samples: Samples, other: Samples) -> tuple[Signal, ...]:
    """Return the signals of which samples carry a value, and that the other side does not have."""
    longest = int(samples.length.max(initial=0)) if len(samples) else len(samples.signals)
    return tuple(signal for signal in samples.signals[:longest] if signal.name not in other.names)


def _carried(reference: Samples, response: Samples, name: str, pairs: tuple[Int64s, Int64s] | None) -> Bools:
    """Say which samples of the response have a value of that channel, if the reference has one there: bool, shape (m,).

    What a message did not carry reads NaN, 0 or False, and is no answer.
    """
    carried: Bools = response.length > response.index(name)
    if carried.all():
        return carried
    held = reference.length > reference.index(name)
    if pairs is None:
        return carried if held.any() else np.ones_like(carried)
    carried[pairs[1][~held[pairs[0]]]] = True
    return carried


def _only(
    rows: Bools, response: Samples, stamps: tuple[Int64s, Int64s], pairs: tuple[Int64s, Int64s] | None
) -> tuple[Samples, tuple[Int64s, Int64s], tuple[Int64s, Int64s] | None]:
    """Leave out samples of a response, of its stamps and of its pairs."""
    if rows.all():
        return response, stamps, pairs
    if pairs is not None:
        kept = rows[pairs[1]]
        pairs = pairs[0][kept], (np.cumsum(rows) - 1)[pairs[1][kept]]
    return response[rows], (stamps[0], stamps[1][rows]), pairs


def _fidelity(
    reference: Samples,
    response: Samples,
    stamps: tuple[Int64s, Int64s],
    pairs: tuple[Int64s, Int64s] | None,
    names: list[str],
    search: tuple[float, float] | None,
    own_pace: bool,
    doubt: str,
) -> Fidelity:
    """Compare channels that all samples of the response have."""
    numeric = [name for name in names if _is_numeric(reference[name]) and reference[name].dtype == response[name].dtype]
    parts = [_rows(reference[name]) for name in numeric]
    x = np.concatenate([np.zeros((0, len(reference))), *parts])
    y = np.concatenate([np.zeros((0, len(response))), *(_rows(response[name]) for name in numeric)])
    ends = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    groups = [slice(a, b) for a, b in pairwise(ends)]
    if pairs is None:
        side = compare_times(reference, response, stamps, (x, y), search, groups)
    else:
        side = replace(compare_pairs(reference, response, pairs, stamps, (x, y), search, groups), own_pace=own_pace)
    timing = dict(zip(numeric, side.each, strict=True))
    judged = []
    for name in names:
        pair = reference[name], response[name]
        found = _numeric(name, pair, side, timing[name]) if name in timing else _discrete(name, pair, side.aligned)
        nrmse, gain, offset, lag, growth = (replace(estimate, doubt=doubt) for estimate in found[:5])
        kind = reference.signals[reference.index(name)].type
        judged.append(ChannelFidelity(name, kind, nrmse, gain, offset, lag, growth, *found[5:], *pair, side, doubt))
    delay, drift = _timing_estimates("fidelity", side.joint, len(response))
    aligned = side.aligned
    return Fidelity(tuple(judged), delay, drift, aligned.total, aligned.missing, aligned.extra)


_Estimates: TypeAlias = tuple[Estimate, Estimate, Estimate, Estimate, Estimate, Place | None, float]
"""nrmse, gain, offset, delay, drift_ppm, worst, badness."""


def _numeric(name: str, pair: tuple[Column, Column], side: Comparison, timing: Timing) -> _Estimates:
    what, aligned = f"fidelity {name}", side.aligned
    x, y = _rows(pair[0]), _rows(pair[1])[:, aligned.response]
    count = y.shape[1]
    timed = _timing_estimates(what, timing, count)
    wrong = ~np.asarray(np.isfinite(_rows(pair[1])).all(axis=0))
    if wrong.any():
        why = f"{np.count_nonzero(wrong)} of {wrong.size} values of the response are not finite: {ranges(np.flatnonzero(wrong))}"
        infinite = Estimate(f"{what} nrmse", math.inf, n=count, why=why)
        here = np.flatnonzero(wrong[aligned.response])
        place = aligned.places.at(int(here[0])) if here.size else None
        return infinite, *_unknown(what, "not_finite", why)[1:], *timed, place, math.inf
    if side.untimed and not aligned.matched:
        status, _, why = side.untimed.partition(": ")
        return *_unknown(what, status, why), *timed, None, math.inf
    if not np.isfinite(x).all() or not count:
        status, why = (
            ("not_finite", "the reference has values that are not finite") if count else ("empty", "nothing was compared")
        )
        return *_unknown(what, status, why), *timed, None, math.inf
    floor, given = _floor(x, side), x
    if aligned.matched:
        x = x[:, aligned.reference]
    elif side.sent is not None:
        x = np.stack([interpolate(side.sent, row, aligned.t) for row in x])
    fit = fit_levels(x, y)
    status, why = "ok", aligned.note
    if count < _FEWEST:
        status, why = "insufficient_record", f"{count} values: at least {_FEWEST} are needed"
    elif aligned.missing.size > INCOMPLETE * aligned.total:
        status = "incomplete"
    shape, scaled = (status, why), (status, why)
    if not fit.signal:
        scaled = "no_information", "the reference is constant, and tells an offset but no gain"
        if math.isnan(fit.nrmse):
            why_not = "the reference is constant, so there is nothing to relate a residual to: ask for offset, allclose or tube"
            shape = "no_information", why_not
    floor = floor / fit.signal if fit.signal else 0.0
    # what resampling adds is in the residual already: without it, that can only be less
    low = math.sqrt(max(fit.nrmse**2 - floor**2, 0.0)) if math.isfinite(fit.nrmse) else fit.nrmse
    nrmse = Estimate(
        f"{what} nrmse", fit.nrmse, n=count, floor=_FLOORS * floor if floor else None, status=shape[0], why=shape[1],
        interval=(low, fit.nrmse) if floor else None,
    )  # fmt: skip
    gain_u = math.hypot(fit.gain_u, fit.gain * _blur(given, fit.signal, side))
    gain = Estimate(f"{what} gain", fit.gain, u=gain_u, n=count, status=scaled[0], why=scaled[1])
    level = float(fit.offset[0]) if len(fit.offset) == 1 else float(np.hypot(*fit.offset))
    unit = ""  # a quantity of the signal's own unit: text limits need none
    offset = Estimate(f"{what} offset", level, unit, u=fit.offset_u, n=count, status=status, why=why)
    bad = fit.nrmse if fit.signal else fit.residual
    place = aligned.places.at(fit.worst) if fit.residual > 0 else None
    return nrmse, gain, offset, *timed, place, bad


def _discrete(name: str, pair: tuple[Column, Column], aligned: Aligned) -> _Estimates:
    what = f"fidelity {name}"
    if pair[0].dtype != pair[1].dtype:
        why = (
            f"the reference is {SignalType.of(pair[0].dtype).value}, the response {SignalType.of(pair[1].dtype).value}: cast one"
        )
    else:
        why = "integers and booleans are compared for equality: bit_exact(), allclose()"
    delay = Estimate(f"{what} delay", math.nan, "ns", status="not_applicable", why=why)
    drift = Estimate(f"{what} drift_ppm", math.nan, "ppm", status="not_applicable", why=why)
    place, bad = None, math.inf
    if aligned.matched:
        wrong = pair[0][aligned.reference] != pair[1][aligned.response]
        bad = float(np.mean(wrong)) if wrong.size else math.inf
        place = aligned.places.at(int(np.argmax(wrong))) if wrong.any() else None
    return *_unknown(what, "not_applicable", why), delay, drift, place, bad


def _unknown(what: str, status: str, why: str) -> tuple[Estimate, Estimate, Estimate]:
    return (
        Estimate(f"{what} nrmse", math.nan, status=status, why=why),
        Estimate(f"{what} gain", math.nan, status=status, why=why),
        Estimate(f"{what} offset", math.nan, "", status=status, why=why),
    )


def _timing_estimates(what: str, timing: Timing, count: int) -> tuple[Estimate, Estimate]:
    delay = timing.delay
    return (
        Estimate(f"{what} delay", delay.seconds * 1e9, "ns", delay.u * 1e9, n=count, status=delay.status, why=delay.reason),
        Estimate(
            f"{what} drift_ppm", timing.ppm, "ppm", timing.ppm_u, n=count,
            status="no_information" if timing.why_no_drift else "ok", why=timing.why_no_drift,
        ),
    )  # fmt: skip


def _floor(x: Floats, side: Comparison) -> float:
    """Return what interpolating the reference, and the jitter of the stamps, may do to the residual (rms)."""
    if side.aligned.matched or side.sent is None or side.received is None:
        return 0.0
    jitter = math.hypot(side.sent.jitter, side.received.jitter)
    scale = float(np.abs(x).max()) or 1.0
    parts = [math.hypot(interpolation_error(side.sent, row), slope_of(side.sent, row) * jitter) for row in x / scale]
    return math.hypot(*parts) * scale


def _blur(x: Floats, signal: float, side: Comparison) -> float:
    """Return the share by which a signal of that rms seems smaller where jitter of the response's stamps is not small beside its waves."""
    if side.aligned.matched or side.sent is None or side.received is None or not signal:
        return 0.0
    scale = float(np.abs(x).max()) or 1.0
    turned = [slope_of(side.sent, row / scale) * side.received.jitter * (scale / signal) for row in x]
    return math.hypot(*turned) ** 2 / 2


def _is_numeric(column: Column) -> bool:
    return column.dtype.kind in "fc"


def _rows(column: Column) -> Floats:
    if column.dtype.kind == "c":
        return np.stack([column.real, column.imag]).astype(np.float64)
    return np.asarray(column[None], np.float64)


def _names(reference: Samples, response: Samples, channels: Iterable[str] | None) -> list[str]:
    if channels is None:
        common = [name for name in dict.fromkeys(reference.names) if name in response.names]
        if not common:
            sides = [", ".join(samples.names[:8]) or "none" for samples in (reference, response)]
            raise SignalError(f"no signal in common: the reference has {sides[0]}, the response {sides[1]}")
        return _single(common, reference, response)
    names = [channels] if isinstance(channels, str) else list(channels)
    for side, samples in (("reference", reference), ("response", response)):
        for name in names:
            if name not in samples.names:
                raise SignalError(f"channels: the {side} has no signal {name!r}{nearest(name, samples.names)}")
    return _single(names, reference, response)


def _single(names: list[str], reference: Samples, response: Samples) -> list[str]:
    for side, samples in (("reference", reference), ("response", response)):
        for name in names:
            if (count := samples.names.count(name)) > 1:
                raise SignalError(f"the {side} has {count} signals {name!r}, and channels go by name: rename or select some")
    return names
