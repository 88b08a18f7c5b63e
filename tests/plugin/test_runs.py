"""Several runs of one stimulus, as a test asks for them: loopback is the rig."""

from __future__ import annotations

import pytest

TEST = """
    import pytest
    from pytest_villas import generate, ms
    from pytest_villas.errors import ConfigError

    STIMULUS = generate.three_phase(rate=1000, duration=0.7)

    def test_three_runs(rig):
        runs = rig.replay(STIMULUS, runs=3)
        assert len(runs) == 3
        assert len({{run.folder for run in runs}}) == 3
        assert runs.delivery.lost == 0
        assert runs.delivery.received == runs.delivery.sent
        assert runs.latency.p50.of.values.size == sum(run.latency.values.size for run in runs) == 450
        assert runs.fidelity["va"].nrmse < 0.01
        assert runs.fidelity["fault"].bit_exact()
        runs.check(latency_p90="10 s", loss=0)

    @pytest.mark.limits(latency_p90="9 s", latency_p95="9 s", loss=0)
    def test_until_it_can_tell(rig):
        short = generate.three_phase(rate=1000, duration=0.6)
        assert {{verdict.outcome.value for verdict in rig.replay(short).judge()}} == {{"PASS", "INCONCLUSIVE"}}
        runs = rig.replay(short, until="conclusive", within="100 s")
        runs.check()
        assert 1 < len(runs) < 20

    @pytest.mark.parametrize("how", [dict(runs=0), dict(until="bored")])
    def test_what_cannot_be(rig, how):
        with pytest.raises(ConfigError, match="at least 1|'conclusive' is all there is"):
            rig.replay(STIMULUS, **how)
"""


def test_several_runs_of_a_rig(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST.replace("{{", "{").replace("}}", "}"))
    result = pytester.runpytest_subprocess("--rig=loopback")
    result.assert_outcomes(passed=4)
    assert result.stdout.str().count("capture   ") >= 3 + 2, "every single run is reported"


def test_the_worst_run_fails_the_test_and_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import generate

        def test_it(rig):
            assert rig.replay(generate.three_phase(rate=500, duration=0.2), runs=2).delivery.lost == 0
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-impair=loss=2%")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL: lost == 0*", "*is 2*", "*run 1 of 2, and 1 more like it*"])


def test_without_any_limit_there_is_nothing_to_be_conclusive_about(pytester: pytest.Pytester) -> None:
    (pytester.path / "rigs").mkdir()
    (pytester.path / "rigs" / "bare.toml").write_text(
        '[rig]\ndescription = "no limits"\n[link]\nconfig = "c.conf"\nnode = "echo"\nrole = "self"\nmove = true\n'
    )
    (pytester.path / "rigs" / "c.conf").write_text(
        'nodes = { echo = { type = "nanomsg", out = { endpoints = "ipc:///tmp/x.ipc" }, in = { endpoints = "ipc:///tmp/x.ipc" }, '
        'signals = "1f" } }'
    )
    pytester.makepyfile("""
        from pytest_villas import generate

        def test_it(rig):
            rig.replay(generate.sine(rate=500, duration=0.2), until="conclusive")
    """)
    result = pytester.runpytest_subprocess("--rig=bare")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ConfigError: until='conclusive': no limit is declared*"])
