"""A session in the words of a page: every figure written out, every run with its picture, nothing left to compute."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_villas.errors import ConfigError, VillasError
from pytest_villas.limits.catalogue import KINDS
from pytest_villas.limits.declared import PRESET, expanded, is_pattern
from pytest_villas.measure.quantity import format_apart, format_range, format_value
from pytest_villas.report import svg
from pytest_villas.report.page.payload import payload
from pytest_villas.report.record import Number, RigRecord, RunRecord, SessionRecord, TestRecord, VerdictRecord, value_of
from pytest_villas.report.table import grouped, nearest_of, replay_line, verdict_of
from pytest_villas.report.traces import timeline, traces
from pytest_villas.rig import stored
from pytest_villas.units import duration

QUANTILES: Final = {"p50": "50 %", "p90": "90 %", "p99": "99 %", "p999": "99.9 %", "p9999": "99.99 %", "max": "all"}
"""The quantiles that a page shows, and the share of samples that took no longer."""
_TIMES: Final = {"latency": "latency", "floor": "floor", "send_lag": "send lag", "owd": "one-way", "pdv": "variation"}
_EXTRA: Final = {
    "late": "late",
    "duplicates": "duplicates",
    "reordered": "reordered",
    "rejected": "rejected",
    "unmatched": "unmatched",
}
_MANY_TIMES: Final = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """One verdict: what was asked, what it is, how much of the limit is left, and who asked."""

    outcome: str
    claim: str
    value: str
    interval: str
    left: str
    share: float | None
    source: str
    n: int
    why: str


@dataclass(frozen=True, slots=True)
class Charts:
    """The pictures of a run, or why there are none."""

    picture: str = ""
    payload: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run on a page."""

    record: RunRecord
    test: TestRecord
    rig: RigRecord
    anchor: str
    title: str
    outcome: str
    rows: Sequence[Row]
    charts: Charts
    delivery: Mapping[str, str]
    quantiles: Sequence[tuple[str, str, Sequence[str]]]
    columns: Sequence[str]
    channels: Sequence[Mapping[str, str]]
    limits: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def headline(self) -> Mapping[str, str]:
        """The few figures of the overview."""
        margin = min((row for row in self.rows if row.share is not None), key=lambda row: row.share or 0.0, default=None)
        times = self.record.times.get("latency", {})
        return {
            "p50": _told(times.get("p50"), "ns"),
            "p99": _told(times.get("p99"), "ns"),
            "floor": _told(self.record.floor.get("p99"), "ns"),
            "nrmse": next((channel["nrmse"] for channel in self.channels if channel["type"] in {"float", "complex"}), "\u2013"),
            "margin": margin.left if margin else "\u2013",
        }

    @property
    def extent(self) -> str:
        """How long the stimulus was, and at which rate."""
        rate = f" at {self.record.rate:.6g} Hz" if self.record.rate else ""
        return f"{self.record.duration:.6g} s{rate}"

    @property
    def again(self) -> str:
        """The command that replays this run."""
        return replay_line(self.record)

    @property
    def started(self) -> str:
        """When the first sample was to be sent, in the time zone of whoever made the report."""
        return clock(self.record.started)


def runs(session: SessionRecord, root: Path) -> list[RunView]:
    """Return every run of a session; `root` is what the folders of runs are relative to."""
    rigs = {rig.name: rig for rig in session.rigs}
    found: list[RunView] = []
    for test in session.tests:
        for run in test.runs:
            title = test.test if len(test.runs) == 1 else f"{test.test}, run {run.number}"
            columns = [name for name in _TIMES if _times(run, name)]
            found.append(
                RunView(
                    record=run,
                    test=test,
                    rig=rigs.get(run.rig, RigRecord(name=run.rig)),
                    anchor=f"run-{len(found) + 1}",
                    title=title,
                    outcome=_outcome(test, run),
                    rows=[row(group, rigs.get(run.rig)) for group in grouped(run.verdicts)],
                    charts=charts(run, root / run.folder, title),
                    delivery=_delivery(run),
                    quantiles=[
                        (name, share, [_told(_times(run, column).get(name), "ns") for column in columns])
                        for name, share in QUANTILES.items()
                        if any(name in _times(run, column) for column in columns)
                    ],
                    columns=[_TIMES[name] for name in columns],
                    channels=[_channel(channel) for channel in run.channels],
                    limits=_marks(run.verdicts),
                )
            )
    return found


def charts(run: RunRecord, folder: Path, label: str) -> Charts:
    """Measure a stored run again and draw it; where its files are gone or damaged, the figures of its record stand alone."""
    try:
        measured = stored.load(folder)
        settings = stored.read(folder).replay
        drawn = list(traces(measured, [verdict.what for verdict in run.verdicts]))
        line = timeline(measured, warm_up=duration(settings.warm_up), cool_down=duration(settings.cool_down))
        picture = svg.picture(drawn[0] if drawn else None, line, f"{label}: reference, response and latency over time")
        return Charts(picture, payload(measured, drawn, line))
    except VillasError as error:
        return Charts(error=f"no charts: {error}")


