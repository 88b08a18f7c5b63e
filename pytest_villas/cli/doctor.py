"""`villas-rig doctor`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_villas.cli.usage import Parser
from pytest_villas.rig.doctor import examine
from pytest_villas.rig.face import check
from pytest_villas.rig.registry import Registry


def main(arguments: Sequence[str]) -> int:
    """Examine a rig. Returns 0 where it works, 1 where something keeps it from working."""
    parser = Parser(
        "villas-rig doctor",
        "Start a rig where its file says how, open the link to it, listen for a second, send a sample at rest where\n"
        "its file allows (link.probe), and say what there is: a line for each finding, with its remedy below it.",
        epilog="exit status: 0 the rig works, 1 it does not, 2 its file or its config cannot be read",
    )
    parser.add_argument("rig", metavar="RIG", help="name of a rig, or path of a rig file")
    parser.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    given = parser.parse_args(arguments)
    path, folders = Path(given.rig), given.rig_dir
    if path.suffix == ".toml":
        folders = [path.parent, *folders]
    registry, name = Registry.of(Path.cwd(), folders), path.stem if path.suffix == ".toml" else given.rig
    file = registry.load(name)
    check(file, registry.path(name))
    works = True
    with tempfile.TemporaryDirectory(prefix="villas-") as folder:
        for finding in examine(name, file, Path(folder)):
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
            works = works and finding.level != "problem"
    return 0 if works else 1
