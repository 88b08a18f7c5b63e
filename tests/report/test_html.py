"""`--villas-report=FILE.html`: one file that asks nobody for anything, and that a browser draws."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import parts
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from report.browser import Page, browser

from pytest_villas.report.record import RigRecord, VerdictRecord
from pytest_villas.report.traces import spectrum

EVIL = "<script>alert(1)</script>\"'&"
TESTS = f"""
    import pytest
    from pytest_villas import generate

    STIMULUS = generate.three_phase(magnitude=325, rate=1000, duration=1.5)

    @pytest.mark.parametrize("name", [{EVIL!r}], ids=repr)
    def test_it(rig, name):
        run = rig.replay(STIMULUS)
        assert run.fidelity["va"].nrmse < 0.5
        run.judge(latency_p50="1 s", tve=dict(limit="50 %", cycles=5))
        assert run.fidelity["va"].tube(atol=20), name

    def test_good(rig):
        assert rig.replay(STIMULUS).delivery.sent == 1500
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of two real runs, one of which leaves its tube."""
    parts.module("plotly", "report")
    folder = tmp_path_factory.mktemp("report")
    (folder / "test_evil.py").write_text("\n".join(line[4:] for line in TESTS.splitlines()))
    (folder / "pytest.ini").write_text("[pytest]")
    options = ["--rig=loopback", "--villas-report=report.html", "--villas-impair=loss=2%+noise=5%", "-p", "no:cacheprovider"]
    done = parts.pytest_in(folder, *options)
    assert done.returncode == 1, done.stdout
    return folder / "report.html"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


class Collector(HTMLParser):
    """Collects tags, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.fetched += [value or "" for name, value in attrs if name in {"src", "srcset", "data", "action", "poster"}]
        if tag in {"a", "link", "use", "image"}:
            self.fetched += [
                value or "" for name, value in attrs if name in {"href", "xlink:href"} and not (value or "").startswith("#")
            ]


def collected(report: Path) -> Collector:
    collector = Collector()
    collector.feed(report.read_text())
    return collector


def test_nothing_is_fetched_from_anywhere(report: Path) -> None:
    assert collected(report).fetched == []
    assert "@import" not in report.read_text()
    assert "default-src 'none'" in report.read_text()


def test_names_of_tests_are_text_and_no_markup(report: Path) -> None:
    text = report.read_text()
    assert "<script>alert" not in text
    assert html.escape("<script>alert(1)", quote=False) in text
    assert collected(report).tags.count("script") == 4, "two payloads, the library and the page's own"


def test_anchors_are_unique_and_every_link_leads_somewhere(report: Path) -> None:
    ids = collected(report).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', report.read_text())) <= set(ids)


