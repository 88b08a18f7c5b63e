"""The limits that a rig file, `@pytest.mark.limits` and `run.check()` may declare, by name.

===============================================  =============================================================
`latency_p99`, `send_lag_p99`, `owd_max`, ...    a quantile (p50 p90 p95 p99 p999 p9999 max) of a distribution
`loss`, `longest_loss`, `duplicates`, ...        a count, at most
`loss_ratio`                                     lost / sent, at most
`jitter`                                         RFC 3550, at most
`nrmse`, `delay`, `offset`, `gain_error`         of every channel, in size, at most; `gain_error` is gain - 1
===============================================  =============================================================

Integers and booleans have no nrmse: with that limit they have to be equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pytest_villas.errors import ConfigError, LimitsNotKept, nearest
from pytest_villas.units import duration, ratio

if TYPE_CHECKING:  # the names are checked in sessions that measure nothing
    from pytest_villas.measure.channel import ChannelFidelity
    from pytest_villas.measure.delivery import Delivery
    from pytest_villas.measure.fidelity import Fidelity
    from pytest_villas.measure.latency import Latency
    from pytest_villas.measure.verdict import Verdict

_QUANTILES: Final = ("p50", "p90", "p95", "p99", "p999", "p9999", "max")
_DISTRIBUTIONS: Final = ("latency", "send_lag", "owd", "pdv", "gap_received", "gap_sent")
_COUNTS: Final = {"loss": "lost"} | {
    name: name
    for name in ("late", "loss_periods", "longest_loss", "duplicates", "reordered", "reorder_extent", "rejected", "unmatched")
}
_CHANNEL: Final = ("nrmse", "delay", "offset", "gain_error")
NAMES: Final = (
    *(f"{distribution}_{quantile}" for distribution in _DISTRIBUTIONS for quantile in _QUANTILES),
    *_COUNTS, "loss_ratio", "jitter", *_CHANNEL,
)  # fmt: skip


class Measured(Protocol):
    """What can be held against limits: one run, or several."""

    @property
    def delivery(self) -> Delivery:
        """What was lost, duplicated, reordered."""

    @property
    def latency(self) -> Latency:
        """Latency and other times."""

    @property
    def fidelity(self) -> Fidelity:
        """How the response compares, by channel."""

    @property
    def limits(self) -> Mapping[str, float | str]:
        """What it has to keep."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the runs are stored."""


def judge_all(run: Measured, limits: Mapping[str, float | str]) -> list[Verdict]:
    """Hold it against its own limits and these, which win."""
    from pytest_villas.measure.asked import heard_by, nobody, told  # noqa: PLC0415 - as above

    with heard_by(nobody):  # what is asked of a run is told below, with the name of its limit
        verdicts = [(name, verdict) for name, limit in {**run.limits, **limits}.items() for verdict in judge(run, name, limit)]
    return [told(run, verdict, name) for name, verdict in verdicts]


def require_all(run: Measured, limits: Mapping[str, float | str]) -> None:
    """Raise LimitsNotKept with every limit that is not known to hold, if there is one."""
    verdicts = judge_all(run, limits)
    bad = [verdict for verdict in verdicts if not verdict]
    if bad:
        lines = [line for verdict in bad for line in verdict.lines()]
        held = f"{len(verdicts) - len(bad)} of {len(verdicts)} limits are kept"
        text = "\n".join([held, *lines, *(f"capture: {folder}" for folder in run.folders)])
        raise LimitsNotKept(text, failed=any(verdict.outcome.name == "FAIL" for verdict in bad))


def check(limits: Mapping[str, object]) -> None:
    """Raise ConfigError for a limit that there is not, with the nearest one, and for a value that is no such quantity."""
    for name, value in limits.items():
        if name not in NAMES:
            close = nearest(name, NAMES)
            raise ConfigError(f"limits.{name}: no such limit{close if 'did you mean' in close else ', see docs/limits.md'}")
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ConfigError(f"limits.{name} is {value!r}: it has to be a number, or text with a unit")
        try:
            _number(name, value)
        except ConfigError as error:
            raise ConfigError(f"limits.{name}: {error}") from None


def _number(name: str, value: float | str) -> float:
    if name in {"nrmse", "gain_error", "loss_ratio"}:
        return ratio(value)
    if name in _COUNTS or name == "offset":
        try:
            return float(value)
        except ValueError:
            raise ConfigError(f"{value!r} is no number") from None
    return duration(value)


def judge(run: Measured, name: str, limit: float | str) -> list[Verdict]:
    """Hold a run against one limit. Returns one verdict, or one for each channel of its fidelity."""
    check({name: limit})
    if name in _COUNTS:
        return [getattr(run.delivery, _COUNTS[name]) <= limit]
    if name == "loss_ratio":
        return [run.delivery.loss_ratio <= limit]
    if name == "jitter":
        return [run.latency.jitter <= limit]
    if name in _CHANNEL:
        return [
            _of_channel(channel, name, limit)
            for channel in map(run.fidelity.__getitem__, run.fidelity)
            if name == "nrmse" or _is_numeric(channel)
        ]
    match = re.fullmatch(rf"(.*)_({'|'.join(_QUANTILES)})", name)
    assert match is not None
    times = run.latency if match[1] == "latency" else getattr(run.latency, match[1])
    return [getattr(times, match[2]) <= limit]


def _is_numeric(channel: ChannelFidelity) -> bool:
    return channel.type.value in {"float", "complex"}


def _of_channel(channel: ChannelFidelity, name: str, limit: float | str) -> Verdict:
    if not _is_numeric(channel):
        return channel.bit_exact()
    if name == "gain_error":
        return abs(channel.gain_error) <= limit
    estimates = {"nrmse": channel.nrmse, "delay": channel.delay, "offset": channel.offset}
    return abs(estimates[name]) <= limit
