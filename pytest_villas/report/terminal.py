"""Runs on the terminal: a line while one goes on, a table at the end. Plain text, 80 columns, also in a CI log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_villas.errors import ConfigError

if TYPE_CHECKING:  # they bring NumPy and SciPy, which a session without a rig does not need
    from pytest_villas.replay.run import Run
    from pytest_villas.rig.registry import Registry

_QUIET_S = 2.0
"""Runs shorter than this pass without a word."""


def list_rigs(registry: Registry) -> None:
    """Print each rig with its description; a file that cannot be read, with what is wrong with it."""
    for name in registry.names():
        try:
            about = registry.load(name).rig.description
        except ConfigError as error:
            about = f"unusable: {error}"
        sys.stdout.write(f"{name:<16} {about}\n")


class Progress:
    """A line on the terminal that says how far a replay is."""

    def __init__(self, config: pytest.Config, label: str) -> None:
        """Write by the terminal of this session, past its capturing of output."""
        self._reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._label = label
        self._began = time.monotonic()
        self._shown = False

    def __call__(self, sent: int, received: int, total: int) -> None:
        """Show the state; on what is no terminal only once in ten seconds."""
        if self._reporter is None or time.monotonic() - self._began < _QUIET_S:
            return
        line = f"{self._label}: {sent} of {total} sent, {received} received"
        if self._reporter.isatty:
            self._write(f"\r{line:<79}"[:80])
            self._shown = True
        elif time.monotonic() - self._began > 10:
            self._began = time.monotonic()
            self._write(f"\n{line}\n")

    def end(self) -> None:
        """Leave the line clean for what comes next."""
        if self._shown:
            self._write("\r" + " " * 79 + "\r")

    def _write(self, text: str) -> None:
        assert self._reporter is not None
        if self._capture is None:
            self._reporter.write(text, flush=True)
            return
        with self._capture.global_and_fixture_disabled():
            self._reporter.write(text, flush=True)


def summarise(reporter: pytest.TerminalReporter, runs: Sequence[tuple[str, Run]]) -> None:
    """Write what each run came to, and the folder of its capture."""
    if not runs:
        return
    reporter.section("runs")
    for test, run in runs:
        reporter.write_line(f"{test}")
        for line in lines(run):
            reporter.write_line(f"  {line}")


def lines(run: Run) -> list[str]:
    """Return the summary of a run, at most 80 columns wide but for its folder."""
    delivery, latency = run.delivery, run.latency
    account = f"delivery  {delivery.sent} sent, {delivery.received} received, {delivery.lost} lost"
    extra = [count for count in (delivery.late, delivery.duplicates, delivery.reordered, delivery.rejected) if float(count) > 0]
    account += "".join(f", {count} {count.what}" for count in extra)
    times = ", ".join(f"{name} {getattr(latency, name)}" for name in ("p50", "p90", "p99", "max"))
    return [
        account,
        f"latency   {times}, send lag p99 {latency.send_lag.p99}" if len(latency) else "latency   too short a run",
        f"          {latency.note}",
        f"          arrivals stamped by the {'kernel' if run.capture.stamp == 'kernel' else 'harness'}, {run.capture.scheduling}",
        *_floor_lines(run),
        *_fidelity_lines(run),
        f"capture   {f'not stored: {run.unstored}' if run.unstored else _short(run.folder)}",
    ]


def _floor_lines(run: Run) -> list[str]:
    floor = run.floor.latency
    if floor is None:
        return [f"floor     {run.floor.note}"]
    times = ", ".join(f"{name} {getattr(floor, name)}" for name in ("p50", "p90", "p99", "max"))
    return [f"floor     {times}", f"          {run.floor.note}"]


def _fidelity_lines(run: Run) -> list[str]:
    parts = [f"{channel.name} {channel.nrmse}" for channel in run.fidelity.channels if channel.type.value in {"float", "complex"}]
    if not parts:
        return ["fidelity  no channel can be compared"]
    return [f"fidelity  nrmse, worst first: {', '.join(parts[:4])}{', ...' if len(parts) > 4 else ''}"]


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
