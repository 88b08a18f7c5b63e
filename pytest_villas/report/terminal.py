"""Runs on the terminal: a line while one goes on, a table at the end. Plain text, 80 columns, also in a CI log."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_villas.errors import ConfigError
from pytest_villas.units import format_duration

if TYPE_CHECKING:  # they bring NumPy and SciPy, which a session without a rig does not need
    from pytest_villas.replay.live import State
    from pytest_villas.report.recorder import Recorder
    from pytest_villas.rig.registry import Registry

_QUIET_S = 2.0
"""Runs shorter than this pass without a word."""
_QUIET_IN_A_LOG_S = 10.0


def list_rigs(registry: Registry) -> None:
    """Print each rig with its description; a file that cannot be read, with what is wrong with it."""
    for name in registry.names():
        try:
            about = registry.load(name).rig.description
        except ConfigError as error:
            about = f"unusable: {error}"
        sys.stdout.write(f"{name:<16} {about}\n")


class Progress:
    """A line on the terminal that says how far a replay is: what was sent, came back and is lost, p99, rate, how long it still takes.

    It is made from what lies in the memory of the process that sends, which need not do anything for it.
    """

    def __init__(self, config: pytest.Config, label: str, event: Callable[..., None], answered_within: int | None = None) -> None:
        """Write by the terminal of this session, past its capturing of output; `event` is told as well.

        A rig that answers each sample, and does so within `answered_within` ns or never, has lost what it has not answered by then.
        """
        self._reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._label = label
        self._event = event
        self._began = self._said = time.monotonic()
        self._sent = 0
        self._shown = False
        self._answered_within = None if answered_within is None else answered_within / 1e9
        self._earlier: deque[tuple[float, int]] = deque()

    def __call__(self, state: State) -> None:
        """Show the state; on what is no terminal only once in ten seconds."""
        sent, received, now = state.sent, state.received, time.monotonic()
        if sent < self._sent or not sent:  # another run
            self._began = self._said = now
            self._earlier.clear()
        self._sent = sent
        lost = self._lost(now, sent, received)
        p99 = None if state.p99 is None else round(state.p99)
        self._event("progress", test=self._label, sent=sent, received=received, total=state.total, lost=lost, p99=p99)
        reporter = self._reporter
        if reporter is None or reporter.verbosity < 0 or now - self._began < _QUIET_S:
            return
        line = self.line(state, now - self._began, lost)
        if reporter.isatty:
            if not self._shown:
                self._write("\n")
            self._write(f"\r{line:<79}")
            self._shown = True
        elif now - self._said > _QUIET_IN_A_LOG_S:
            self._said = now
            self._write(f"\n{line}\n")

    def line(self, state: State, elapsed: float, lost: int | None) -> str:
        """Return the state in at most 79 columns. What is not back yet is not lost yet."""
        rate = state.sent / elapsed if elapsed and state.sent < state.total else 0.0
        left = f"{rate:.0f}/s, {(state.total - state.sent) / rate:.0f} s left" if rate else "waiting for the last"
        missing = "" if lost is None else f"{lost} lost, "
        late = "" if state.p99 is None else f"p99 {format_duration(state.p99)}, "
        facts = f"{state.sent} sent, {state.received} back, {missing}{late}{left}"
        return f"{self._label[: max(79 - len(facts) - 2, 0)]}: {facts}"[:79]

    def _lost(self, now: float, sent: int, received: int) -> int | None:
        """Return how many of those that have to be answered by now are not, at least; None where nobody can know."""
        if self._answered_within is None:
            return None
        self._earlier.append((now, sent))
        while len(self._earlier) > 1 and self._earlier[1][0] <= now - self._answered_within:
            self._earlier.popleft()
        then, due = self._earlier[0]
        return max(due - received, 0) if then <= now - self._answered_within else 0

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


def summarise(reporter: pytest.TerminalReporter, recorder: Recorder) -> None:
    """Write what each run came to, what was asked of no run, and what went wrong beside the tests."""
    tests = [parcel.test for parcel in recorder.parcels]
    problems = [*recorder.problems, *(f"{test.test}: {problem}" for test in tests for problem in test.problems)]
    if any(test.runs for test in tests):
        from pytest_villas.report import table  # noqa: PLC0415 - only a session with a rig needs it

        reporter.section("runs")
        for test in tests:
            for run in test.runs:
                if reporter.verbosity < 0:
                    reporter.write_line(table.line(run))
                else:
                    reporter.write("\n".join([*table.block(test, run), ""]))
            if test.verdicts and reporter.verbosity >= 0:
                reporter.write("\n".join([test.test, *table.limits(test.verdicts), ""]))
    for problem in problems:
        reporter.write_line(problem, red=True)
