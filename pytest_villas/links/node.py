"""A VILLASnode nanomsg node of our own, spun up from a VILLASnode config: samples in, samples out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from pytest_villas import formats
from pytest_villas.config import Node
from pytest_villas.errors import DecodeError, LinkError, LinkTimeout
from pytest_villas.formats import Codec
from pytest_villas.links.link import Losses
from pytest_villas.links.nanomsg import QUEUE, NanomsgLink
from pytest_villas.links.waiting import readable
from pytest_villas.samples import Samples, signals_of
from pytest_villas.units import duration, format_duration, s

_BURST = QUEUE // 4
"""Messages that `write` sends before it waits for the queue to empty, so that none is dropped."""
_FLUSH_NS = 5 * s
_GLANCE_S = 0.1
"""How often `read` looks whether the engine still lives."""


class Engine(Protocol):
    """What carries the messages of a node: our own sockets, or a real VILLASnode that is between them and us."""

    link: NanomsgLink
    reader: Codec
    """How `link` says what the node received."""
    pause_s: float
    """How long to wait before each message, so that the engine does not lose it."""

    def payloads(self, samples: Samples, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Return what to send over `link` so that the node publishes these samples, which in its format are `messages`."""

    def check(self) -> None:
        """Raise RigError where it died, DecodeError where it refused messages since the last time it was asked."""

    def wait_connected(self, timeout: int, subscribers: int | None, publishers: int | None) -> None:
        """Wait until peers of the node are there, as `NanomsgLink.wait_connected`."""

    def close(self) -> None:
        """End it."""


@dataclass
class Embedded:
    """Sockets of our own."""

    link: NanomsgLink
    reader: Codec
    pause_s: float = 0.0

    @classmethod
    def open(cls, node: Node) -> Self:
        """Bind and connect what the node does."""
        reader = formats.codec(node.input.format, node.input.signals)
        return cls(NanomsgLink(node.output.endpoints, node.input.endpoints).open(), reader)

    def payloads(self, samples: Samples, messages: Sequence[bytes]) -> Sequence[bytes]:  # noqa: ARG002 - see `Engine`
        """They are published as they are."""
        return messages

    def check(self) -> None:
        """There is nothing that could die."""

    def wait_connected(self, timeout: int, subscribers: int | None, publishers: int | None) -> None:
        """See `Engine`."""
        self.link.wait_connected(timeout, subscribers, publishers)

    def close(self) -> None:
        """See `Engine`."""
        self.link.close()


class VillasNode:
    """An open node. `write` publishes on its `out.endpoints`, `read` takes what its `in.endpoints` delivered.

    Samples that arrive wait in order; each read takes the next ones. A message that cannot be decoded is an error of the
    read that meets it, and is gone with it; the samples around it are kept.
    """

    def __init__(self, node: Node, *, max_bytes: int = 1500, engine: Engine | None = None) -> None:
        """Open the node. Messages above `max_bytes` are refused, since a VILLASnode node cannot take them."""
        self.node = node
        self._writer = formats.codec(node.output.format, node.output.signals)
        self._max_bytes = max_bytes
        self._waiting: list[Samples] = []
        self._epoch = time.time_ns() - time.monotonic_ns()
        self._engine = engine or Embedded.open(node)
        self._link, self._reader = self._engine.link, self._engine.reader

    def __enter__(self) -> Self:
        """Return the node."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the node."""
        self.close()

    def wait_connected(self, timeout: float = 5.0, subscribers: int | None = None, publishers: int | None = None) -> None:
        """Wait until peers are there, by default one subscriber and every publisher; LinkTimeout after `timeout` s."""
        self._engine.wait_connected(duration(timeout * s), subscribers, publishers)

    def write(self, samples: Samples) -> None:
        """Publish samples, as many in a message as `out.vectorize` says.

        A node whose config declares no signals takes up to 64 floats.

        Raises EncodeError, before anything is sent, for what would harm a receiver: other types than the node declares,
        a message that is too long, a NaN in json.
        """
        if self.node.output.signals == signals_of(None):
            samples = samples.padded()
        messages = formats.messages(self._writer, samples, per_message=self.node.output.vectorize, max_bytes=self._max_bytes)
        payloads = self._engine.payloads(samples, messages)
        for start in range(0, len(payloads), _BURST):
            for payload in payloads[start : start + _BURST]:
                time.sleep(self._engine.pause_s)
                if not self._link.send(payload):
                    raise LinkError(f"node {self.node.name!r}: the send queue is full")
            self._flush()

    def read(self, count: int, timeout: float = 1.0) -> Samples:
        """Return the next `count` samples, with the time at which they were received.

        Of a node whose config declares no signals, as many signals are returned as came.

        Raises LinkTimeout where fewer come within `timeout` s; those that came wait for the next read. Raises
        DecodeError for a message that is not in the node's format, and RigError where the real VILLASnode that is the
        node's engine died.
        """
        end = time.monotonic_ns() + duration(timeout * s)
        while True:
            self._engine.check()
            if (have := sum(map(len, self._waiting))) >= count:
                break
            left = end - time.monotonic_ns()
            if left <= 0:
                raise LinkTimeout(
                    f"node {self.node.name!r}: {have} of {count} samples came within {format_duration(timeout * s)}"
                )
            if readable(self._link.fileno(), timeout=min(left / s, _GLANCE_S)):
                self._take()
        joined = Samples.concat(self._waiting) if self._waiting else self._reader.decode_many([]).samples
        self._waiting = [joined[count:]] if len(joined) > count else []
        taken = joined[:count]
        return taken.trimmed() if self.node.input.signals == signals_of(None) else taken

    def losses(self) -> Losses:
        """Return the messages that were lost in our own queues."""
        return self._link.losses()

    def close(self) -> None:
        """Close the sockets; what was written is given half a second to leave."""
        self._engine.close()

    def _take(self) -> None:
        """Move what has arrived from the link to the waiting samples."""
        arrived = []
        while (message := self._link.receive()) is not None:
            arrived.append(message)
        decoded = self._reader.decode_many([payload for _, payload in arrived])
        if len(decoded.samples):
            times = np.array([stamp for stamp, _ in arrived], np.int64) + self._epoch
            self._waiting.append(decoded.samples.replace(received=times[decoded.message]))
        if decoded.rejected:
            first = decoded.rejected[0]
            raise DecodeError(f"node {self.node.name!r}: {len(decoded.rejected)} of {len(arrived)} messages: {first.reason}")

    def _flush(self) -> None:
        end = time.monotonic_ns() + _FLUSH_NS
        while self._link.unsent():
            self._engine.check()
            if time.monotonic_ns() >= end:
                raise LinkTimeout(f"node {self.node.name!r}: a subscriber reads too slowly, its queue did not empty")
            time.sleep(0.001)
