"""`villas-rig report`: a report or an acceptance pack of stored runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from pytest_villas.cli.usage import Parser
from pytest_villas.errors import ConfigError
from pytest_villas.report import pack
from pytest_villas.report.build import hashes
from pytest_villas.report.record import RUN_FILE, RunFile, SessionRecord, TestRecord, read, read_run
from pytest_villas.report.writers import WRITERS, writer_for


def main(arguments: Sequence[str]) -> int:
    """Write a report. Returns 0."""
    parser = Parser(
        "villas-rig report",
        "Write a report of runs that are stored: of the session in a JSON report, or of folders of runs.",
        epilog=f"the suffix of FILE says what is written: {', '.join(WRITERS)}; with --acceptance it is a zip\n\n"
        "exit status: 0 it is written, 2 it is not, and why is said",
    )
    parser.add_argument(
        "source", nargs="*", type=Path, metavar="SOURCE", help="a report.json, or folders of runs (default: all in .villas/runs)"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="what to write")
    parser.add_argument(
        "--acceptance", action="store_true", help="write a zip with report, raw captures, hashes and lines to sign"
    )
    given = parser.parse_args(arguments)
    session = _session(given.source)
    if given.acceptance:
        pack.build(session, Path.cwd(), given.output)
    else:
        writer = writer_for(given.output)
        writer.check(given.output)
        writer.write(session, given.output, Path.cwd())
    runs = sum(len(test.runs) for test in session.tests)
    sys.stdout.write(f"{given.output}: {runs} {'run' if runs == 1 else 'runs'}\n")
    return 0


def _session(sources: Sequence[Path]) -> SessionRecord:
    if len(sources) == 1 and sources[0].is_file():
        return read(sources[0])
    for source in sources:
        if not source.exists():
            raise ConfigError(f"{source}: there is no such file or folder: name a report.json, or folders of runs")
    folders = sources or sorted(path.parent for path in Path.cwd().glob(f".villas/runs/*/{RUN_FILE}"))
    if not folders:
        raise ConfigError(f"no run is stored in {Path.cwd() / '.villas' / 'runs'}: name a report.json, or folders of runs")
    return _joined([_found(folder) for folder in folders])


def _found(folder: Path) -> RunFile:
    """Read a run, where it lies now, with the hashes that it has now where it has none of its own."""
    found = read_run(folder)
    run = replace(found.run, folder=str(folder), hashes=found.run.hashes or hashes(folder))
    return replace(found, test=replace(found.test, runs=[run]))


def _joined(found: Sequence[RunFile]) -> SessionRecord:
    """Make a session of runs, in the order in which they were made."""
    ordered = sorted(found, key=lambda each: each.run.started)
    tests: list[TestRecord] = []
    for each in ordered:
        last = tests[-1] if tests else None
        if last is not None and last.test == each.test.test and each.run.number == len(last.runs) + 1:
            tests[-1] = replace(last, runs=[*last.runs, each.run])
        else:
            tests.append(each.test)
    others = [each for each in ordered if each.environment != ordered[0].environment]
    problem = "the runs were made on different machines or with different software; the first is described"
    return SessionRecord(
        started=ordered[0].run.started,
        finished=max(each.run.started + round(each.run.duration * 1e9) for each in ordered),
        impaired="",
        environment=ordered[0].environment,
        rigs=list({each.rig.name: each.rig for each in ordered}.values()),
        tests=tests,
        problems=[problem] if others else [],
    )
