"""The acceptance pack: whole, it verifies; whatever is done to it afterwards is found, and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import parts
import pytest
from cli.commands import villas_rig

TESTS = """
from pytest_villas import generate


def test_it(rig):
    assert rig.replay(generate.three_phase(rate=500, duration=0.7)).delivery.sent == 350
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project whose session is stored, with a report as data."""
    parts.module("plotly", "report")
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]")
    done = parts.pytest_in(folder, "--rig=loopback", "--villas-report=report.json", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def pack(project: Path) -> Path:
    done = villas_rig(project, "report", "--acceptance", "report.json", "-o", "pack.zip")
    assert done.returncode == 0, done.stderr
    return project / "pack.zip"


def rewritten(
    pack: Path, path: Path, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None
) -> Path:
    """Copy a pack, with every file changed or (None) left out, and some more."""
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = change(info.filename, old.read(info.filename))
            if content is not None:
                new.writestr(info.filename, content)
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return path


def capture_of(pack: Path) -> str:
    with zipfile.ZipFile(pack) as opened:
        return next(name for name in opened.namelist() if name.endswith("capture.npz"))


def same(_name: str, content: bytes) -> bytes:
    return content


def test_a_pack_verifies_with_this_tool_and_without_it(pack: Path, tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "verify", pack)
    assert done.returncode == 0, done.stdout
    assert b"all as they were" in done.stdout
    with zipfile.ZipFile(pack) as opened:
        opened.extractall(tmp_path)
        signed = opened.read("ACCEPTANCE.txt").decode()
    assert done.stdout.decode().split()[-1] in signed, "what is printed is what is signed"
    assert "Accepted by:" in signed
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
    assert "pytest-villas report" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("file", ["capture.npz", "session.json", "pack.json", "report.html"])
def test_a_file_that_was_changed_is_named(pack: Path, tmp_path: Path, file: str) -> None:
    changed = rewritten(
        pack,
        tmp_path / "p.zip",
        lambda name, content: (
            content.replace(b"e", b"E", 1)
            if name.endswith(file) and file != "pack.json"
            else content.replace(b"\n}", b" \n}")
            if name.endswith(file)
            else content
        ),
    )
    done = villas_rig(tmp_path, "verify", changed)
    assert done.returncode == 1
    assert f"{file}: changed" in done.stdout.decode()


def test_a_missing_an_extra_and_a_cut_file_are_named(pack: Path, tmp_path: Path) -> None:
    capture = capture_of(pack)
    for change, extra, says in (
        (lambda name, content: None if name == capture else content, {}, f"{capture}: missing"),
        (same, {"runs/more.npz": b"7"}, "runs/more.npz: is not in SHA256SUMS: extra"),
        (lambda name, content: content[:-5] if name == capture else content, {}, f"{capture}: cut: "),
        (
            lambda name, content: content.replace(b"a", b"b") if name == "ACCEPTANCE.txt" else content,
            {},
            "ACCEPTANCE.txt: names another hash",
        ),
    ):
        done = villas_rig(tmp_path, "verify", rewritten(pack, tmp_path / "p.zip", change, extra))
        assert done.returncode == 1
        assert says in done.stdout.decode()


def test_a_bomb_is_not_read_and_a_name_that_leads_out_is_refused(pack: Path, tmp_path: Path) -> None:
    capture = capture_of(pack)
    bomb = rewritten(pack, tmp_path / "p.zip", lambda name, content: bytes(300 << 20) if name == capture else content)
    done = villas_rig(tmp_path, "verify", bomb)
    assert done.returncode == 1
    assert f"{capture}: longer than" in done.stdout.decode()
    for name in ("../../evil.sh", "/etc/passwd", "runs\\..\\evil", "C:evil"):
        done = villas_rig(tmp_path, "verify", rewritten(pack, tmp_path / "p.zip", same, {name: b""}))
        assert done.returncode == 1
        assert "is no name of a file in a pack" in done.stdout.decode()


def test_a_list_that_is_a_bomb_is_refused(pack: Path, tmp_path: Path) -> None:
    bomb = rewritten(pack, tmp_path / "p.zip", lambda name, content: bytes(40 << 20) if name == "SHA256SUMS" else content)
    done = villas_rig(tmp_path, "verify", bomb)
    assert done.returncode == 2
    assert b"SHA256SUMS is longer than" in done.stderr


def test_what_is_no_pack_or_a_later_one_is_an_error_with_path_and_version(pack: Path, tmp_path: Path) -> None:
    later = rewritten(
        pack,
        tmp_path / "later.zip",
        lambda name, content: content if name != "pack.json" else json.dumps(json.loads(content) | {"version": 4}).encode(),
    )
    cut = tmp_path / "cut.zip"
    cut.write_bytes(pack.read_bytes()[:-2000])
    notes = tmp_path / "notes.zip"
    notes.write_text("my notes")
    for path, says in (
        (later, "is a pack of version 4"),
        (cut, "is damaged, or no pack"),
        (notes, "is damaged, or no pack"),
        (tmp_path / "gone.zip", "cannot be read"),
    ):
        done = villas_rig(tmp_path, "verify", path)
        assert done.returncode == 2
        assert f"{path}: {says}" in done.stderr.decode()


def test_a_pack_is_not_made_of_what_was_not_judged_and_overwrites_nothing(project: Path, pack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy)
    done = villas_rig(copy, "report", "--acceptance", "report.json", "-o", "pack.zip")
    assert done.returncode == 2
    assert b"pack.zip: is there already" in done.stderr
    response = next(copy.glob(".villas/runs/*test_it*/response.npz"))
    response.write_bytes(response.read_bytes() + b"!")
    done = villas_rig(copy, "report", "--acceptance", "report.json", "-o", "other.zip")
    assert done.returncode == 2
    assert b"response.npz: was changed since the run was judged" in done.stderr
    session = json.loads((copy / "report.json").read_text())
    (copy / "report.json").write_text(json.dumps(session | {"impaired": "loss=1%"}))
    done = villas_rig(copy, "report", "--acceptance", "report.json", "-o", "other.zip")
    assert b"the session was impaired" in done.stderr
    assert not (copy / "other.zip").exists()


def test_a_report_is_written_of_stored_runs(project: Path, tmp_path: Path) -> None:
    done = villas_rig(project, "report", "-o", tmp_path / "again.html")
    assert done.returncode == 0, done.stderr
    assert "test_it.py::test_it[loopback]" in (tmp_path / "again.html").read_text()
    done = villas_rig(tmp_path, "report", "-o", "none.html")
    assert done.returncode == 2
    assert b"no run is stored in" in done.stderr


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "report", "nope.json", "-o", "report.json")
    assert done.returncode == 2
    assert "nope.json: there is no such file or folder: name a report.json, or folders of runs" in done.stderr.decode()
