"""`villas-rig scan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pytest_villas import config
from pytest_villas.cli.usage import Parser
from pytest_villas.errors import ConfigError
from pytest_villas.links.scan import Port, listening, ports
from pytest_villas.rig import file as rig_file
from pytest_villas.rig.face import check

_SETTINGS: Final = ("baudrate", "parity", "framing", "header", "checksum", "format", "signals")


def main(arguments: Sequence[str]) -> int:
    """List what rigs can be reached. Returns 0 where there is something, 1 where there is nothing."""
    parser = Parser(
        "villas-rig scan",
        "List the serial ports of this machine, with description, serial number and a path that stays the same, and the\n"
        "nanomsg endpoints of VILLASnode configs with who listens there.",
        epilog="exit status: 0 something is there, 1 nothing is, 2 a config cannot be read or a rig file cannot be written",
    )
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG", help="VILLASnode configs")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a rig file for the port or node that was found")
    parser.add_argument("--port", help="of several ports this one; may also be a URL, or a port that is not listed")
    parser.add_argument("--node", help="of several nodes this one")
    serial = parser.add_argument_group("for the rig file of a port")
    for name in _SETTINGS:
        kind = int if name == "baudrate" else str
        serial.add_argument(f"--{name}", type=kind, help=f"its link.{name}; JSON where that is a table or a list")
    given = parser.parse_args(arguments)
    found = ports() if given.port is None else [Port(given.port)]
    for port in found:
        sys.stdout.write(f"{port}\n")
    nodes = _nodes(given.configs, given.node)
    there = [(path, node) for path, node in nodes if _told(path, node)]
    if not found and not there:
        sys.stdout.write("no serial port, and nobody listens\n" if given.configs else "no serial port\n")
    if given.write is not None:
        settings = {name: _value(getattr(given, name)) for name in _SETTINGS if getattr(given, name) is not None}
        _write(given.write, found if given.port or not given.configs else [], there, settings)
        sys.stdout.write(f"wrote {given.write}: pytest --rig={given.write.stem} --rig-dir={given.write.parent}\n")
    return 0 if found or there else 1


def _nodes(configs: Sequence[Path], name: str | None) -> list[tuple[Path, config.Node]]:
    found = []
    for path in configs:
        loaded = config.load(path)
        found += [(path, loaded.nodes[name])] if name else [(path, node) for node in loaded.nodes.values()]
    return found


def _told(path: Path, node: config.Node) -> bool:
    """Write who listens at the endpoints of a node; say whether a publisher is among them."""
    heard = [(address, listening(address)) for address in node.mirror().input.endpoints]
    for address, what in heard:
        sys.stdout.write(f"{address}  {path}: {node.name}: {what}\n")
    return any(what.startswith("publishes") for _, what in heard)


def _value(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) and text[:1] in "{[" else text


def _write(path: Path, found: Sequence[Port], there: Sequence[tuple[Path, config.Node]], settings: dict[str, Any]) -> None:
    """Write a rig file for the one port or node that there is, and read it back."""
    choices = [f"--port {port.path}" for port in found] + [f"{file} --node {node.name}" for file, node in there]
    if len(choices) != 1:
        raise ConfigError(f"--write needs one port or node, and there are {len(choices)}: {'; '.join(choices) or 'none'}")
    if path.exists():
        raise ConfigError(f"{path} exists already: choose another name")
    if path.suffix != ".toml":
        raise ConfigError(f"{path}: a rig file is named NAME.toml")
    if found:
        port = found[0]
        link = {"kind": "serial", "port": port.path, "baudrate": 115_200, **settings}
        about = port.description or port.path
    else:
        file, node = there[0]
        link = {"kind": "nanomsg", "config": str(file.resolve()), "node": node.name, "role": "peer"}
        about = f"Node {node.name} of {file.name}"
    table = {"rig": {"description": about}, "link": link, "match": {"by": "sequence"}, "clock": {"relation": "unknown"}}
    text = "\n\n".join(
        f"[{name}]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in keys.items()) for name, keys in table.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    try:
        check(rig_file.load(path), path)
    except ConfigError:
        path.unlink()
        raise


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
