"""Every limit that can be declared, by name. All but `sinad` and `enob` are "at most"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_villas.limits.kind import (
    ANY,
    BOOLEAN,
    FLOAT,
    NUMERIC,
    Kind,
    above,
    angle,
    bits,
    count,
    decibel,
    drift,
    extent,
    frequencies,
    hertz,
    instant,
    number,
    share,
    switch,
    time,
)

if TYPE_CHECKING:
    from pytest_villas.measure.verdict import Verdict

QUANTILES: Final = ("p50", "p90", "p95", "p99", "p999", "p9999", "max", "mean")
DISTRIBUTIONS: Final = {
    "latency": "from when a sample was meant to be sent to its response",
    "send_lag": "how late the harness sent",
    "owd": "one-way delay: from the stamp that the response carries to its arrival",
    "pdv": "one-way delay beyond the least one",
    "ipdv": "one-way delay less that of the sample before; with a sign",
    "gap_received": "between arrivals",
    "gap_sent": "between origin stamps",
}
_SIGNED: Final = ("owd", "ipdv")
"""A one-way delay between two clocks, and the difference of two, may be negative; no other time may."""
_COUNTS: Final = {
    "loss": ("lost", "samples without a response in time"),
    "late": ("late", "those of the lost that were answered too late"),
    "loss_periods": ("loss_periods", "runs of consecutive losses"),
    "longest_loss": ("longest_loss", "samples in the longest of them"),
    "duplicates": ("duplicates", "responses to what was answered already"),
    "reordered": ("reordered", "samples answered after one that was sent later"),
    "reorder_extent": ("reorder_extent", "the farthest that one was overtaken, in arrivals"),
    "rejected": ("rejected", "messages that could not be decoded"),
    "unmatched": ("unmatched", "responses that answer nothing that was sent"),
}


def _time_of(distribution: str, quantile: str) -> Kind:
    def judge(run: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
        times = run.latency if distribution == "latency" else getattr(run.latency, distribution)
        yield getattr(times, quantile) <= s["limit"]

    reader = instant if distribution in _SIGNED else time
    return Kind(f"{DISTRIBUTIONS[distribution]}: {quantile}", "2 ms", {"limit": reader}, judge, required=frozenset({"limit"}))


def _count_of(attribute: str, about: str) -> Kind:
    def judge(run: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
        yield getattr(run.delivery, attribute) <= s["limit"]

    return Kind(about, 0, {"limit": count}, judge, required=frozenset({"limit"}))


def _of_run(about: str, example: object, reader: Callable[[Any], Any], measure: Callable[[Any], Any]) -> Kind:
    def judge(run: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
        yield measure(run) <= s["limit"]

    return Kind(about, example, {"limit": reader}, judge, required=frozenset({"limit"}))


def _of_channel(
    about: str, example: object, reader: Callable[[Any], Any], measure: Callable[..., Any], of: frozenset[str], **more: Any
) -> Kind:
    """Make a limit on one estimate of a channel; `more` settings go to what measures it."""

    def judge(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
        yield measure(channel, **{name: value for name, value in s.items() if name != "limit"}) <= s["limit"]

    return Kind(about, example, {"limit": reader, **more}, judge, required=frozenset({"limit"}), of=of)


def _at_least(about: str, example: object, reader: Callable[[Any], Any], measure: Callable[..., Any], **more: Any) -> Kind:
    def judge(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
        yield measure(channel, **{name: value for name, value in s.items() if name != "limit"}) >= s["limit"]

    return Kind(about, example, {"limit": reader, **more}, judge, required=frozenset({"limit"}), of=FLOAT)


def _deadline(run: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    missed = run.latency.deadline_miss(s["deadline"])
    for name in ("share", "count", "longest"):
        if name in s:
            yield getattr(missed, name) <= s[name]


def _nrmse(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    # integers and booleans have none: with that limit they have to be equal
    yield abs(channel.nrmse) <= s["limit"] if channel.type.value in NUMERIC else channel.bit_exact()


def _bit_exact(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    yield channel.bit_exact(missing=s.get("missing", 0))


def _allclose(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    yield channel.allclose(**s)


def _tube(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    yield channel.tube(**{**s, "dt": s["dt"] / 1e9} if "dt" in s else s)


def _step(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    asked = {name: s[name] for name in ("target", "band") if name in s}
    asked |= {name: s[name] / 1e9 for name in ("at", "smoothing") if name in s}
    found = channel.step(**asked)
    for name in ("delay", "rise", "overshoot", "settling", "steady_state_error"):
        if name in s:
            yield abs(getattr(found, name)) <= s[name]


def _edges(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    found = channel.edges(within=(0, s["within"])) if "within" in s else channel.edges()
    if "delay" in s:
        yield found.delay.max <= s["delay"]
    for name in ("missing", "extra"):
        if name in s:
            yield getattr(found, name) <= s[name]
    if {"missing", "extra"} & set(s) and not found.missing.judge("<=", 0).n:  # no transition tells a channel that is stuck
        yield found.initial <= 0


def _bode(channel: Any, s: Mapping[str, Any]) -> Iterator[Verdict]:
    found = channel.bode(resolution=s.get("resolution"))
    for frequency in s["at"]:
        if "gain_error" in s:
            yield abs(found.gain_error_at(frequency)) <= s["gain_error"]
        if "phase" in s:
            yield abs(found.phase_at(frequency)) <= s["phase"]


KINDS: Final[Mapping[str, Kind]] = {
    **{f"{name}_{quantile}": _time_of(name, quantile) for name in DISTRIBUTIONS for quantile in QUANTILES},
    **{name: _count_of(attribute, about) for name, (attribute, about) in _COUNTS.items()},
    "loss_ratio": _of_run("lost / sent", "0.1 %", share, lambda run: run.delivery.loss_ratio),
    "jitter": _of_run("RFC 3550, at the end of the run", "100 us", time, lambda run: run.latency.jitter),
    "jitter_worst": _of_run("RFC 3550, its greatest value", "200 us", time, lambda run: run.latency.jitter_worst),
    "skew": _of_run("of the clocks, in size", "20 ppm", drift, lambda run: abs(run.latency.skew)),
    "deadline_miss": Kind(
        "samples later than a deadline: their share, their number, the longest run of them",
        {"deadline": "2 ms", "share": "1 %", "longest": 3},
        {"deadline": time, "share": share, "count": count, "longest": count},
        _deadline, main="", required=frozenset({"deadline"}), some=frozenset({"share", "count", "longest"}),
    ),
    "nrmse": Kind(
        "rms of the residual over rms of the reference, gain and offset taken out; integers and booleans have to be equal",
        "1 %", {"limit": share}, _nrmse, required=frozenset({"limit"}), of=ANY,
    ),
    "gain_error": _of_channel("gain - 1, in size", "0.5 %", share, lambda channel: abs(channel.gain_error), NUMERIC),
    "offset": _of_channel("in size, in the unit of the signal", 0.5, extent, lambda channel: abs(channel.offset), NUMERIC),
    "delay": _of_channel("of the waveform, in size", "50 us", time, lambda channel: abs(channel.delay), NUMERIC),
    "drift": _of_channel("of that delay, in size", "20 ppm", drift, lambda channel: abs(channel.drift_ppm), NUMERIC),
    "bit_exact": Kind(
        "the same bits in every sample", True, {"missing": count, "all": switch}, _bit_exact, main="all", of=ANY,
    ),
    "allclose": Kind(
        "abs(y - x) at most atol + rtol abs(x) everywhere", {"rtol": "0.1 %", "atol": 0.5},
        {"rtol": share, "atol": extent, "missing": count, "allow_nan": switch}, _allclose, main="",
        some=frozenset({"rtol", "atol"}), of=ANY,
    ),
    "tube": Kind(
        "within atol + rtol range(x) of the reference, somewhere within dt", {"rtol": "1 %", "dt": "1 ms"},
        {"atol": extent, "rtol": share, "dt": time, "missing": count}, _tube, main="",
        some=frozenset({"rtol", "atol"}), of=NUMERIC,
    ),
    "phase": _of_channel(
        "of a sine against the reference, in size", "0.5 deg", angle,
        lambda channel, **s: abs(channel.sine(**s).phase), FLOAT, frequency=above(0, hertz),
    ),
    "thd": _of_channel(
        "total harmonic distortion", "3 %", share, lambda channel, **s: channel.sine(**s).thd, FLOAT, frequency=above(0, hertz)
    ),
    "sinad": _at_least(
        "signal to noise and distortion, at least", "60 dB", decibel,
        lambda channel, **s: channel.sine(**s).sinad, frequency=above(0, hertz),
    ),
    "enob": _at_least(
        "effective number of bits, at least", "10 bit", bits,
        lambda channel, **s: channel.sine(**s).enob, frequency=above(0, hertz), full_scale=above(0, extent),
    ),
    "tve": _of_channel(
        "total vector error of the worst phasor", "1 %", share,
        lambda channel, **s: channel.phasors(**s).worst_tve, NUMERIC, nominal=above(0, hertz), reports=above(0, extent), cycles=above(1, count),
    ),
    "frequency_error": _of_channel(
        "of the worst phasor", "5 mHz", hertz,
        lambda channel, **s: channel.phasors(**s).worst_frequency, FLOAT, nominal=above(0, hertz), reports=above(0, extent), cycles=above(1, count),
    ),
    "step": Kind(
        "of a step response: delay, 10-90 % rise, overshoot, settling, steady-state error",
        {"rise": "5 ms", "overshoot": "10 %", "settling": "50 ms"},
        {
            "delay": time, "rise": time, "settling": time, "overshoot": share, "steady_state_error": share,
            "at": time, "target": number, "band": share, "smoothing": time,
        },
        _step, main="", some=frozenset({"delay", "rise", "settling", "overshoot", "steady_state_error"}), of=FLOAT,
    ),
    "edges": Kind(
        "of a boolean channel: the greatest delay of its transitions, missing and extra ones",
        {"delay": "5 ms", "missing": 0, "extra": 0},
        {"delay": time, "missing": count, "extra": count, "within": time},
        _edges, main="", some=frozenset({"delay", "missing", "extra"}), of=BOOLEAN,
    ),
    "bode": Kind(
        "gain and phase against the reference at some frequencies", {"at": ["50 Hz", "150 Hz"], "gain_error": "5 %", "phase": "3 deg"},
        {"at": frequencies, "gain_error": share, "phase": angle, "resolution": above(0, hertz)},
        _bode, main="", required=frozenset({"at"}), some=frozenset({"gain_error", "phase"}), of=FLOAT,
    ),
}  # fmt: skip