def test_it_says_what_was_asked_what_it_is_and_what_measured(report: Path) -> None:
    text = report.read_text()
    for words in ("latency p50 &lt;= 1 s", "out of the tube", "FAIL", "PASS", "comparison in the test", "CPython", "sp"):
        assert words in text
    assert re.search(r"capture\.npz.*?<code>[0-9a-f]{64}</code>", text, re.DOTALL)
    assert "villas-rig replay .villas/runs/" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_it_on_every_screen_without_a_request_or_a_complaint(
    report: Path, page: Page, width: int, scheme: str
) -> None:
    page.requests.clear()
    page.show(report, width=width, scheme=scheme)
    assert page.draw_all() == 2
    assert {url for url in page.requests if not url.startswith("data:")} <= {report.resolve().as_uri()}
    assert page.complaints == []
    assert page.ask("document.documentElement.scrollWidth") <= width, "nothing sticks out to the side"
    paper = page.ask("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_without_scripts_the_runs_and_their_pictures_are_there(report: Path, page: Page) -> None:
    page.show(report, script=False)
    assert page.count("svg.v-plot") == 2


def test_it_can_be_used_with_the_keyboard_alone(report: Path, page: Page) -> None:
    page.show(report)
    page.press("Tab")
    assert page.ask("document.activeElement.textContent") == "Skip to the runs"
    assert page.ask("document.activeElement.getBoundingClientRect().left") >= 0, "it is seen once it has the focus"
    page.wait("document.querySelector('[data-chart=tails] .main-svg')")
    page.ask("document.querySelector('[data-chart=signals]').focus()")
    page.press("+")
    page.wait("document.querySelector('[data-chart=signals]').layout.xaxis.range[0] > 0.1")
    page.press("0")
    page.wait("document.querySelector('[data-chart=signals]').layout.xaxis.range[0] === 0")
    assert page.ask(
        "[...document.querySelectorAll('select, button')].every((each) => each.labels?.length || each.textContent.trim())"
    )


def test_zooming_to_the_worst_shows_where_the_response_is_farthest_off(report: Path, page: Page) -> None:
    page.show(report)
    page.wait("document.querySelector('[data-chart=tails] .main-svg')")
    chart = "document.querySelector('[data-chart=signals]')"
    residual = f"{chart}.data.find((trace) => trace.name === 'response less reference').y.map(Math.abs)"
    whole = page.ask(f"Math.max(...{residual})")
    page.ask("document.querySelector('[data-act=worst]').click()")
    page.wait(f"{chart}.layout.xaxis.range[0] > 0 || {chart}.layout.xaxis.range[1] < 1.4")
    assert page.ask(f"Math.max(...{residual})") == whole
    assert "outside of the tube" in page.ask(f"{chart}.data.map((trace) => trace.name).join()")


@given(values=arrays.arrays(np.float64, st.integers(50, 400), elements=st.floats(-1e6, 1e6) | st.just(float("nan"))))
def test_thinning_out_loses_no_extreme_and_no_gap(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    parts.module("tsdownsample", "report")
    from pytest_villas.report.page.payload import thinned  # noqa: PLC0415 - it needs the extra

    picked = thinned(values, 24)
    assert (np.diff(picked) > 0).all()
    assert (picked[0], picked[-1]) == (0, values.size - 1)
    shown = values[picked]
    assert np.isnan(shown).any() == np.isnan(values).any()
    if not np.isnan(values).all():
        assert (np.nanmin(shown), np.nanmax(shown)) == (np.nanmin(values), np.nanmax(values))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("my diary", "is no report of pytest-villas; it is not overwritten"),
        ('<meta name="generator" content="pytest-villas report 9">', "is a report of version 9*it is not overwritten"),
    ],
)
def test_what_is_no_report_of_ours_is_not_overwritten(pytester: pytest.Pytester, content: str, says: str) -> None:
    (pytester.path / "report.html").write_text(content)
    result = pytester.runpytest_subprocess("--villas-report=report.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*report.html: {says}*"])
    assert (pytester.path / "report.html").read_text() == content


def test_a_missing_package_is_named_with_its_extra_before_anything_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import importlib.util

        def test_it():
            raise AssertionError("this must not run")
    """)
    pytester.makeconftest("""
        import importlib.util
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "tsdownsample" else found(name, *rest)
    """)
    result = pytester.runpytest_subprocess("-p", "conftest", "--villas-report=report.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*an HTML report needs tsdownsample: pip install 'pytest-villas[[]report]'*"])


def test_runs_whose_files_are_gone_are_reported_by_their_figures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import shutil
        from pytest_villas import generate

        def test_it(rig):
            run = rig.replay(generate.three_phase(rate=500, duration=0.7))
            assert run.delivery.sent == 350
            (run.folder / "response.npz").write_bytes(b"PK")
    """)
    result = pytester.runpytest_subprocess("--rig=loopback", "--villas-report=report.html")
    assert result.ret == 0
    text = (pytester.path / "report.html").read_text()
    assert "no charts: " in text
    assert "response.npz: no recording" in text
    assert "350" in text


@pytest.mark.parametrize(
    ("limits", "limit", "says"),
    [
        ({"latency_p99": "2 ms"}, 2_000_000, "latency_p99, lab1.toml"),
        ({"latency_p99": "2 ms"}, 3_000_000, "latency_p99, by the test"),
        ({}, 3_000_000, "latency_p99, by the test"),
    ],
)
def test_the_source_of_a_limit_is_the_rig_file_only_where_that_says_the_same(
    limits: dict[str, str], limit: int, says: str
) -> None:
    parts.module("tsdownsample", "report")
    from pytest_villas.report.page.view import source  # noqa: PLC0415 - it needs the extra

    verdict = VerdictRecord(outcome="PASS", what="latency p99", comparison="<=", limit=limit, unit="ns", name="latency_p99")
    assert source(verdict, RigRecord(name="lab1", file="lab1.toml", limits=dict(limits))) == says


