"""`villas-rig list`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_villas.cli.usage import Parser
from pytest_villas.report.terminal import list_rigs
from pytest_villas.rig.registry import Registry


def main(arguments: Sequence[str]) -> int:
    """List the rigs with their descriptions."""
    parser = Parser(
        "villas-rig list", "List the rigs of --rig-dir, of rigs/ here, and those that are shipped: name and description."
    )
    parser.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    given = parser.parse_args(arguments)
    for folder in given.rig_dir:
        if not folder.is_dir():
            parser.error(f"--rig-dir {folder}: no such folder")
    list_rigs(Registry.of(Path.cwd(), given.rig_dir))
    return 0
