"""Bytes on their way to a file, while there is no time to wait for a disk."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

PIECE = 64 * 2**10
"""Bytes handed to the system at once: some 20 us."""


class Spool:
    """Appends to a file: into memory that was given to it and, once that is full, for each new piece the oldest to the file.

    The memory is a ring of pieces: somebody who shares it can follow, see `shared.Follower`.

    So a capture of usual length does not touch the disk while it runs, and one of any length does not grow in memory. Where the
    disk is full, it grows in memory all the same: a full disk costs the file, and not what was to be in it.

    Attributes:
        trouble: why something could not be written to the file; it is in memory then.
    """

    __slots__ = ("_descriptor", "_free", "_full", "_path", "_piece", "_used", "_written", "trouble")

    def __init__(self, path: Path, memory: memoryview) -> None:
        """Create the file. The memory is at least two pieces."""
        self._path, self._written, self.trouble = path, 0, ""
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            self._descriptor, self.trouble = -1, f"{path}: {error.strerror}"
        self._free = deque(memory[at : at + PIECE] for at in range(0, memory.nbytes // PIECE * PIECE, PIECE))
        self._full: deque[tuple[memoryview | bytes, memoryview | None]] = deque()
        self._piece, self._used = self._free.popleft(), 0

    def append(self, data: bytes) -> None:
        """Append these bytes."""
        end = self._used + len(data)
        if end > PIECE:
            self._turn()
            end = len(data)
            if end > PIECE:
                self._full.append((data, None))
                return
        self._piece[self._used : end] = data
        self._used = end

    def close(self) -> None:
        """Write what is left, and wait until all of it is on the disk."""
        self._full.append((self._piece[: self._used], None))
        self._used = 0
        while self._full and not self.trouble:
            self._write_oldest()
        if self._descriptor >= 0:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self.trouble = self.trouble or f"{self._path}: {error.strerror}"
            os.close(self._descriptor)

    def content(self) -> bytes:
        """Return everything, once it is closed: what is in the file, and what did not get there."""
        written = b""
        if self._written:
            with self._path.open("rb") as file:
                written = file.read(self._written)
        return written + b"".join(part for part, _ in self._full)

    def _turn(self) -> None:
        """Go on with a free piece, and make one free where there is none."""
        self._full.append((self._piece[: self._used], self._piece))
        self._used = 0
        while not self._free and not self.trouble:
            self._write_oldest()
        self._piece = self._free.popleft() if self._free else memoryview(bytearray(PIECE))

    def _write_oldest(self) -> None:
        part, piece = self._full.popleft()
        left = memoryview(part)
        try:
            while left:
                count = os.write(self._descriptor, left)
                self._written += count
                left = left[count:]
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"
            self._full.appendleft((bytes(left), None))
            return
        if piece is not None:
            self._free.append(piece)
