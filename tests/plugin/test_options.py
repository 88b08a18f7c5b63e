"""Every option, mark and exit status, as a user of pytest sees it: loopback is the rig, for it needs nothing."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import parts
import pytest

REPLAYS = """
    from pytest_villas import generate

    def test_it(rig):
        run = rig.replay(generate.three_phase(rate=500, duration=0.7))
        assert run.delivery.lost == 0
"""


def rig_file(pytester: pytest.Pytester, name: str, text: str, folder: str = "rigs") -> Path:
    (pytester.path / folder).mkdir(exist_ok=True)
    file = pytester.path / folder / f"{name}.toml"
    file.write_text(text)
    return file


def test_without_a_rig_a_test_is_skipped_with_the_names_of_those_that_there_are(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", '[rig]\nextends = "loopback"')
    pytester.makepyfile(REPLAYS)
    result = pytester.runpytest_subprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs a rig: --rig=NAME, one of dpsim, *loopback, mine, *sim*"])


def test_an_unknown_rig_is_a_usage_error_that_names_the_nearest(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--rig=loopbak")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no rig 'loopbak', did you mean 'loopback'*"])


def test_a_rig_file_with_a_misspelt_key_is_a_usage_error_that_names_file_and_key(pytester: pytest.Pytester) -> None:
    file = rig_file(pytester, "mine", '[rig]\nextends = "loopback"\n[match]\nlate_afer = "1 s"')
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{file}: match.late_afer: unknown key, did you mean 'late_after'?"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rig]\nextends = 3", "rig.extends is 3: it has to be the name of one rig*"),
        ('[rig]\nextends = "loopback"\n[limits]\npreset = 3', "limits.preset: 3: no such preset*"),
        ('[link]\nkind = ["serial"]', "link.kind is *"),
        ('[rig]\nextends = "loopback"\n[link]\nnode = "ecko"', "link.node: *nodes.ecko: no such node, did you mean 'echo'*"),
        ('[rig]\nextends = "loopback"\n[link]\nconfig = "."', "link.config: *rigs: cannot be read*"),
        ('[rig]\nextends = "loopback"\n[match]\ntag = "vd"', "match.tag is 'vd': the rig takes no such signal*"),
    ],
)
def test_a_rig_file_with_what_cannot_be_is_a_usage_error(pytester: pytest.Pytester, text: str, message: str) -> None:
    file = rig_file(pytester, "mine", text)
    result = pytester.runpytest_subprocess("--rig=mine", "--collect-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{file}: {message}"])


NODE = """nodes = {{ echo = {{ type = "nanomsg", format = "{}", signals = "3f",
    out = {{ endpoints = "ipc:///tmp/villas-own.ipc" }}, in = {{ endpoints = "ipc:///tmp/villas-own.ipc" }} }} }}"""
OWN = '[rig]\nextends = "loopback"\n[link]\nconfig = "../own.conf"'
NESTED = REPLAYS.replace("(rate=500, duration=0.7)", "(rate=200, duration=0.2, name=('signal0', 'signal1', 'signal2'))")


def nested(pytester: pytest.Pytester, conftest: str) -> None:
    """Write a test into a folder whose conftest pytest reads when it collects, after it has read all options."""
    pytester.makeini("[pytest]\ntestpaths = tests")
    (pytester.path / "tests" / "hil").mkdir(parents=True)
    (pytester.path / "tests" / "hil" / "conftest.py").write_text(textwrap.dedent(conftest))
    (pytester.path / "tests" / "hil" / "test_own.py").write_text(textwrap.dedent(NESTED))


def test_a_rig_may_use_a_format_that_a_nested_conftest_registers(pytester: pytest.Pytester) -> None:
    (pytester.path / "own.conf").write_text(NODE.format("own"))
    rig_file(pytester, "mine", OWN)
    conftest = 'from pytest_villas import formats\nformats.register("own", lambda signals, _: formats.codec("json", signals))'
    nested(pytester, conftest)
    pytester.runpytest_subprocess("--rig=mine", "--villas-impair=gain:channel=signal1").assert_outcomes(passed=1)


def test_a_rig_may_use_a_config_that_a_fixture_writes(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", OWN)
    nested(pytester, f"""
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def written(pytestconfig):
            (pytestconfig.rootpath / "own.conf").write_text({NODE.format("json")!r})
    """)  # fmt: skip
    pytester.runpytest_subprocess("--rig=mine").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("jsn", "link.config: *own.conf: nodes.echo.out.format: format 'jsn': unknown, did you mean 'json'*"),
        (None, "link.config: *own.conf: cannot be read: No such file or directory"),
    ],
)
def test_what_never_came_is_told_when_the_rig_starts_and_is_no_failure(
    pytester: pytest.Pytester, written: str | None, message: str
) -> None:
    if written:
        (pytester.path / "own.conf").write_text(NODE.format(written))
    file = rig_file(pytester, "mine", OWN)
    nested(pytester, "")
    assert pytester.runpytest_subprocess("--rig=mine", "--collect-only").ret == 0
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == 10
    result.stdout.fnmatch_lines([f"*RigError: {file}: {message}"])


def test_the_rigs_are_listed(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", '[rig]\nextends = "loopback"\ndescription = "On the third bench"')
    rig_file(pytester, "torn", "[rig")
    rig_file(pytester, "wrong", "[rig]\nextends = ['loopback']")
    result = pytester.runpytest_subprocess("--rig-list")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["dpsim *DPsim*", "loopback *", "mine *On the third bench", "sim *", "torn *unusable: *torn.toml: is no TOML*",
         "wrong *unusable: *wrong.toml: rig.extends is *"]
    )  # fmt: skip


def test_a_test_runs_once_for_each_rig_and_every_run_is_shown(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", '[rig]\nextends = "loopback"')
    pytester.makepyfile(REPLAYS)
    result = pytester.runpytest_subprocess("--rig=loopback", "--rig=mine", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*test_it[[]loopback[]] PASSED*", "*test_it[[]mine[]] PASSED*", "*= runs =*", "*test_it[[]loopback[]] *PASS", "*350 sent, 350 received, 0 lost", "*latency *p50*",
         "*floor *p50*", "*over the same link without*", "*fidelity *va 0*", "*capture *.villas/runs/*", "*test_it[[]mine[]] *PASS"]
    )  # fmt: skip


def test_rig_files_of_another_folder_come_first(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "loopback", "[rig]\ndescription = 'ours'\n[link]\nconfig = 'a'\nnode = 'b'", folder="bench")
    result = pytester.runpytest_subprocess("--rig-list", "--rig-dir=bench")
    result.stdout.fnmatch_lines(["loopback *ours"])


def test_the_twin_runs_instead_of_the_rig(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "bench", '[rig]\ntwin = "loopback"\n[link]\nconfig = "nowhere.conf"\nnode = "none"')
    pytester.makepyfile(REPLAYS)
    result = pytester.runpytest_subprocess("--rig=bench", "--rig-twin", "-v")
    result.stdout.fnmatch_lines(["*test_it[[]loopback[]] PASSED*"])


def test_a_rig_in_use_is_an_error_that_says_by_whom_and_waiting_helps(pytester: pytest.Pytester) -> None:
    from pytest_villas.rig.lease import Lease  # noqa: PLC0415 - the rest is seen from outside

    name = f"leased-{pytester.path.name}-{os.getpid()}"  # a lease is the machine's
    config = pytester.path / "one.conf"
    at = f"tcp://127.0.0.1:{parts.free_port()}"
    config.write_text(
        f'nodes = {{ echo = {{ type = "nanomsg", out = {{ endpoints = "{at}" }}, in = {{ endpoints = "{at}" }} }} }}'
    )
    rig_file(pytester, name, '[link]\nconfig = "../one.conf"\nnode = "echo"\nrole = "self"')
    pytester.makepyfile("def test_it(rig): pass")
    lease = Lease(name, 0)
    try:
        result = pytester.runpytest_subprocess(f"--rig={name}", "--rig-wait=100 ms")
    finally:
        lease.release()
    assert result.ret == 10
    result.stdout.fnmatch_lines([f"*rig '{name}' is in use by *, process *; waited 100 ms, see --rig-wait*"])
    pytester.runpytest_subprocess(f"--rig={name}", "--rig-wait=5 s").assert_outcomes(passed=1)


def test_a_time_that_is_none_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--rig-wait=soon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--rig-wait=soon: 'soon' is no duration*"])


def test_a_size_that_is_none_is_a_usage_error_with_its_name(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-o", "villas_keep_size=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*villas_keep_size: 'x' is no size*"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--rig-wait=-1 s", "*--rig-wait=-1 s: it has to be at least 0*"),
        ("--rig-dir=nowhere", "*--rig-dir=nowhere: there is no such folder*"),
        (
            "--villas-impair=gain:channel=vx",
            "*impairment 'gain': channel: rig 'loopback' sends no channel 'vx', known are: *va, *",
        ),
        ("--villas-impair=loss+swapped:first=va,second=x", "*impairment 'swapped': second: rig 'loopback' sends no channel 'x'*"),
    ],
)
def test_what_an_option_cannot_be_is_a_usage_error_before_anything_runs(
    pytester: pytest.Pytester, option: str, message: str
) -> None:
    pytester.makepyfile(REPLAYS)
    result = pytester.runpytest_subprocess("--rig=loopback", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_an_impairment_that_nothing_would_show_is_no_failure_of_the_device(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        REPLAYS.replace("generate.three_phase(rate=500, duration=0.7)", "generate.constant(amplitude=0, rate=500, duration=0.7)")
    )
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-impair=sign")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*the response cannot be impaired so: impairment 'sign': no float or complex channel*"])


@pytest.mark.parametrize("limit", ["nrmse=-1", "nrmse=float('nan')", "latency_p99='-2 ms'", "offset='-1'", "preset=3"])
def test_a_limit_that_nothing_can_keep_is_refused_in_a_mark_and_in_a_call(pytester: pytest.Pytester, limit: str) -> None:
    name = limit.partition("=")[0]
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.limits({limit})\ndef test_it(rig): pass")
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*test_it*limits.{name}: *"])
    pytester.makepyfile(REPLAYS.replace("assert run.delivery.lost == 0", f"run.check({limit})"))
    pytester.runpytest_subprocess("--rig=loopback").stdout.fnmatch_lines([f"*ConfigError: limits.{name}: *"])


def test_a_stimulus_that_is_none_says_what_is_taken(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(rig): rig.replay([1, 2, 3])")
    result = pytester.runpytest_subprocess("--rig=loopback")
    result.stdout.fnmatch_lines(
        ["*TypeError: rig.replay takes Samples, as of generate.sine(...), recordings.open(...) or*no list"]
    )


def test_a_limit_that_there_is_not_is_a_usage_error_before_anything_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.limits(latency_p98="2 ms")
        def test_it(rig): pass
    """)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it*limits.latency_p98: no such limit, did you mean 'latency_p99'*"])


