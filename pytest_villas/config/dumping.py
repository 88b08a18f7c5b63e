"""From nodes to a configuration that a real VILLASnode reads."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_villas.config.model import Config, Direction, Node
from pytest_villas.errors import ConfigError
from pytest_villas.samples import Signal


def dump(config: Config, path: str | os.PathLike[str]) -> None:
    """Write the nodes as JSON, for VILLASnode: endpoints, format, signals, vectorize, builtin and enabled; nothing else.

    Its HTTP API is off and it reserves no huge pages. Paths and hooks are not written: what a path should do is up to who
    starts the process. A nanomsg node has one format: raises ConfigError where both directions are used and differ in it,
    and where the name of the file does not end in .json, as VILLASnode would read libconfig then.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise ConfigError(
            f"{path}: VILLASnode reads JSON from names that end in .json only: call it {path.with_suffix('.json').name}"
        )
    root = {
        "http": {"enabled": False},
        "hugepages": 0,
        "nodes": {name: _node(config.path, node) for name, node in config.nodes.items()},
    }
    try:
        path.write_text(json.dumps(root, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except ValueError as error:
        raise ConfigError(f"{path}: a value of {config.path} cannot be said in JSON: {error}") from None


def dump_engine(node: Node, path: Path, publish: str, subscribe: str) -> None:
    """Write the configuration of a VILLASnode process that runs one node and hands its samples on, both ways.

    A second node publishes at `publish`, in protobuf, what the node receives; what it gets from `subscribe` the node
    publishes. The hooks of the node are its own. VILLASnode's built-in ones are off, as a node is to say what it received: they
    would drop a sample that came twice. Raises ConfigError for a node with different formats in and out.
    """
    inside = "plumbing" if node.name != "plumbing" else "plumbing_"
    described = _node(Path("--villas-node"), node) | {"enabled": True}
    for key, direction in (("in", node.input), ("out", node.output)):
        described[key] |= {"builtin": False} | ({"hooks": list(direction.hooks)} if direction.hooks else {})
    plumbing = {
        "type": "nanomsg",
        "format": "protobuf",
        "in": _direction(replace(node.output, endpoints=(subscribe,), builtin=False)),
        "out": {"endpoints": [publish]},
    }
    paths = [
        {"in": source, "out": destination, "builtin": False, "original_sequence_no": True, "queuelen": 8192}
        for source, destination in ((node.name, inside), (inside, node.name))
    ]
    quiet = {"http": {"enabled": False}, "hugepages": 0, "stats": 0}
    root = {**quiet, "nodes": {node.name: described, inside: plumbing}, "paths": paths}
    path.write_text(json.dumps(root, indent=2) + "\n", encoding="utf-8")


def _node(origin: Path, node: Node) -> dict[str, Any]:
    used = [each.format for each in (node.input, node.output) if each.endpoints] or [node.input.format]
    if used[0] != used[-1]:
        raise ConfigError(
            f"{origin}: nodes.{node.name}: its format is {used[0]!r} in and {used[-1]!r} out, and a VILLASnode nanomsg node has one "
            "for both: make two nodes of it"
        )
    return {
        "type": node.type,
        "enabled": node.enabled,
        "format": used[0],
        "in": _direction(node.input),
        "out": _direction(node.output),
    }


def _direction(direction: Direction) -> dict[str, Any]:
    return {
        "endpoints": list(direction.endpoints),
        "signals": [_signal(each) for each in direction.signals],
        "vectorize": direction.vectorize,
        "builtin": direction.builtin,
    }


def _signal(signal: Signal) -> dict[str, Any]:
    written = {"name": signal.name, "unit": signal.unit, "type": signal.type.value}
    if signal.init is None:
        return written
    init = {"real": signal.init.real, "imag": signal.init.imag} if isinstance(signal.init, complex) else signal.init
    return {**written, "init": init}
