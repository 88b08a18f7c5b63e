"""The figures of all runs as OpenMetrics text, for Prometheus and for GitLab's metrics reports [OpenMetrics 1.0]."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from pytest_villas.errors import ConfigError
from pytest_villas.report import files
from pytest_villas.report.record import RunRecord, SessionRecord, value_of

_QUANTILES: Final = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999", "p9999": "0.9999", "max": "1"}
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_FIRST: Final = "# TYPE villas_"

_Point: TypeAlias = tuple[dict[str, str], float]


def write(session: SessionRecord, path: Path, _root: Path) -> None:
    """Write the figures; OSError where that cannot be done."""
    files.write(path, text(session).encode())


def check(path: Path) -> None:
    """Refuse to overwrite what is no text of this module's."""
    try:
        foreign = path.exists() and not path.read_text(errors="replace").startswith(_FIRST)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if foreign:
        raise ConfigError(
            f"{path}: is no OpenMetrics text of pytest-villas: it is not overwritten: remove it, or choose another name"
        )


def text(session: SessionRecord) -> str:
    """Return the OpenMetrics text. Times are in seconds; what was lost is infinitely late; what is unknown is left out."""
    runs = [run for test in session.tests for run in test.runs]
    parts = [
        _family(
            "villas_latency_seconds", "From when a sample was meant to be sent to its response.", _quantiles(runs, "latency")
        ),
        _family("villas_send_lag_seconds", "How late the harness sent.", _quantiles(runs, "send_lag")),
        _family("villas_floor_seconds", "Latency of the harness itself, without the rig.", _floors(runs)),
        _family("villas_samples", "Samples by what became of them.", _counts(runs)),
        _family("villas_nrmse", "Residual of a channel, rms relative to its reference.", _channels(runs)),
        _family("villas_margin", "Share of a limit that is left; below 0 where it is broken.", _margins(session)),
        _family("villas_verdicts", "Verdicts by outcome.", _verdicts(session)),
        _family("villas_tests", "Tests with a rig by what became of them.", _tests(session)),
        "# EOF\n",
    ]
    return "".join(parts)


def _family(name: str, about: str, points: Iterable[_Point]) -> str:
    unit = f"# UNIT {name} seconds\n" if name.endswith("_seconds") else ""
    lines = [f"{name}{{{_labels(labels)}}} {_number(value)}\n" for labels, value in points if not math.isnan(value)]
    return f"# TYPE {name} gauge\n{unit}# HELP {name} {about}\n{''.join(lines)}"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "+Inf" if value > 0 else "-Inf"


def _of(run: RunRecord) -> dict[str, str]:
    return {"test": run.test, "rig": run.rig, "run": str(run.number)}


def _quantiles(runs: Iterable[RunRecord], name: str) -> Iterator[_Point]:
    for run in runs:
        for quantile, q in _QUANTILES.items():
            yield {**_of(run), "q": q}, value_of(run.times.get(name, {}).get(quantile)) / 1e9


def _floors(runs: Iterable[RunRecord]) -> Iterator[_Point]:
    for run in runs:
        for quantile, q in _QUANTILES.items():
            yield {**_of(run), "q": q}, value_of(run.floor.get(quantile)) / 1e9


def _counts(runs: Iterable[RunRecord]) -> Iterator[_Point]:
    for run in runs:
        for name, count in run.delivery.items():
            yield {**_of(run), "state": name}, value_of(count)


def _channels(runs: Iterable[RunRecord]) -> Iterator[_Point]:
    for run in runs:
        for channel in run.channels:
            yield {**_of(run), "channel": channel.name}, value_of(channel.nrmse)


def _margins(session: SessionRecord) -> Iterator[_Point]:
    for test in session.tests:
        for run in test.runs:
            for index, verdict in enumerate(run.verdicts, 1):
                claim = {
                    "limit": verdict.name or f"{verdict.what} {verdict.comparison}",
                    "what": verdict.what,
                    "number": str(index),
                }
                yield {**_of(run), **claim}, value_of(verdict.margin)


def _verdicts(session: SessionRecord) -> Iterator[_Point]:
    for test in session.tests:
        verdicts = [*test.verdicts, *(verdict for run in test.runs for verdict in run.verdicts)]
        for outcome in ("PASS", "FAIL", "INCONCLUSIVE", "INVALID"):
            yield {"test": test.test, "rig": test.rig, "outcome": outcome}, sum(each.outcome == outcome for each in verdicts)


def _tests(session: SessionRecord) -> Iterator[_Point]:
    for outcome in sorted({test.outcome for test in session.tests}):
        yield {"outcome": outcome}, sum(test.outcome == outcome for test in session.tests)