def test_the_nearest_limit_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.limits(loss=7, jitter="1 s")
        class TestIt:
            @pytest.mark.limits(loss=8)
            def test_it(self, rig, limits):
                assert limits["loss"] == 8
                assert limits["jitter"] == "1 s"
                assert limits["nrmse"] == 1e-9, "the rig file's"
    """)
    pytester.runpytest_subprocess("--rig=loopback").assert_outcomes(passed=1)


def test_limits_of_some_channels_and_presets_are_merged_and_checked(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", '[rig]\nextends = "loopback"\n[limits."v*"]\nphase = "0.1 deg"\nnrmse = 0.1')
    pytester.makepyfile("""
        import pytest
        from pytest_villas import generate

        @pytest.mark.limits(preset="iec61850-p1", latency_max="9 s", latency_p90=False, **{"vb": {"tube": {"atol": 1e-6}}})
        def test_it(rig, limits):
            assert limits["v*"] == {"phase": "0.1 deg", "nrmse": 0.1}
            assert limits["latency_max"] == "9 s"
            run = rig.replay(generate.three_phase(rate=1000, duration=0.8))
            run.check(bit_exact=True)
            assert sorted(v.what for v in run.judge() if "phase" in v.what) == [f"abs(fidelity v{p} phase)" for p in "abc"]
    """)
    pytester.runpytest_subprocess("--rig=mine").assert_outcomes(passed=1)


def test_a_preset_that_there_is_not_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.limits(preset="c37.118-n")
        def test_it(rig): pass
    """)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it*limits.preset: 'c37.118-n': no such preset, did you mean 'c37.118-m'*"])


