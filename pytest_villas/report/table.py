"""Runs as plain text, 80 columns wide: a block for each run, or one line."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytest_villas.measure.quantity import format_value
from pytest_villas.report.record import Number, RunRecord, TestRecord, VerdictRecord, value_of

WIDTH: Final = 80
_GRAVEST: Final = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")
_EXTRA: Final = ("late", "duplicates", "reordered", "rejected", "unmatched")
_CHANNELS: Final = 4


def block(test: TestRecord, run: RunRecord) -> list[str]:
    """Return a run in several lines: what became of it, delivery, latency beside its floor, fidelity, and each limit."""
    name = run.test if len(test.runs) == 1 else f"{run.test} run {run.number}"
    return [
        _beside(name, verdict_of(run.verdicts)),
        f"  delivery  {_delivery(run)}",
        *_latency(run),
        *_wire(run),
        *_fidelity(run),
        *limits(run.verdicts),
        *([f"  impaired  {run.impaired}"] if run.impaired else []),
        f"  capture   {f'not stored: {run.unstored}' if run.unstored else run.folder}",
        *_again(test, run),
    ]


def _again(test: TestRecord, run: RunRecord) -> list[str]:
    """Return how to replay a run that did not keep its limits, where there is something to replay."""
    kept = test.outcome in {"passed", "xfailed"} and verdict_of(run.verdicts) in {"PASS", "not judged"}
    return [] if kept or run.unstored else [f"  again     {replay_line(run)}"]


def replay_line(run: RunRecord) -> str:
    """Return the command that replays a run against the same rig; with another name behind `--rig` against that."""
    return f"villas-rig replay {shlex.quote(run.folder)} --rig={run.rig}"


def line(run: RunRecord) -> str:
    """Return a run in one line: verdict, what was lost, p99 with its floor, and the least margin."""
    margins = [value_of(verdict.margin) for verdict in run.verdicts if verdict.margin is not None]
    least = f", margin {_percent(min(margins))}" if margins else ""
    floor = f" (floor {_ns(run.floor.get('p99'))})" if run.floor else ""
    lost = run.delivery.get("lost")
    text = f"{'?' if lost is None else lost} lost, p99 {_ns(run.times.get('latency', {}).get('p99'))}{floor}{least}"
    return f"{verdict_of(run.verdicts):<12} {_fitted(run.test, WIDTH - 14 - len(text))} {text}"


def verdict_of(verdicts: Iterable[VerdictRecord]) -> str:
    """Return the gravest outcome; ``not judged`` where nothing was asked."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((outcome for outcome in _GRAVEST if outcome in outcomes), "not judged")


def limits(verdicts: Sequence[VerdictRecord]) -> list[str]:
    """Return a line for each limit: what was asked, what it is, how much of the limit is left, and the verdict.

    Channels that were all asked the same and keep it share the line of the nearest of them.
    """
    rows = [_row(group) for group in grouped(verdicts)]
    if not rows:
        return []
    value_width, left_width, outcome_width = (max(len(row[i]) for row in rows) for i in (1, 2, 3))
    room = WIDTH - value_width - left_width - outcome_width - 11
    width = min(max(len(row[0]) for row in rows), room)
    return [
        f"  {_fitted(claim, width):<{width}}  is {value:<{value_width}}  {left:>{left_width}}  {outcome}".rstrip()
        for claim, value, left, outcome in rows
    ]


def grouped(verdicts: Sequence[VerdictRecord]) -> Iterator[list[VerdictRecord]]:
    """Yield the verdicts, with those of channels that were all asked the same and keep it in one group."""
    groups: dict[object, list[VerdictRecord]] = {}
    for index, verdict in enumerate(verdicts):
        kept = verdict.outcome == "PASS" and verdict.what.startswith(("fidelity ", "abs(fidelity "))
        what = re.sub(r"fidelity \S+", "fidelity", verdict.what)
        key = (what, verdict.comparison, str(verdict.limit)) if kept else index
        groups.setdefault(key, []).append(verdict)
    yield from groups.values()


def nearest_of(group: Sequence[VerdictRecord]) -> VerdictRecord:
    """Return the verdict that has the least margin left."""
    return min(group, key=lambda verdict: value_of(verdict.margin) if verdict.margin is not None else float("inf"))


def _row(group: list[VerdictRecord]) -> tuple[str, str, str, str]:
    nearest = nearest_of(group)
    claim = f"{nearest.what.replace('fidelity ', '')} {nearest.comparison} {_told(nearest.limit, nearest.unit)}"
    if len(group) > 1:
        claim += f" (and {len(group) - 1} more)"
    left = (
        ""
        if nearest.margin is None
        else f"{_percent(value_of(nearest.margin))} left"
        if value_of(nearest.margin) >= 0
        else _over(nearest)
    )
    return claim, _told(nearest.estimate, nearest.unit), left, nearest.outcome


