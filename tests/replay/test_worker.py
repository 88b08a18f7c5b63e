"""The process that replays: what it captured is kept, its answers belong to their questions, and it neither hangs nor stays."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import odd_links
import pytest
from processes import standing_in, wait_until

from pytest_villas import generate
from pytest_villas.errors import EncodeError, LinkError, LinkTimeout
from pytest_villas.links import SerialLine, SerialLink
from pytest_villas.links.bench import NodeBench
from pytest_villas.links.echo import echo
from pytest_villas.links.framing import Line
from pytest_villas.replay import process
from pytest_villas.replay.capture import ARRIVALS, MESSAGES, Capture
from pytest_villas.replay.commands import Late, Replay
from pytest_villas.replay.process import Worker
from pytest_villas.samples import NO_TIME
from pytest_villas.units import ms, s

PAYLOADS = [b"%d" % i for i in range(20)]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("PYTHONPATH", str(Path(odd_links.__file__).parent))
    worker = Worker(tmp_path / "worker.log")
    try:
        yield worker
    finally:
        worker._process.send_signal(signal.SIGCONT)
        worker.close()


def replay(worker: Worker, folder: Path, payloads: list[bytes] = PAYLOADS) -> Capture | Late:
    began = time.monotonic_ns()
    job = partial(
        Replay,
        due=np.arange(len(payloads), dtype=np.int64) * ms,
        start=began + s,
        epoch_offset=time.time_ns() - began,
        tail=10 * ms,
        folder=folder,
    )
    return worker.replay(payloads, job, lambda _: None)


def captured(worker: Worker, folder: Path) -> Capture:
    capture = replay(worker, folder)
    assert isinstance(capture, Capture)
    return capture


def test_what_came_and_could_not_be_sent_is_captured_like_all_else(worker: Worker, tmp_path: Path) -> None:
    worker.open(odd_links.Unsendable())
    capture = captured(worker, tmp_path)
    assert list(capture.payloads()) == PAYLOADS
    assert capture.sent_wire.size == 0
    assert "times on the wire are not known" in (tmp_path / "worker.log").read_text()


def test_an_error_of_any_kind_is_raised_and_what_came_until_then_is_on_the_disk(worker: Worker, tmp_path: Path) -> None:
    worker.open(odd_links.Choosy())
    with pytest.raises(EncodeError, match="no frame can carry it"):
        replay(worker, tmp_path)
    came = (tmp_path / MESSAGES).read_bytes()
    assert b"01234".startswith(came)
    assert (tmp_path / ARRIVALS).stat().st_size == 16 * len(came)


def test_an_answer_that_comes_too_late_is_not_that_to_the_next_question(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.open(odd_links.Mirror())
    worker.open(odd_links.SlowToClose())
    with monkeypatch.context() as impatient:
        impatient.setattr(process, "_CLOSE_NS", 0)
        with pytest.raises(LinkTimeout, match="did not answer"):
            worker.close_link()
    worker.wait_connected(5 * s)
    assert list(captured(worker, tmp_path).payloads()) == PAYLOADS


def test_a_question_that_was_cut_off_leaves_no_answer_behind(worker: Worker, tmp_path: Path) -> None:
    def cut_off(*_: object) -> None:
        raise ZeroDivisionError

    worker.open(odd_links.Mirror())
    before = signal.signal(signal.SIGALRM, cut_off)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(ZeroDivisionError):
            worker.hear(s)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert list(captured(worker, tmp_path).payloads()) == PAYLOADS


def test_nothing_is_sent_over_a_link_of_which_nobody_knows_whether_it_is_open(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.open(odd_links.Mirror())
    worker._process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(process, "_START_NS", 0)
    with pytest.raises(LinkTimeout, match="did not answer"):
        worker.open(odd_links.Mirror())
    worker._process.send_signal(signal.SIGCONT)
    with pytest.raises(LinkError, match="of no use any more: it was left while it opened a link"):
        replay(worker, tmp_path)


def test_a_peer_that_never_stops_does_not_keep_a_replay_from_its_start(worker: Worker, tmp_path: Path) -> None:
    worker.open(odd_links.Chatty())
    assert (captured(worker, tmp_path).sent != NO_TIME).all()


def test_a_worker_that_died_is_a_broken_link(worker: Worker, tmp_path: Path) -> None:
    worker.open(odd_links.Mirror())
    worker._process.kill()
    for _ in range(2):
        with pytest.raises(LinkError, match=r"the replay process .*ended with status -9"):
            replay(worker, tmp_path)


def test_a_command_that_could_not_be_sent_leaves_no_buffer_to_the_garbage_collector(worker: Worker) -> None:
    """See `commands.send`: CPython 3.12.1 ends where one is collected."""
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(LinkError, match="status -9") as told:
        worker.wait_connected(0)
    cause: BaseException | None = told.value
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            views = [value for value in frame.f_locals.values() if isinstance(value, memoryview)]
            assert all(isinstance(view.obj, bytes) for view in views)
        cause = cause.__context__


def test_a_worker_that_stands_still_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_STILL", struct.pack("ll", 0, 100_000))
    worker = Worker(tmp_path / "worker.log")
    worker._process.send_signal(signal.SIGSTOP)
    with pytest.raises(LinkTimeout, match="stands still"):
        replay(worker, tmp_path, [b"x" * 1000] * 1000)
    worker._process.send_signal(signal.SIGCONT)
    worker.close()
    assert worker._process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_what_a_whole_group_of_processes_is_sent_does_not_end_it(worker: Worker, tmp_path: Path, number: signal.Signals) -> None:
    worker.open(odd_links.Mirror())
    worker._process.send_signal(number)
    assert list(captured(worker, tmp_path).payloads()) == PAYLOADS


FORKS = """
import os, sys, time
from pathlib import Path
from pytest_villas.replay.process import Worker
from pytest_villas.rig.launch import Process

