"""`villas-rig ab`: two rigs, or two settings of one, against each other, in turns."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pytest_villas.baseline.compare import DEFAULT, figures_of, unknown, unsaid
from pytest_villas.cli.usage import Parser
from pytest_villas.errors import ConfigError
from pytest_villas.measure import Outcome, Verdict
from pytest_villas.measure.regression import judge, paired
from pytest_villas.report.record import RunRecord, SessionRecord, read, value_of
from pytest_villas.rig.registry import Registry
from pytest_villas.units import format_duration, ratio

PAIRS: Final = 12
INCONCLUSIVE: Final = 11
_Blocks = dict[tuple[str, str], dict[int, list[RunRecord]]]
"""The runs of each test and stimulus in each block."""


def main(arguments: Sequence[str]) -> int:
    """Run tests with two rigs in turns. Returns 0 where the second is not slower, 1 where it is, 11 where nobody can tell."""
    parser = Parser(
        "villas-rig ab",
        "Run tests with two rigs in turns, in pairs of random order, and say whether the second one is slower than the first.\n"
        "Whatever both halves of a pair share, such as the load of the machine, cancels. Two settings are two rig files, of which\n"
        "one extends the other.",
        epilog="exit status: 0 the second is not slower, 1 it is, 11 these runs cannot tell, 2 nothing could be compared",
    )
    parser.add_argument("tests", nargs="+", metavar="TESTFILE", help="test files, folders, or single tests as pytest names them")
    parser.add_argument("--rig", action="append", default=[], metavar="NAME", help="given twice: what it was, and what it is now")
    parser.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    parser.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help=f"how many pairs of blocks ({PAIRS})")
    parser.add_argument("--margin", default="10 %", metavar="SHARE", help="how much slower is too slow (10 %%)")
    given = parser.parse_args(arguments)
    if len(set(given.rig)) != 2 or len(given.rig) != 2:
        parser.error(f"{len(given.rig)} rigs: two different ones are compared, --rig=A --rig=B")
    if given.pairs < 1:
        parser.error(f"--pairs {given.pairs}: it has to be at least 1")
    try:
        margin = ratio(given.margin)
    except ConfigError as error:
        parser.error(f"--margin {given.margin}: {error}")
    if margin < 0:
        parser.error(f"--margin {given.margin}: it has to be at least 0, as in '10 %'")
    for rig in given.rig:
        Registry.of(Path.cwd(), given.rig_dir).load(rig)
    command = [*given.tests, *(f"--rig-dir={folder}" for folder in given.rig_dir)]
    blocks: dict[str, _Blocks] = {rig: {} for rig in given.rig}
    for number in range(given.pairs):
        for rig in random.sample(given.rig, 2):
            _add(blocks[rig], number, _run([*command, f"--rig={rig}"]))
        _say(f"pair {number + 1} of {given.pairs}")
    return _judged(blocks[given.rig[0]], blocks[given.rig[1]], given.rig, margin)


def _run(arguments: Sequence[str]) -> SessionRecord:
    """Run pytest in a process of its own. What fails its own limits is measured all the same; ConfigError where nothing was."""
    with tempfile.TemporaryDirectory(prefix="villas-ab-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", *arguments, "-p", "no:cacheprovider", "-q", f"--villas-report={report}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        session = read(report) if report.is_file() else None
    if session is None or not any(test.runs for test in session.tests):
        end = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise ConfigError(f"pytest ended with status {done.returncode} and made no run: {' '.join(arguments)}\n{end}")
    return session


def _add(blocks: _Blocks, number: int, session: SessionRecord) -> None:
    for test in session.tests:
        for run in test.runs:
            blocks.setdefault((test.case, run.stimulus), {}).setdefault(number, []).append(run)


def _judged(old: _Blocks, new: _Blocks, rigs: Sequence[str], margin: float) -> int:
    outcomes = []
    for case, stimulus in dict.fromkeys((*old, *new)):
        _say(f"{case} (stimulus {stimulus}): {rigs[1]} against {rigs[0]}")
        for verdict in _verdicts(old.get((case, stimulus), {}), new.get((case, stimulus), {}), margin):
            outcomes.append(verdict.outcome)
            _say(f"  {verdict}")
    if Outcome.FAIL in outcomes:
        return 1
    return 0 if set(outcomes) == {Outcome.PASS} else INCONCLUSIVE


def _verdicts(old: dict[int, list[RunRecord]], new: dict[int, list[RunRecord]], margin: float) -> Iterator[Verdict]:
    both = sorted(old.keys() & new.keys())
    for name in DEFAULT:
        what = name.replace("_", " ")
        if why := unsaid([run for block in both for run in (*old[block], *new[block])], name):
            yield unknown(what, margin, why, len(both))
            continue
        pairs = [(_median(old[block], name), _median(new[block], name)) for block in both]
        try:
            factor = paired([before for before, _ in pairs], [now for _, now in pairs])
        except ValueError as error:
            yield unknown(what, margin, str(error), len(pairs))
            continue
        told = (
            " then, ".join(format_duration(statistics.median(side)) for side in zip(*pairs, strict=True)) + " now"
            if pairs
            else ""
        )
        yield judge(factor, what, margin=margin, why=told)


def _median(runs: Sequence[RunRecord], name: str) -> float:
    return statistics.median(value_of(value) for value in figures_of(runs, [name])[name])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
