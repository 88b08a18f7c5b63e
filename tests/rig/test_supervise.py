"""The supervisor: what it starts has no privileges, and ends when its starter does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import standing_in, wait_until

from pytest_villas.rig import supervise

SCRIPT = supervise.__file__


def start(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", SCRIPT, *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    """Close its input, and return what it said."""
    return process.communicate(timeout=20)[0].decode()


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_the_status_is_that_of_the_command(tmp_path: Path, script: str, status: int) -> None:
    process = start(tmp_path, "sh", "-c", script)
    assert process.wait(20) == status
    finish(process)


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    process = start(tmp_path, "no-such-program")
    assert process.wait(20) == 1
    assert "no-such-program: No such file or directory" in finish(process)


def test_everything_ends_when_the_starter_closes_the_pipe(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "sleep 100 & setsid sleep 100 & wait")
    assert wait_until(lambda: len(standing_in(tmp_path)) == 4, 10)
    finish(process)
    assert standing_in(tmp_path) == {}


def test_what_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", 'trap "" TERM; echo ready; while :; do sleep 0.1; done')
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    finish(process)
    assert standing_in(tmp_path) == {}


STUBBORN = """
import signal, subprocess, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=lambda: subprocess.Popen(["sleep", "100"], start_new_session=True).wait(), daemon=True).start()
time.sleep(100)
"""


def test_what_a_thread_of_the_command_started_ends_too(tmp_path: Path) -> None:
    process = start(tmp_path, sys.executable, "-c", STUBBORN)
    assert wait_until(lambda: len(standing_in(tmp_path)) == 3, 10)
    finish(process)
    assert standing_in(tmp_path) == {}


def test_a_word_ends_it_where_others_hold_the_pipe_open(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "echo ready; exec sleep 100")
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdin.write(b"end\n")
    process.stdin.flush()
    assert process.wait(20) == 143
    finish(process)


def test_the_command_ends_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "100")
    assert wait_until(lambda: len(standing_in(tmp_path)) == 2, 10)
    process.kill()
    assert wait_until(lambda: standing_in(tmp_path) == {}, 10)
    finish(process)


def test_the_command_does_not_get_the_interrupt_of_a_terminal(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "echo ready; sleep 100")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(2)
    assert not wait_until(lambda: process.poll() is not None, 0.3)
    finish(process)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no privileges to lose")
def test_as_root_the_command_can_change_nothing_of_the_machine(tmp_path: Path) -> None:
    before = Path("/proc/sys/vm/nr_hugepages").read_text()
    process = start(tmp_path, "sh", "-c", "echo 7 > /proc/sys/vm/nr_hugepages; grep CapEff /proc/self/status")
    process.wait(20)
    said = finish(process)
    assert "Read-only file system" in said
    assert "CapEff:\t0000000000000000" in said
    assert Path("/proc/sys/vm/nr_hugepages").read_text() == before


@pytest.fixture
def granted(tmp_path: Path) -> None:
    process = start(tmp_path, "--realtime", "true")
    process.wait(20)
    if "scheduled as any other process" in finish(process):
        pytest.skip("needs the right to SCHED_FIFO, see docs/rigs.md")


@pytest.mark.usefixtures("granted")
def test_real_time_rigs_side_by_side_compute_and_do_not_wait_for_threads_that_spin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    compute = (
        "import numpy as np, scipy.linalg; scipy.linalg.expm(np.eye(11) / 10); a = np.ones((300, 300)); a @ a; print('computed')"
    )
    rigs = [start(tmp_path, "--realtime", sys.executable, "-c", compute) for _ in range(min(os.cpu_count() or 1, 4) + 1)]
    try:
        assert [rig.wait(20) for rig in rigs] == [0] * len(rigs)
    finally:
        said = [finish(rig) for rig in rigs]
    assert all("computed" in each for each in said)


@pytest.mark.usefixtures("granted")
@pytest.mark.parametrize(("given", "told"), [(None, "1"), ("2", "2")])
def test_a_real_time_rig_computes_on_one_thread_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, told: str
) -> None:
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    process = start(tmp_path, "--realtime", "sh", "-c", "echo threads=$OPENBLAS_NUM_THREADS")
    process.wait(20)
    assert f"threads={told}\n" in finish(process)


@pytest.mark.parametrize("realtime", [True, False])
def test_real_time_is_given_to_all_that_the_command_starts_or_said_to_be_refused(tmp_path: Path, realtime: bool) -> None:
    ask = "import os; print('policy', os.sched_getscheduler(0) == os.SCHED_FIFO)"
    options = ["--realtime"] if realtime else []
    process = start(tmp_path, *options, "sh", "-c", f'{sys.executable} -c "{ask}"')
    assert process.wait(20) == 0
    said = finish(process)
    granted = "policy True" in said
    assert granted or "policy False" in said
    assert not granted or realtime
    assert granted is realtime or "scheduled as any other process, though launch.realtime is set" in said