def test_a_rig_that_lacks_what_a_test_needs_skips_it(pytester: pytest.Pytester) -> None:
    rig_file(pytester, "mine", '[rig]\nextends = "loopback"\nprovides = ["breaker"]')
    pytester.makepyfile("""
        import pytest

        @pytest.mark.needs("breaker", "nanomsg")
        def test_it(rig): pass
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "--rig=mine", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*rig 'loopback' does not provide breaker*"])


def test_a_broken_limit_explains_itself_and_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import generate, ns

        def test_compared(rig):
            run = rig.replay(generate.three_phase(rate=500, duration=1))
            assert run.latency.p50 > 10 ** 12

        def test_checked(rig):
            rig.replay(generate.three_phase(rate=500, duration=1)).check(latency_p50="1 min", gap_sent_p50="1 us")
    """)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret == 1
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*FAIL: latency p50 > 1*s*", "*estimate *", "*interval *", "*n = *"])
    result.stdout.fnmatch_lines(["*of * limits are kept*", "*FAIL: gap_sent p50 <= 1 us*"])


def test_too_few_samples_are_inconclusive_and_say_how_many_more_would_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import generate, s

        def test_compared(rig):
            run = rig.replay(generate.three_phase(frequency=10, rate=100, duration=1))
            assert run.latency.p99 < 1 * s

        def test_checked(rig):
            rig.replay(generate.three_phase(frequency=10, rate=100, duration=1)).check(latency_p99="1 s")
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "-rA")
    assert result.ret == 11
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: latency p99 < 1 s*", "*more*"])
    result.stdout.fnmatch_lines(["INCONCLUSIVE *test_compared*", "INCONCLUSIVE *test_checked*"])


