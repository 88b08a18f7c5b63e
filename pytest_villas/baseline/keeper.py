"""`--villas-baseline`: what a session does with the baselines of its tests, before and after each of them.

What needs msgspec or NumPy is imported when a baseline is saved or compared: other sessions, which have a keeper as well, do not pay.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_villas.errors import ConfigError, LimitsNotKept

if TYPE_CHECKING:  # a session without baselines does not need them
    from pytest_villas.baseline.store import Baseline, Series
    from pytest_villas.measure import Verdict
    from pytest_villas.report.log import TestLog
    from pytest_villas.report.record import Environment

Mode = Literal["", "save", "compare"]
RUNS: Final[Mapping[str, int]] = {"": 1, "save": 5, "compare": 8}
"""How many runs a test should make."""


@dataclass(frozen=True, slots=True)
class Handle:
    """What the fixture `baseline` gives.

    Attributes:
        mode: ``"save"``, ``"compare"``, or empty where no baseline is asked for.
        runs: how many runs the test should make: 5 to save, 8 to compare, else 1.
    """

    mode: Mode
    runs: int


@dataclass
class Keeper:
    """The baselines of a session.

    Attributes:
        folder: where they are.
        mode: what `--villas-baseline` says.
        reason: what `--villas-baseline-reason` says.
        stale: baselines whose tests are gone, as lines for people.
    """

    folder: Path
    mode: Mode = ""
    reason: str = ""
    stale: list[str] = field(default_factory=list)

    @cached_property
    def handle(self) -> Handle:
        """What the tests are told."""
        return Handle(self.mode, RUNS[self.mode])

    def check(self, log: TestLog) -> None:
        """Raise ConfigError, before a test runs, where its baseline cannot be read or wants a reason to be replaced."""
        from pytest_villas.baseline import store

        path = store.path_of(self.folder, log.rig.name, log.case)
        if self.mode != "save" or not path.exists():
            return
        stored = self._read(path, log)
        if not self.reason:
            raise ConfigError(
                f"{path}: there is a baseline of {stored.saved[-1].date} already ({stored.saved[-1].reason}): replacing it wants "
                "a reason, --villas-baseline-reason='...', which is kept with it"
            )

    def finish(self, log: TestLog, declared: Mapping[str, float | str], environment: Environment) -> None:
        """Save or compare the runs of a test that passed. Raises LimitsNotKept where they are worse than before, or cannot tell."""
        from pytest_villas.baseline.compare import margins_of

        margins = margins_of(declared)
        if self.mode == "save":
            self._save(log, margins, environment)
        elif self.mode == "compare":
            self._compare(log, margins, environment)

    def _save(self, log: TestLog, margins: Mapping[str, float], environment: Environment) -> None:
        from pytest_villas.baseline import golden, store
        from pytest_villas.baseline.compare import TUBE, figures_of, unsaid
        from pytest_villas.baseline.fingerprint import fingerprint

        path = store.path_of(self.folder, log.rig.name, log.case)
        earlier = self._read(path, log).saved if path.exists() else []
        absent = [unsaid([run for _, run in log.runs], name) for name in margins if name != TUBE]
        if any(absent):
            log.problems.append(f"no baseline was saved: {'; '.join(filter(None, absent))}")
            return
        try:
            series = []
            for stimulus, indices in _by_stimulus(log).items():
                runs = [log.runs[index][1] for index in indices]
                figures = figures_of(runs, [name for name in margins if name != TUBE])
                file = f"{path.stem}.{stimulus}.npz" if TUBE in margins else ""
                digest = golden.save(log.runs[indices[-1]][0], path.with_name(file)) if file else ""
                series.append(store.Series(stimulus=stimulus, runs=len(runs), figures=figures, golden=file, golden_hash=digest))
            saved = store.Saved(
                date=time.strftime("%Y-%m-%d %H:%M:%S %z"),
                reason=self.reason or "first",
                commit=environment.commit,
                runs=len(log.runs),
            )
            baseline = store.Baseline(
                test=log.case, rig=log.rig.name, saved=[*earlier, saved], fingerprint=fingerprint(log.rig, environment),
                environment=environment, series=series,
            )  # fmt: skip
            store.write(baseline, path)
        except OSError as error:
            log.problems.append(f"the baseline could not be written: {error}")

    def _compare(self, log: TestLog, margins: Mapping[str, float], environment: Environment) -> None:
        from pytest_villas.measure import Outcome
        from pytest_villas.measure.verdict import told

        verdicts = [told(None, verdict, f"baseline {name}") for name, verdict in self._verdicts(log, margins, environment)]
        bad = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
        if bad:
            lines = [line for verdict in bad for line in verdict.lines()]
            held = f"{len(verdicts) - len(bad)} of {len(verdicts)} figures are no worse than in the baseline"
            raise LimitsNotKept("\n".join([held, *lines]), failed=any(verdict.outcome is Outcome.FAIL for verdict in bad))

    def _verdicts(self, log: TestLog, margins: Mapping[str, float], environment: Environment) -> Iterable[tuple[str, Verdict]]:
        from pytest_villas.baseline import store
        from pytest_villas.baseline.compare import TUBE, compare, unknown
        from pytest_villas.baseline.fingerprint import differences, fingerprint

        path = store.path_of(self.folder, log.rig.name, log.case)
        why, stored = "", None
        if not path.exists():
            why = f"there is no baseline {path}: --villas-baseline=save makes it"
        else:
            stored = self._read(path, log)
            other = differences(stored.fingerprint, fingerprint(log.rig, environment))
            if other:
                why = f"not compared with {path}, for it was saved elsewhere: {', '.join(other)}"
        groups = _by_stimulus(log)
        if not groups and not why:
            why = "the test made no run"
        if why or stored is None:
            yield from ((name, unknown(name.replace("_", " "), margin, why)) for name, margin in margins.items())
            return
        known = {series.stimulus: series for series in stored.series}
        for stimulus, indices in groups.items():
            series, runs = known.get(stimulus), [log.runs[index][1] for index in indices]
            if series is None:
                why = f"the baseline has no run of this stimulus ({stimulus}): save it again"
                yield from ((name, unknown(name.replace("_", " "), margin, why, len(runs))) for name, margin in margins.items())
                continue
            yield from compare(series, runs, margins, _told(stored, series)).items()
            if TUBE in margins:
                yield from ((TUBE, verdict) for verdict in self._golden(path, series, log, indices, margins[TUBE]))
        for stimulus in known.keys() - groups.keys():
            yield (
                "runs",
                unknown("stimulus", 0.0, f"the baseline has runs of a stimulus ({stimulus}) that the test did not replay"),
            )

    def _golden(self, path: Path, series: Series, log: TestLog, indices: list[int], rtol: float) -> Iterable[Verdict]:
        from pytest_villas.baseline import golden
        from pytest_villas.measure import Outcome, Verdict

        if not series.golden:
            yield Verdict(
                Outcome.INCONCLUSIVE, "golden samples", 0, "==", why="the baseline has no golden response: save it again"
            )
            return
        response = golden.load(path.with_name(series.golden), series.golden_hash)
        for index in indices:
            yield from golden.judge(response, log.runs[index][0], rtol=rtol)

    def _read(self, path: Path, log: TestLog) -> Baseline:
        from pytest_villas.baseline import store

        stored = store.read(path)
        if (stored.test, stored.rig) != (log.case, log.rig.name):
            raise ConfigError(f"{path}: is the baseline of {stored.test} with rig {stored.rig!r}: remove it, or move it back")
        if not stored.saved:
            raise ConfigError(f"{path}: version {stored.version}, is damaged: nothing in `saved`")
        return stored

    def look_for_stale(self, rigs: Iterable[str], cases: Iterable[str], modules: Iterable[str], root: Path) -> None:
        """List baselines of these rigs whose tests ask for none any more, or are gone.

        Args:
            rigs: names of the rigs of this session.
            cases: the tests that have a baseline, those that were deselected included.
            modules: test files that were collected; of others nothing is known while they exist.
            root: of the project.
        """
        from pytest_villas.baseline import store

        known, seen = set(cases), set(modules)
        for rig in rigs:
            for path in sorted((self.folder / rig).rglob("*.json")):
                try:
                    case = store.read(path).test
                except ConfigError as error:
                    self.stale.append(str(error))
                    continue
                module = case.partition("::")[0]
                if case not in known and (module in seen or not (root / module).is_file()):
                    self.stale.append(f"{path}: stale: {case} asks for no baseline any more, or is gone")


def _by_stimulus(log: TestLog) -> dict[str, list[int]]:
    """Return the indices of the runs of each stimulus."""
    groups: dict[str, list[int]] = {}
    for index, (_, record) in enumerate(log.runs):
        groups.setdefault(record.stimulus, []).append(index)
    return groups


def _told(stored: Baseline, series: Series) -> str:
    latest = stored.saved[-1]
    at = f", commit {latest.commit[:10]}" if latest.commit else ""
    return f"baseline of {latest.date[:10]}{at}, {series.runs} runs ({latest.reason})"


def declared_of(item: Any) -> dict[str, float | str] | None:
    """Return what `@pytest.mark.baseline` declares for a test, the nearest wins; None for a test without a baseline."""
    marks = list(item.iter_markers("baseline"))
    if not marks and "baseline" not in getattr(item, "fixturenames", ()):
        return None
    merged: dict[str, float | str] = {}
    for mark in reversed(marks):
        if mark.args:
            raise ConfigError("margins of a baseline are given by name, as in baseline(latency_p99='20 %')")
        merged |= mark.kwargs
    return merged
