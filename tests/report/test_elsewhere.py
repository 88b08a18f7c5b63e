"""The reports of pytest-html and Allure, by the plugins themselves, show the picture of each run that did not pass."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import parts
import pytest
from report.browser import browser

TESTS = """
    from pytest_villas import generate

    STIMULUS = generate.three_phase(rate=500, duration=0.7)

    def test_fails_twice(rig):
        for _ in range(2):
            run = rig.replay(STIMULUS)
        assert run.delivery.sent == 7

    def test_passes(rig):
        assert rig.replay(STIMULUS).delivery.sent == 350

    def test_without_a_rig():
        assert 1 == 2
"""


def names(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob(".villas/runs/*/plot.svg")}


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_pytest_html_shows_the_picture_of_each_run_that_failed(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    parts.module("pytest_html", "pytest-html")
    pytester.makepyfile(TESTS)
    options = ["--rig=loopback", "--html=report.html", "--self-contained-html", *processes]
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.no_fnmatch_line("*could not be attached*")
    text = (pytester.path / "report.html").read_text()
    found = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", text)
    assert len(set(found)) == 2
    for content in found:
        assert ET.fromstring(base64.b64decode(content)).tag.endswith("svg")
    assert len(names(pytester.path)) == 2
    for name in names(pytester.path):
        assert name in text
    with browser() as page:
        page.show(pytester.path / "report.html")
        page.wait(
            "document.querySelectorAll('.media img').length >= 1 && document.querySelector('.media img').naturalWidth > 100"
        )


@pytest.mark.parametrize("processes", [(), ("-n2", "-p", "xdist")])
def test_allure_has_the_picture_of_each_run_that_failed(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    parts.module("allure", "allure-pytest")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--rig=loopback", "--alluredir=allure", *processes)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.no_fnmatch_line("*could not be attached*")
    folder = pytester.path / "allure"
    attached = {
        found["name"]: [(each["name"], each["type"], each["source"]) for each in found.get("attachments", [])]
        for found in map(json.loads, (path.read_text() for path in folder.glob("*-result.json")))
    }
    pictures = [each for each in attached["test_fails_twice[loopback]"] if each[1] == "image/svg+xml"]
    assert {name for name, _, _ in pictures} == names(pytester.path)
    for _, _, source in pictures:
        ET.fromstring((folder / source).read_text())
    assert not [each for each in attached["test_passes[loopback]"] if each[1] == "image/svg+xml"]