worker = Worker(Path("worker.log"))
process = Process("rig", [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(100)"], Path("rig.log"))
process.wait_for_line("up", 60_000_000_000)
while "started" not in Path("worker.log").read_text():
    time.sleep(0.02)
child = os.fork()
if not child:
    time.sleep(100)
{then}
os.kill(child, 9)
"""


def run(folder: Path, then: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", FORKS.replace("{then}", then)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


def test_a_process_that_a_test_forks_keeps_neither_worker_nor_rig_alive(tmp_path: Path) -> None:
    ended = run(tmp_path, "worker.close(); process.stop(); print(worker._process.returncode, process._process.returncode)")
    assert ended.communicate(timeout=120)[0] == "0 143\n"


def test_nor_where_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    killed = run(tmp_path, "print(child, flush=True); time.sleep(100)")
    assert killed.stdout is not None
    child = int(killed.stdout.readline())
    try:
        killed.kill()
        killed.wait()
        assert wait_until(lambda: list(standing_in(tmp_path)) == [child], 60)
    finally:
        os.kill(child, signal.SIGKILL)
        killed.stdout.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Have so many files open that every other has a number beyond 1023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"a process may have no more than {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_there_may_be_more_files_open_than_select_can_count(worker: Worker, tmp_path: Path) -> None:
    worker.open(odd_links.Mirror())
    assert not worker.hear(ms)
    assert list(captured(worker, tmp_path).payloads()) == PAYLOADS
    worker.close_link()
    with echo() as port:
        worker.open(SerialLink(SerialLine(port), Line(), Line()))
        assert list(captured(worker, tmp_path).payloads()) == [payload + b"\n" for payload in PAYLOADS]
        worker.close_link()


@pytest.mark.usefixtures("many_files")
def test_a_node_too_has_room_among_many_files(tmp_path: Path) -> None:
    ends = {"endpoints": [f"ipc://{tmp_path}/socket"]}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"nodes": {"node": {"type": "nanomsg", "format": "json", "in": ends, "out": ends}}}))
    with NodeBench(Path) as bench:
        node = bench.open(config, "node")
        node.write(generate.sine(frequency=5, amplitude=1, rate=100, duration=0.05))
        assert len(node.read(5, timeout=10)) == 5
