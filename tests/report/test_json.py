"""`--villas-report=FILE.json`: what a session came to, as data that others can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import rig_files

from pytest_villas.errors import ConfigError
from pytest_villas.report.as_json import schema
from pytest_villas.report.record import SessionRecord, read, read_run
from pytest_villas.rig.registry import Registry

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"

MANY = """
    from pytest_villas import generate, ms

    STIMULUS = generate.three_phase(rate=500, duration=0.7)

    def test_asked(rig):
        first, second = rig.replay(STIMULUS), rig.replay(STIMULUS)
        assert first.delivery.lost == 0
        assert 10_000 * ms > second.latency.max
        assert second.fidelity["va"].nrmse < 0.01
        assert second.fidelity["vb"].bit_exact()
        first.judge(latency_p50="10 s")

    def test_not_kept(rig):
        assert rig.replay(STIMULUS).delivery.sent > 351

    def test_without_a_rig():
        pass
"""


def session_of(pytester: pytest.Pytester, *arguments: str, status: int) -> SessionRecord:
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-report=out/report.json", *arguments)
    assert result.ret == status, result.stdout.str()
    return read(pytester.path / "out" / "report.json")


def verdicts(session: SessionRecord, test: int, run: int) -> list[tuple[str, str]]:
    return [(verdict.what, verdict.outcome) for verdict in session.tests[test].runs[run].verdicts]


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_every_verdict_is_in_the_report_with_its_run_also_those_that_hold(
    pytester: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    pytester.makepyfile(MANY)
    session = session_of(pytester, *processes, status=1)
    tests = sorted(session.tests, key=lambda test: test.test)
    session = msgspec.structs.replace(session, tests=tests)
    assert [test.case.partition("::")[2] for test in tests] == ["test_asked", "test_not_kept"]
    assert [test.outcome for test in tests] == ["passed", "failed"]
    assert verdicts(session, 0, 0)[0] == ("lost", "PASS")
    declared = [verdict.name for verdict in tests[0].runs[0].verdicts[1:]]
    assert set(declared) == {*Registry.of(pytester.path).load("loopback").limits, "latency_p50"}
    assert declared.count("nrmse") == 4, "one for each channel"
    assert verdicts(session, 0, 1) == [
        ("latency max", "PASS"),
        ("fidelity va nrmse", "PASS"),
        ("fidelity vb samples that differ in their bits", "PASS"),
    ]
    assert verdicts(session, 1, 0) == [("sent", "FAIL")]
    assert "sent > 351" in tests[1].message
    assert len({run.id for test in tests for run in test.runs}) == 3, "ids are unique, also between processes"
    assert session.status == 1
    assert session.rigs[0].name == "loopback"


def test_a_report_validates_by_the_published_schema_which_is_that_of_the_code(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MANY)
    session_of(pytester, status=1)
    published = json.loads(SCHEMA.read_text())
    assert published == schema(), "python -m pytest_villas.report.as_json > docs/report.schema.json"
    report: dict[str, Any] = json.loads((pytester.path / "out" / "report.json").read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(report, published)
    report["tests"][0]["runs"][0]["verdicts"][0]["outcome"] = "MAYBE"
    with pytest.raises(jsonschema.ValidationError, match="MAYBE"):
        jsonschema.validate(report, published)


def test_a_run_keeps_its_verdicts_in_its_folder(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MANY)
    session = session_of(pytester, status=1)
    run = session.tests[0].runs[1]
    stored = read_run(pytester.path / run.folder)
    assert stored.run.verdicts == run.verdicts
    assert stored.test.outcome == "passed"
    assert set(run.hashes) >= {"capture.npz", "stimulus.npz", "response.npz"}
    assert run.times["latency"]["p50"] <= run.times["latency"]["p99"]  # type: ignore[operator]  # nothing was lost


def test_what_was_lost_is_infinitely_late_in_json_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MANY)
    session = session_of(pytester, "--villas-impair=loss=5%", "-k", "asked", status=1)
    assert session.impaired == "loss=5%"
    run = session.tests[0].runs[0]
    assert run.impaired == "loss=5%"
    assert run.times["latency"]["max"] == "inf"


def test_a_broken_rig_is_in_the_report(pytester: pytest.Pytester) -> None:
    rig_files.write(pytester.path, mine=rig_files.DIES)
    pytester.makepyfile("def test_it(rig): pass\ndef test_next(rig): pass")
    pytester.runpytest_subprocess("--rig=mine", "--villas-report=report.json")
    session = read(pytester.path / "report.json")
    assert [test.outcome for test in session.tests] == ["rig broke", "skipped"]
    assert "no licence found" in session.tests[0].message
    assert session.status == 10


def test_what_was_interrupted_is_in_the_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_villas import generate

        def test_it(rig):
            assert rig.replay(generate.three_phase(rate=500, duration=0.7)).delivery.lost == 0
            raise KeyboardInterrupt
    """)
    session = session_of(pytester, status=2)
    assert session.tests[0].outcome == "interrupted"
    assert verdicts(session, 0, 0) == [("lost", "PASS")]


def test_a_suffix_that_nobody_writes_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--villas-report=report.pdf")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--villas-report=*report.pdf: the suffix says what is written, one of .json*"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"format": "pytest-villas.report", "version": 99}', "version 99*a newer one wrote it*"),
        ('{"format": "pytest-villas.report", "version": 1, "tests": [', "damaged*"),
        ('{"format": "pytest-villas.report", "version": 1, "tests": 7}', "version 1*damaged*"),
        ("my notes", "damaged, or no pytest-villas.report*"),
    ],
)
def test_what_is_no_report_of_this_version_is_not_overwritten(pytester: pytest.Pytester, content: str, says: str) -> None:
    file = pytester.path / "report.json"
    file.write_text(content)
    result = pytester.runpytest_subprocess("--villas-report=report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{file}*{says}not overwritten*"])
    assert file.read_text() == content


def test_a_folder_that_cannot_be_written_loses_no_verdict_and_changes_no_status(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MANY)
    (pytester.path / "out").write_text("a file where a folder should be")
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-report=out/report.json", "-k", "asked")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*lost == 0 *PASS*", "*--villas-report=*out/report.json: could not be written: *"])


def test_secrets_never_reach_a_report(pytester: pytest.Pytester) -> None:
    (pytester.path / "rigs").mkdir()
    (pytester.path / "rigs" / "mine.toml").write_text("""
        [rig]
        extends = "loopback"
        [identity]
        dut = "PMC-7"
        api_token = "t0psecret"
        Password = "hunter2"
    """)
    pytester.makepyfile("""
        from pytest_villas import generate

        def test_it(rig):
            rig.replay(generate.three_phase(rate=500, duration=0.7))
            assert rig.process.file.identity == {}
    """)
    pytester.runpytest_subprocess("--rig=mine", "--villas-report=report.json")
    session = read(pytester.path / "report.json")
    assert session.rigs[0].identity == {"dut": "PMC-7", "api_token": "***", "Password": "***"}
    for path in [pytester.path / "report.json", *pytester.path.glob(".villas/runs/*/run.json")]:
        assert "PMC-7" in path.read_text()
        assert "hunter2" not in path.read_text()
        assert "t0psecret" not in path.read_text()


def test_a_session_without_a_rig_writes_an_empty_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest_subprocess("--villas-report=report.json").ret == 0
    assert read(pytester.path / "report.json").tests == []


def test_a_report_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json: cannot be read"):
        read(tmp_path / "gone.json")
