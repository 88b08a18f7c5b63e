"""Text for many samples at once: one template for all samples of a kind, filled through a table of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from pytest_villas.formats import cells
from pytest_villas.formats.messages import Messages
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Samples

_FEW: Final = 32
"""Fewer rows than these are written faster one by one."""
_ROWS: Final = 2048
"""So many rows are in the table at a time, which then stays in the cache."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The values for one place of a template: `text` writes one of them, `cells` many, or nothing does."""

    values: Column | list[str]
    text: Callable[[Any], str] = str
    cells: cells.Writer | None = None

    @classmethod
    def integers(cls, values: Column, digits: int = 1) -> Slot:
        """Write integers with at least so many digits."""
        return cls(values, f"%0{digits}d".__mod__, partial(cells.integers, digits=digits))


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


def render(template: str, slots: Mapping[str, Slot], count: int) -> Messages:
    """Fill the marks of `template` for `count` samples."""
    pieces = template.split("\0")
    literals, used = pieces[::2], [slots[name] for name in pieces[1::2]]
    writers = [slot.cells for slot in used if slot.cells is not None]
    if count < _FEW or len(writers) < len(used):
        return Messages.of(_one_by_one(literals, used, range(count)))
    blobs: list[bytes] = []
    sizes: list[Int64s] = []
    scratch = np.empty(0, np.uint8)
    for first in range(0, count, _ROWS):
        rows = slice(first, min(first + _ROWS, count))
        parts = [write(np.asarray(slot.values[rows])) for write, slot in zip(writers, used, strict=True)]
        odd = np.flatnonzero(np.logical_or.reduce([part.odd for part in parts])) if parts else np.empty(0, np.int64)
        width = sum(map(len, map(str.encode, literals))) + sum(part.width for part in parts)
        shape = (rows.stop - first, -(-width // 8) * 8)
        if scratch.size < shape[0] * shape[1]:
            scratch = np.empty(shape[0] * shape[1], np.uint8)
        table = scratch[: shape[0] * shape[1]].reshape(shape)
        table.fill(0)
        at = cells.literal(table, 0, literals[0])
        for part, literal in zip(parts, literals[1:], strict=True):
            part.fill(table, at)
            at = cells.literal(table, at + part.width, literal)
        texts = _one_by_one(literals, used, (odd + first).tolist())
        blob, lengths = cells.written(table, odd, texts)
        blobs.append(blob)
        sizes.append(lengths)
    return Messages(np.append(0, np.cumsum(np.concatenate(sizes))), np.frombuffer(b"".join(blobs), np.uint8))


def _one_by_one(literals: Sequence[str], slots: Sequence[Slot], rows: Sequence[int]) -> list[bytes]:
    texts = [[literals[0]] * len(rows)]
    for slot, literal in zip(slots, literals[1:], strict=True):
        values = slot.values if isinstance(slot.values, list) else slot.values[rows].tolist()
        texts += [list(map(slot.text, values)), [literal] * len(rows)]
    return ["".join(row).encode() for row in zip(*texts, strict=True)]


def by_kind(samples: Samples, write: Callable[[Samples, Kind], Messages]) -> Messages:
    """Write samples kind by kind, and return their texts in the order of the samples."""
    kinds = list(_kinds(samples))
    if len(kinds) == 1:
        return write(samples, kinds[0][1])
    texts = [b""] * len(samples)
    for chosen, kind in kinds:
        for i, text in zip(chosen.tolist(), write(samples[chosen], kind), strict=True):
            texts[i] = text
    return Messages.of(texts)


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
    for key in [int(keys[0])] if np.all(keys == keys[0]) else np.unique(keys).tolist():
        origin, received, sequence, frame, simulation = (bool(key >> i & 1) for i in range(len(bits)))
        yield np.flatnonzero(keys == key), Kind(origin, received, sequence, frame, simulation, key >> len(bits))
