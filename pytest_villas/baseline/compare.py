"""Runs held against those of a baseline, figure by figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from pytest_villas.baseline.store import Series
from pytest_villas.errors import ConfigError, nearest
from pytest_villas.measure.regression import CONFIDENCE, MARGIN, judge, unpaired
from pytest_villas.measure.verdict import Outcome, Verdict
from pytest_villas.report.record import Number, RunRecord, value_of
from pytest_villas.units import format_duration, ratio

DEFAULT: Final = ("latency_p50", "latency_p90", "latency_p99")
TUBE: Final = "tube"
_DISTRIBUTIONS: Final = ("latency", "owd", "pdv", "gap_received")
_QUANTILES: Final = ("p50", "p90", "p95", "p99", "p999", "p9999", "max")
FIGURES: Final = (*(f"{name}_{q}" for name in _DISTRIBUTIONS for q in _QUANTILES), "jitter")
"""What can be compared."""


def margins_of(declared: Mapping[str, float | str]) -> dict[str, float]:
    """Read the settings of `@pytest.mark.baseline`: how much worse each figure may be. ConfigError for one that there is not."""
    margins = {}
    for name, value in declared.items():
        if name not in {*FIGURES, TUBE}:
            raise ConfigError(f"baseline({name}=...): no such figure{nearest(name, (*FIGURES, TUBE))}")
        try:
            margins[name] = ratio(value)
        except ConfigError as error:
            raise ConfigError(f"baseline({name}=...): {error}") from None
        if not margins[name] >= 0:
            raise ConfigError(f"baseline({name}=...): {value!r}: it has to be at least 0, as in '10 %'")
    if not set(margins) - {TUBE}:
        margins |= dict.fromkeys(DEFAULT, MARGIN)
    return margins


def figures_of(runs: Sequence[RunRecord], names: Sequence[str]) -> dict[str, list[Number]]:
    """Return figures of runs, and beside each latency what the harness itself took: its send lag and its floor."""
    wanted: dict[str, list[Number]] = {}
    for name in names:
        wanted[name] = [_figure(run, name) for run in runs]
        distribution, _, quantile = name.rpartition("_")
        if distribution in {"latency", "owd"}:
            wanted[f"send_lag_{quantile}"] = [run.times.get("send_lag", {}).get(quantile) for run in runs]
            wanted[f"floor_{quantile}"] = [run.floor.get(quantile) for run in runs]
    return wanted


def unsaid(runs: Sequence[RunRecord], name: str) -> str:
    """Say how many of these runs have no such figure, and why the first of them has none; empty where all have it."""
    without = [run for run in runs if _figure(run, name) is None]
    if not without:
        return ""
    why = without[0].unsaid.get("ipdv" if name == "jitter" else name.rpartition("_")[0], "")
    return f"{len(without)} of {len(runs)} runs have no {name.replace('_', ' ')}{f': {why}' if why else ''}"


def compare(series: Series, runs: Sequence[RunRecord], margins: Mapping[str, float], before: str) -> dict[str, Verdict]:
    """Hold runs of the stimulus of a series against it. Returns a verdict for each figure; `before` says what it is compared with."""
    names = [name for name in margins if name != TUBE]
    now = figures_of(runs, names)
    absent = {name: unsaid(runs, name) for name in names}
    return {
        name: unknown(name.replace("_", " "), margins[name], absent[name], len(runs))
        if absent[name]
        else _compared(name, series.figures, now, margins[name], before)
        for name in names
    }


def unknown(what: str, margin: float, why: str, runs: int = 0) -> Verdict:
    """Return the verdict where nothing can be compared."""
    return Verdict(
        Outcome.INCONCLUSIVE, f"{what} relative to before", 1 + margin, "<=", n=runs, confidence=CONFIDENCE, unit="1", why=why
    )


def _figure(run: RunRecord, name: str) -> Number:
    if name == "jitter":
        return run.jitter
    distribution, _, quantile = name.rpartition("_")
    return run.times.get(distribution, {}).get(quantile)


def _compared(
    name: str, before: Mapping[str, Sequence[Number]], now: Mapping[str, Sequence[Number]], margin: float, source: str
) -> Verdict:
    what = name.replace("_", " ")
    if name not in before:
        return unknown(what, margin, f"{source} has no {name}: save it again")
    old, new = [value_of(value) for value in before[name]], [value_of(value) for value in now[name]]
    for side, values in (("before", old), ("now", new)):
        absent = sum(math.isnan(value) or value <= 0 for value in values)
        if absent:
            return unknown(what, margin, f"{absent} of {len(values)} runs {side} have no {name}", len(new))
    lost = sum(math.isinf(value) for value in old)
    if lost:
        return unknown(
            what, margin, f"{lost} of {len(old)} runs before lost so many samples that their {name} is infinite", len(new)
        )
    told = (
        f"{source}: {format_duration(statistics.median(old))} then, {format_duration(statistics.median(new))} now"
        if old and new
        else source
    )
    verdict = judge(unpaired(old, new), what, margin=margin, why=told)
    blame = (
        _harness(name, before, now, statistics.median(new) - statistics.median(old)) if verdict.outcome is Outcome.FAIL else ""
    )
    if blame:
        return Verdict(
            Outcome.INVALID, verdict.what, verdict.limit, verdict.comparison, verdict.estimate, verdict.lower, verdict.upper,
            verdict.n, verdict.confidence, verdict.unit, f"{blame}; {verdict.why}",
        )  # fmt: skip
    return verdict


def _harness(name: str, before: Mapping[str, Sequence[Number]], now: Mapping[str, Sequence[Number]], slower: float) -> str:
    """Say that at least half of what got slower is the harness's own, where it is: no rig is blamed for that."""
    quantile = name.rpartition("_")[2]
    for part, takes in (("send_lag", "sends"), ("floor", "by itself takes")):
        old = [value_of(value) for value in before.get(f"{part}_{quantile}", ())]
        new = [value_of(value) for value in now.get(f"{part}_{quantile}", ())]
        if not old or not new or any(math.isnan(value) for value in (*old, *new)):
            continue
        more = statistics.median(new) - statistics.median(old)
        if more >= slower / 2:
            return f"the harness {takes} {format_duration(more)} {'later' if part == 'send_lag' else 'more'} than before"
    return ""
