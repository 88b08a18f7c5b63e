"""A rig whose format carries neither number nor stamp: what comes back is recognised by its waveform alone."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = """
nodes = {
    echo = {
        type = "nanomsg"
        format = { type = "raw", bits = 64 }
        out = { endpoints = "ipc:///tmp/villas-waveform.ipc" }
        in = { endpoints = "ipc:///tmp/villas-waveform.ipc" }
        signals = "2f"
    }
}
"""
RIG = """
[rig]
description = "values and nothing else"
[link]
config = "bare.conf"
node = "echo"
role = "self"
move = true
[match]
by = "waveform"
[clock]
relation = "same"
"""
TEST = """
    import numpy as np
    import pytest
    from pytest_villas import Samples
    from pytest_villas.measure import Outcome

    T = np.arange(200) / 50  # slow beside what a busy machine delays
    CHIRP = Samples(
        {"signal0": np.sin(2 * np.pi * (T + 0.6 * T**2)), "signal1": np.cos(2 * np.pi * (0.7 * T + 0.4 * T**2))},
        origin=np.arange(200) * 20_000_000,
    )
    HUM = Samples({"signal0": np.sin(2 * np.pi * 10 * T), "signal1": np.cos(2 * np.pi * 10 * T)}, origin=CHIRP.origin)
"""


@pytest.fixture
def bare(pytester: pytest.Pytester) -> Path:
    folder = pytester.path / "rigs"
    folder.mkdir()
    (folder / "bare.toml").write_text(RIG)
    (folder / "bare.conf").write_text(CONFIG)
    return folder


def test_a_response_without_number_and_stamp_is_matched_by_its_waveform(pytester: pytest.Pytester, bare: Path) -> None:
    pytester.makepyfile(
        TEST
        + """
    def test_it(rig):
        run = rig.replay(CHIRP)
        assert run.match.by == "waveform"
        assert run.response.sequence.max() == -1
        assert not run.match.unknown
        assert run.delivery.received > 0
        assert run.fidelity["signal0"].nrmse < 0.5
        assert abs(float(run.fidelity.delay)) < 100e6
        assert (run.delivery.duplicates == 0).outcome is Outcome.INCONCLUSIVE
        assert (run.delivery.reordered == 0).outcome is Outcome.INCONCLUSIVE
        assert (run.fidelity["signal0"].bit_exact()).outcome is Outcome.INCONCLUSIVE
        assert run.fidelity["signal0"].tube(atol=0.5, dt=0.1)
"""
    )
    pytester.runpytest_subprocess("--rig=bare").assert_outcomes(passed=1)


def test_its_delay_is_found_in_the_waveform(pytester: pytest.Pytester, bare: Path) -> None:
    pytester.makepyfile(
        TEST
        + """
    def test_it(rig):
        run = rig.replay(CHIRP)
        assert 39e6 < float(run.fidelity.delay) < 140e6
        assert "FAIL" in [verdict.outcome.value for verdict in run.judge(delay="10 ms")]
"""
    )
    pytester.runpytest_subprocess("--rig=bare", "--villas-impair=delay=40 ms").assert_outcomes(passed=1)


def test_a_waveform_that_repeats_tells_no_delay_and_nothing_passes(pytester: pytest.Pytester, bare: Path) -> None:
    pytester.makepyfile(
        TEST
        + """
    def test_it(rig):
        rig.replay(HUM).check(nrmse=0.5, delay="1 s", latency_max="9 s", owd_max="9 s", loss=0, duplicates=0, unmatched=0)
"""
    )
    result = pytester.runpytest_subprocess("--rig=bare")
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*0 of 9 limits are kept*", "*INCONCLUSIVE: latency max <= 9 s*"])
    result.stdout.no_fnmatch_line("*not complete*")
    assert list(pytester.path.glob(".villas/runs/*test_it*/response.human"))
