"""A fault in what writes a report costs that report: it is said, and neither a verdict nor another report is lost."""

from __future__ import annotations

import pytest

from pytest_villas.report.record import read

TESTS = """
    from pytest_villas import generate

    def test_fails(rig):
        assert rig.replay(generate.three_phase(rate=500, duration=0.7)).delivery.sent == 7

    def test_passes(rig):
        assert rig.replay(generate.three_phase(rate=500, duration=0.7)).delivery.sent == 350
"""
WRITER = """
def check(path):
    pass

def write(session, path, root):
    raise RuntimeError("of no use")
"""


def test_a_writer_that_breaks_is_named_with_its_file_and_the_others_write(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS, own_writer=WRITER)
    pytester.makeconftest("""
        from pytest_villas.report.writers import WRITERS

        WRITERS[".own"] = "own_writer"
    """)
    options = ["--villas-report=first.own", "--villas-report=report.json", "--junitxml=junit.xml"]
    result = pytester.runpytest_subprocess("--rig=loopback", *options)
    assert result.ret == 1
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*--villas-report=*first.own: could not be written: RuntimeError: of no use (own_writer.py, line 5)"]
    )
    session = read(pytester.path / "report.json")
    assert [test.outcome for test in session.tests] == ["failed", "passed"]
    assert (pytester.path / "junit.xml").is_file()


def test_a_black_box_that_breaks_is_named_with_its_folder(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    pytester.makeconftest("""
        from pytest_villas.report import svg

        def picture(*_):
            raise RuntimeError("no pen")

        svg.picture = picture
    """)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret == 1
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*the black box of a run is not complete: *test_fails*: RuntimeError: no pen*"])
