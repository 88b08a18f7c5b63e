"""Memory that the process that sends shares with ours: how far it is, and what came back, so that we can look on."""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.formats import Messages
from pytest_villas.replay.capture import ARRIVAL
from pytest_villas.replay.spool import PIECE
from pytest_villas.samples import Int64s

PROGRESS: Final = struct.Struct("qqq")
"""Messages sent, messages received, and whether the rings hold what came."""
RING: Final = 16 * 2**20
"""Bytes that each of the two spools has before it goes to the disk."""
_HEAD: Final = mmap.PAGESIZE
_MOST: Final = 1000
"""Messages that are read at one time: more would cost time of a CPU that the rig may need."""


class Shared:
    """A page for progress, and the rings of the two spools."""

    def __init__(self, descriptor: int) -> None:
        """Map what `descriptor` stands for; `create` makes one."""
        self.progress = mmap.mmap(descriptor, _HEAD + 2 * RING)
        memory = memoryview(self.progress)
        self.arrivals, self.messages = memory[_HEAD : _HEAD + RING], memory[_HEAD + RING :]
        memory.release()

    @staticmethod
    def create() -> int:
        """Return a descriptor for the memory, which another process may inherit."""
        descriptor = os.memfd_create("villas-progress")
        os.ftruncate(descriptor, _HEAD + 2 * RING)
        return descriptor


@dataclass(frozen=True, slots=True)
class Look:
    """How far a replay is, and what has come since the last look.

    Attributes:
        sent, received: messages until now.
        times: int64 ns of the monotonic clock, shape (k,), when each of `messages` came.
        messages: the newest of those that came, not more than some; none where they cannot be followed any more.
    """

    sent: int
    received: int
    times: Int64s
    messages: Messages


class Follower:
    """Reads what two spools keep in shared memory while they are written, for one replay."""

    def __init__(self, shared: Shared) -> None:
        """Begin before the replay does."""
        self._shared = shared
        self._arrivals = np.frombuffer(shared.arrivals, "<i8").reshape(-1, 2)
        self._seen, self._piece, self._used, self._lost_track = 0, 0, 0, False
        PROGRESS.pack_into(shared.progress, 0, 0, 0, 1)

    def look(self) -> Look:
        """Return what is new."""
        sent, received, kept = PROGRESS.unpack_from(self._shared.progress, 0)
        new = received - self._seen
        self._lost_track = self._lost_track or not kept or new > RING // ARRIVAL.size // 2
        if self._lost_track or not new:
            return Look(sent, received, np.empty(0, np.int64), Messages.of([]))
        records = self._arrivals[np.arange(self._seen, received) % len(self._arrivals)]
        self._seen = received
        places = self._places(records[:, 1].tolist())
        oldest = max(0, self._piece - RING // PIECE // 2)
        readable = [i for i in range(max(0, new - _MOST), new) if places[i][0] >= oldest]
        ring = self._shared.messages
        found = [
            bytes(ring[(at := piece * PIECE % RING + used) : at + size])
            for piece, used, size in map(places.__getitem__, readable)
        ]
        return Look(sent, received, records[readable, 0], Messages.of(found))

    def _places(self, sizes: list[int]) -> list[tuple[int, int, int]]:
        """Go where `Spool.append` went: return number of the piece, place in it, and size; piece -1 for what went past the ring."""
        places = []
        for size in sizes:
            if self._used + size > PIECE:
                self._piece, self._used = self._piece + 1, 0
                if size > PIECE:
                    places.append((-1, 0, 0))
                    continue
            places.append((self._piece, self._used, size))
            self._used += size
        return places
