"""A rig that does something else than its model says is found out, and which channel it was is said."""

from __future__ import annotations

import pytest

from pytest_villas.rig.registry import shipped

TEST = """
    from pytest_villas import generate

    def test_it(rig):
        rig.replay(generate.three_phase(magnitude=325, rate=1000, duration=1)).check()
"""
MODEL = """
import sys
sys.path.insert(0, {rigs!r})
import sim_rlc
from pytest_villas import Samples, recordings

stimulus = recordings.open(sys.argv[1])
right = sim_rlc.solve(stimulus, 2000)
columns = list(right.columns)
{change}
recordings.save(sys.argv[2], Samples(columns, right.signals, origin=right.origin, sequence=right.sequence))
"""


def run(pytester: pytest.Pytester, change: str) -> pytest.RunResult:
    folder = pytester.path / "rigs"
    folder.mkdir()
    (folder / "model.py").write_text(MODEL.format(rigs=str(shipped("rigs")), change=change))
    (folder / "mine.toml").write_text("""
        [rig]
        extends = "sim"
        [reference]
        command = ["{python}", "model.py", "{stimulus}", "{response}"]
        [limits]
        loss_ratio = "90 %"
        gain_error = "1 %"
        offset = 1.0
    """)
    pytester.makepyfile(TEST)
    return pytester.runpytest_subprocess("--rig=mine")


def test_the_right_model_passes(pytester: pytest.Pytester) -> None:
    assert run(pytester, "").ret == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("columns[1] = columns[1] * 1.05", "*FAIL: abs(fidelity ub gain error) <= 0.01*"),
        ("columns[1] = columns[1] + 5", "*FAIL: abs(fidelity ub offset) <= 1*"),
        ("columns[0], columns[1] = columns[1], columns[0]", "*FAIL: abs(fidelity ua nrmse) <= 1e-06*"),
        ("columns[4] = -columns[4]", "*FAIL: abs(fidelity ib nrmse) <= 1e-06*"),
        ("columns[2] = columns[2] ** 3", "*FAIL: abs(fidelity uc nrmse) <= 1e-06*"),
    ],
    ids=["gain", "offset", "swapped", "sign", "shape"],
)
def test_a_model_that_says_something_else_fails(pytester: pytest.Pytester, change: str, message: str) -> None:
    result = run(pytester, change)
    assert result.ret == 1
    result.stdout.fnmatch_lines([message])


def test_a_model_that_gives_nothing_to_compare_does_not_pass(pytester: pytest.Pytester) -> None:
    result = run(pytester, "columns = [column * float('nan') for column in columns]")
    assert result.ret in {1, 11}
    result.stdout.fnmatch_lines(["*abs(fidelity ua nrmse) <= 1e-06*"])


def test_a_model_of_another_length_is_an_error_of_the_rig(pytester: pytest.Pytester) -> None:
    result = run(pytester, "right = right[5:]; columns = list(right.columns)")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*the reference has * samples for * of the stimulus*"])


def test_plain_recordings_can_be_the_model(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import Samples, generate

        def test_it(rig):
            stimulus = generate.three_phase(rate=500, duration=1)
            assert rig.replay(stimulus, reference=stimulus).fidelity["va"].bit_exact()
            other = Samples([stimulus["va"] + 1e-9, *stimulus.columns[1:]], stimulus.signals, origin=stimulus.origin)
            assert not rig.replay(stimulus, reference=other).fidelity["va"].bit_exact()
    """)
    pytester.runpytest_subprocess("--rig=loopback").assert_outcomes(passed=1)
