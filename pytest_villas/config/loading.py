"""From a document to nodes: which settings there are, what they may be, and what a direction takes from its node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pytest_villas.config.document import Document, read
from pytest_villas.config.endpoint import Endpoint
from pytest_villas.config.model import Config, Direction, Node, Nodes
from pytest_villas.config.settings import Settings
from pytest_villas.errors import ConfigError, SignalError, nearest
from pytest_villas.samples import Signal, signals_of

OLD_KEYS: Final = ("publish", "subscribe")
"""Names of endpoints in VILLASnode's schema and in old configs, which its nanomsg node silently passes over."""
_SHARED: Final = ("signals", "builtin", "vectorize", "hooks", "format")
_NODE_KEYS: Final = (*_SHARED, "type", "enabled", "in", "out", "uuid", "initial_sequenceno", *OLD_KEYS)
_DIRECTION_KEYS: Final = (*_SHARED, "endpoints", "enabled", "netem", "fwmark", *OLD_KEYS)
_ROOT_KEYS: Final = (
    "nodes",
    "paths",
    "http",
    "logging",
    "hugepages",
    "stats",
    "affinity",
    "priority",
    "idle_stop",
    "uuid",
    "seed",
)
_NOT_DONE: Final = ("uuid", "initial_sequenceno", "netem", "fwmark", "hooks", *OLD_KEYS)


def load(path: str | os.PathLike[str]) -> Config:
    """Read a VILLASnode configuration: JSON where the name ends in .json, else libconfig with its includes.

    ``${NAME}`` in a nanomsg node is replaced from the environment, as VILLASnode does.
    Raises ConfigError for what cannot be read and for settings of nanomsg nodes that are unknown or wrong, with file, place,
    value and remedy. Whatever is left to a real VILLASnode stands in `Config.ignored`.
    """
    return build(read(Path(path)))


def build(document: Document) -> Config:
    """Make the nodes of a document; see `load`."""
    root = Settings(document, "", document.root)
    for key in document.root:
        if key not in _ROOT_KEYS and "did you mean" in nearest(key, _ROOT_KEYS):
            raise root.error(key, f"unknown key{nearest(key, _ROOT_KEYS)}")
    if "nodes" not in document.root:
        raise root.error("nodes", "missing: a group of nodes is needed, nodes = { a = { type = ... } }")
    nodes: list[Node] = []
    others: dict[str, str] = {}
    ignored: list[str] = []
    group = root.group("nodes")
    for name in group.value:
        settings = group.group(name)
        kind = settings.text("type")
        if kind == "nanomsg":
            nodes.append(_node(name, settings.expanded()))
            ignored.extend(_ignored(settings))
        else:
            others[name] = kind
            ignored.append(f"nodes.{name}")
    for key, value in document.root.items():
        # no hugepages and no HTTP server is what is done here anyway
        off = key == "hugepages" or (key == "http" and isinstance(value, dict) and value.get("enabled") is False)
        if key != "nodes" and not off and value not in ([], {}):
            ignored.append(key)
    return Config(document.path, Nodes(nodes, document.path, others), tuple(ignored))


def _node(name: str, settings: Settings) -> Node:
    settings.known(_NODE_KEYS)
    return Node(
        name,
        "nanomsg",
        settings.boolean("enabled", default=True),
        _direction(settings, "in"),
        _direction(settings, "out"),
    )


def _direction(node: Settings, key: str) -> Direction:
    own = node.group(key) if key in node.value else Settings(node.document, node.at(key), {})
    own.known(_DIRECTION_KEYS)
    own.boolean("enabled", default=True)
    given = {each: own if each in own.value else node for each in _SHARED}
    return Direction(
        _endpoints(own),
        _format(given["format"]),
        _signals(given["signals"]),
        given["vectorize"].integer("vectorize", default=1, least=1),
        given["builtin"].boolean("builtin", default=True),
        _hooks(given["hooks"]),
    )


def _endpoints(settings: Settings) -> tuple[str, ...]:
    value = settings.value.get("endpoints", [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise settings.error("endpoints", f"{value!r}: it has to be a string or a list of strings")
    for i, each in enumerate(listed):
        place = "endpoints" if isinstance(value, str) else f"endpoints[{i}]"
        if not isinstance(each, str):
            raise settings.error(place, f"{each!r}: it has to be a string such as 'tcp://127.0.0.1:12000'")
        try:
            Endpoint.parse(each)
        except ConfigError as error:
            raise settings.error(place, str(error)) from None
    return tuple(listed)


def _format(settings: Settings) -> str | dict[str, Any]:
    value = settings.value.get("format", "json")
    if isinstance(value, dict):
        if not isinstance(value.get("type"), str):
            raise settings.error("format.type", f"{value.get('type')!r}: it has to be the name of a format, such as 'json'")
        return value
    if not isinstance(value, str) or not value:
        raise settings.error("format", f"{value!r}: it has to be the name of a format, or a group with its type and options")
    return value


def _signals(settings: Settings) -> tuple[Signal, ...]:
    value = settings.value.get("signals")
    if value is not None and not isinstance(value, (str, list, dict)):
        raise settings.error("signals", f"{value!r}: it has to be a list of groups, a group with count, or a string as '2f1i'")
    if isinstance(value, dict) and "count" not in value:
        raise settings.error("signals.count", "missing: a group stands for several signals; a list ( ) holds single ones")
    try:
        return signals_of(value)
    except SignalError as error:
        # the message begins with the setting, as in "signals[1].type is 'flaot'"
        raise ConfigError(f"{settings.document.path}: {settings.place}.{error}") from None


def _hooks(settings: Settings) -> tuple[Any, ...]:
    value = settings.value.get("hooks") or []
    return tuple(value) if isinstance(value, list) else (value,)


def _ignored(node: Settings) -> Iterator[str]:
    sides = (node.group(key) for key in ("in", "out") if key in node.value)
    for settings in (node, *sides):
        yield from (settings.at(key) for key in _NOT_DONE if settings.value.get(key) not in (None, [], {}))
        if settings is not node and settings.value.get("enabled") is False:
            yield settings.at("enabled")
