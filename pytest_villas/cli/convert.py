"""`villas-rig convert`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_villas import recordings
from pytest_villas.cli import samples as files
from pytest_villas.cli.usage import Parser


def main(arguments: Sequence[str]) -> int:
    """Convert samples. Returns 0."""
    parser = Parser(
        "villas-rig convert",
        "Convert samples from one format to another: standard input to standard output, as villas-convert does, or IN to OUT.\n"
        "All is read before anything is written, and nothing is cut.",
        epilog='FMT is the name of a format, or a mapping in JSON such as \'{"type": "csv", "separator": ";"}\'. Recordings: '
        f"{', '.join(recordings.layouts())}; messages: every format of VILLASnode.",
    )
    parser.add_argument("-i", metavar="FMT", help=f"format of the input (default: by the suffix of IN, else {files.DEFAULT})")
    parser.add_argument("-o", metavar="FMT", help=f"format of the output (default: by the suffix of OUT, else {files.DEFAULT})")
    parser.add_argument(
        "-t", metavar="DT", help="types such as 2f1i, or signals as JSON (default: as in the recording, else 64f)"
    )
    parser.add_argument("-d", metavar="LVL", help="accepted for the sake of scripts: nothing is logged")
    parser.add_argument("input", nargs="?", default=files.STDIN, metavar="IN", help="a file; - or nothing for standard input")
    parser.add_argument("output", nargs="?", default=files.STDIN, metavar="OUT", help="a file; - or nothing for standard output")
    given = parser.parse_intermixed_args(arguments)
    found = files.read(given.input, given.i and files.read_format(given.i), files.read_types(given.t))
    if not len(found):
        sys.stderr.write(f"villas-rig convert: {'stdin' if given.input == files.STDIN else given.input}: has no samples\n")
    wanted = files.format_of(given.output, given.o and files.read_format(given.o))
    content = files.write(found, wanted, given.output)
    if given.output == files.STDIN:
        rest = memoryview(content)
        while rest:  # where Python runs unbuffered, a pipe may take a part at a time
            rest = rest[sys.stdout.buffer.write(rest) or 0 :]
        sys.stdout.buffer.flush()
    else:
        Path(given.output).write_bytes(content)
    return 0
