"""`lint`: what will not work, or not as meant, when a real VILLASnode runs a configuration."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_villas.config.document import Document, read
from pytest_villas.config.finding import Finding
from pytest_villas.config.loading import OLD_KEYS, build
from pytest_villas.config.message_checks import csv_readback, first_only, format_places, format_types, message_sizes
from pytest_villas.config.view import View
from pytest_villas.errors import ConfigError

_NODE_NAME: Final = re.compile(r"[a-z0-9_-]{2,32}")


def lint(path: str | os.PathLike[str]) -> list[Finding]:
    """Check a configuration; return what was found, in the order of the lines where these are known.

    A file that cannot be loaded gives one error with the reason, and what can be said without its nodes.
    """
    path = Path(path)
    try:
        document = read(path)
    except ConfigError as error:
        return [_invalid(path, error)]
    findings = [*_node_names(document), *_http(document)]
    try:
        view = View(document, build(document))
    except ConfigError as error:
        return [_invalid(path, error), *findings]
    for check in _CHECKS:
        findings.extend(check(view))
    return sorted(findings, key=lambda each: (each.path != path, str(each.path), each.line or 0))


def _invalid(path: Path, error: ConfigError) -> Finding:
    place = re.match(rf"{re.escape(str(path))}(?::(\d+))?: ", str(error))
    message = str(error)[place.end() :] if place else str(error)
    return Finding(
        path,
        int(place[1]) if place and place[1] else None,
        "",
        "invalid",
        "error",
        message,
        "correct this first: nothing is read from a file with such an error",
    )


def _node_names(document: Document) -> Iterator[Finding]:
    nodes = document.root.get("nodes")
    for name in nodes if isinstance(nodes, dict) else ():
        if not _NODE_NAME.fullmatch(name):
            yield Finding(
                *document.where(f"nodes.{name}"),
                f"nodes.{name}",
                "node-name",
                "error",
                f"{name!r} is no name for a node: VILLASnode refuses the whole file",
                "use 2 to 32 of the characters a-z, 0-9, _ and -",
            )


def _http(document: Document) -> Iterator[Finding]:
    http = document.root.get("http")
    settings = http if isinstance(http, dict) else {}
    if settings.get("enabled") is not False:
        yield Finding(
            *document.where("http"),
            "http",
            "http-open",
            "warning",
            f"VILLASnode opens its HTTP API on *:{settings.get('port', 80)}: anyone who reaches the machine can stop and "
            "reconfigure it, and it needs rights for that port",
            "set http = { enabled = false }",
        )


def _old_keys(view: View) -> Iterator[Finding]:
    for place in view.config.ignored:
        node, _, key = place.rpartition(".")
        if key in OLD_KEYS and node:
            side = "out" if key == "publish" else "in"
            yield view.finding(
                place,
                "old-key",
                "error",
                f"VILLASnode's nanomsg node silently ignores {key!r}, although its schema has it: nothing is "
                f"{'bound' if side == 'out' else 'connected'} for it",
                f"write {side} = {{ endpoints = [ ... ] }} in the node",
            )


def _bound_names(view: View) -> Iterator[Finding]:
    for side in view.outputs:
        for place, endpoint in side.endpoints:
            # one word without dots may be the name of an interface, which can be bound
            if endpoint.host == "localhost" or (not endpoint.is_address and "." in endpoint.host):
                address = "127.0.0.1" if endpoint.host == "localhost" else "its IP address"
                yield view.finding(
                    place,
                    "bind-name",
                    "error",
                    f"{str(endpoint)!r} cannot be bound: libnanomsg binds addresses and interfaces, no host names, and the node "
                    "does not start",
                    f"write {address} instead of {endpoint.host!r}, or * for all addresses",
                )


def _bound_twice(view: View) -> Iterator[Finding]:
    bound = [(place, endpoint) for side in view.outputs for place, endpoint in side.endpoints]
    for (first, one), (second, other) in itertools.combinations(bound, 2):
        if one.collides(other):
            yield view.finding(
                second,
                "bind-twice",
                "error",
                f"{str(other)!r} is bound already as {str(one)!r} by {first}: only one of the two can be, the other does not start",
                "give each its own port, file or name",
            )


def _inproc(view: View) -> Iterator[Finding]:
    for side in view.sides:
        for place, endpoint in side.endpoints:
            if endpoint.scheme != "inproc":
                continue
            others = view.inputs if side.key == "out" else view.outputs
            met = any(each.key == endpoint.key for other in others for _, each in other.endpoints)
            yield view.finding(
                place,
                "inproc",
                "info" if met else "warning",
                f"{str(endpoint)!r} never leaves one process and one library: "
                + ("only the nodes of this file meet there" if met else "no other node of this file is there, so nobody can be"),
                "use ipc:// to reach another process on this machine",
            )


def _hears_itself(view: View) -> Iterator[Finding]:
    for side in view.inputs:
        heard = [place for place, endpoint in side.endpoints if any(own.node is side.node for own in view.publishers(endpoint))]
        if heard:
            times = {1: "once", 2: "twice"}.get(len(heard), f"{len(heard)} times")
            yield view.finding(
                heard[0],
                "hears-itself",
                "warning",
                f"node {side.node.name!r} connects to what it publishes itself: each of its own samples comes back {times}, and is "
                "taken for one of the other side",
                "connect to the endpoints of the other side, unless a loopback is wanted",
            )


def _no_delay(view: View) -> Iterator[Finding]:
    for side in view.outputs:
        for place, endpoint in side.endpoints:
            if endpoint.scheme == "tcp":
                yield view.finding(
                    place,
                    "tcp-nodelay",
                    "info",
                    f"libnanomsg leaves TCP_NODELAY off: a real VILLASnode that publishes on {str(endpoint)!r} has 36 to 47 ms in "
                    "the tail of its latency, and has no setting for it",
                    "use ipc:// on one machine, or expect it in latency limits",
                )


_CHECKS: Final = (
    _old_keys,
    _bound_names,
    _bound_twice,
    _inproc,
    _hears_itself,
    _no_delay,
    format_places,
    format_types,
    csv_readback,
    message_sizes,
    first_only,
)
