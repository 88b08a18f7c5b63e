"""The black box: what a run leaves behind that failed, that nothing could be concluded from, or whose rig broke."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from pytest_villas import recordings
from pytest_villas.errors import VillasError
from pytest_villas.replay.run import Run
from pytest_villas.report import files, svg
from pytest_villas.report.record import Environment, RunFile
from pytest_villas.report.secrets import redacted, without
from pytest_villas.report.table import block, replay_line, verdict_of
from pytest_villas.report.traces import timeline, traces
from pytest_villas.report.writers import reason
from pytest_villas.rig import stored
from pytest_villas.rig.rig import CONFIG, RIG_LOG, WORKER_LOG
from pytest_villas.samples import NO_TIME
from pytest_villas.units import duration

if TYPE_CHECKING:
    from pytest_villas.report.collect import Parcel
    from pytest_villas.report.log import TestLog

SUMMARY, PICTURE = "verdicts.txt", "plot.svg"
"""Names of the files in the folder of a run."""
_LONGEST_LOG: Final = 1 << 20
_MOST_TEXT: Final = 2_000_000
"""Values that are also written as text, which takes a second for each half a million."""


def is_kept(found: RunFile) -> bool:
    """Say whether a run needs a black box: all but those that kept every limit, in a test that passed."""
    return found.test.outcome not in {"passed", "xfailed"} or verdict_of(found.run.verdicts) not in {"PASS", "not judged"}


def leave(parcel: Parcel, log: TestLog, environment: Environment) -> list[str]:
    """Complete the folders of the runs of a test. Returns a line for each for which that was not possible."""
    problems = []
    for record, (run, _) in zip(parcel.test.runs, log.runs, strict=True):
        test = msgspec.structs.replace(parcel.test, runs=[record])
        found = RunFile(test=test, rig=parcel.rig, environment=environment)
        if run.unstored or not is_kept(found):
            continue
        try:
            if log.logs is not None:
                copy_logs(log.logs, run.folder, log.secrets)
            complete(run.folder, found)
        except Exception as error:  # noqa: BLE001 - no picture is worth a verdict
            problems.append(f"the black box of a run is not complete: {run.folder}: {reason(error)}")
    return problems


def pictures(runs: Iterable[Run]) -> list[Path]:
    """Return the pictures that these runs left, in their order."""
    return [path for run in runs if (path := run.folder / PICTURE).is_file()]


def copy_logs(source: Path, folder: Path, secrets: Iterable[str]) -> None:
    """Copy the ends of the logs of a rig and of the worker, and the VILLASnode config that ran, without what is secret."""
    for name in (RIG_LOG, WORKER_LOG):
        path = source / name
        if path.is_file():
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - _LONGEST_LOG, 0))
                text = file.read(_LONGEST_LOG).decode(errors="replace")
            files.write(folder / name, without(text, secrets).encode())
    config = source / CONFIG
    if config.is_file():
        content = json.dumps(redacted(json.loads(config.read_bytes())), indent=2)
        files.write(folder / CONFIG, without(content, secrets).encode() + b"\n")


def complete(folder: Path, found: RunFile) -> None:
    """Add to the folder of a run all that its raw files do not say by themselves. Raises OSError.

    The stimulus and the response as `villas.human`, the limits and verdicts as text with the machine that measured them and the
    line that replays the run, and a picture.
    """
    files.write(folder / SUMMARY, "\n".join(_summary(found)).encode() + b"\n")
    try:
        run = stored.load(folder)
    except VillasError as error:  # a rig that died at once has sent nothing that could be drawn
        files.write(folder / SUMMARY, "\n".join([*_summary(found), "", f"not drawn: {error}"]).encode() + b"\n")
        return
    settings = stored.read(folder).replay
    line = timeline(run, warm_up=duration(settings.warm_up), cool_down=duration(settings.cool_down))
    drawn = next(traces(run, [verdict.what for verdict in found.run.verdicts]), None)
    files.write(folder / PICTURE, svg.document(svg.picture(drawn, line, found.test.test)).encode())
    for name in ("stimulus", "response"):
        samples = recordings.open(folder / f"{name}.npz")
        if (samples.origin == NO_TIME).all():  # of a rig that keeps no stamp: that of the arrival is all there is
            samples = samples.replace(origin=samples.received, received=np.full(len(samples), NO_TIME))
        if len(samples) * max(len(samples.signals), 1) <= _MOST_TEXT:
            recordings.save(folder / f"{name}.human", samples)


def _summary(found: RunFile) -> list[str]:
    environment = msgspec.structs.asdict(found.environment)
    packages = environment.pop("packages")
    facts = {**environment, **packages, **found.rig.identity}
    return [
        *block(found.test, found.run),
        "",
        *[f"{name:<16} {value}" for name, value in facts.items() if value],
        "",
        "The same stimulus again, against this rig or, with its name, another one:",
        f"  {replay_line(found.run)}",
        *(["", found.test.message] if found.test.message else []),
    ]