def row(group: Sequence[VerdictRecord], rig: RigRecord | None) -> Row:
    """Write a verdict out: of channels that all keep the same limit, the one that is nearest to it."""
    verdict = nearest_of(group)
    more = f" (nearest of {len(group)} channels)" if len(group) > 1 else ""
    limit, value = value_of(verdict.limit), value_of(verdict.estimate)
    texts = format_apart(limit, value, verdict.unit)
    lower, upper = value_of(verdict.lower), value_of(verdict.upper)
    sure = "" if verdict.confidence is None else f" ({100 * verdict.confidence:.4g} %)"
    spread = lower != upper and verdict.lower is not None and verdict.upper is not None
    share = None if verdict.margin is None else value_of(verdict.margin)
    return Row(
        outcome=verdict.outcome,
        claim=f"{verdict.what} {verdict.comparison} {texts[0]}{more}",
        value="unknown" if verdict.estimate is None else texts[1],
        interval=f"{format_range(lower, upper, verdict.unit)}{sure}" if spread else "",
        left="" if share is None else _margin(share, verdict.comparison),
        share=share,
        source=source(verdict, rig),
        n=verdict.n,
        why=verdict.why,
    )


def source(verdict: VerdictRecord, rig: RigRecord | None) -> str:
    """Say who set a limit: the rig's file, or the test."""
    if not verdict.name:
        return "comparison in the test"
    declared = [] if rig is None else _declared(expanded(rig.limits), verdict.name)
    if rig is None or not declared:
        return f"{verdict.name}, by the test"
    preset = rig.limits.get(PRESET) if verdict.name not in rig.limits else None
    where = f"{rig.file or rig.name}{f', preset {preset}' if preset else ''}"
    try:
        settings = [list(KINDS[verdict.name].read(value).values()) for value in declared]
    except ConfigError:  # a version that read it otherwise wrote it: what was judged is what the verdict says
        return f"{verdict.name}, {where} or the test"
    if [value_of(verdict.limit)] in settings:
        return f"{verdict.name}, {where}"
    # of a limit with several settings a verdict says but one, and none of a tolerance that no sample may exceed
    unsaid = verdict.comparison == "==" or any(len(each) > 1 for each in settings)
    return f"{verdict.name}, {where} or the test" if unsaid else f"{verdict.name}, by the test"


def _declared(limits: Mapping[str, Any], name: str) -> list[Any]:
    """Return what is declared of a limit, of every channel and of some."""
    tables = [limits, *(table for pattern, table in limits.items() if is_pattern(pattern, table))]
    return [table[name] for table in tables if name in table and table[name] is not False]


def _margin(share: float, comparison: str) -> str:
    """Write how much of a limit is left, or by how much it is broken."""
    if share >= 0:
        return f"{100 * share:.3g} % left"
    if math.isinf(share):
        return "beyond every limit"
    broken = "over" if comparison in {"<", "<="} else "short"
    return f"{-100 * share:.3g} % {broken}" if share > -_MANY_TIMES else f"{1 - share:.3g} times the limit"


def summary(views: Sequence[RunView]) -> list[tuple[str, int]]:
    """Return how many runs there are of each outcome, the gravest first."""
    counts = Counter(view.outcome for view in views)
    order = ("RIG BROKE", "FAIL", "INVALID", "INCONCLUSIVE", "NOT JUDGED", "PASS")
    return [(name, counts[name]) for name in order if counts[name]]


def clock(ns: int) -> str:
    """Write a time since the epoch, to the second, with its zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(ns / 1e9))


def _outcome(test: TestRecord, run: RunRecord) -> str:
    if test.outcome == "rig broke" and not run.complete:
        return "RIG BROKE"
    outcome = verdict_of(run.verdicts)
    return outcome.upper()


def _times(run: RunRecord, name: str) -> Mapping[str, Number]:
    return run.floor if name == "floor" else run.times.get(name, {})


def _delivery(run: RunRecord) -> dict[str, str]:
    shown = {name: _count(run, name) for name in ("sent", "received", "lost")}
    return shown | {word: _count(run, name) for name, word in _EXTRA.items() if run.delivery.get(name)}


def _count(run: RunRecord, name: str) -> str:
    count = run.delivery.get(name)
    return "unknown" if count is None else f"{count:,}".replace(",", "\u202f")


def _channel(channel: Any) -> dict[str, str]:
    return {
        "name": channel.name,
        "type": channel.type,
        "nrmse": _told(channel.nrmse, "1"),
        "gain": _told(channel.gain, "1"),
        "offset": _told(channel.offset, "1"),
        "delay": _told(channel.delay, "ns"),
        "status": channel.status,
        "worst": channel.worst,
    }


def _marks(verdicts: Sequence[VerdictRecord]) -> list[dict[str, Any]]:
    """Return the limits on latency, to be drawn: quantile as a share, and ms."""
    shares = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999, "max": 1.0}
    found = {}
    for verdict in verdicts:
        name = verdict.what.removeprefix("latency ")
        if verdict.what.startswith("latency ") and name in shares and verdict.limit is not None:
            limit = value_of(verdict.limit) / 1e6
            found[name, limit] = {"name": name, "q": shares[name], "ms": limit, "outcome": verdict.outcome}
    return list(found.values())


def _told(value: Number, unit: str) -> str:
    return "\u2013" if value is None else format_value(float(value), unit)
