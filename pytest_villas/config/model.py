"""What a VILLASnode configuration says about `nanomsg` nodes, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_villas.config.endpoint import LOOPBACK, Endpoint
from pytest_villas.errors import ConfigError, nearest
from pytest_villas.samples import Signal


@dataclass(frozen=True, slots=True)
class Direction:
    """`in` or `out` of a node, with what the node says for both filled in.

    Attributes:
        endpoints: to bind (`out`) or to connect (`in`), as written.
        format: name of a format, or a mapping with its `type` and options.
        signals: what a message carries; 64 floats where the config declares none.
        vectorize: the most samples in one message.
        builtin: whether VILLASnode's built-in hooks run.
        hooks: the hooks of the config, untouched; only a real VILLASnode runs them.
    """

    endpoints: tuple[str, ...]
    format: str | Mapping[str, Any]
    signals: tuple[Signal, ...]
    vectorize: int = 1
    builtin: bool = True
    hooks: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One `nanomsg` node: it subscribes to `input` (connects), and publishes on `output` (binds)."""

    name: str
    type: str
    enabled: bool
    input: Direction
    output: Direction

    def mirror(self, host: str = LOOPBACK) -> Node:
        """Return the peer: it connects to what this node binds, and binds what this node connects to.

        Where this node binds any address (``*``), the peer dials `host`. Where it connects to a host name, the peer binds any
        address, as a name cannot be bound. Formats, signals and vectorize change sides; the peer has no hooks.
        """
        dialled = tuple(str(Endpoint.parse(each).dialable(host)) for each in self.output.endpoints)
        bound = tuple(str(Endpoint.parse(each).bindable()) for each in self.input.endpoints)
        return replace(
            self,
            input=replace(self.output, endpoints=dialled, hooks=()),
            output=replace(self.input, endpoints=bound, hooks=()),
        )


class Nodes(dict[str, Node]):
    """Nodes by name; asking for one that is not there is a ConfigError that names the nearest one."""

    def __init__(self, nodes: Iterable[Node], path: Path, others: Mapping[str, str]) -> None:
        """Take the nanomsg nodes of the file `path`, and the types of its other nodes by name."""
        super().__init__((node.name, node) for node in nodes)
        self.path = path
        self.others = dict(others)

    def __missing__(self, name: str) -> Node:
        """Say what is there instead."""
        if name in self.others:
            raise ConfigError(
                f"{self.path}: nodes.{name}.type: {self.others[name]!r} nodes are not opened here, only 'nanomsg' nodes"
                f"{nearest(name, self)}"
            )
        raise ConfigError(f"{self.path}: nodes.{name}: no such node{nearest(str(name), self)}")


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration file.

    Attributes:
        path: of the file, as it was asked for.
        nodes: the nodes of type `nanomsg` by name, in the order of the file.
        ignored: the places of what only a real VILLASnode does (nodes of other types, paths, hooks, network emulation) and of
            what not even that reads (`publish`, `subscribe`), such as ``"nodes.a.in.hooks"``.
    """

    path: Path
    nodes: Mapping[str, Node]
    ignored: tuple[str, ...]
