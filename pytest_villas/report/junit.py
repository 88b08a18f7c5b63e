"""Properties for JUnit XML, by which CI servers show the figures of a test beside it.

They stand at the test case, where Jenkins and most actions for GitHub look, also with `junit_family=xunit2`, whose schema does
not have them there but whose readers skip what they do not know, as pytest's own `record_property` relies on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_villas.report.record import RigRecord, RunRecord, SessionRecord, TestRecord, value_of
from pytest_villas.report.table import verdict_of
from pytest_villas.units import format_duration


def properties(test: TestRecord, rig: RigRecord) -> Iterator[tuple[str, str]]:
    """Yield names and values for one test: the rig, then each run with verdict, figures, margins and the folder of its capture."""
    yield "villas.rig", test.rig
    yield "villas.outcome", test.outcome
    for key, value in rig.identity.items():
        yield f"villas.identity.{key}", value
    for run in test.runs:
        prefix = "villas." if len(test.runs) == 1 else f"villas.run{run.number}."
        yield from ((prefix + name, value) for name, value in _run(run))
    for verdict in test.verdicts:
        yield "villas.verdict", verdict.claim


def _run(run: RunRecord) -> Iterator[tuple[str, str]]:
    yield "verdict", verdict_of(run.verdicts)
    for name in ("sent", "received", "lost"):
        yield name, str(run.delivery.get(name))
    for name, times in (("latency", run.times.get("latency", {})), ("floor", run.floor)):
        for quantile in ("p50", "p99", "max"):
            if quantile in times:
                yield f"{name}_{quantile}", format_duration(value_of(times[quantile]))
    for index, verdict in enumerate(run.verdicts, 1):
        left = "" if verdict.margin is None else f", {100 * value_of(verdict.margin):.3g} % left"
        yield f"limit{index}", f"{verdict.claim}{left}"
    yield "capture", run.folder


def of_session(session: SessionRecord) -> Iterator[tuple[str, str]]:
    """Yield names and values for the whole session: the machine that measured, and the rigs."""
    about = session.environment
    yield "villas.kernel", about.kernel
    yield "villas.governor", about.governor
    yield "villas.cpu", f"{about.cpus} x {about.cpu or about.machine}"
    yield "villas.commit", about.commit
    for rig in session.rigs:
        yield f"villas.rig.{rig.name}", f"{rig.link}; config {rig.config[:12]}; {rig.scheduling}"
    if session.impaired:
        yield "villas.impaired", session.impaired


def add_to_suite(plugins: Any, session: SessionRecord) -> None:
    """Give the suite its properties, where pytest writes JUnit XML (pytest's `record_testsuite_property` is a fixture only)."""
    for plugin in plugins:
        add = getattr(plugin, "add_global_property", None)
        if add is not None:
            for name, value in of_session(session):
                add(name, value)
