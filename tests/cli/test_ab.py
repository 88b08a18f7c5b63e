"""`villas-rig ab` and `villas-rig compare RUN RUN`: which of two rigs is slower, and of two sets of runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rig_files

TEST = """
    from pytest_villas import generate

    def test_it(rig):
        rig.replay(generate.three_phase(rate=200, duration=0.2))
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    rig_files.write(pytester.path, quick=rig_files.QUICK, same=rig_files.QUICK)
    pytester.makepyfile(test_it=TEST)
    return pytester


def villas_rig(project: pytest.Pytester, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from pytest_villas.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False, timeout=240)


def slower(project: pytest.Pytester, rig: str, by: str) -> None:
    """Delay what comes back from one rig, and from no other."""
    project.makeconftest(f"""
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_configure(config):
            from pytest_villas.session import SESSION
            if config.getoption("--rig") == ["{rig}"]:
                from pytest_villas.impair import parse
                config.stash[SESSION].impairment = parse("delay={by}")
    """)


def test_a_slower_rig_is_found_in_turns(project: pytest.Pytester) -> None:
    slower(project, "same", "20 ms")
    done = villas_rig(project, "ab", "--rig=quick", "--rig=same", "--pairs=7", "test_it.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "pair 7 of 7" in done.stdout
    assert "test_it.py::test_it" in done.stdout
    assert "FAIL: latency p50 relative to before <= 1.1" in done.stdout


def test_few_pairs_cannot_tell(project: pytest.Pytester) -> None:
    done = villas_rig(project, "ab", "--rig=quick", "--rig=same", "--pairs=2", "test_it.py")
    assert done.returncode == 11, done.stdout + done.stderr
    assert "INCONCLUSIVE: latency p50 relative to before <= 1.1" in done.stdout
    assert "2 pairs: about 5 more pairs would decide" in done.stdout


def test_runs_of_which_nothing_can_be_said_compare_nothing_and_the_reason_is_said(project: pytest.Pytester) -> None:
    unpaired = rig_files.QUICK.replace("[match]", '[match]\nby = "waveform"')
    rig_files.write(project.path, quick=unpaired, same=unpaired)
    done = villas_rig(project, "ab", "--rig=quick", "--rig=same", "--pairs=1", "test_it.py")
    assert done.returncode == 11, done.stdout + done.stderr
    assert "INCONCLUSIVE: latency p99 relative to before <= 1.1" in done.stdout
    assert "2 of 2 runs have no latency p99: insufficient_record" in done.stdout


@pytest.mark.parametrize("rigs", [["--rig=quick"], ["--rig=quick", "--rig=quick"], []])
def test_two_different_rigs_are_needed(project: pytest.Pytester, rigs: list[str]) -> None:
    done = villas_rig(project, "ab", *rigs, "test_it.py")
    assert done.returncode == 2
    assert "two different ones are compared" in done.stderr


@pytest.mark.parametrize(("margin", "message"), [("-5 %", "it has to be at least 0"), ("5 V", "'5 V' is no ratio")])
def test_a_margin_that_cannot_be_is_named(project: pytest.Pytester, margin: str, message: str) -> None:
    done = villas_rig(project, "ab", "--rig=loopback", "--rig=sim", f"--margin={margin}", "x.py")
    assert done.returncode == 2
    assert f"--margin {margin}: {message}" in done.stderr


def test_tests_that_make_no_run_compare_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_it(): pass")
    done = villas_rig(project, "ab", "--rig=quick", "--rig=same", "test_it.py")
    assert done.returncode == 2
    assert "made no run" in done.stderr


def runs(project: pytest.Pytester, name: str, count: int, *arguments: str) -> Path:
    project.makepyfile(test_it=TEST.replace("duration=0.2)", f"duration=0.2), runs={count}"))
    project.runpytest_subprocess("--rig=quick", *arguments).assert_outcomes(passed=1)
    (project.path / ".villas" / "runs").rename(project.path / name)
    return project.path / name


def test_folders_of_runs_are_compared(project: pytest.Pytester) -> None:
    runs(project, "before", 4)
    runs(project, "now", 6, "--villas-impair=delay=20 ms")
    done = villas_rig(project, "compare", "before", "now")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "4 run(s) before, 6 now" in done.stdout
    assert "FAIL: latency p50 relative to before <= 1.1" in done.stdout
    single = [str(next(path.parent for path in (project.path / name).rglob("run.json"))) for name in ("before", "now")]
    done = villas_rig(project, "compare", *single)
    assert done.returncode == 11, done.stdout + done.stderr
    assert "1 old and 1 new runs" in done.stdout


def test_a_damaged_run_and_a_folder_without_runs_are_errors_with_their_paths(project: pytest.Pytester) -> None:
    folder = runs(project, "before", 1)
    shutil.copytree(folder, project.path / "torn")
    torn = next((project.path / "torn").rglob("run.json"))
    torn.write_text('{"format": "pytest-villas.run", "version": 99}')
    done = villas_rig(project, "compare", "before", "torn")
    assert done.returncode == 64
    assert f"{torn.relative_to(project.path)}: is pytest-villas.run version 99" in done.stderr
    (project.path / "empty").mkdir()
    done = villas_rig(project, "compare", "before", "empty")
    assert done.returncode == 64
    assert "empty: there is no run in it" in done.stderr
