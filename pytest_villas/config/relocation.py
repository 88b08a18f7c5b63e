"""Move all endpoints of a configuration to free ones, so that tests can run side by side."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytest_villas.config.endpoint import LOOPBACK, Endpoint
from pytest_villas.config.model import Config, Direction, Nodes
from pytest_villas.errors import ConfigError

_SOCKET_NAME: Final = 107
"""How many bytes the name of a Unix socket may have on Linux."""
_PORTS: Final = range(12_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, which could take one between our look and the bind, and which
let a client that dials too early connect to itself."""


def relocate(config: Config, directory: str | os.PathLike[str]) -> Config:
    """Move every distinct endpoint to a free one, the same for all nodes that name it.

    Ports become free ones of 127.0.0.1 (``tcp://*:12000`` and ``tcp://127.0.0.1:12000`` are one endpoint; the path of a ws
    endpoint stays), ipc becomes a short socket file in `directory`, inproc a fresh name. A port is free when this looks; it is
    not held. Raises ConfigError for a directory whose name is too long for a socket.
    """
    nodes = list(config.nodes.values())
    found = [Endpoint.parse(text) for node in nodes for side in (node.input, node.output) for text in side.endpoints]
    addresses = list(dict.fromkeys(each.key[1:3] for each in found if each.port))
    files = list(dict.fromkeys(each.key for each in found if each.scheme == "ipc"))
    ports = dict(zip(addresses, _free_ports(len(addresses)), strict=True))
    sockets = dict(zip(files, _free_sockets(Path(directory), len(files)), strict=True))
    suffix = secrets.token_hex(4)

    def moved(text: str) -> str:
        endpoint = Endpoint.parse(text)
        if endpoint.port:
            return str(replace(endpoint, host=LOOPBACK, port=ports[endpoint.key[1:3]], interface=""))
        return str(replace(endpoint, path=sockets[endpoint.key] if endpoint.scheme == "ipc" else f"{endpoint.path}-{suffix}"))

    def side(direction: Direction) -> Direction:
        return replace(direction, endpoints=tuple(map(moved, direction.endpoints)))

    others = config.nodes.others if isinstance(config.nodes, Nodes) else {}
    relocated = (replace(node, input=side(node.input), output=side(node.output)) for node in nodes)
    return replace(config, nodes=Nodes(relocated, config.path, others))


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for _ in range(100 * (count + 1)):
        if len(ports) == count:
            return ports
        # not from `random`, whose seed test runners set to the same number in all of their processes
        port = secrets.choice(_PORTS)
        if port not in ports and _is_free(port):
            ports.append(port)
    raise ConfigError(f"no {count} free ports found from {_PORTS.start} to {_PORTS.stop - 1}: something holds nearly all of them")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _free_sockets(directory: Path, count: int) -> list[str]:
    directory = directory.absolute()
    candidates = (directory / f"{i}.ipc" for i in itertools.count())
    files = [str(path) for path in itertools.islice((each for each in candidates if not each.exists()), count)]
    for file in files:
        if len(os.fsencode(file)) > _SOCKET_NAME:
            raise ConfigError(
                f"{file}: {len(os.fsencode(file))} bytes are too long for the name of a socket, {_SOCKET_NAME} are the most: "
                "give a directory with a short name, as tempfile.mkdtemp() makes"
            )
    if files:
        directory.mkdir(parents=True, exist_ok=True)
    return files
