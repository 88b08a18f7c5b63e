"""JUnit, a stream of events and OpenMetrics: what machines read of a session."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

TESTS = """
    from pytest_villas import generate, ms

    STIMULUS = generate.three_phase(rate=500, duration=0.6)

    def test_kept(rig):
        run = rig.replay(STIMULUS)
        assert run.delivery.lost == 0
        assert run.latency.max < 10_000 * ms

    def test_broken(rig):
        assert rig.replay(STIMULUS).delivery.sent == 7

    def test_without_a_rig():
        pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_m=TESTS)
    return pytester


def parsed(text: str) -> list[Any]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it has no types


def events_of(project: pytest.Pytester) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.path / "e.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_has_the_figures_at_the_test_and_the_machine_at_the_suite(
    project: pytest.Pytester, family: str, processes: tuple[str, ...]
) -> None:
    result = project.runpytest_subprocess(
        "--rig=loopback", "--junitxml=j.xml", "-o", f"junit_family={family}", "--strict-markers", "-W", "error", *processes
    )
    assert result.ret == 1
    root = ET.parse(project.path / "j.xml").getroot()
    cases = {case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")} for case in root.iter("testcase")}
    kept = cases["test_kept[loopback]"]
    assert kept["villas.rig"] == "loopback"
    assert kept["villas.verdict"] == "PASS"
    assert kept["villas.lost"] == "0"
    assert str(kept["villas.limit2"]).startswith("PASS: latency max < 10 s, ")
    assert str(kept["villas.capture"]).startswith(".villas/runs/")
    assert cases["test_broken[loopback]"]["villas.limit1"] == "FAIL: sent == 7"
    assert cases["test_without_a_rig"] == {}
    suite = {p.get("name"): p.get("value") for p in root.findall("./testsuite/properties/property")}
    assert str(suite["villas.kernel"]).startswith("Linux")
    assert "loopback.conf" in str(suite["villas.rig.loopback"])


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_events_come_in_the_order_in_which_things_happen(project: pytest.Pytester, processes: tuple[str, ...]) -> None:
    project.runpytest_subprocess("--rig=loopback", "--villas-report=e.jsonl", "-k", "kept", *processes)
    events = events_of(project)
    names = [event["event"] for event in events if event["event"] != "progress"]
    assert names == ["session", "test", "run", "verdict", "verdict", "outcome", "end"]
    run = next(event for event in events if event["event"] == "run")
    verdicts = [event for event in events if event["event"] == "verdict"]
    assert [(verdict["run"], verdict["outcome"]) for verdict in verdicts] == [(run["id"], "PASS")] * 2
    assert {"sent", "received", "total"} <= next(event for event in events if event["event"] == "progress").keys()
    assert events[-1]["status"] == 0


def test_a_stream_can_be_followed_while_the_test_goes_on(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_m="""
        import json
        from pathlib import Path
        from pytest_villas import generate

        def test_it(rig):
            assert rig.replay(generate.three_phase(rate=500, duration=0.6)).delivery.lost == 0
            names = [json.loads(line)["event"] for line in Path("e.jsonl").read_text().splitlines()]
            assert names[-2:] == ["run", "verdict"]
    """
    )
    project.runpytest_subprocess("--rig=loopback", "--villas-report=e.jsonl").assert_outcomes(passed=1)


def test_what_is_no_stream_is_not_overwritten(project: pytest.Pytester) -> None:
    for content in ("my notes", '{"format": "pytest-villas.events", "version": 99}\n'):
        (project.path / "e.jsonl").write_text(content)
        result = project.runpytest_subprocess("--rig=loopback", "--villas-report=e.jsonl")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*e.jsonl*not overwritten*"])
        assert (project.path / "e.jsonl").read_text() == content


@pytest.mark.parametrize("file", ["m.prom", "m.txt"])
def test_openmetrics_are_read_by_prometheus(project: pytest.Pytester, file: str) -> None:
    project.runpytest_subprocess("--rig=loopback", f"--villas-report={file}")
    families = {family.name: family for family in parsed((project.path / file).read_text())}
    latency = {
        sample.labels["q"]: sample for sample in families["villas_latency_seconds"].samples if "kept" in sample.labels["test"]
    }
    assert 0 < latency["0.5"].value <= latency["0.99"].value <= latency["1"].value < 10
    lost = [sample.value for sample in families["villas_samples"].samples if sample.labels["state"] == "lost"]
    assert lost == [0, 0]
    counted = {(s.labels["test"][11:18], s.labels["outcome"]): s.value for s in families["villas_verdicts"].samples}
    assert counted["test_ke", "PASS"] == 2
    assert counted["test_br", "FAIL"] == 1


def test_what_is_no_text_of_ours_is_not_overwritten(project: pytest.Pytester) -> None:
    (project.path / "notes.txt").write_text("my notes")
    result = project.runpytest_subprocess("--rig=loopback", "--villas-report=notes.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (project.path / "notes.txt").read_text() == "my notes"


def test_what_was_lost_is_infinitely_late(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("--rig=loopback", "--villas-report=m.prom", "--villas-impair=loss=20%", "-k", "broken")
    families = {family.name: family for family in parsed((project.path / "m.prom").read_text())}
    assert max(sample.value for sample in families["villas_latency_seconds"].samples) == float("inf")
