"""One contest: something of ours and its peers, measured in turn, and what comes of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Measurement = Mapping[str, float]
"""What one round gives: numbers by the name of a metric, such as ``p99``; all in the unit of the contest."""

_SHORT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Who ours is held against.

    Attributes:
        name: with its settings.
        measure: one round.
        reach: for each metric the ratio that is good enough; a metric without one is shown all the same.
    """

    name: str
    measure: Callable[[], Measurement]
    reach: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared.

    Attributes:
        figure: what is measured.
        unit: of the numbers.
        ours: one round of ours.
        peers: the others.
        more_is_better: whether a ratio has to be at least its reach; else at most.
    """

    figure: str
    unit: str
    ours: Callable[[], Measurement]
    peers: tuple[Peer, ...]
    more_is_better: bool = False


@dataclass(slots=True)
class Rounds:
    """The rounds of one contest so far."""

    contest: Contest
    ours: list[Measurement] = field(default_factory=list)
    theirs: dict[str, list[Measurement]] = field(default_factory=dict)

    def play(self) -> None:
        """Measure everybody once, one right after the other; who begins changes from round to round."""
        turns = [(self.ours, self.contest.ours)]
        turns += [(self.theirs.setdefault(peer.name, []), peer.measure) for peer in self.contest.peers]
        first = len(self.ours) % len(turns)
        for kept, measure in (*turns[first:], *turns[:first]):
            kept.append(measure())

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each peer and metric: the median of the ratios of the rounds, the least and the greatest."""
        found = []
        for peer in self.contest.peers:
            theirs = self.theirs[peer.name]
            for metric in self.ours[0]:
                ratios = sorted(a[metric] / b[metric] for a, b in zip(self.ours, theirs, strict=True))
                ratio, reach = statistics.median(ratios), peer.reach.get(metric)
                holds = None if reach is None else bool(ratio >= reach if self.contest.more_is_better else ratio <= reach)
                found.append(
                    {
                        "figure": f"{self.contest.figure}, {metric}" if metric else self.contest.figure,
                        "peer": peer.name,
                        "ratio": float(f"{ratio:.4g}"),
                        "spread": [float(f"{ratios[0]:.4g}"), float(f"{ratios[-1]:.4g}")],
                        "reach": reach,
                        "holds": holds,
                        "ours": float(f"{statistics.median(each[metric] for each in self.ours):.4g}"),
                        "theirs": float(f"{statistics.median(each[metric] for each in theirs):.4g}"),
                        "unit": self.contest.unit,
                        "rounds": len(ratios),
                        "more_is_better": self.contest.more_is_better,
                    }
                )
        return found


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> Measurement:
    """Return how long it took by a clock; of two times in a row the second, where it takes less than three.

    Between two rounds the system may have taken pages back that were not used for minutes: to fetch them is not part of the work.
    """
    for _ in range(2):
        began = clock()
        work()
        taken = clock() - began
        if taken > _SHORT:
            break
    return {"": taken}
