"""`villas-rig compare RUN RUN`: folders of runs, one against the other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_villas.baseline.compare import DEFAULT, compare, figures_of, margins_of
from pytest_villas.baseline.fingerprint import differences, fingerprint
from pytest_villas.baseline.store import Series
from pytest_villas.errors import ConfigError
from pytest_villas.measure import Outcome, Verdict
from pytest_villas.report.record import RUN_FILE, Number, RunFile, read_run, value_of
from pytest_villas.units import format_duration

INCONCLUSIVE: Final = 11
"""Exit status: nothing got worse for sure, and of something nothing can be said."""
_SHOWN: Final = ("p50", "p90", "p99", "max")
_Key = tuple[str, str]


def compare_folders(before: Path, now: Path) -> int:
    """Compare two runs, or all runs below two folders, test by test. Returns 0, 1 where something got worse, or 11."""
    old, new = _found(before), _found(now)
    outcomes = []
    for key in dict.fromkeys((*old, *new)):
        if key not in old or key not in new:
            _say(f"{key[0]} (stimulus {key[1]}): only in {before if key in old else now}")
            continue
        _say(f"{key[0]} (stimulus {key[1]}): {len(old[key])} run(s) before, {len(new[key])} now")
        _table(old[key], new[key])
        for verdict in _verdicts(old[key], new[key]):
            outcomes.append(verdict.outcome)
            _say(f"  {verdict}")
    if not outcomes:
        _say("nothing can be compared: the folders have no test with the same stimulus in common")
        return INCONCLUSIVE
    if Outcome.FAIL in outcomes:
        return 1
    return 0 if set(outcomes) == {Outcome.PASS} else INCONCLUSIVE


def _found(folder: Path) -> dict[_Key, list[RunFile]]:
    runs: dict[_Key, list[RunFile]] = {}
    for path in sorted(folder.rglob(RUN_FILE)):
        run = read_run(path.parent)
        runs.setdefault((run.test.case, run.run.stimulus), []).append(run)
    if not runs:
        raise ConfigError(f"{folder}: there is no run in it, that is a folder with {RUN_FILE}")
    return runs


def _verdicts(old: Sequence[RunFile], new: Sequence[RunFile]) -> list[Verdict]:
    reference = fingerprint(old[0].rig, old[0].environment)
    for run in (*old, *new):
        other = differences(reference, fingerprint(run.rig, run.environment))
        if other:
            _say(f"  not compared, for they were not measured alike: {', '.join(other)}")
            return [Verdict(Outcome.INCONCLUSIVE, "latency relative to before", 1.1, "<=", unit="1", why="other fingerprints")]
    series = Series(stimulus=old[0].run.stimulus, runs=len(old), figures=figures_of([each.run for each in old], DEFAULT))
    return list(compare(series, [each.run for each in new], margins_of({}), "before").values())


def _table(old: Sequence[RunFile], new: Sequence[RunFile]) -> None:
    _say(f"  {'':<10}{'':<10}" + "".join(f"{name:>12}" for name in _SHOWN) + f"{'lost':>10}")
    for label, runs in (("before", old), ("now", new)):
        for each in runs:
            times = each.run.times.get("latency", {})
            figures = "".join(f"{_told(times.get(name)):>12}" for name in _SHOWN)
            _say(f"  {label:<10}{each.run.rig[:9]:<10}{figures}{each.run.delivery.get('lost')!s:>10}")


def _told(value: Number) -> str:
    return "unknown" if value is None else format_duration(value_of(value))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
