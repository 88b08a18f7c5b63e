"""Measures of several independent runs: times are judged together, everything else in each run, and the worst one counts."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any, TypeGuard

import numpy as np

from pytest_villas.measure.estimate import Count, Limit, Measure
from pytest_villas.measure.timing.deadline import Share
from pytest_villas.measure.timing.distribution import Distribution, Mean, Quantile, joined
from pytest_villas.measure.timing.gate import CONFIDENCE
from pytest_villas.measure.verdict import Verdict, worst

_PLAIN = (str, Number, type(None))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Worst(Measure):
    """One measure in each of several runs. A limit has to hold in all of them; the gravest verdict is that of all.

    `float()` gives the greatest of the estimates, NaN where one of them is not known.
    """

    parts: tuple[Measure, ...]

    @property
    def what(self) -> str:  # type: ignore[override]  # it follows from the parts
        """Its name in each run."""
        return self.parts[0].what

    @property
    def unit(self) -> str:  # type: ignore[override]  # it follows from the parts
        """Its unit in each run."""
        return self.parts[0].unit

    def judge(self, comparison: str, limit: Any) -> Verdict:
        """Compare in each run with the same limit, or with that run's part of another measure of the same runs."""
        limits = limit.parts if isinstance(limit, Worst) else [limit] * len(self.parts)
        return gravest([part.judge(comparison, of) for part, of in zip(self.parts, limits, strict=True)])

    def _takes(self, limit: object) -> TypeGuard[Limit]:
        return isinstance(limit, Worst) or Measure._takes(self, limit)  # noqa: SLF001 - its own

    def __abs__(self) -> Worst:
        return Worst(tuple(abs(part) for part in self.parts))  # type: ignore[arg-type]  # estimates have a size, counts raise

    def __float__(self) -> float:
        values = [float(part) for part in self.parts]
        return math.nan if any(map(math.isnan, values)) else max(values)

    def __int__(self) -> int:
        return max(int(part) for part in self.parts if isinstance(part, Count))

    def __repr__(self) -> str:
        """Say name and value in each run."""
        return f"<{self.what} in {len(self.parts)} runs: {', '.join(map(str, self.parts))}>"


class Each:
    """The same thing of several runs: its attributes, items and results are those of each run, put together by `across`.

    Length, truth, elements and membership are told where they are the same in all runs; else they raise TypeError.
    """

    __slots__ = ("_confidence", "_parts")

    def __init__(self, parts: Sequence[Any], confidence: float = CONFIDENCE) -> None:
        """Take one thing of each run, and the confidence of verdicts on their times."""
        self._parts, self._confidence = tuple(parts), confidence

    def __getattr__(self, name: str) -> Any:
        return across([getattr(part, name) for part in self._parts], self._confidence)

    def __getitem__(self, key: Any) -> Any:
        return across([part[key] for part in self._parts], self._confidence)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call each of them."""
        return across([part(*args, **kwargs) for part in self._parts], self._confidence)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the names, in the order of the first run; TypeError where not all runs have the same."""
        named = all(isinstance(part, Mapping) for part in self._parts)
        found = [list(part) for part in self._parts]
        first = found[0]
        if not all(set(other) == set(first) if named else _alike(other, first) for other in found):
            raise TypeError(self._unlike("elements", found))
        return iter(first)

    def __contains__(self, key: object) -> bool:
        return bool(self._common(f"whether {key!r} is there", [key in part for part in self._parts]))

    def __len__(self) -> int:
        return int(self._common("lengths", [len(part) for part in self._parts]))

    def __bool__(self) -> bool:
        return bool(self._common("truth", [bool(part) for part in self._parts]))

    def _common(self, what: str, found: list[int]) -> int:
        if len(set(found)) > 1:
            raise TypeError(self._unlike(what, found))
        return found[0]

    def _unlike(self, what: str, found: Sequence[object]) -> str:
        told = ", ".join(map(reprlib.repr, found))
        return f"the runs have no common answer: {what}: {told}; look at each run by itself: for run in runs: ..."

    def __repr__(self) -> str:
        """Say what it is in each run."""
        return f"<in {len(self._parts)} runs: {'; '.join(map(repr, self._parts))}>"


def _alike(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(a is b or bool(np.all(a == b)) for a, b in zip(one, other, strict=True))


def across(parts: Sequence[Any], confidence: float = CONFIDENCE) -> Any:
    """Put together what is the same thing in each of several runs.

    Times (quantiles, means, shares above a deadline) are judged on the samples of all runs; of other measures and of
    verdicts the worst run counts; text and numbers stay as they are where all runs have the same, else there is a tuple
    of them. Anything else becomes an `Each`.
    """
    first = parts[0]
    if isinstance(first, Quantile | Mean | Share):
        return replace(first, of=joined([part.of for part in parts], confidence))
    if type(first) is Distribution:
        return joined(parts, confidence)
    if isinstance(first, Measure):
        return Worst(tuple(parts))
    if isinstance(first, Verdict):
        return gravest(parts)
    if isinstance(first, _PLAIN):
        return first if all(part == first for part in parts) else tuple(parts)
    return Each(parts, confidence)


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the gravest of one verdict for each run; of several that is the first, and it says in which run it was."""
    outcome = worst(verdicts)
    number, found = next((i, verdict) for i, verdict in enumerate(verdicts, 1) if verdict.outcome is outcome)
    if found or len(verdicts) == 1:
        return found
    alike = sum(verdict.outcome is outcome for verdict in verdicts)
    others = "" if alike == 1 else f", and {alike - 1} more like it"
    return replace(found, why=f"run {number} of {len(verdicts)}{others}{f': {found.why}' if found.why else ''}")
