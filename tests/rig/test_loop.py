"""The rig `loop`: controllers on an emulated board around a grid in DPsim, with the harness at both of its ends."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import parts
import pytest
from processes import standing_in, wait_until

from pytest_villas import Samples, config, formats, recordings
from pytest_villas.replay.capture import Capture
from pytest_villas.rig.registry import shipped

ACCEPTANCE = Path(__file__).parents[1] / "acceptance" / "test_loop.py"
NODE = config.load(shipped("fixtures") / "dpsim.conf").nodes["grid"]
LONG = """
    from pytest_villas import generate

    def test_long(rig):
        rig.replay(generate.three_phase(rate=500, duration=40))
"""


def required(*, grid: bool = True) -> None:
    for name, package in (("qemu-system-arm", "qemu-system-arm"), ("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("make", "make")):
        parts.program(name, package)
    if grid:
        parts.module("dpsim", "dpsim")


@pytest.fixture(scope="module")
def loop() -> dict[str, Any]:
    """What is in rigs/loop.py."""
    return runpy.run_path(str(shipped("rigs") / "loop.py"))


def test_what_the_controllers_put_out_is_what_the_grid_reads(loop: dict[str, Any]) -> None:
    signals = [{"name": name, "type": "float"} for name in ("ua", "ub", "uc")]
    signals += [{"name": name, "type": "integer"} for name in ("fault", "tag", "step")]
    board, grid = formats.codec("villas.binary", signals), formats.codec(NODE.input.format, NODE.input.signals)
    columns = [np.array([1.5]), np.array([-2.0]), np.array([0.1]), np.array([1]), np.array([4711]), np.array([9])]
    output = board.encode(Samples(columns, board.signals, origin=[1_700_000_000_000_000_042], sequence=[9]))
    got = grid.decode(loop["_to_grid"](output, [signal.name for signal in NODE.input.signals]))
    assert [got[f"v{phase}"][0] for phase in "abc"] == [1.5, -2.0, np.float32(0.1)]
    assert (got["head"][0], got["tag"][0], got["fault"][0]) == (4711, 4711, True)
    assert (got.origin[0], got.sequence[0]) == (1_700_000_000_000_000_042, 9)


def test_what_the_grid_measures_is_what_the_controllers_read(loop: dict[str, Any]) -> None:
    grid, board = formats.codec(NODE.output.format, NODE.output.signals), formats.codec("villas.binary", "3f")
    columns = [np.array([float(place)]) for place in range(len(NODE.output.signals))]
    message = grid.encode(Samples(columns, NODE.output.signals, origin=[5_000_000_007], sequence=[2**32 + 3]))
    names = [signal.name for signal in NODE.output.signals]
    got = board.decode(loop["_to_board"](message, [names.index(name) for name in ("ua", "ub", "uc")]))
    assert [column[0] for column in got.columns] == [names.index(name) for name in ("ua", "ub", "uc")]
    assert (got.origin[0], got.sequence[0]) == (5_000_000_007, 3)


def test_the_model_goes_to_its_setpoints_and_back_to_rest_where_nobody_sets_any(tmp_path: Path) -> None:
    parts.module("dpsim", "dpsim")
    count, alone = 3000, 1000
    tags = np.minimum(np.arange(count + alone) // 4, count // 4)
    volts = {f"v{phase}": np.full(count + alone, each) for phase, each in zip("abc", (100.0, -50.0, 0.0), strict=True)}
    stimulus = Samples({**volts, "fault": np.zeros(count + alone, np.int64), "tag": tags}, origin=np.arange(count + alone))
    recordings.save(tmp_path / "stimulus.npz", stimulus)
    command = [shipped("rigs") / "loop.py", "solve", tmp_path / "stimulus.npz", tmp_path / "response.npz"]
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    response = recordings.open(tmp_path / "response.npz")
    settled, end = [[response[name][at] for name in ("ua", "ub", "uc")] for at in (count - 1, count + alone - 1)]
    np.testing.assert_allclose(settled, [100, -50, 0], atol=0.01)
    np.testing.assert_allclose(end, 0, atol=1e-6)


def test_it_reaches_its_setpoints(pytester: pytest.Pytester) -> None:
    required()
    pytester.makepyfile(ACCEPTANCE.read_text())
    result = pytester.runpytest_subprocess("--rig=loop")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*messages dropped that the stimulus end sent back*"])
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


def start(pytester: pytest.Pytester, name: str) -> subprocess.Popen[bytes]:
    """Start a long replay, and return when it runs."""
    pytester.makepyfile(LONG)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rig={name}"]
    with (pytester.path / "output").open("wb") as log:
        process = subprocess.Popen(command, cwd=pytester.path, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    assert wait_until(lambda: any(pytester.path.glob(".villas/runs/*test_long*/stimulus.npz")), 90)
    time.sleep(3)  # to encode the stimulus, and to send some of it
    return process


def pids(folder: Path, wanted: Callable[[str], bool]) -> list[int]:
    return [pid for pid, line in standing_in(folder).items() if wanted(line) and "supervise.py" not in line]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("qemu-system-arm", "the board ended with status"),
        ("dpsim_grid.py", "the grid ended with status -9"),
        ("loop.py", "its process was killed by signal 9"),
    ],
)
def test_the_death_of_a_part_is_a_broken_rig_with_its_last_words_and_the_capture(
    pytester: pytest.Pytester, part: str, words: str
) -> None:
    required()
    process = start(pytester, "loop")
    (victim,) = pids(pytester.path, lambda line: part in line.split(" run ")[0].split(" -machine ")[0])
    os.kill(victim, signal.SIGKILL)
    assert process.wait(30) == 10, "the exit status for a broken rig"
    output = (pytester.path / "output").read_text()
    assert words in output
    assert "what was captured until then is in" in output
    capture = Capture.load(next(pytester.path.glob(".villas/runs/*test_long*")))
    assert not capture.complete
    assert len(capture.payloads()) > 100
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


@pytest.mark.parametrize("name", ["qemu", "loop"])
def test_nothing_is_left_behind_when_pytest_is_killed(pytester: pytest.Pytester, name: str) -> None:
    required(grid=name == "loop")
    process = start(pytester, name)
    assert pids(pytester.path, lambda line: line.startswith("/usr/bin/qemu-system-arm") or "/qemu-system-arm " in line)
    process.kill()
    process.wait()
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10), standing_in(pytester.path)


@pytest.mark.parametrize("name", ["qemu", "loop"])
@pytest.mark.parametrize(
    ("missing", "package"), [("qemu-system-arm", "qemu-system-arm"), ("arm-none-eabi-gcc", "gcc-arm-none-eabi")]
)
def test_a_program_that_is_not_installed_is_a_broken_rig_with_the_package_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, missing: str, package: str
) -> None:
    required(grid=name == "loop")
    programs = pytester.mkdir("programs")
    for there in {"qemu-system-arm", "arm-none-eabi-gcc", "make"} - {missing}:
        (programs / there).symlink_to(parts.program(there, there))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.mkdir("cache")))  # in which no firmware is built yet
    pytester.makepyfile("def test_it(rig): pass")
    result = pytester.runpytest_subprocess(f"--rig={name}")
    assert result.ret == 10
    result.stdout.fnmatch_lines([f"*{missing} is not installed: apt install {package}*"])
