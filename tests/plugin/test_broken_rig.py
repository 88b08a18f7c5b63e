"""A rig that dies, and a pytest that is killed: nobody waits for ever, nothing is left behind, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import parts
import pytest
import rig_files
from processes import standing_in, wait_until

from pytest_villas.replay.capture import Capture
from pytest_villas.rig import stored
from pytest_villas.rig.registry import shipped

RIGS = ["sim", "dpsim"]
LONG = """
    from pytest_villas import generate

    def test_long(rig):
        rig.replay(generate.three_phase(rate=1000, duration=20))
"""


@pytest.fixture(params=RIGS)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "dpsim":
        parts.module("dpsim", "dpsim")
    return str(request.param)


def start(pytester: pytest.Pytester, name: str, test: str) -> subprocess.Popen[bytes]:
    pytester.makepyfile(test)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rig={name}"]
    with (pytester.path / "output").open("wb") as log:
        return subprocess.Popen(command, cwd=pytester.path, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def rig_pids(folder: Path) -> list[int]:
    return [pid for pid, line in standing_in(folder).items() if " run --config " in line and "supervise.py" not in line]


def replay_runs(folder: Path) -> bool:
    if not any(folder.glob(".villas/runs/*/stimulus.npz")):
        return False
    time.sleep(3)  # to encode the stimulus, and to send some of it
    return True


def test_the_death_of_the_rig_ends_the_replay_with_its_last_words_and_the_capture(pytester: pytest.Pytester, name: str) -> None:
    process = start(pytester, name, LONG)
    assert wait_until(lambda: replay_runs(pytester.path), 60)
    os.kill(rig_pids(pytester.path)[0], signal.SIGKILL)
    assert process.wait(60) == 10, "the exit status for a broken rig"
    output = (pytester.path / "output").read_text()
    assert f"rig '{name}': its process was killed by signal 9" in output
    assert "rig.log" in output
    folder = next(pytester.path.glob(".villas/runs/*test_long*"))
    assert f"what was captured until then is in {folder}" in output
    capture = Capture.load(folder)
    assert not capture.complete
    assert len(capture.payloads()) > 100
    assert int(stored.load(folder).delivery.received) > 50, "what came until then can be measured"
    assert standing_in(pytester.path) == {}


def test_the_death_of_the_process_that_replays_breaks_the_rig_and_no_capture_is_promised(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import os, signal, threading
        from pytest_villas import generate

        def test_during(rig):
            threading.Timer(1, rig.process._worker._process.kill).start()
            rig.replay(generate.three_phase(rate=1000, duration=5))

        def test_after(rig):
            rig.replay(generate.three_phase(rate=1000, duration=0.1))
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "-rs")
    assert result.ret == 10, "the exit status for a broken rig"
    result.stdout.fnmatch_lines(
        [
            "*the replay process ended with status -9*nothing of what came until then could be kept in *",
            "SKIPPED*the rig broke earlier*",
        ]
    )


def test_after_a_rig_broke_the_other_tests_skip_and_say_why(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import os, signal
        from pathlib import Path
        from pytest_villas import generate

        def test_breaks(rig):
            os.kill(int(next(Path(".villas").glob("runs/*/pid")).read_text()), signal.SIGKILL)
            rig.replay(generate.three_phase(rate=1000, duration=5))

        def test_next(rig):
            pass
    """)
    (pytester.path / "rigs").mkdir()
    (pytester.path / "rigs" / "mine.toml").write_text(
        """
        [rig]
        extends = "sim"
        [launch]
        command = ["sh", "-c", 'echo $$ > "$(dirname {config})/pid"; exec {python} """
        + str(plant())
        + """ run --config {config} --node {node}']
    """
    )
    result = pytester.runpytest_subprocess("--rig=mine", "-rs")
    assert result.ret == 10
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*the rig broke earlier: rig 'mine': its process was killed by signal 9*"])


def plant() -> Path:
    return shipped("rigs") / "sim_rlc.py"


def test_nothing_is_left_behind_when_pytest_is_killed(pytester: pytest.Pytester, name: str) -> None:
    process = start(pytester, name, LONG)
    assert wait_until(lambda: replay_runs(pytester.path), 60)
    assert len(standing_in(pytester.path)) >= 4, "pytest, the worker, the supervisor and the rig"
    process.kill()
    process.wait()
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


def test_a_capture_survives_the_death_of_pytest(pytester: pytest.Pytester) -> None:
    process = start(pytester, "sim", LONG)
    assert wait_until(lambda: replay_runs(pytester.path), 60)
    process.kill()
    process.wait()
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10)
    assert len(Capture.load(next(pytester.path.glob(".villas/runs/*test_long*"))).payloads()) > 100


def test_a_rig_that_ends_at_once_is_an_error_with_what_it_said(pytester: pytest.Pytester) -> None:
    rig_files.write(pytester.path, mine=rig_files.DIES)
    pytester.makepyfile("def test_it(rig): pass")
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*rig 'mine': its process ended with status 7*", "*no licence found*"])
