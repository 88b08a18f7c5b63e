"""`--villas-baseline=save` and `=compare`, as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rig_files

from pytest_villas.baseline.compare import compare as compare_runs
from pytest_villas.baseline.compare import figures_of
from pytest_villas.baseline.store import Series, read
from pytest_villas.report import record

# the gap between arrivals is far above what the load of a machine does to its median
REPLAYS = """
    import pytest
    from pytest_villas import generate

    @pytest.mark.baseline(gap_received_p50="50 %")
    def test_it(rig, baseline):
        runs = rig.replay(generate.three_phase(rate=200, duration=0.2), runs=baseline.runs)
        assert runs.delivery.lost == 0
"""
ONCE = REPLAYS.replace("runs=baseline.runs", "runs=1")
FILE = "baselines/quick/test_kept/test_it.json"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    rig_files.write(pytester.path, quick=rig_files.QUICK)
    pytester.makepyfile(test_kept=ONCE)
    return pytester


def save(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("--rig=quick", "--villas-baseline=save", *arguments)


def compare(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("--rig=quick", "--villas-baseline=compare", *arguments)


def edit(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_without_the_option_a_test_makes_one_run_and_needs_no_baseline(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--rig=quick", "--villas-report=r.json")
    result.assert_outcomes(passed=1)
    assert len(record.read(project.path / "r.json").tests[0].runs) == 1
    assert not (project.path / "baselines").exists()


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_saved_runs_are_compared_with_new_ones(project: pytest.Pytester, processes: tuple[str, ...]) -> None:
    project.makepyfile(test_kept=REPLAYS)
    save(project, *processes).assert_outcomes(passed=1)
    stored = read(project.path / FILE)
    assert stored.test == "test_kept.py::test_it"
    assert [(series.runs, len(series.figures["gap_received_p50"])) for series in stored.series] == [(5, 5)]
    assert stored.saved[0].reason == "first"
    assert stored.environment.kernel
    result = compare(project, *processes, "--villas-report=r.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*gap received p50 relative to before <= 1.5 *PASS"])
    test = record.read(project.path / "r.json").tests[0]
    assert len(test.runs) == 8
    assert [(verdict.name, verdict.outcome) for verdict in test.verdicts if verdict.name] == [
        ("baseline gap_received_p50", "PASS")
    ]


def test_a_slow_down_fails_the_test_itself_with_what_changed_and_how_sure_that_is(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=REPLAYS.replace("gap_received_p50", "latency_p50"))
    save(project).assert_outcomes(passed=1)
    result = compare(project, "--villas-impair=delay=50 ms")
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*0 of 1 figures are no worse than in the baseline*",
            "*FAIL: latency p50 relative to before <= 1.5*",
            "*estimate *",
            "*99 % interval *",
            "*baseline of 20*, 5 runs (first): * then, 5* ms now*",
        ]
    )


def test_a_slower_harness_is_not_held_against_the_rig(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=REPLAYS.replace("gap_received_p50", "latency_p50"))
    save(project).assert_outcomes(passed=1)
    content = json.loads((project.path / FILE).read_text())
    figures = content["series"][0]["figures"]
    for name in ("latency_p50", "send_lag_p50", "floor_p50"):  # ten times as fast as it was
        figures[name] = [value // 10 + 1 for value in figures[name]]
    (project.path / FILE).write_text(json.dumps(content))
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*INVALID: latency p50 relative to before*", "*the harness * than before*"])


def test_one_run_is_inconclusive_and_says_how_many_are_missing(project: pytest.Pytester) -> None:
    save(project)
    project.makepyfile(test_kept=REPLAYS.replace("runs=baseline.runs", "runs=1"))
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(
        ["*INCONCLUSIVE: gap received p50 relative*", "*1 old and 1 new runs: about 5 runs before and 5 now would decide*"]
    )


def test_without_a_baseline_nothing_is_concluded(project: pytest.Pytester) -> None:
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: *", f"*there is no baseline *{FILE}: --villas-baseline=save makes it*"])


def test_another_fingerprint_is_not_compared_and_the_part_that_differs_is_named(project: pytest.Pytester) -> None:
    save(project)
    file = project.path / FILE
    edit(file, fingerprint={**read(file).fingerprint, "kernel": "Linux 2.4", "governor": "powersave"})
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*not compared*kernel was 'Linux 2.4' and is 'Linux *', governor was 'powersave' and is '*"])


def test_another_setting_of_the_rig_is_another_fingerprint(project: pytest.Pytester) -> None:
    save(project).assert_outcomes(passed=1)
    rig_files.write(project.path, quick=rig_files.QUICK.replace("100 ms", "200 ms"))
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*not compared*rig config was '*' and is '*'*"])


def test_replacing_a_baseline_wants_a_reason_and_keeps_it(project: pytest.Pytester) -> None:
    save(project)
    before = (project.path / FILE).read_text()
    result = save(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{FILE}: there is a baseline of * already (first): *--villas-baseline-reason=*"])
    assert (project.path / FILE).read_text() == before
    save(project, "--villas-baseline-reason=new gateway").assert_outcomes(passed=1)
    assert [saved.reason for saved in read(project.path / FILE).saved] == ["first", "new gateway"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"format": "pytest-villas.baseline", "version": 99}', "is pytest-villas.baseline version 99*a newer one wrote it"),
        ('{"format": "pytest-villas.baseline", "version": 1}', "version 1, is damaged"),
        ('{"format": "pytest-vil', "is damaged, or no pytest-villas.baseline"),
    ],
)
@pytest.mark.parametrize("mode", ["save", "compare"])
def test_a_baseline_that_cannot_be_read_fails_the_test_and_is_not_overwritten(
    project: pytest.Pytester, content: str, says: str, mode: str
) -> None:
    file = project.path / FILE
    file.parent.mkdir(parents=True)
    file.write_text(content)
    result = project.runpytest_subprocess("--rig=quick", f"--villas-baseline={mode}", "--villas-baseline-reason=so")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{file}: {says}*"])
    assert file.read_text() == content


def test_figures_of_runs_of_which_nothing_can_be_said_are_neither_saved_nor_compared(project: pytest.Pytester) -> None:
    # so short a response does not tell which answer belongs to which sample
    unknown = rig_files.QUICK.replace("[match]", '[match]\nby = "waveform"')
    saved = ONCE.replace("assert runs.delivery.lost == 0", "assert runs")
    project.makepyfile(test_kept=saved)
    save(project).assert_outcomes(passed=1)
    before = (project.path / FILE).read_text()
    rig_files.write(project.path, quick=unknown)
    result = save(project, "--villas-baseline-reason=why not")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*no baseline was saved: 1 of 1 runs have no gap received p50: insufficient_record: *"])
    assert (project.path / FILE).read_text() == before


def test_a_figure_that_new_runs_do_not_have_is_inconclusive_with_the_reason() -> None:
    known = [record.RunRecord(id="", test="", number=i, rig="", times={"latency": {"p99": 300_000}}) for i in range(8)]
    stepped = [record.RunRecord(id="", test="", number=i, rig="", unsaid={"latency": "a clock was stepped"}) for i in range(8)]
    series = Series(stimulus="", runs=8, figures=figures_of(known, ["latency_p99"]))
    for now, expected in ((known, "PASS"), (stepped, "INCONCLUSIVE"), (known[1:] + stepped[:1], "INCONCLUSIVE")):
        found = compare_runs(series, now, {"latency_p99": 0.1}, "before")["latency_p99"]
        assert found.outcome.value == expected
        assert expected == "PASS" or found.why.endswith("have no latency p99: a clock was stepped")


def test_a_test_that_fails_saves_no_baseline(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=ONCE + "\n        assert False\n")
    result = save(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no baseline was saved, for the test did not pass*"])
    assert not (project.path / FILE).exists()


def test_what_was_impaired_is_no_baseline(project: pytest.Pytester) -> None:
    result = save(project, "--villas-impair=loss=1%")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (project.path / FILE).exists()


def test_a_folder_that_cannot_be_written_is_told_and_changes_no_verdict(project: pytest.Pytester) -> None:
    (project.path / "baselines").write_text("a file")
    result = save(project)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_it*: the baseline could not be written: *"])


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_stale_baselines_are_listed_and_those_of_other_files_are_not(
    project: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    save(project)
    file = project.path / FILE
    for name, test in (
        ("gone", "test_kept.py::test_gone"),
        ("other", "test_other.py::test_it"),
        ("lost", "test_lost.py::test_it"),
    ):
        copy = file.with_name(f"{name}.json")
        copy.write_text(file.read_text())
        edit(copy, test=test)
    (project.path / "test_other.py").write_text("def test_it(): pass")
    result = compare(project, "test_kept.py", "-k", "nothing", *processes)
    output = result.stdout.str()
    assert output.count("gone.json: stale: test_kept.py::test_gone asks for no baseline any more") == 1
    assert output.count("lost.json: stale: test_lost.py::test_it") == 1
    assert "other.json" not in output
    assert "test_it.json" not in output


def test_baselines_lie_where_the_project_says(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nbaseline_dir = kept/here\n")
    save(project)
    assert (project.path / FILE.replace("baselines", "kept/here")).is_file()


def test_a_stimulus_that_changed_is_not_compared(project: pytest.Pytester) -> None:
    save(project)
    project.makepyfile(test_kept=ONCE.replace("rate=200", "rate=250"))
    result = compare(project)
    assert result.ret == 11
    result.stdout.fnmatch_lines(["*the baseline has no run of this stimulus*", "*the baseline has runs of a stimulus*"])


def test_a_figure_that_there_is_not_is_a_usage_error(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=ONCE.replace("gap_received_p50", "latency_p98"))
    result = save(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*baseline(latency_p98=...): no such figure, did you mean 'latency_p9*"])


GOLDEN = """
    import pytest
    from pytest_villas import generate

    @pytest.mark.baseline(gap_received_p50="50 %", tube="1 %")
    def test_it(rig, baseline):
        rig.replay(generate.three_phase(rate=200, duration=0.2), runs=baseline.runs)
"""


def test_a_golden_response_is_kept_and_held_in_a_tube(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=GOLDEN)
    save(project).assert_outcomes(passed=1)
    compare(project).assert_outcomes(passed=1)
    result = compare(project, "--villas-impair=offset=50")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*FAIL: golden va samples out of the tube*"])


def test_a_golden_response_that_was_changed_is_found_out(project: pytest.Pytester) -> None:
    project.makepyfile(test_kept=GOLDEN.replace("runs=baseline.runs", "runs=1"))
    save(project)
    golden = next(project.path.glob("baselines/quick/test_kept/*.npz"))
    content = bytearray(golden.read_bytes())
    content[len(content) // 2] ^= 1
    golden.write_bytes(bytes(content))
    result = compare(project)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{golden}: is damaged, or not the golden response that was stored*"])


def test_a_full_disk_leaves_the_old_baseline(project: pytest.Pytester) -> None:
    save(project)
    before = (project.path / FILE).read_text()
    project.makeconftest("""
        import errno
        import pytest_villas.report.files as files

        def full(path, content):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        files.write = full
    """)
    result = save(project, "--villas-baseline-reason=so")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*the baseline could not be written: *No space left on device*"])
    assert (project.path / FILE).read_text() == before
