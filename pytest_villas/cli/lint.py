"""`villas-rig lint`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from pytest_villas import config
from pytest_villas.cli.usage import Parser

_LEVELS: Final = ("error", "warning", "info")


def main(arguments: Sequence[str]) -> int:
    """Check configs. Returns 0 without findings, 1 with, 2 where a file cannot be read."""
    parser = Parser(
        "villas-rig lint",
        "Say what in VILLASnode configs will not work, or not as meant: file, line, severity, place, why it matters, and what\n"
        "to do about it, a line each.",
        epilog="exit status: 0 nothing found, 1 something found, 2 a file cannot be read or is no config",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="libconfig, or JSON where its name ends in .json")
    parser.add_argument("--level", choices=_LEVELS, default="info", help="the least severity that is told (default: info)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one array of all findings")
    given = parser.parse_args(arguments)
    told = _LEVELS[: _LEVELS.index(given.level) + 1]
    findings = [finding for file in given.files for finding in config.lint(file) if finding.severity in told]
    if given.format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(findings, enc_hook=str)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{finding}\n" for finding in findings)
    if any(finding.code == "invalid" for finding in findings):
        return 2
    return 1 if findings else 0
