"""What every format has in common: the `Codec` seam, and the base that turns two hooks into its four methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from pytest_villas.errors import DecodeError, EncodeError
from pytest_villas.formats.checks import check_samples
from pytest_villas.formats.messages import Messages, Payload
from pytest_villas.samples import Int64s, Samples, Signal


@dataclass(frozen=True, slots=True)
class Rejection:
    """A payload that was refused: its index in what was given, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What many payloads said.

    Attributes:
        samples: all samples of all sound payloads, in order.
        message: int64, shape (n,): the index of the payload that each sample came in.
        rejected: the broken payloads.
    """

    samples: Samples
    message: Int64s
    rejected: tuple[Rejection, ...]


class Codec(Protocol):
    """Samples to bytes and back, for one format with its options and one list of signals. Picklable."""

    @property
    def name(self) -> str:
        """VILLASnode's name of the format."""

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What a sample consists of; m below is their number."""

    def encode(self, samples: Samples) -> bytes:
        """Write one message with all samples. Raises EncodeError for what the format or its receiver cannot take."""

    def encode_many(self, samples: Samples, per_message: int = 1) -> Sequence[bytes]:
        """Write messages of `per_message` samples each (the last may have fewer). Raises EncodeError."""

    def decode(self, payload: Payload) -> Samples:
        """Read one message. Raises DecodeError where it is broken, foreign or of other types than declared."""

    def decode_many(self, payloads: Sequence[Payload]) -> Decoded:
        """Read many messages at once; broken ones are counted in `Decoded.rejected` and never raised."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of some payloads, and how many of them each payload carried."""

    samples: Samples
    counts: Sequence[int] | Int64s


@dataclass(frozen=True, slots=True)
class MessageCodec(ABC):
    """The four methods of a `Codec`, for a format that knows how to write and read many messages at once.

    Attributes:
        resolution: ns of which the format keeps whole multiples of a time stamp, the rest is cut off; 0 where it keeps all.
    """

    resolution: ClassVar[int] = 0
    name: str
    signals: tuple[Signal, ...]

    @abstractmethod
    def _write(self, samples: Samples, per_message: int) -> Sequence[bytes]:
        """Write at least one sample; signals and lengths have been checked already."""

    @abstractmethod
    def _read(self, payloads: Messages) -> Batch:
        """Read at least one payload; DecodeError where any of them is broken."""

    def _write_one(self, samples: Samples) -> bytes | None:  # noqa: ARG002 - by default there is no shorter way
        """Write a single sample, or None where `_write` has to: a format may have a shorter way for one."""
        return None

    def _read_one(self, payload: bytes) -> Samples | None:  # noqa: ARG002 - as above
        """Read a message with a single sample, or None where `_read` has to."""
        return None

    def encode(self, samples: Samples) -> bytes:
        """See `Codec.encode`."""
        if samples.length.size == 1 and (message := self._write_one(samples)) is not None:
            return message
        if not len(samples):
            raise EncodeError(f"{self.name}: no samples: a message carries at least one")
        return self.encode_many(samples, len(samples))[0]

    def encode_many(self, samples: Samples, per_message: int = 1) -> Messages:
        """See `Codec.encode_many`."""
        if per_message < 1:
            raise EncodeError(f"{self.name}: {per_message} samples a message: it has to be at least 1")
        if samples.length.size == 1 and (message := self._write_one(samples)) is not None:
            return Messages.of([message])
        check_samples(self.name, samples, self.signals)
        return Messages.of(self._write(samples, per_message) if len(samples) else [])

    def decode(self, payload: Payload) -> Samples:
        """See `Codec.decode`."""
        given = bytes(payload)
        found = self._read_one(given)
        return self._read_sound(Messages.of([given])).samples if found is None else found

    def decode_many(self, payloads: Sequence[Payload]) -> Decoded:
        """See `Codec.decode_many`."""
        given = Messages.of(payloads)
        if len(given) == 1 and (found := self._read_one(given[0])) is not None:
            return Decoded(found, np.zeros(1, np.int64), ())
        parts: list[Samples] = []
        messages: list[Int64s] = []
        rejected: list[Rejection] = []
        blocks = [(0, len(given))] if given else []
        # a block with something broken in it is halved until the broken payload is alone
        while blocks:
            first, end = blocks.pop()
            try:
                batch = self._read_sound(given if end - first == len(given) else given[first:end])
            except DecodeError as error:
                if end - first == 1:
                    rejected.append(Rejection(first, str(error)))
                else:
                    middle = (first + end) // 2
                    blocks += [(middle, end), (first, middle)]
            else:
                parts.append(batch.samples)
                single = len(batch.samples) == end - first and np.all(np.equal(batch.counts, 1))
                messages.append(np.arange(first, end) if single else np.repeat(np.arange(first, end), batch.counts))
        if not parts:
            empty = Samples([np.empty(0, signal.type.dtype) for signal in self.signals], self.signals)
            return Decoded(empty, np.empty(0, np.int64), tuple(rejected))
        samples = parts[0] if len(parts) == 1 else Samples.concat(parts)
        return Decoded(samples, messages[0] if len(messages) == 1 else np.concatenate(messages), tuple(rejected))

    def _read_sound(self, payloads: Messages) -> Batch:
        if not payloads.sizes.all():
            raise DecodeError(f"{self.name}: the payload is empty")
        return self._read(payloads)
