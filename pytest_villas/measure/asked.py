"""Who is told of the verdicts that somebody asks for: without it a report would know only of those that did not hold.

A test compares, ``run.latency.p99 < 2 * ms``, and keeps nothing of what it was told. Whoever has to know of it listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # verdicts are told here
    from pytest_villas.measure.verdict import Verdict

Listener: TypeAlias = "Callable[[object, Verdict, str], None]"
"""Is told what was asked (a measure, a channel or a run), the verdict, and the name of the limit where it has one."""

Doubter: TypeAlias = "Callable[[Verdict], None]"
"""Is told of a verdict that is neither PASS nor FAIL and was taken for true or false."""

_listeners: list[Listener] = []
_doubters: list[Doubter] = []


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tell this listener, and no other, of every verdict that is asked for in here."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def doubted_by(doubter: Doubter) -> Iterator[None]:
    """Tell this one of every verdict that nobody knows and that is taken for true or false in here."""
    _doubters.append(doubter)
    try:
        yield
    finally:
        _doubters.remove(doubter)


def doubt(verdict: Verdict) -> None:
    """Tell whoever has to know that a verdict was taken for false that is no FAIL: ``not (x > y)`` is true then."""
    if _doubters:
        _doubters[-1](verdict)


def nobody(_source: object, _verdict: Verdict, _limit: str) -> None:
    """Hear nothing."""


def told(source: object, verdict: Verdict, limit: str = "") -> Verdict:
    """Tell whoever listens of a verdict, and return it."""
    if _listeners:
        _listeners[-1](source, verdict, limit)
    return verdict
