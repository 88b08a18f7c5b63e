"""What a run leaves behind that failed, and that it can be replayed from there; what it costs when the disk is full."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from cli.commands import program, villas_rig
from proof.loopback import replayed

from pytest_villas import generate, recordings

STIMULUS = "generate.three_phase(rate=500, duration=0.7)"
FAILS = f"""
    from pytest_villas import generate

    def test_fails(rig):
        rig.replay({STIMULUS}).check(loss=0)
"""


def folder_of(path: Path, name: str) -> Path:
    return next(path.glob(f".villas/runs/*{name}*"))


def test_a_run_that_failed_can_be_understood_and_replayed_from_its_folder(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    assert pytester.runpytest_subprocess("--rig=loopback", "--villas-impair=loss=5%").ret == 1
    folder = folder_of(pytester.path, "test_fails")
    text = (folder / "verdicts.txt").read_text()
    assert "lost <= 0" in text
    assert "FAIL" in text
    assert "CPython" in text
    assert "replays 350 messages" in (folder / "worker.log").read_text()
    assert "LimitsNotKept" in text
    ET.fromstring((folder / "plot.svg").read_text())
    stored, readable = recordings.open(folder / "stimulus.npz"), recordings.open(folder / "stimulus.human")
    np.testing.assert_allclose(readable["va"], stored["va"], rtol=1e-12, atol=1e-16)
    assert len(recordings.open(folder / "response.human")) == 350

    command = shlex.split(next(line for line in text.splitlines() if line.strip().startswith("villas-rig replay")))
    done = program(pytester.path, *command[1:])
    said = done.stdout.decode()
    assert "350 sent, 350 received, 0 lost" in said
    assert "was impaired by loss=5%, this one is not" in said
    assert done.returncode in {0, 11}, "0 or, with so few samples on a busy machine, inconclusive"
    again = folder_of(pytester.path, "replay-of-test_fails")
    assert (again / "run.json").is_file()


def test_a_stored_limit_that_can_no_longer_be_read_is_told_with_file_and_key_before_anything_is_replayed(tmp_path: Path) -> None:
    replayed(generate.three_phase(rate=1000, duration=1), tmp_path)
    file = next(tmp_path.rglob("replay.json"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"limits": {"v_*": {"drift": 20}}}))
    done = villas_rig(tmp_path, "replay", file.parent)
    assert done.returncode == 4
    assert f"{file}: limits.v_*.drift: 20 has no unit: write '20 ppm'" in done.stderr.decode()


def test_a_run_that_passed_leaves_its_raw_files_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        from pytest_villas import generate

        def test_passes(rig):
            assert rig.replay({STIMULUS}).delivery.sent == 350
    """)
    assert pytester.runpytest_subprocess("--rig=loopback").ret == 0
    folder = folder_of(pytester.path, "test_passes")
    assert (folder / "capture.npz").is_file()
    assert not (folder / "verdicts.txt").exists()


def test_secrets_of_the_config_and_of_the_logs_stay_out_of_the_folder(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    (pytester.path / "rigs").mkdir()
    (pytester.path / "rigs" / "mine.toml").write_text("""
        [rig]
        extends = "sim"
        [identity]
        token = "t0psecret"
        [launch]
        command = ["sh", "-c", "echo login t0psecret; exec {python} -m plant {config} {node}"]
    """)
    # a plant that answers with what it gets: its output is what counts here
    (pytester.path / "plant.py").write_text(
        "import runpy, sys\n"
        "from pytest_villas.rig.registry import shipped\n"
        "script = str(shipped('rigs') / 'sim_rlc.py')\n"
        "sys.path.insert(0, str(shipped('rigs')))\n"
        "sys.argv = [script, 'run', '--config', sys.argv[1], '--node', sys.argv[2], '--rate', '1000']\n"
        "runpy.run_path(script, run_name='__main__')\n"
    )
    result = pytester.runpytest_subprocess("--rig=mine", "--villas-impair=loss=50%")
    assert result.ret == 1, result.stdout.str()
    folder = folder_of(pytester.path, "test_fails")
    assert "login ***" in (folder / "rig.log").read_text()
    for path in folder.iterdir():
        assert b"t0psecret" not in path.read_bytes(), path.name


def test_a_full_disk_costs_the_files_and_no_verdict(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import resource
        from pytest_villas import generate

        def test_fails(rig):  # no file may grow beyond this: what is written fails as on a disk that is full
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            resource.prlimit(rig.process._worker._process.pid, resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            try:
                run = rig.replay({STIMULUS})
                assert run.delivery.lost == 0
                run.check(loss=0)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """
    )
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-impair=loss=5%")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["E*FAIL: lost == 0*", "*not stored: *test_fails*: File too large*"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("replay.json", None, "replay.json: this is no folder of a run"),
        ("replay.json", b'{"version": 9}', "replay.json: its layout has version 9"),
        ("stimulus.npz", b"PK", "stimulus.npz: no recording"),
    ],
)
def test_a_folder_that_cannot_be_replayed_is_an_error_with_its_path(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    replayed(generate.three_phase(rate=500, duration=0.7), folder)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    done = villas_rig(tmp_path, "replay", folder)
    assert done.returncode == 4
    assert f"{folder}/{says}" in done.stderr.decode()
