"""Values at the edge of what a double holds, and beyond: every report is made, and a browser draws it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import parts
import pytest
from report.browser import browser

from pytest_villas.report.record import read

RIG = """
[rig]
extends = "loopback"
[link]
config = "wide.conf"
"""
NODE = """
nodes = { echo = {
    type = "nanomsg", format = { type = "raw", bits = 64, fake = true }, signals = "3f"
    out = { endpoints = "ipc:///tmp/villas-wide.ipc" }, in = { endpoints = "ipc:///tmp/villas-wide.ipc" }
} }
"""
TESTS = """
import numpy as np
import pytest
from pytest_villas import Samples, generate

CHANGES = {
    "peaks": [(3, 1e308), (700, -1e308)],
    "all": [(slice(0, None, 2), 1.7e308), (slice(1, None, 2), -1.7e308)],
    "one level": [(slice(None), 1e308)],
    "denormal": [(slice(None), 1e-310), (5, 2e-310)],
    "a gap": [(slice(600, 640), np.nan)],
    "infinite": [(5, np.inf), (700, -np.inf)],
    "nothing": [(slice(None), np.nan)],
}

@pytest.mark.parametrize("name", CHANGES)
def test_it(rig, name):
    three = generate.three_phase(magnitude=325, rate=1000, duration=1)
    first = np.array(three["va"])
    for place, value in CHANGES[name]:
        first[place] = value
    run = rig.replay(Samples([first, *three.columns[1:3]], three.signals[:3], origin=three.origin))
    run.judge(tube={"rtol": 0.01}, allclose={"rtol": 0.1}, thd=0.1, tve=0.01, bode={"at": 50, "phase": 1},
              step={"overshoot": 0.1}, nrmse=0.1, offset=1)
    assert run.delivery.sent == 1001, "so that there is a black box"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session in which a warning would have been an error."""
    parts.module("plotly", "report")
    folder = tmp_path_factory.mktemp("extremes")
    (folder / "rigs").mkdir()
    (folder / "rigs" / "wide.toml").write_text(RIG)
    (folder / "rigs" / "wide.conf").write_text(NODE)
    (folder / "test_wide.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error")
    reports = [f"--villas-report=report.{suffix}" for suffix in ("html", "json", "jsonl", "prom")]
    done = parts.pytest_in(folder, "--rig=wide", *reports, "--junitxml=junit.xml", "-p", "no:cacheprovider")
    assert done.returncode == 1, done.stdout
    (folder / "said.txt").write_text(done.stdout)
    return folder


def test_every_run_is_in_every_report_with_its_picture_and_no_verdict_is_made_up(folder: Path) -> None:
    said = (folder / "said.txt").read_text()
    assert "7 failed" in said
    for trouble in ("could not be", "not complete", "Warning"):
        assert trouble not in said
    session = read(folder / "report.json")
    assert len(session.tests) == 7
    assert len(list(folder.glob(".villas/runs/*test_it*/plot.svg"))) == 7
    for picture in folder.glob(".villas/runs/*test_it*/plot.svg"):
        ET.fromstring(picture.read_text())
        assert "nan" not in picture.read_text().partition("</style>")[2].lower().replace("nanomsg", "")
    for name in ("report.html", "report.prom", "report.jsonl", "junit.xml"):
        assert (folder / name).stat().st_size > 1000, name
    for test in session.tests[:4]:
        told = {each.what: each.outcome for each in test.runs[0].verdicts if each.what.startswith("fidelity signal0")}
        assert told["fidelity signal0 thd"] == "INCONCLUSIVE", "squares of such values are none"


def test_a_browser_draws_them(folder: Path) -> None:
    with browser() as page:
        page.show(folder / "report.html")
        assert page.draw_all() == 7
        assert page.complaints == []
