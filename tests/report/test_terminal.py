"""The runs on the terminal: narrow, without colour, quiet, in a CI log and under pytest-xdist."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from pytest_villas.replay.live import State
from pytest_villas.report.terminal import Progress

TESTS = """
    from pytest_villas import generate, ms

    STIMULUS = generate.three_phase(rate=500, duration=0.6)

    def test_kept_with_a_name_that_is_longer_than_what_a_terminal_of_eighty_columns_has_room_for(rig):
        run = rig.replay(STIMULUS)
        assert run.delivery.lost == 0
        assert run.latency.max < 10_000 * ms
        for channel in run.fidelity.channels:
            assert channel.type.value == "boolean" or channel.nrmse < 0.01

    def test_broken(rig):
        first, second = rig.replay(STIMULUS), rig.replay(STIMULUS)
        assert first.delivery.lost == 0
        assert second.delivery.sent == 7

    def test_without_a_rig():
        pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_t=TESTS)
    return pytester


def summary(result: pytest.RunResult) -> list[str]:
    lines = result.outlines
    start = next(i for i, line in enumerate(lines) if "= runs =" in line)
    end = next(i for i, line in enumerate(lines) if i > start and line.startswith("="))
    return lines[start + 1 : end]


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_every_run_has_its_verdict_its_floor_and_the_margin_to_each_limit(
    project: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    result = project.runpytest_subprocess("--rig=loopback", *processes)
    lines = summary(result)
    assert [line.split()[-1] for line in lines if "test_t.py" in line] == ["PASS", "PASS", "FAIL"]
    assert sum("floor" in line for line in lines) == 3
    assert any(line.startswith("  latency max < 10 s") and line.endswith("% left  PASS") for line in lines)
    assert any("nrmse < 0.01 (and 2 more)" in line for line in lines)
    assert any(line.startswith("  sent == 7") and "is 300" in line and line.endswith("FAIL") for line in lines)


def test_it_fits_into_eighty_columns_without_colour(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--rig=loopback", "--color=no")
    lines = summary(result)
    assert "\x1b" not in "".join(lines)
    too_long = [
        line for line in lines if len(line) > 80 and "capture" not in line and "again" not in line
    ]  # paths and commands stay whole
    assert too_long == []


def test_quiet_means_a_line_a_run(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--rig=loopback", "-q")
    lines = summary(result)
    assert len(lines) == 3
    assert [line.split()[0] for line in lines] == ["PASS", "PASS", "FAIL"]
    assert all(len(line) <= 80 for line in lines)
    assert all("0 lost, p99 " in line for line in lines)


def test_signals_that_one_side_alone_has_are_named_for_nothing_was_compared(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import Samples, generate

        def test_it(rig):
            stimulus = generate.three_phase(rate=500, duration=0.6)
            reference = Samples({name if name != "vc" else "v_c": stimulus[name] for name in stimulus.names})
            assert rig.replay(stimulus, reference=reference).fidelity["va"].nrmse < 0.01
    """)
    result = pytester.runpytest_subprocess("--rig=loopback")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [" * in the reference alone, not compared: v_c", " * in the response alone, not compared: vc, fault"]
    )


def test_a_session_without_runs_says_nothing(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("-k", "without")
    result.stdout.no_fnmatch_line("*= runs =*")


LONG = """
    from pytest_villas import generate

    def test_it(rig):
        assert rig.replay(generate.three_phase(rate=500, duration=4)).delivery.lost == 0
"""


def test_a_run_that_takes_longer_shows_a_line_while_it_goes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LONG)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "--rig=loopback", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=pytester.path, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other side is gone
                break
            if not part:
                break
            seen += part
    os.close(ours)
    assert process.returncode == 0
    shown = [line for line in seen.decode().split("\r") if re.search(r"/s, \d+ s left", line)]
    assert len(shown) > 3
    assert [line for line in shown if len(line) > 79] == []
    assert all(word in shown[0] for word in ("test_it[loopback]: ", " sent, ", " back, ", " 0 lost, p99 ", " s left"))


def test_what_is_not_back_is_lost_once_it_should_be(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int | None] = []

    def event(_name: str, /, **values: object) -> None:
        told.append(values["lost"])  # type: ignore[arg-type]  # a count

    counters = [(0.0, 0, 0), (0.5, 500, 400), (1.0, 1000, 900), (1.5, 1500, 1390), (2.0, 1500, 990), (0.0, 0, 0)]
    clock = [0.0]
    monkeypatch.setattr("pytest_villas.report.terminal.time.monotonic", lambda: clock[0])
    for answered_within in (10**9, None):
        progress = Progress(pytestconfig, "it", event, answered_within)
        progress._reporter = None
        for clock[0], sent, received in counters:
            progress(State(sent, received, 1500))
    assert told == [0, 0, 0, 0, 10, 0] + [None] * 6


def test_a_log_gets_no_moving_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LONG)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert "\r" not in result.stdout.str()
    result.stdout.no_fnmatch_line("*/s, *")
