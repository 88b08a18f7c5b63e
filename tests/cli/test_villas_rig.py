"""`villas-rig`, as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_villas.rig.registry import shipped


def villas_rig(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("villas-rig")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_the_rigs_are_listed(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["dpsim", "loopback", "sim"]


def test_a_clean_config_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "clean.conf"
    file.write_text("""
        hugepages = 0, http = { enabled = false }
        nodes = { a_node = { type = "nanomsg", signals = "3f", out = { endpoints = "ipc:///tmp/x.ipc" } } }
    """)
    done = villas_rig(tmp_path, "lint", "clean.conf")
    assert (done.returncode, done.stdout) == (0, "")


def test_findings_are_named_with_their_place(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "lint", str(shipped("fixtures") / "nanomsg.conf"))
    assert done.returncode == 1
    assert "hears-itself" in done.stdout


@pytest.mark.parametrize("name", ["missing.conf", "torn.conf"])
def test_a_file_that_cannot_be_read_gives_status_2(tmp_path: Path, name: str) -> None:
    (tmp_path / "torn.conf").write_text("nodes = {")
    done = villas_rig(tmp_path, "lint", name)
    assert done.returncode == 2
    assert done.stdout.startswith(f"{name}: error:")


def test_a_command_that_there_is_not_is_a_usage_error(tmp_path: Path) -> None:
    assert villas_rig(tmp_path, "polish").returncode == 2
