"""A VILLASnode nanomsg node of our own, spun up from a VILLASnode config: samples in, samples out."""

from __future__ import annotations

import select
import time
from typing import Self

import numpy as np

from pytest_villas import formats
from pytest_villas.config import Node
from pytest_villas.errors import DecodeError, LinkError, LinkTimeout
from pytest_villas.links.link import Losses
from pytest_villas.links.nanomsg import QUEUE, NanomsgLink
from pytest_villas.samples import Samples, signals_of
from pytest_villas.units import duration, format_duration, s

_BURST = QUEUE // 4
"""Messages that `write` sends before it waits for the queue to empty, so that none is dropped."""
_FLUSH_NS = 5 * s


class VillasNode:
    """An open node. `write` publishes on its `out.endpoints`, `read` takes what its `in.endpoints` delivered.

    Samples that arrive wait in order; each read takes the next ones. A message that cannot be decoded is an error of the
    read that meets it, and is gone with it; the samples around it are kept.
    """

    def __init__(self, node: Node, *, max_bytes: int = 1500) -> None:
        """Open the node. Messages above `max_bytes` are refused, since a VILLASnode node cannot take them."""
        self.node = node
        self._writer = formats.codec(node.output.format, node.output.signals)
        self._reader = formats.codec(node.input.format, node.input.signals)
        self._max_bytes = max_bytes
        self._waiting: list[Samples] = []
        self._epoch = time.time_ns() - time.monotonic_ns()
        self._link = NanomsgLink(node.output.endpoints, node.input.endpoints).open()

    def __enter__(self) -> Self:
        """Return the node."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the node."""
        self.close()

    def wait_connected(self, timeout: float = 5.0, subscribers: int | None = None, publishers: int | None = None) -> None:
        """Wait until peers are there, by default one subscriber and every publisher; LinkTimeout after `timeout` s."""
        self._link.wait_connected(duration(timeout * s), subscribers, publishers)

    def write(self, samples: Samples) -> None:
        """Publish samples, as many in a message as `out.vectorize` says.

        A node whose config declares no signals takes up to 64 floats.

        Raises EncodeError, before anything is sent, for what would harm a receiver: other types than the node declares,
        a message that is too long, a NaN in json.
        """
        if self.node.output.signals == signals_of(None):
            samples = samples.padded()
        messages = formats.messages(self._writer, samples, per_message=self.node.output.vectorize, max_bytes=self._max_bytes)
        for start in range(0, len(messages), _BURST):
            for message in messages[start : start + _BURST]:
                if not self._link.send(message):
                    raise LinkError(f"node {self.node.name!r}: the send queue is full")
            self._flush()

    def read(self, count: int, timeout: float = 1.0) -> Samples:
        """Return the next `count` samples, with the time at which they were received.

        Of a node whose config declares no signals, as many signals are returned as came.

        Raises LinkTimeout where fewer come within `timeout` s; those that came wait for the next read. Raises
        DecodeError for a message that is not in the node's format.
        """
        end = time.monotonic_ns() + duration(timeout * s)
        while (have := sum(map(len, self._waiting))) < count:
            left = end - time.monotonic_ns()
            if left <= 0 or not select.select([self._link.fileno()], (), (), left / s)[0]:
                raise LinkTimeout(
                    f"node {self.node.name!r}: {have} of {count} samples came within {format_duration(timeout * s)}"
                )
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
        self._link.close()

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
        while self._link.losses().send_queue:
            if time.monotonic_ns() >= end:
                raise LinkTimeout(f"node {self.node.name!r}: a subscriber reads too slowly, its queue did not empty")
            time.sleep(0.001)
