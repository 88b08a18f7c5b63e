"""A null-modem cable between two ptys: what is written at one end is read at the other."""

from __future__ import annotations

import os
import select
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Self


class Cable:
    """Two serial ports, `ends`, that stay the same however often they are opened; bytes wait where nobody reads."""

    def __init__(self, folder: Path) -> None:
        """Plug it in; `ends` are links in that folder."""
        self._pairs = [os.openpty() for _ in range(2)]
        self.ends = tuple(folder / name for name in ("end-a", "end-b"))
        for (_, slave), end in zip(self._pairs, self.ends, strict=True):
            # each end is held open, lest its other side reads an error while nobody else has it
            tty.setraw(slave)
            end.symlink_to(os.ttyname(slave))
        self._stop, self._told = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Take both ports away."""
        if not self._thread.is_alive():
            return
        os.write(self._told, b"x")
        self._thread.join()
        for end in self.ends:
            end.unlink()
        for descriptor in (*self._pairs[0], *self._pairs[1], self._stop, self._told):
            os.close(descriptor)

    def _carry(self) -> None:
        masters = [master for master, _ in self._pairs]
        for master in masters:
            os.set_blocking(master, False)
        held = dict.fromkeys(masters, b"")
        other = dict(zip(masters, reversed(masters), strict=True))
        while True:
            reading = [master for master in masters if not held[master]]
            writing = [other[master] for master in masters if held[master]]
            readable, writable, _ = select.select([*reading, self._stop], writing, ())
            if self._stop in readable:
                return
            for master in readable:
                held[master] = os.read(master, 65536)
            for master in writable:
                source = other[master]
                held[source] = held[source][os.write(master, held[source]) :]
