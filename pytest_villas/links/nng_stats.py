"""What NNG counted for each of its connections. pynng wraps all of NNG but this, so its C interface is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynng._nng import ffi, lib  # the only way to NNG's statistics


@dataclass(frozen=True, slots=True)
class PipeCounters:
    """Messages that one connection carried since it was made."""

    sent: int
    received: int


def pipe_counters() -> dict[int, PipeCounters]:
    """Return the counters of every connection of this process, by the id of its pipe."""
    root = ffi.new("nng_stat **")
    if lib.nng_stats_get(root) != 0:
        return {}
    try:
        pipes = [_values(node) for name, node in _children(root[0]) if name == "pipe"]
    finally:
        lib.nng_stats_free(root[0])
    return {pipe["id"]: PipeCounters(pipe["tx_msgs"], pipe["rx_msgs"]) for pipe in pipes}


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    child = lib.nng_stat_child(node)
    while child != ffi.NULL:
        yield ffi.string(lib.nng_stat_name(child)).decode(), child
        child = lib.nng_stat_next(child)


def _values(node: Any) -> dict[str, int]:
    return {name: int(lib.nng_stat_value(child)) for name, child in _children(node)}
