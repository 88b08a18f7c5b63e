"""`Messages`: many payloads as one block of bytes, so that nothing keeps one Python object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from pytest_villas.samples import Int64s

Payload: TypeAlias = bytes | bytearray | memoryview
Blob: TypeAlias = npt.NDArray[np.uint8]

_BLOCK = 4096
"""So many messages are Python objects at a time while one goes over them."""


@dataclass(frozen=True, slots=True, eq=False)
class Messages(Sequence[bytes]):
    """Payloads one after the other: message i is ``blob[offsets[i]:offsets[i + 1]]``. It reads as a sequence of `bytes`.

    Attributes:
        offsets: int64, shape (n + 1,), from 0 to the size of the blob.
        blob: uint8.
    """

    offsets: Int64s
    blob: Blob

    @classmethod
    def of(cls, payloads: Iterable[Payload]) -> Messages:
        """Join payloads, unless they are joined already."""
        if isinstance(payloads, Messages):
            return payloads
        given = [payload if type(payload) is bytes else bytes(payload) for payload in payloads]
        offsets = np.zeros(len(given) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, given), np.int64, len(given)), out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(given), np.uint8))

    @classmethod
    def even(cls, blob: Blob, size: int) -> Messages:
        """Cut a block into messages of `size` bytes; the last one takes what is left."""
        offsets = np.arange(0, blob.size + size, size)
        offsets[-1] = blob.size
        return cls(offsets, blob)

    @property
    def sizes(self) -> Int64s:
        """Bytes of each message, shape (n,)."""
        return np.diff(self.offsets)

    def chosen(self, which: Int64s) -> Messages:
        """Return the messages of these indices, which have one size."""
        size = int(self.offsets[which[0] + 1] - self.offsets[which[0]])
        return Messages.even(self.blob[self.offsets[which][:, None] + np.arange(size)].reshape(-1), size)

    def bundled(self, count: int) -> Messages:
        """Join every `count` messages to one; the last may consist of fewer."""
        return self if count == 1 else Messages(np.append(self.offsets[:-1:count], self.offsets[-1]), self.blob)

    def __len__(self) -> int:
        """Return n."""
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Messages: ...
    def __getitem__(self, index: int | slice) -> bytes | Messages:
        """Return one message as bytes, or some as `Messages`."""
        if isinstance(index, slice):
            first, end, step = index.indices(len(self))
            if step != 1:
                return Messages.of([self[i] for i in range(first, end, step)])
            edges = self.offsets[first : max(first, end) + 1]
            return Messages(edges - edges[0], self.blob[edges[0] : edges[-1]])
        at = range(len(self))[index]
        return self.blob[self.offsets[at] : self.offsets[at + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        """Go over the messages."""
        for first in range(0, len(self), _BLOCK):
            edges = self.offsets[first : first + _BLOCK + 1]
            start, data = int(edges[0]), self.blob[edges[0] : edges[-1]].tobytes()
            for begin, end in pairwise((edges - start).tolist()):
                yield data[begin:end]

    def __eq__(self, other: object) -> bool:
        """Tell whether the other one is a sequence of the same payloads."""
        if isinstance(other, Messages):
            return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.blob, other.blob)
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # as a list

    def __repr__(self) -> str:
        """Say how many there are, of how many bytes."""
        return f"Messages({len(self)}, {self.blob.size} bytes)"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel with no more of a block than the messages have."""
        return Messages, (self.offsets, np.array(self.blob))
