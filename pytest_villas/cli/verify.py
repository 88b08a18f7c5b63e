"""`villas-rig verify`: is an acceptance pack what it was when it was made?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_villas.cli.usage import Parser
from pytest_villas.report import pack


def main(arguments: Sequence[str]) -> int:
    """Check a pack. Returns 0 where every file is as it was, 1 where one is not."""
    parser = Parser(
        "villas-rig verify",
        "Check an acceptance pack: every file against its hash, without unpacking anything.",
        epilog="exit status: 0 every file is as it was, 1 one is missing, extra, changed or cut, 2 this is no pack that can be read",
    )
    parser.add_argument("pack", type=Path, metavar="PACK", help="the zip")
    given = parser.parse_args(arguments)
    problems = pack.verify(given.pack)
    for problem in problems:
        sys.stdout.write(f"{given.pack}: {problem}\n")
    if not problems:
        count, whole = pack.contents(given.pack)
        sys.stdout.write(f"{given.pack}: {count} files, all as they were\nSHA-256 of {pack.SUMS}: {whole}\n")
    return 1 if problems else 0
