"""A rig of which the stimulus goes to a nanomsg node and the response comes from a serial port, or the other way round."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import crossing
import pytest
from cli.commands import villas_rig
from processes import standing_in, wait_until

from pytest_villas.replay.capture import Capture

NODE = """
nodes = {
    rig = {
        type = "nanomsg"
        format = "json"
        signals = ( { name = "%s", type = "float" } )
        %s = { endpoints = "ipc:///tmp/villas-two-ends.ipc" }
    }
}
"""
NANOMSG = 'config = "node.conf"\nnode = "rig"\nmove = true\n'
SERIAL = """
kind = "serial"
baudrate = 460800
framing = "cobs"
checksum = "crc16"
format = "villas.binary"
in = { signals = [{ name = "v", type = "float" }] }
out = { signals = [{ name = "u", type = "float" }] }
"""
FILE = """
[rig]
description = "A filter with two ends"
[link.stimulus]
{stimulus}
[link.response]
{response}
[launch]
command = ["{{python}}", "{device}", "{{{nanomsg}.config}}", "{{{nanomsg}.node}}", "{{{serial}.config}}", "{source}"]
ready = "^ready"
realtime = true
[match]
by = "sequence"
bits = 32
[clock]
relation = "same"
[limits]
loss = 0
"""
REPLAYS = """
import numpy as np
import pytest
from pytest_villas import Samples

def filtered(stimulus):
    state, values = 0.0, []
    for value in stimulus["v"].astype(np.float32):
        state += 0.25 * (float(value) - state)
        values.append(state)
    return Samples({"u": np.array(values)}, origin=stimulus.origin)

def stimulus(count):
    return Samples({"v": np.random.default_rng(1).normal(0, 100, count)}, origin=np.arange(count) * 2_000_000)

def test_it(rig):
    sent = stimulus(COUNT)
    run = rig.replay(sent, reference=filtered(sent))
    run.check()
    assert run.fidelity["u"].nrmse < 1e-6
    assert run.delivery.lost == 0
    assert len(run.latency.values) > 0

@pytest.mark.needs("nanomsg", "serial", "json", "villas.binary", "stimulus.SOURCE")
def test_next(rig):
    sent = stimulus(200)
    assert rig.replay(sent, reference=filtered(sent)).delivery.received == 200
"""


@pytest.fixture(params=["nanomsg", "serial"])
def source(request: pytest.FixtureRequest) -> str:
    """Where the stimulus goes."""
    return str(request.param)


def put(folder: Path, source: str, count: int = 1000) -> None:
    """Write rig file, config and tests."""
    (folder / "rigs").mkdir()
    (folder / "rigs" / "node.conf").write_text(NODE % (("v", "in") if source == "nanomsg" else ("u", "out")))
    serial, nanomsg = ("response", "stimulus") if source == "nanomsg" else ("stimulus", "response")
    text = FILE.format(
        device=Path(crossing.__file__), source=source, serial=serial, nanomsg=nanomsg, **{serial: SERIAL, nanomsg: NANOMSG}
    )
    (folder / "rigs" / "mine.toml").write_text(text)
    (folder / "test_mine.py").write_text(REPLAYS.replace("COUNT", str(count)).replace("SOURCE", source))


def test_a_run_is_sent_over_the_one_heard_over_the_other_and_judged(pytester: pytest.Pytester, source: str) -> None:
    put(pytester.path, source)
    result = pytester.runpytest_subprocess("--rig=mine", "--villas-report=report.json", "-rs")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    way = {"nanomsg": "back", "serial": "to the rig"}[source]
    line = {"nanomsg": "back", "serial": "there"}[source]
    result.stdout.re_match_lines([rf"  wire      p50 [\d.]+ us {way}, at 460800 baud 8N1 {line}$", "  rig alone .*"])
    ends = "a SpLink and the response over a SerialLink" if source == "nanomsg" else "a SerialLink and the response over a SpLink"
    said = re.sub(r"\s+", " ", result.stdout.str())
    assert f"floor not measured not measured: the stimulus goes over {ends}" in said
    report = (pytester.path / "report.json").read_text()
    assert '"link": "stimulus: kind ' in report
    assert "; response: kind " in report
    assert standing_in(pytester.path) == {}


def test_the_doctor_opens_both_ends_and_says_which(tmp_path: Path, source: str) -> None:
    put(tmp_path, source)
    done = villas_rig(tmp_path, "doctor", "mine")
    told = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, told
    assert "ok: its process runs: {python}" in told
    port = "the port that it made with 460800 baud, framing cobs, checksum crc16"
    node = f"node 'rig' of {tmp_path}/rigs/node.conf, as peer"
    there, back = (node, port) if source == "nanomsg" else (port, node)
    assert f"ok: the link is open: stimulus {there}, and response {back}" in told
    assert "note: nothing came within 1 s" in told


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rig=mine"]
    with (folder / "output").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def replay_runs(folder: Path) -> bool:
    if not any(folder.glob(".villas/runs/*test_it*/stimulus.npz")):
        return False
    time.sleep(2)  # to encode the stimulus, and to send some of it
    return True


def rig_pids(folder: Path) -> list[int]:
    return [pid for pid, line in standing_in(folder).items() if "crossing.py" in line and "supervise.py" not in line]


def test_a_rig_that_is_killed_is_a_broken_rig_with_what_was_captured(pytester: pytest.Pytester, source: str) -> None:
    put(pytester.path, source, count=10_000)
    process = start(pytester.path)
    assert wait_until(lambda: replay_runs(pytester.path), 60), (pytester.path / "output").read_text()
    os.kill(rig_pids(pytester.path)[0], signal.SIGKILL)
    assert process.wait(20) == 10, "the exit status for a broken rig"
    output = (pytester.path / "output").read_text()
    folder = next(pytester.path.glob(".villas/runs/*test_it*"))
    assert "what was captured until then is in" in output
    capture = Capture.load(folder)
    assert not capture.complete
    assert len(capture.payloads()) > 10
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


def test_nothing_is_left_behind_when_pytest_is_killed(pytester: pytest.Pytester, source: str) -> None:
    put(pytester.path, source, count=10_000)
    process = start(pytester.path)
    assert wait_until(lambda: replay_runs(pytester.path), 60), (pytester.path / "output").read_text()
    assert len(standing_in(pytester.path)) >= 4, "pytest, the worker, the supervisor and the rig"
    process.kill()
    process.wait()
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


def test_an_end_that_is_not_there_is_a_broken_rig_that_names_it(pytester: pytest.Pytester) -> None:
    put(pytester.path, "nanomsg")
    file = pytester.path / "rigs" / "mine.toml"
    file.write_text(file.read_text().replace('kind = "serial"', 'kind = "serial"\nport = "/dev/ttyNOWHERE"'))
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*rig 'mine': /dev/ttyNOWHERE: no such port*villas-rig scan lists the ports*"])


def test_a_stimulus_that_does_not_fit_onto_its_end_is_refused(pytester: pytest.Pytester) -> None:
    put(pytester.path, "serial")
    file = pytester.path / "rigs" / "mine.toml"
    file.write_text(file.read_text().replace("baudrate = 460800", "baudrate = 9600"))
    result = pytester.runpytest_subprocess("--rig=mine")
    result.stdout.fnmatch_lines(["*EncodeError: the stimulus does not fit onto the line: at 500 Hz*(9600 baud 8N1 there)*"])
