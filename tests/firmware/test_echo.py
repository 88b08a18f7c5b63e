"""The smallest firmware: it answers each sound sample, and nothing else."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from firmware.emulated import Line, required, running
from firmware.frames import framed, message, sample

from pytest_villas.rig.registry import shipped

SOURCES = shipped("rigs") / "firmware"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running("echo", tmp_path_factory.mktemp("echo")) as (line,):
        yield line


def awaken(line: Line) -> None:
    """Wait until it runs and QEMU has seen that its pty is open; what came before may be lost. No answer is left over."""
    for number in range(60):
        hello = message(number, [0, 0, 0], [0])
        with suppress(TimeoutError):
            line.exchange(framed(hello), partial(has, hello), 1)
            return
    raise TimeoutError("the firmware does not answer")


def has(wanted: bytes, got: list[bytes]) -> bool:
    return wanted in got


def test_it_fits_on_a_page() -> None:
    assert len((SOURCES / "echo.c").read_text().splitlines()) < 100


def test_every_sample_comes_back_as_it_was(line: Line) -> None:
    awaken(line)
    sent = [message(1000 + i, [i, -i / 3, 1e-30 * i], [i], time=(i, 2**32 - 1 - i)) for i in range(500)]
    assert line.exchange(b"".join(map(framed, sent)), lambda got: len(got) >= len(sent)) == sent


def test_what_is_no_sound_sample_is_not_answered(line: Line) -> None:
    awaken(line)
    good = message(5, [1, 2, 3], [4])
    damaged = bytearray(framed(good))
    damaged[10] ^= 1
    hostile = [
        bytes(damaged), framed(good)[:20] + b"\0", framed(b""), framed(good[:16]), framed(b"\x30" + good[1:]),
        framed(good[:3] + b"\xff" + good[4:]), b"\xff" * 300 + b"\0", random.Random(1).randbytes(100_000) + b"\0",
    ]  # fmt: skip
    last = message(6, [7, 8, 9], [10])
    assert line.exchange(b"".join([*hostile, framed(last)]), lambda got: last in got) == [last]


def test_its_control_works_on_the_first_three_values(tmp_path: Path) -> None:
    required()
    subprocess.run(["make", "-s", "-C", SOURCES, f"OUT={tmp_path}", "GAIN=0.3f", f"{tmp_path}/echo.elf"], check=True)
    with running(str(tmp_path / "echo.elf"), tmp_path) as (line,):
        awaken(line)
        (answer,) = line.exchange(framed(message(9, [10, -20, 1e30, 7], [3], time=(1, 2))), bool)
    # 0.3f is 0x3e99999a: exact products, rounded to float32
    expected = [float.fromhex("0x1.333334p-2") * value for value in (10, -20, 1e30)]
    got = sample(answer, integers=1)
    assert (got.sequence, got.seconds, got.nanoseconds) == (9, 1, 2)
    assert got.values[:3] == pytest.approx(expected, rel=2**-23)
    assert got.values[3:] == (7, 3)
