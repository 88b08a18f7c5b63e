"""The folders of runs: the oldest go, those of sessions that run never do, and a project that is read-only costs no run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.errors import ConfigError
from pytest_villas.rig.folders import RunFolders, bytes_of, thin_out


def old(home: Path, names: list[str], size: int = 10) -> None:
    for name in names:
        (home / name).mkdir(parents=True)
        (home / name / "capture.npz").write_bytes(bytes(size))


def names(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_the_oldest_go_by_count(tmp_path: Path) -> None:
    home = tmp_path / ".villas" / "runs"
    old(home, ["2026-a", "2026-b", "2026-c"])
    folder = RunFolders(tmp_path, keep=2).new("test")
    assert names(home) == ["2026-b", "2026-c", folder.name]


def test_the_oldest_go_by_size_and_the_newest_stays(tmp_path: Path) -> None:
    home = tmp_path / ".villas" / "runs"
    old(home, ["2026-a", "2026-b", "2026-c"], size=1000)
    folder = RunFolders(tmp_path, size=1500).new("test")
    assert names(home) == ["2026-c", folder.name]


def test_a_session_loses_none_of_its_own(tmp_path: Path) -> None:
    folders = RunFolders(tmp_path, keep=1, size=1)
    made = [folders.new("test") for _ in range(5)]
    assert all(folder.is_dir() for folder in made)
    assert len(set(made)) == 5


def test_nothing_goes_while_another_session_runs_in_the_project(tmp_path: Path) -> None:
    running = RunFolders(tmp_path)
    theirs = [running.new("theirs") for _ in range(3)]
    RunFolders(tmp_path, keep=1).new("mine")
    assert all(folder.is_dir() for folder in theirs)
    running.close()


def test_what_is_over_may_be_thinned_out(tmp_path: Path) -> None:
    over = RunFolders(tmp_path)
    theirs = [over.new(f"theirs-{i}") for i in range(3)]
    over.close()
    RunFolders(tmp_path, keep=1).new("mine")
    assert [folder.is_dir() for folder in theirs] == [False, False, True]


def test_a_project_that_cannot_be_written_gets_its_folders_elsewhere_and_says_so(tmp_path: Path) -> None:
    (tmp_path / ".villas").write_text("a file where a folder should be")
    folders = RunFolders(tmp_path)
    folder = folders.new("test")
    assert folder.is_dir()
    assert tmp_path not in folder.parents
    assert str(tmp_path) in folders.problem
    assert str(folder.parent) in folders.problem
    folder.rmdir()


@given(sizes=st.lists(st.integers(0, 50), max_size=8), keep=st.integers(0, 9), size=st.integers(0, 200))
def test_what_stays_is_the_newest_within_the_bounds(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], keep: int, size: int
) -> None:
    home = tmp_path_factory.mktemp("runs")
    for i, each in enumerate(sizes):
        old(home, [f"{i:02}"], each)
    thin_out(home, keep, size)
    fitting = [count for count in range(2, len(sizes) + 1) if count <= keep and sum(sizes[-count:]) <= size]
    stay = max(fitting, default=min(len(sizes), 1))
    assert names(home) == [f"{i:02}" for i in range(len(sizes) - stay, len(sizes))]


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="'2 floppies' is no size"):
        bytes_of("2 floppies")
