"""Whose fault it was: a failure of the device, a measurement that says nothing, or a rig that broke."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_villas.errors import LimitsNotKept, RigError

if TYPE_CHECKING:  # they bring NumPy and SciPy, which a session without a rig does not need
    import pytest

    from pytest_villas.measure import Verdict

Status = Literal["failed", "broken", "undecided"]
RIG_BROKE: Final = 10
"""Exit status: a rig broke, and nothing failed."""
UNDECIDED: Final = 11
"""Exit status: nothing failed, and some measurements were invalid or inconclusive."""

_PROPERTY = "villas_status"
_SHOWN = {"broken": ("error", "B", "RIG BROKE"), "undecided": ("failed", "I", "INCONCLUSIVE")}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def verdict_of(comparison: str, left: Any, right: Any) -> Verdict | None:
    """Return the verdict of a comparison of which one side is a measure; None for any other."""
    # where nobody imported what makes measures, there are none
    measures = sys.modules.get("pytest_villas.measure.estimate")
    if measures is None or comparison not in _MIRRORED:
        return None
    verdict: Verdict | None = None
    if isinstance(left, measures.Measure):
        verdict = left.judge(comparison, right)
    elif isinstance(right, measures.Measure):
        verdict = right.judge(_MIRRORED[comparison], left)
    return verdict


def classify(error: BaseException, compared: Iterable[Verdict]) -> Status:
    """Tell what the error that ended a test says. `compared` are the verdicts of comparisons that did not hold."""
    if isinstance(error, RigError):
        return "broken"
    if isinstance(error, LimitsNotKept):
        return "failed" if error.failed else "undecided"
    if isinstance(error, AssertionError):
        for verdict in compared:
            if verdict.outcome.name in {"INCONCLUSIVE", "INVALID"} and verdict.lines()[0] in str(error):
                return "undecided"
    return "failed"


def mark(report: pytest.TestReport, status: Status) -> None:
    """Leave the status on a report, with which it travels between the processes of pytest-xdist."""
    report.user_properties.append((_PROPERTY, status))


def status_of(report: Any) -> Status | None:
    """Return the status of a report that was marked."""
    return dict(getattr(report, "user_properties", ())).get(_PROPERTY)


def shown(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Return category, letter and word for a report that is no plain failure."""
    return _SHOWN.get(status_of(report) or "")


def exit_status(status: int, reports: Iterable[Any]) -> int:
    """Return pytest's own status, or 10 or 11 where nothing failed and still nothing can be said.

    Args:
        status: pytest's own.
        reports: of the tests that failed or had an error.
    """
    if status != 1:  # interrupted, a wrong option, no tests, or all passed
        return status
    statuses = {status_of(report) for report in reports}
    if "broken" in statuses and statuses <= {"broken", "undecided"}:
        return RIG_BROKE
    return UNDECIDED if statuses == {"undecided"} else status