def _over(verdict: VerdictRecord) -> str:
    return (
        f"{_percent(-value_of(verdict.margin))} over"
        if verdict.comparison in {"<", "<="}
        else f"{_percent(-value_of(verdict.margin))} short"
    )


def _delivery(run: RunRecord) -> str:
    counts = run.delivery
    text = f"{_count(counts, 'sent')} sent, {_count(counts, 'received')} received, {_count(counts, 'lost')} lost"
    return text + "".join(f", {counts[name]} {name}" for name in _EXTRA if counts.get(name))


def _count(counts: dict[str, int | None], name: str) -> str:
    value = counts.get(name)
    return "unknown" if value is None else str(value)


def _latency(run: RunRecord) -> list[str]:
    times = run.times.get("latency", {})
    if not times:
        return ["  latency   not known", *_wrapped(run.unsaid.get("latency", "")), *_wrapped(run.note)]
    shown = ("p50", "p90", "p99", "max")
    lines = [f"  latency   {', '.join(f'{name} {_ns(times.get(name))}' for name in shown)}"]
    floor = ", ".join(f"{name} {_ns(run.floor.get(name))}" for name in shown) if run.floor else "not measured"
    lines += [f"  floor     {floor}", *_wrapped(run.floor_note)]
    lag = _ns(run.times.get("send_lag", {}).get("p99"))
    return [
        *lines,
        *_wrapped(run.note),
        *_wrapped(f"arrivals stamped by the {_STAMPS.get(run.stamp, run.stamp)}, sent p99 {lag} late"),
        *_wrapped(run.scheduling),
    ]


_STAMPS: Final = {"user": "harness"}


FAULTS: Final = {
    "checksum": "wrong checksums",
    "resyncs": "times out of step",
    "garbage": "bytes of garbage",
    "gone": "times gone",
    "framing": "framing errors",
    "overruns": "overruns",
    "parity": "parity errors",
    "breaks": "breaks",
    "buffer_overruns": "overruns of the driver's buffer",
    "handshakes": "connections refused",
    "messages": "connections closed for what came",
    "stamps": "stamps of the kernel not trusted",
    "unasked": "messages dropped that the stimulus end sent back",
}
"""What links count by these names."""


def _wire(run: RunRecord) -> list[str]:
    """Return what of the latency the wire took, and what was wrong on it."""
    lines, times = [], run.times
    rig = times.get("rig_alone", {})
    if rig or run.line_problem:
        ways = {"to the rig": times["wire_stimulus"], "back": times["wire_response"]}
        known = ", ".join(f"{_ns(way['p50'])} {name}" for name, way in ways.items() if way)
        lines.append(f"  wire      p50 {known}, at {run.line}")
        shown = ", ".join(f"{name} {_ns(rig.get(name))}" for name in ("p50", "p90", "p99", "max"))
        lines.append(f"  rig alone {run.line_problem or shown}")
    if run.wire_faults:
        lines.append(f"  on wire   {', '.join(f'{count} {FAULTS.get(name, name)}' for name, count in run.wire_faults.items())}")
    return lines


def _fidelity(run: RunRecord) -> list[str]:
    parts = [f"{channel.name} {_told(channel.nrmse, '1')}" for channel in run.channels if channel.type in {"float", "complex"}]
    shown = f"nrmse, worst first: {_some(parts)}" if parts else "no channel can be compared"
    lines = [f"  fidelity  {shown}"]
    for side, alone in (("reference", run.unanswered), ("response", run.unexpected)):
        lines += _wrapped(f"in the {side} alone, not compared: {_some(alone)}") if alone else []
    return lines


def _some(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:_CHANNELS])}{', ...' if len(parts) > _CHANNELS else ''}"


def _ns(value: Number) -> str:
    return _told(value, "ns")


def _told(value: Number, unit: str) -> str:
    return "unknown" if value is None else format_value(float(value), unit)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 10 else f"{share:.0f} times" if share < 1e4 else "far"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12)


def _fitted(text: str, width: int) -> str:
    """Cut the middle out of what is too long: both ends of a node id tell tests apart."""
    if len(text) <= width:
        return text
    tail = max(width * 2 // 3, 1)
    return f"{text[: max(width - tail - 3, 0)]}...{text[-tail:]}"


def _beside(left: str, right: str) -> str:
    return f"{_fitted(left, WIDTH - len(right) - 2):<{WIDTH - len(right) - 1}} {right}"
