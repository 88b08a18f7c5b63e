"""`villas-rig compare`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_villas.cli import samples as files
from pytest_villas.cli.differences import Settings, differences
from pytest_villas.cli.usage import Parser

BROKEN = 64
"""Exit status where nothing could be compared; 1 to 6 are taken."""


def main(arguments: Sequence[str]) -> int:
    """Compare files with the first of them. Returns the status of the first difference, 0 where there is none."""
    parser = Parser(
        "villas-rig compare",
        "Compare recordings with the first of them, as villas-compare does, and show the first difference of each kind.\n"
        "NaN differs from everything, a file that is longer or earlier is found, and nothing is cut.\n"
        "Two folders of runs, as .villas/runs has them, are compared by what was measured: is the second one slower?",
        epilog="exit status, by the first difference: 0 none, 1 length, 2 sequence, 3 timestamp, 4 number of values, 5 data,\n"
        f"6 type; {BROKEN} where a file cannot be read, no file has samples, or the options are wrong;\n"
        "for folders of runs: 0 nothing is slower, 1 something is, 11 these runs cannot tell",
        broken=BROKEN,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="two files or more; - for standard input")
    parser.add_argument("-e", metavar="EPS", type=float, default=1e-6, help="how far numbers and stamps may be apart (1e-6)")
    parser.add_argument("-v", action="store_true", help="leave out the values")
    parser.add_argument("-T", action="store_true", help="leave out the timestamps")
    parser.add_argument("-s", action="store_true", help="leave out the sequence numbers")
    parser.add_argument("-f", metavar="FMT", help=f"format of all files (default: by the suffix of each, else {files.DEFAULT})")
    parser.add_argument("-t", metavar="DT", help="types such as 2f1i, or signals as JSON (default: as in each file, else 64f)")
    parser.add_argument("-d", metavar="LVL", help="accepted for the sake of scripts: nothing is logged")
    parser.add_argument("--nan-equal", action="store_true", help="NaN equals NaN")
    parser.add_argument("--all", action="store_true", help="show every difference")
    given = parser.parse_intermixed_args(arguments)
    if len(given.files) < 2:
        parser.error("one file: there have to be two to compare")
    if given.files.count(files.STDIN) > 1:
        parser.error("standard input can be read only once")
    if math.isnan(given.e) or given.e < 0:
        parser.error(f"-e {given.e:g}: it has to be at least 0")
    if all(Path(path).is_dir() for path in given.files):
        if len(given.files) != 2:
            parser.error(f"{len(given.files)} folders of runs: two can be compared")
        from pytest_villas.cli.runs import compare_folders  # noqa: PLC0415 - it brings SciPy

        return compare_folders(*(Path(path) for path in given.files))
    settings = Settings(given.e, not given.v, not given.T, not given.s, given.nan_equal)
    setting, types = given.f and files.read_format(given.f), files.read_types(given.t)
    first, *others = (files.read(path, setting, types) for path in given.files)
    if not any(map(len, (first, *others))):
        parser.error(f"{', '.join(given.files)}: no samples in any of them: nothing was compared")
    statuses: list[tuple[int, int, int]] = []
    for i, (path, other) in enumerate(zip(given.files[1:], others, strict=True)):
        found = differences(first, other, settings)
        for each in found:
            sys.stdout.writelines(f"{given.files[0]}, {path}: {line}\n" for line in each.lines(None if given.all else 1))
            if not given.all and each.where.size > 1:
                sys.stdout.write(f"{given.files[0]}, {path}: ... and {each.where.size - 1} more; --all shows them\n")
        statuses += [(each.first[0], i, each.status) for each in found[:1]]
    return min(statuses)[2] if statuses else 0
