"""`--villas-report=FILE.html`: the whole session on one page, in one file."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pytest_villas.errors import ConfigError
from pytest_villas.report import files, svg
from pytest_villas.report.record import SessionRecord

VERSION: Final = 1
_GENERATOR: Final = re.compile(rb'<meta name="generator" content="pytest-villas report (\d+)">')
_HEAD: Final = 4096


def write(session: SessionRecord, path: Path, root: Path) -> None:
    """Write the page; OSError where that cannot be done."""
    files.write(path, render(session, root).encode())


def check(path: Path) -> None:
    """Refuse to overwrite what is no page of ours, or that of a newer version, and to begin where a package is missing."""
    _needed()
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            match = _GENERATOR.search(file.read(_HEAD))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; it is not overwritten") from None
    remedy = "it is not overwritten: remove it, or choose another name"
    if match is None:
        raise ConfigError(f"{path}: is no report of pytest-villas; {remedy}")
    if int(match[1]) > VERSION:
        raise ConfigError(
            f"{path}: is a report of version {int(match[1])}, and this pytest-villas writes version {VERSION}; {remedy}"
        )


def render(session: SessionRecord, root: Path) -> str:
    """Return the page. `root` is what the folders of runs are relative to."""
    _needed()
    import jinja2

    from pytest_villas.report.page import view

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    views = view.runs(session, root)
    text: str = environment.from_string(_text("page.html.jinja")).render(
        version=VERSION,
        project=root.resolve().name,
        session=session,
        runs=views,
        summary=view.summary(views),
        clock=view.clock,
        style=_text("page.css") + svg.STYLE,
        script=_text("page.js"),
        plotly=_plotly() if any(each.charts.payload for each in views) else "",
    )
    return text


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    from pytest_villas.report.page.payload import compressed

    return compressed(get_plotlyjs().encode())


def _needed() -> None:
    missing = [name for name in ("jinja2", "plotly", "tsdownsample") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"an HTML report needs {', '.join(missing)}: pip install 'pytest-villas[report]'")


def _text(name: str) -> Any:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
