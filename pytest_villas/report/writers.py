"""Which suffix of `--villas-report=FILE` writes what.

A writer is a module with `write(session, path, root)`, which raises OSError where the file cannot be written, and `check(path)`, which
raises ConfigError for a file that is there and that is not its own to overwrite. It is imported when its suffix is asked for.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from pytest_villas.errors import ConfigError

if TYPE_CHECKING:  # a session without a report does not need msgspec
    from pytest_villas.report.record import SessionRecord

WRITERS: Final = {
    ".json": "pytest_villas.report.as_json",
    ".html": "pytest_villas.report.page.html",
    ".jsonl": "pytest_villas.report.events",
    ".prom": "pytest_villas.report.openmetrics",
    ".txt": "pytest_villas.report.openmetrics",
}


class Writer(Protocol):
    """One kind of report."""

    def write(self, session: SessionRecord, path: Path, root: Path) -> None:
        """Write the report; `root` is what folders are relative to. Raises OSError."""

    def check(self, path: Path) -> None:
        """Raise ConfigError where `path` is a file that is not to be overwritten."""


def writer_for(path: Path) -> Writer:
    """Return the writer for a file, by its suffix; ConfigError where there is none."""
    module = WRITERS.get(path.suffix)
    if module is None:
        raise ConfigError(f"--villas-report={path}: the suffix says what is written, one of {', '.join(WRITERS)}")
    return cast("Writer", import_module(module))


def write_all(session: SessionRecord, paths: Sequence[Path], root: Path) -> list[str]:
    """Write every report. Returns a line for each that could not be written."""
    problems = []
    for path in paths:
        try:
            writer_for(path).write(session, path, root)
        except Exception as error:  # noqa: BLE001 - no fault of a report may cost a verdict, or another report
            problems.append(f"--villas-report={path}: could not be written: {reason(error)}")
    return problems


def reason(error: Exception) -> str:
    """Say what went wrong: of the system in its words, else with its kind and where it was, for it is a fault of ours."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"
