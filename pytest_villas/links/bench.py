"""The nodes of one test, from as many VILLASnode configs as it likes, connected as far as they face each other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from pytest_villas import config
from pytest_villas.config import Config, Direction, Node
from pytest_villas.config.endpoint import Endpoint
from pytest_villas.links.node import VillasNode


class NodeBench:
    """Opens nodes by config and name, and closes them all."""

    def __init__(self, find: Callable[[str], Path], spin: Callable[[Node], VillasNode] = VillasNode) -> None:
        """Look configs up with `find`, and open their nodes with `spin`."""
        self._find = find
        self._spin = spin
        self._stack = ExitStack()
        self._nodes: list[VillasNode] = []
        self._moved: dict[Path, Config] = {}

    def __enter__(self) -> Self:
        """Return the bench."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every node."""
        self._stack.close()

    def open(self, path: str | Path, name: str, *, move: bool = False, timeout: float = 5.0) -> VillasNode:
        """Open a node; at most `timeout` s until it and the other nodes of this bench that it faces are connected.

        Raises ConfigError for a config, a node or a node-type that is not there, LinkError for an address in use.
        """
        file = self._find(str(path))
        loaded = self._moved_config(file) if move else config.load(file)
        node = self._stack.enter_context(self._spin(loaded.nodes[name]))
        self._nodes.append(node)
        for each in self._nodes:
            bound = [key for other in self._nodes for key in _keys(other.node.output)]
            dialled = [key for other in self._nodes for key in _keys(other.node.input)]
            publishers = sum(key in bound for key in _keys(each.node.input))
            subscribers = sum(dialled.count(key) for key in _keys(each.node.output))
            each.wait_connected(timeout, subscribers, publishers)
        return node

    def _moved_config(self, file: Path) -> Config:
        if file not in self._moved:
            folder = Path(tempfile.mkdtemp(prefix="villas-"))
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._moved[file] = config.relocate(config.load(file), folder)
        return self._moved[file]


def _keys(direction: Direction) -> list[tuple[str, str, int, str]]:
    return [Endpoint.parse(address).key for address in direction.endpoints]
