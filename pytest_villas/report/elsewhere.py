"""The pictures of runs in the reports that pytest-html and Allure make, where those plugins are there and asked for one."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import pytest


def show(pictures: Iterable[Path], report: pytest.TestReport, config: pytest.Config) -> None:
    """Attach the pictures of a test's runs, SVG files in their folders, to its last report. Raises OSError.

    With pytest-xdist, pytest-html gets them with the report; Allure writes where the test ran.
    """
    if config.getoption("htmlpath", None):
        from pytest_html import extras  # noqa: PLC0415 - it is there where its option is

        for path in pictures:
            content = base64.b64encode(path.read_bytes()).decode()  # what is not base64 it takes for the name of a file
            report.extras = [*getattr(report, "extras", []), extras.svg(content, name=path.parent.name)]  # type: ignore[attr-defined]  # what pytest-html looks at
    if config.getoption("allure_report_dir", None):
        import allure  # noqa: PLC0415 - as above

        for path in pictures:
            allure.attach(path.read_bytes(), name=path.parent.name, attachment_type=allure.attachment_type.SVG)
