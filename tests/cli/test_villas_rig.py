"""`villas-rig list` and `lint`, and what all commands have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from cli.commands import program, villas_rig

from pytest_villas.rig.registry import shipped


def test_the_rigs_are_listed(tmp_path: Path) -> None:
    done = program(tmp_path, "list")
    assert done.returncode == 0
    assert [line.split()[0].decode() for line in done.stdout.splitlines()] == sorted(
        file.stem for file in shipped("rigs").glob("*.toml")
    )


def test_a_clean_config_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "clean.conf"
    file.write_text("""
        hugepages = 0, http = { enabled = false }
        nodes = { a_node = { type = "nanomsg", signals = "3f", out = { endpoints = "ipc:///tmp/x.ipc" } } }
    """)
    done = villas_rig(tmp_path, "lint", "clean.conf")
    assert (done.returncode, done.stdout) == (0, b"")


def test_findings_are_named_with_their_place(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "lint", str(shipped("fixtures") / "nanomsg.conf"))
    assert done.returncode == 1
    assert b"hears-itself" in done.stdout


@pytest.mark.parametrize("name", ["missing.conf", "torn.conf"])
def test_a_file_that_cannot_be_read_gives_status_2(tmp_path: Path, name: str) -> None:
    (tmp_path / "torn.conf").write_text("nodes = {")
    done = villas_rig(tmp_path, "lint", name)
    assert done.returncode == 2
    assert done.stdout.startswith({"missing.conf": b"missing.conf: error:", "torn.conf": b"torn.conf:1: error: ends"}[name])


def test_every_finding_stands_in_a_line_with_file_line_place_reason_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text("""http = { enabled = false }
nodes = { a_node = { type = "nanomsg", signals = "3f", out = { publish = "ipc:///tmp/x.ipc" } } }
""")
    done = program(tmp_path, "lint", "x.conf", "x.conf")
    assert done.returncode == 1
    first, second = done.stdout.decode().splitlines()
    assert first == second
    assert first.startswith("x.conf:2: error: nodes.a_node.out.publish: ")
    assert "; " in first
    assert first.endswith("]")


def test_findings_are_filtered_by_severity_and_may_be_json(tmp_path: Path) -> None:
    path = str(shipped("fixtures") / "nanomsg.conf")
    levels = {}
    for level in ("error", "warning", "info"):
        done = villas_rig(tmp_path, "lint", "--level", level, "--format", "json", path)
        findings = json.loads(done.stdout)
        assert done.returncode == (1 if findings else 0)
        levels[level] = {finding["severity"] for finding in findings}
    assert levels["error"] <= {"error"}
    assert levels["warning"] <= {"error", "warning"}
    assert levels["info"] == {"warning", "info"}
    assert {"path", "line", "place", "code", "severity", "message", "remedy"} == set(findings[0])


def test_a_command_that_there_is_not_is_a_usage_error_with_the_nearest_one(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "convart")
    assert done.returncode == 2
    assert b"no command 'convart', did you mean 'convert'?" in done.stderr


def test_a_folder_of_rigs_comes_first_and_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lab1.toml").write_text('[rig]\ndescription = "On the bench"\n[link]\nconfig = "x"\nnode = "y"\n')
    (tmp_path / "mine" / "torn.toml").write_text("[rig")
    (tmp_path / "mine" / "wrong.toml").write_text("[rig]\nextends = 3\n")
    done = villas_rig(tmp_path, "list", "--rig-dir", "mine")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert any(line.split() == ["lab1", "On", "the", "bench"] for line in lines)
    assert any(line.startswith("torn") and "unusable" in line for line in lines)
    assert any(line.startswith("wrong") and "rig.extends is 3" in line for line in lines)
    assert villas_rig(tmp_path, "list", "--rig-dir", "nowhere").returncode == 2


def test_help_and_version(tmp_path: Path) -> None:
    shown = villas_rig(tmp_path, "--help").stdout
    for command in ("list", "lint", "convert", "compare"):
        assert command.encode() in shown
        done = villas_rig(tmp_path, command, "-h")
        assert (done.returncode, done.stderr) == (0, b"")
        assert f"usage: villas-rig {command}".encode() in done.stdout
        assert villas_rig(tmp_path, command, "-V").stdout.decode() == f"pytest-villas {version('pytest-villas')}\n"


@pytest.mark.parametrize("arguments", [["list"], ["lint", "clean.json"], ["convert", "x.csv"], ["compare", "x.csv", "x.csv"]])
def test_nothing_waits_for_scipy(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("# secs,nsecs,sequence,va\n1,2,3,1.5\n")
    (tmp_path / "clean.json").write_text('{"nodes": {}, "http": {"enabled": false}}')
    code = (
        f"import sys; from pytest_villas.cli import main; s = main({arguments}); assert 'scipy' not in sys.modules; sys.exit(s)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
