"""One figure: something of ours, and a peer that does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared. `ours` and `theirs` return seconds; they are called in turn.

    Attributes:
        name: of the figure.
        peer: what it is held against, with its settings.
        ours, theirs: one measurement each.
        reach: the greatest ratio that is good enough.
    """

    name: str
    peer: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    reach: float

    def ratio(self) -> float:
        """Measure both, one right after the other."""
        ours = self.ours()
        return ours / self.theirs()
