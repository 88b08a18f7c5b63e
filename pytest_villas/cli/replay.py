"""`villas-rig replay`: the stimulus of a stored run again, against the same rig or another one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from pytest_villas import limits, recordings
from pytest_villas.cli.usage import Parser
from pytest_villas.errors import ConfigError, RigError
from pytest_villas.measure import Outcome, Verdict, worst
from pytest_villas.measure.verdict import heard_by
from pytest_villas.replay.replay import STIMULUS
from pytest_villas.replay.run import Run
from pytest_villas.report.build import hashes, run_record, verdict_record
from pytest_villas.report.collect import Parcel, store
from pytest_villas.report.environment import environment
from pytest_villas.report.outcome import RIG_BROKE, UNDECIDED
from pytest_villas.report.record import TestOutcome, TestRecord
from pytest_villas.report.rigs import rig_record
from pytest_villas.report.table import block
from pytest_villas.rig import stored
from pytest_villas.rig.bench import Rig
from pytest_villas.rig.face import check
from pytest_villas.rig.folders import RunFolders
from pytest_villas.rig.reference import REFERENCE
from pytest_villas.rig.registry import Registry
from pytest_villas.rig.rig import RigProcess
from pytest_villas.samples import Samples
from pytest_villas.units import duration

BROKEN: Final = 4
"""Exit status where the command was used wrongly or the folder cannot be read, as pytest's own for wrong usage."""
_STATUS: Final = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: UNDECIDED, Outcome.INVALID: UNDECIDED}
_OUTCOME: Final[dict[Outcome, TestOutcome]] = {
    Outcome.PASS: "passed", Outcome.FAIL: "failed", Outcome.INCONCLUSIVE: "inconclusive", Outcome.INVALID: "inconclusive",
}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Replay a run and hold it against the limits stored with it. Returns pytest's statuses: 0, 1, 10 or 11."""
    parser = Parser(
        "villas-rig replay",
        "Replay the stimulus of a stored run to a rig, and hold what comes back against the limits that are stored with it.",
        epilog="exit status: 0 every limit is kept, 1 one is broken, 10 the rig broke, 11 some are inconclusive or invalid, or there\n"
        "are none; 4 where the folder cannot be read, or the options are wrong",
        broken=BROKEN,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of a run, such as .villas/runs/...")
    parser.add_argument("--rig", metavar="NAME", help="the rig (default: the one of that run)")
    parser.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    parser.add_argument(
        "--rig-wait", default="0 s", metavar="TIME", help="how long to wait for a rig that is in use, as in '2 min'"
    )
    given = parser.parse_args(arguments)
    kept = stored.read(given.folder)
    try:
        limits.check(kept.limits)
    except ConfigError as error:  # a version that read it otherwise wrote it
        raise ConfigError(f"{given.folder / stored.FILE}: {error}") from None
    registry = Registry.of(Path.cwd(), given.rig_dir)
    name = given.rig or kept.rig
    file = registry.load(name)
    check(file, registry.path(name))
    stimulus = recordings.open(given.folder / STIMULUS)[kept.lead :]
    reference = recordings.open(given.folder / REFERENCE) if kept.reference == "given" else None
    folders = RunFolders(Path.cwd())
    folder = folders.new(f"replay-of-{given.folder.resolve().name[16:]}")
    made: list[Run] = []
    try:
        process = RigProcess(name, file, folder=folder, wait=duration(given.rig_wait))
        try:
            rig = Rig(
                process, kept.limits, new_folder=lambda: folder, record=made.append, about={"test": kept.about.get("test", "")}
            )
            rig.replay(_taken(stimulus, rig, kept.match.tag), reference=reference)
        finally:
            process.close()
    except RigError as error:
        sys.stderr.write(f"villas-rig replay: {error}\n")
        return RIG_BROKE
    finally:
        folders.close()
    run = made[0]
    verdicts: list[tuple[str, Verdict]] = []
    with heard_by(lambda _, verdict, limit: verdicts.append((limit, verdict))):
        run.judge()
    outcome = worst(verdict for _, verdict in verdicts)
    record = msgspec.structs.replace(
        run_record(run, test=kept.about.get("test", ""), number_in_test=1, identity="1", root=Path.cwd(), impaired=""),
        verdicts=[verdict_record(verdict, limit) for limit, verdict in verdicts],
        hashes=hashes(folder),
    )
    test = TestRecord(test=record.test, case=record.test, rig=name, outcome=_OUTCOME[outcome], runs=[record])
    sys.stdout.write("\n".join([f"replay of {given.folder} to rig {name}", *block(test, record), ""]))
    if "impaired" in kept.about:
        sys.stdout.write(f"the stored run was impaired by {kept.about['impaired']}, this one is not\n")
    if folders.problem:
        sys.stderr.write(f"villas-rig replay: {folders.problem}\n")
    try:
        store(Parcel(test=test, rig=rig_record(name, file, registry.path(name))), [folder], environment(Path.cwd()))
    except OSError as error:
        sys.stderr.write(f"villas-rig replay: the verdicts could not be stored with the run: {error}\n")
    return _STATUS[outcome]


def _taken(stimulus: Samples, rig: Rig, tag: str | None) -> Samples:
    """Return the signals that this rig takes by name, and say which it does not; all of them where it knows no name."""
    names = [name for name in stimulus.names if name != tag]
    known = {signal.name for signal in rig.signals}
    common = [name for name in names if name in known]
    if common and len(common) < len(names):
        left = ", ".join(name for name in names if name not in known)
        sys.stdout.write(f"rig {rig.name} takes no {left}: left out\n")
    return stimulus.select(common or names)