def test_a_failure_beside_an_inconclusive_test_is_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import generate, s

        def test_undecided(rig):
            run = rig.replay(generate.three_phase(frequency=10, rate=100, duration=1))
            assert run.latency.p99 < 1 * s

        def test_fails():
            assert False
    """)
    assert pytester.runpytest_subprocess("--rig=loopback").ret == 1


def test_a_plain_failure_after_a_caught_comparison_stays_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from pytest_villas import generate, s

        def test_it(rig):
            run = rig.replay(generate.three_phase(frequency=10, rate=100, duration=1))
            with pytest.raises(AssertionError):
                assert run.latency.p99 < 1 * s
            assert 1 == 2
    """)
    assert pytester.runpytest_subprocess("--rig=loopback").ret == 1


def test_what_nobody_knows_passes_no_test_whatever_is_made_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from pytest_villas import generate, s
        from pytest_villas.measure import Outcome

        @pytest.fixture
        def unknown(rig):
            return rig.replay(generate.three_phase(frequency=10, rate=100, duration=1)).latency.p99

        def test_denied(unknown):
            assert not (unknown > 1 * s)

        def test_in_a_class_of_its_own(unknown):
            if unknown > 1 * s:
                pytest.fail("too slow")

        def test_failed_all_the_same(unknown):
            assert not (unknown > 1 * s)
            assert 1 == 2

        def test_looked_at(unknown):
            assert (unknown > 1 * s).outcome is Outcome.INCONCLUSIVE

        def test_denied_and_known(rig):
            assert not (rig.replay(generate.three_phase(rate=200, duration=1)).delivery.sent > 200)
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "-rA", "--tb=short")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*the test passed, and took for true or false what nobody knows*", "*INCONCLUSIVE: latency p99 > 1 s*"]
    )
    result.stdout.fnmatch_lines_random(
        ["PASSED *test_looked_at*", "PASSED *test_denied_and_known*", "INCONCLUSIVE *test_denied[[]*",
         "INCONCLUSIVE *test_in_a_class_of_its_own*", "FAILED *test_failed_all_the_same*"]
    )  # fmt: skip


def test_rigs_work_side_by_side_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from pytest_villas import generate, s

        @pytest.mark.parametrize("number", range(4))
        def test_it(rig, number):
            assert rig.replay(generate.three_phase(rate=200, duration=0.5)).delivery.lost == 0

        def test_undecided(rig):
            assert rig.replay(generate.three_phase(frequency=10, rate=100, duration=1)).latency.p99 < 1 * s
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "-n2", "-p", "xdist")
    result.assert_outcomes(passed=4, failed=1)
    assert result.ret == 11


def test_the_plugin_brings_neither_numpy_nor_scipy_into_a_session_without_a_rig(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_it():
            assert not {"numpy", "scipy", "pynng", "msgspec"} & set(sys.modules)
    """)
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_the_stimulus_and_the_capture_are_on_disk(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(REPLAYS.replace("assert", "raise RuntimeError('before any verdict')\n        assert"))
    pytester.runpytest_subprocess("--rig=loopback").assert_outcomes(failed=1)
    folder = next(pytester.path.glob(".villas/runs/*test_it*"))
    assert {path.name for path in folder.iterdir()} >= {"stimulus.npz", "capture.npz", "response.npz"}
