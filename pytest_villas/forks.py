"""What a process that a test forks must not keep.

It gets a copy of every descriptor, and while it holds one, whoever is at the other end does not see that ours is closed.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Holder(Protocol):
    """Has descriptors at whose end another process ends."""

    def let_go(self) -> None:
        """Close them, in a process that was forked; nothing may be said over them."""


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()


def let_go_when_forked(holder: Holder) -> None:
    """Have it let go in every process that is forked from now on."""
    _holders.add(holder)


def _let_go() -> None:
    for holder in list(_holders):
        holder.let_go()


os.register_at_fork(after_in_child=_let_go)
