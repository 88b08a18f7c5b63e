"""`villas-rig prove`, as a user calls it: loopback is the rig, and the tests are good or bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import Done, program, villas_rig

TEST = """
import pytest
from pytest_villas import generate

def test_it(rig):
    run = rig.replay(generate.{stimulus}rate=500, duration=0.3))
    {asserts}
"""


def prove(folder: Path, asserts: str, *arguments: str, stimulus: str = "three_phase(magnitude=325, ") -> tuple[int, list[str]]:
    (folder / "test_lab.py").write_text(TEST.format(asserts=asserts, stimulus=stimulus))
    done: Done = program(folder, "prove", "test_lab.py", "--rig=loopback", *arguments)
    assert not done.stderr
    return done.returncode, done.stdout.decode().splitlines()


def line(lines: list[str], start: str) -> str:
    found = [each for each in lines if each.startswith(start)]
    assert len(found) == 1, lines
    return found[0]


def test_it_says_what_is_caught_and_what_is_let_through_and_by_which_limit_it_would_be_seen(tmp_path: Path) -> None:
    status, lines = prove(tmp_path, "assert run.delivery.lost == 0", "--impair=loss=2%", "--impair=gain")
    assert status == 1
    assert line(lines, "clean  ").endswith("1 passed")
    assert line(lines, "loss=2%").endswith("caught by test_lab::test_it[loopback]")
    assert line(lines, "gain").endswith("LET THROUGH: a limit on gain_error would see it, if it is close enough")
    assert line(lines, "clean again").endswith("1 passed")
    assert line(lines, "1 of 2") == "1 of 2 impairments are caught, not: gain"


def test_where_all_are_caught_the_status_is_0(tmp_path: Path) -> None:
    status, lines = prove(tmp_path, "run.check(latency_p90=False)", "--impair=nan+sign")
    assert status == 0
    assert "1 of 1 impairments are caught" in lines


def test_a_test_that_can_say_nothing_lets_nothing_through(tmp_path: Path) -> None:
    asserts = (
        "from pytest_villas.measure import Outcome\n    verdict = run.judge(latency_p90=False, loss=False, duplicates=0)[-1]"
    )
    status, lines = prove(
        tmp_path, f"{asserts}\n    run.check(latency_p90=False, loss=False, nrmse=1, offset=9, gain_error=9)", "--impair=loss=50%"
    )
    assert status == 0, lines
    assert line(lines, "loss").endswith("(INCONCLUSIVE)")


def test_tests_that_fail_by_themselves_prove_nothing(tmp_path: Path) -> None:
    status, lines = prove(tmp_path, "assert run.delivery.lost == 1", "--impair=loss")
    assert status == 2
    assert line(lines, "clean").endswith("nothing can be concluded: pytest ended with status 1")
    assert any("FAIL: lost == 1" in each for each in lines), "and what pytest said is shown"


def test_tests_that_do_not_run_prove_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_lab.py").write_text("import pytest\n\ndef test_it(rig):\n    pytest.skip('not today')\n")
    done = program(tmp_path, "prove", "test_lab.py", "--rig=loopback", "--impair=loss")
    assert done.returncode == 2
    assert b"nothing can be concluded: no test ran" in done.stdout


def test_an_impairment_that_nothing_would_show_is_said_not_to_apply(tmp_path: Path) -> None:
    status, lines = prove(tmp_path, "assert run.delivery.lost == 0", "--impair=sign", stimulus="constant(amplitude=0, ")
    assert status == 2
    assert "does not apply: impairment 'sign': no float or complex channel" in line(lines, "sign")
    assert "nothing can be concluded: no impairment applies" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rig=loopback", "--impair=los"], "no such impairment, did you mean 'loss'"),
        (["--rig=loopback", "--impair=gain:channel=vx"], "rig 'loopback' sends no channel 'vx', known are: fault, va"),
        (["--rig=loopbak"], "no rig 'loopbak', did you mean 'loopback'"),
        ([], "--rig"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = villas_rig(tmp_path, "prove", "test_lab.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert not done.stdout


def test_the_impairments_are_in_the_help(tmp_path: Path) -> None:
    text = villas_rig(tmp_path, "prove", "--help").stdout.decode()
    assert "stalled_sender  Let the sender stall" in text
    assert "exit status: 0 all are caught" in text
