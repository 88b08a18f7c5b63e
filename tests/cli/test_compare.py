"""`villas-rig compare` finds every difference, and its exit status is that of the first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.commands import program, villas_rig
from formats.strategies import some_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, recordings
from pytest_villas.cli.differences import Settings, differences

START = 1_491_095_596_645_159_701
LINES = [f"{1_491_095_596 + i}.645159701({i})\t{i / 8:.6f}\t{i}\n" for i in range(10)]
WHOLE = "".join(LINES)


def changed(i: int, line: str) -> str:
    return "".join([*LINES[:i], line, *LINES[i + 1 :]])


@pytest.mark.parametrize(
    ("other", "status", "told"),
    [
        (WHOLE, 0, ""),
        ("".join(LINES[:-1]), 1, "length: 10 samples and 9"),
        (WHOLE + LINES[-1], 1, "length: 10 samples and 11"),
        ("", 1, "length: 10 samples and 0"),
        (changed(9, "1491095605.645159701(55)\t1.125\t9\n"), 2, "sequence: sample 9: 9 and 55"),
        (changed(9, "1491095605.645159701\t1.125\t9\n"), 2, "sequence: sample 9: 9 and none"),
        (
            changed(9, "1491095606.645159701(9)\t1.125\t9\n"),
            3,
            "timestamp: sample 9 (sequence 9): 1491095605.645159701 and 1491095606.645159701 (+1 s)",
        ),
        (
            changed(9, "1491095605.645157701(9)\t1.125\t9\n"),
            3,
            "timestamp: sample 9 (sequence 9): 1491095605.645159701 and 1491095605.645157701 (-2e-06 s)",
        ),
        (changed(3, "0.0(3)\t0.375\t3\n"), 3, "timestamp: sample 3 (sequence 3): 1491095599.645159701 and none"),
        (changed(9, "1491095605.645159701(9)\t1.125\n"), 4, "count: sample 9 (sequence 9): 2 values and 1"),
        (changed(9, "1491095605.645159701(9)\t1.125\t9\t1\n"), 4, "count: sample 9 (sequence 9): 2 values and 3"),
        (changed(9, "1491095605.645159701(9)\t1.126\t9\n"), 5, "data: sample 9 (sequence 9): signal 'signal0': 1.125 and 1.126"),
        (changed(9, "1491095605.645159701(9)\tnan\t9\n"), 5, "data: sample 9 (sequence 9): signal 'signal0': 1.125 and nan"),
        (changed(9, "1491095605.645159701(9)\tinf\t9\n"), 5, "data: sample 9 (sequence 9): signal 'signal0': 1.125 and inf"),
        (changed(9, "1491095605.645159701(9)\t1.125\t10\n"), 5, "data: sample 9 (sequence 9): signal 'signal1': 9 and 10"),
        (changed(9, "1491095605.645160701(9)\t1.1250009\t9.0\n"), 0, ""),
    ],
)
def test_the_exit_status_says_what_differs(other: str, status: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(WHOLE)
    (tmp_path / "b.dat").write_text(other)
    done = villas_rig(tmp_path, "compare", "a.dat", "b.dat")
    assert (done.returncode, done.stderr) == (status, b"")
    assert done.stdout.decode() == (f"a.dat, b.dat: {told}\n" if told else "")
    assert villas_rig(tmp_path, "compare", "b.dat", "a.dat").returncode == status


def test_the_first_difference_of_each_kind_is_shown_and_the_earliest_gives_the_status(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(WHOLE)
    lines = LINES.copy()
    lines[2] = lines[2].replace("0.25", "0.26")
    lines[4] = lines[4].replace("(4)", "(44)")
    lines[6] = lines[6].replace("(6)", "(66)")
    (tmp_path / "b.dat").write_text("".join(lines[:8]))
    done = villas_rig(tmp_path, "compare", "a.dat", "b.dat")
    assert done.returncode == 5
    assert [line.split(": ")[1] for line in done.stdout.decode().splitlines()] == [
        "data",
        "sequence",
        "... and 1 more; --all shows them",
        "length",
    ]
    done = villas_rig(tmp_path, "compare", "--all", "a.dat", "b.dat")
    assert [line.split(": ")[1] for line in done.stdout.decode().splitlines()] == ["data", "sequence", "sequence", "length"]
    for options, status in ((["-v"], 2), (["-v", "-s"], 1), (["-s"], 5), (["-e", "0.1"], 2), (["-v", "-s", "-T"], 1)):
        assert villas_rig(tmp_path, "compare", *options, "a.dat", "b.dat").returncode == status


def test_several_files_are_compared_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(WHOLE)
    (tmp_path / "b.dat").write_text(changed(7, LINES[7].replace("(7)", "(8)")))
    (tmp_path / "c.dat").write_text(changed(3, LINES[3].replace("0.375", "0.5")))
    done = program(tmp_path, "compare", "a.dat", "a.dat", "b.dat", "c.dat")
    assert done.returncode == 5
    assert [line.split(":")[0] for line in done.stdout.decode().splitlines()] == ["a.dat, b.dat", "a.dat, c.dat"]


def test_nan_equals_nothing_unless_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(changed(4, "1491095600.645159701(4)\tnan\t4\n"))
    done = villas_rig(tmp_path, "compare", "a.dat", "a.dat")
    assert (done.returncode, done.stdout[-12:]) == (5, b"nan and nan\n")
    assert villas_rig(tmp_path, "compare", "a.dat", "a.dat", "--nan-equal").returncode == 0
    (tmp_path / "b.dat").write_text(WHOLE)
    assert villas_rig(tmp_path, "compare", "a.dat", "b.dat", "--nan-equal").returncode == 5


def test_layouts_of_every_kind_and_standard_input(tmp_path: Path) -> None:
    numbers = np.arange(3_000)
    samples = Samples({"va": numbers * 0.5, "n": numbers}, origin=START + numbers, sequence=numbers)
    for name in ("a.csv", "a.jsonl", "a.npz", "a.human"):
        recordings.save(tmp_path / name, samples)
    assert villas_rig(tmp_path, "compare", "a.csv", "a.jsonl", "a.npz", "a.human").returncode == 0
    (tmp_path / "b").write_bytes(villas_rig(tmp_path, "convert", "a.npz", "-o", "villas.binary").stdout)
    packed = (tmp_path / "b").read_bytes()
    binary = ("-f", "villas.binary", "-t", "1f1i")
    assert villas_rig(tmp_path, "compare", *binary, "b", "-", stdin=packed).returncode == 0
    done = villas_rig(tmp_path, "compare", *binary, "b", "-", stdin=packed[:-24])
    assert (done.returncode, done.stdout) == (1, b"b, -: length: 3000 samples and 2999\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a.dat",), b"there have to be two"),
        (("a.dat", "nowhere.dat"), b"nowhere.dat: No such file"),
        (("a.dat", "torn.csv"), b"torn.csv"),
        (("a.dat", "."), b".: is a folder"),
        (("-", "-"), b"only once"),
        (("-e", "x", "a.dat", "a.dat"), b"invalid float"),
        (("-e", "nan", "a.dat", "a.dat"), b"at least 0"),
        (("-e", "-1", "a.dat", "a.dat"), b"at least 0"),
        (("empty.csv", "empty.csv"), b"empty.csv, empty.csv: no samples in any of them: nothing was compared"),
        (("-f", "jsn", "a.dat", "a.dat"), b"did you mean 'json'"),
        (("-q", "a.dat", "a.dat"), b"usage"),
    ],
)
def test_what_cannot_be_compared_has_a_status_of_its_own(arguments: tuple[str, ...], reason: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(WHOLE)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "torn.csv").write_text("1,2,3,4.5\n1,2,3,4.")
    done = villas_rig(tmp_path, "compare", *arguments)
    assert (done.returncode, done.stdout) == (64, b"")
    assert reason in done.stderr
    assert b"Traceback" not in done.stderr


@settings(max_examples=60)
@given(samples=some_samples(least=1, received=True))
def test_samples_equal_themselves(samples: Samples) -> None:
    assert differences(samples, samples, Settings(epsilon=0)) == []


@settings(max_examples=100)
@given(samples=some_samples(least=1, absent=False), data=st.data())
def test_one_change_is_found_where_it_was_made(samples: Samples, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(samples) - 1))
    field, value, status = data.draw(
        st.sampled_from([("sequence", NO_SEQUENCE, 2), ("origin", NO_TIME, 3), ("sequence", 2**40, 2), ("origin", -5, 3)])
    )
    column: Any = getattr(samples, field).copy()
    column[at] = value
    for pair in ((samples, samples.replace(**{field: column})), (samples.replace(**{field: column}), samples)):
        (found,) = differences(*pair, Settings(epsilon=0))
        assert (found.status, found.where.tolist()) == (status, [at])


@pytest.mark.parametrize(
    ("a", "b", "epsilon", "status"),
    [
        ([2**63 - 1], [2**63 - 2], 1e9, 5),
        ([2**53 + 1], [float(2**53)], 0.0, 5),
        ([2**53 + 1], [float(2**53)], 1.0, 0),
        ([True], [1], 0.0, 0),
        ([True], [0], 0.0, 5),
        ([True], [1.0], 0.0, 6),
        ([1], [1.0], 0.0, 0),
        ([1.5 + 0j], [1.5], 0.0, 0),
        ([1.5 + 1j], [1.5], 0.5, 5),
        ([np.inf], [np.inf], 0.0, 0),
        ([np.inf], [-np.inf], np.inf, 5),
        ([np.inf], [1.0], np.inf, 5),
        ([1e308], [-1e308], np.inf, 0),
        ([1e308], [-1e308], 1e300, 5),
        ([complex(np.nan, 0)], [complex(np.nan, 0)], 1.0, 5),
    ],
)
def test_values_are_compared_by_what_they_are_worth(a: list[Any], b: list[Any], epsilon: float, status: int) -> None:
    for one, other in ((a, b), (b, a)):
        found = differences(Samples({"x": one}), Samples({"x": other}), Settings(epsilon))
        assert [each.status for each in found] == ([status] if status else [])


def test_times_far_apart_do_not_wrap() -> None:
    far = Samples({"x": [0.0]}, origin=[2**63 - 1])
    early = Samples({"x": [0.0]}, origin=[-(2**63) + 1])
    for pair in ((far, early), (early, far)):
        assert [each.status for each in differences(*pair, Settings())] == [3]
