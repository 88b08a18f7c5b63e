"""`villas-rig`: what can be done with rigs and configs outside of a test.

`villas-rig list` names the rigs that there are; `villas-rig lint FILE ...` says what is wrong with VILLASnode configs, with
exit status 0 (nothing), 1 (findings) or 2 (a file cannot be read).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_villas.report.terminal import list_rigs
from pytest_villas.rig.registry import Registry


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="villas-rig", description="rigs and VILLASnode configs")
    commands = parser.add_subparsers(dest="command", required=True)
    rigs = commands.add_parser("list", help="list the rigs that there are")
    rigs.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    configs = commands.add_parser("lint", help="say what is wrong with VILLASnode configs")
    configs.add_argument("files", nargs="+", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    if given.command == "list":
        list_rigs(Registry.of(Path.cwd(), given.rig_dir))
        return 0
    return _lint(given.files)


def _lint(files: Sequence[Path]) -> int:
    from pytest_villas import config  # noqa: PLC0415 - it brings NumPy, and `list` needs none of it

    findings = [finding for file in files for finding in config.lint(file)]
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    if any(finding.code == "invalid" for finding in findings):
        return 2
    return 1 if findings else 0
