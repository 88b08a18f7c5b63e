"""Text for many samples at once: one %-template for all samples of a kind, and exceptions for the values it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s, Samples


@dataclass(frozen=True, slots=True)
class Slot:
    """The values for one place of a template: `spec` writes them, `text` those that are `odd`."""

    spec: str
    values: Sequence[Any]
    odd: npt.NDArray[np.bool_] | None = None
    text: Callable[[Any], str] = str


class Kind(NamedTuple):
    """What a sample has; samples of one kind share a template."""

    origin: bool
    received: bool
    sequence: bool
    new_frame: bool
    new_simulation: bool
    length: int


def mark(name: str) -> str:
    """Return the mark that stands in a template for the slot of that name."""
    return f"\0{name}\0"


def render(template: str, slots: Mapping[str, Slot], count: int) -> list[str]:
    """Fill the marks of `template` for `count` samples."""
    pieces = template.split("\0")
    literals, used = pieces[::2], [slots[name] for name in pieces[1::2]]
    if not used:
        return [template] * count
    pattern = literals[0].replace("%", "%%")
    for slot, literal in zip(used, literals[1:], strict=True):
        pattern += slot.spec + literal.replace("%", "%%")
    rows = list(map(pattern.__mod__, zip(*(slot.values for slot in used), strict=True)))
    odd = [slot.odd for slot in used if slot.odd is not None]
    if odd:
        for i in np.flatnonzero(np.logical_or.reduce(odd)).tolist():
            texts = [s.text(s.values[i]) if s.odd is not None and s.odd[i] else s.spec % s.values[i] for s in used]
            rows[i] = literals[0] + "".join(text + literal for text, literal in zip(texts, literals[1:], strict=True))
    return rows


def by_kind(samples: Samples, write: Callable[[Samples, Kind], list[str]]) -> list[str]:
    """Write samples kind by kind, and return their texts in the order of the samples."""
    kinds = list(_kinds(samples))
    if len(kinds) == 1:
        return write(samples, kinds[0][1])
    texts = [""] * len(samples)
    for chosen, kind in kinds:
        for i, text in zip(chosen.tolist(), write(samples[chosen], kind), strict=True):
            texts[i] = text
    return texts


def _kinds(samples: Samples) -> Iterator[tuple[Int64s, Kind]]:
    bits = (
        samples.origin != NO_TIME,
        samples.received != NO_TIME,
        samples.sequence != NO_SEQUENCE,
        samples.new_frame,
        samples.new_simulation,
    )
    keys = samples.length << len(bits)
    for i, bit in enumerate(bits):
        keys = keys | (bit.astype(np.int64) << i)
    for key in np.unique(keys).tolist():
        origin, received, sequence, frame, simulation = (bool(key >> i & 1) for i in range(len(bits)))
        yield np.flatnonzero(keys == key), Kind(origin, received, sequence, frame, simulation, key >> len(bits))