@pytest.mark.parametrize(
    ("limits", "name", "limit", "says"),
    [
        ({"tube": {"atol": 5}}, "tube", 0, "tube, lab1.toml or the test"),
        ({"tube": {"rtol": "1 %", "dt": "1 ms"}}, "tube", 0, "tube, lab1.toml or the test"),
        ({"bit_exact": True}, "bit_exact", 0, "bit_exact, lab1.toml or the test"),
        ({"nrmse": 0.1, "v_*": {"tube": {"atol": 5}}}, "tube", 0, "tube, lab1.toml or the test"),
        ({"v_*": {"offset": 5}}, "offset", 5, "offset, lab1.toml"),
        ({"v_*": {"offset": 5}}, "offset", 4, "offset, by the test"),
        ({"tube": False}, "tube", 0, "tube, by the test"),
        ({"nrmse": 0.1}, "tube", 0, "tube, by the test"),
        ({"drift": 20}, "drift", 2e7, "drift, lab1.toml or the test"),  # of a version that took it for 20 s in each second
    ],
)
def test_the_source_of_a_limit_on_channels_is_known_as_far_as_it_can_be(
    limits: dict[str, Any], name: str, limit: float, says: str
) -> None:
    parts.module("tsdownsample", "report")
    from pytest_villas.report.page.view import source  # noqa: PLC0415 - it needs the extra

    comparison = "<=" if name == "offset" else "=="
    verdict = VerdictRecord(outcome="PASS", what="fidelity v_a", comparison=comparison, limit=limit, unit="", name=name)
    assert source(verdict, RigRecord(name="lab1", file="lab1.toml", limits=limits)) == says


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("t[50:] += 0.02", "the values are not evenly spaced in time, least so after 0.049 s, and are not resampled"),
        ("y[3] = np.nan", "1 of 100 values are not finite"),
        ("y[3] = 1e200", "the values are too large"),
        ("t, y = t[:9], y[:9]", "9 values are too few, at least 16 are needed"),
    ],
)
def test_where_there_is_no_spectrum_it_is_said_why(change: str, says: str) -> None:
    names: dict[str, Any] = {"np": np, "t": np.arange(100) / 1000, "y": np.sin(np.arange(100.0))}
    assert not isinstance(spectrum(names["t"], names["y"]), str)
    exec(change, names)
    assert spectrum(names["t"], names["y"]) == says


def test_the_page_says_why_there_is_no_spectrum(report: Path, page: Page) -> None:
    page.show(report)
    page.wait("document.querySelector('[data-chart=tails] .main-svg')")
    note = "document.querySelector('[data-part=spectrum-note]').textContent"
    page.wait(f"{note}.startsWith('None: reference: the values are not evenly spaced in time')")


def test_phasors_are_drawn_of_each_channel_that_was_judged_by_them(report: Path, page: Page) -> None:
    page.show(report)
    assert page.draw_all() == 2
    assert page.ask("[...document.querySelectorAll('[data-part=phasors]')].map((part) => part.hidden)") == [False, True]
    page.ask("document.querySelector('[data-part=phasors]').open = true")
    for channel in range(3):
        page.ask(
            f"(() => {{ const choice = document.querySelector('[data-part=channel]'); choice.value = {channel};"
            " choice.dispatchEvent(new Event('change')); })()"
        )
        name = page.ask("document.querySelector('[data-part=channel]').selectedOptions[0].text")
        page.wait(
            f"document.querySelector('[data-part=phasors-note]').textContent === 'Of {name}: nominal 50 Hz, 50 a second, each over 5 cycles.'"
        )
        page.wait("document.querySelectorAll('[data-chart=phasors] .scatterlayer .js-line').length === 4")
    assert page.complaints == []
