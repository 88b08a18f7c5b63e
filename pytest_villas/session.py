"""What one pytest session keeps: the rigs asked for, the runs made, and what broke. The only state of the plugin."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_villas.errors import ConfigError, NotThereYet, RigError
from pytest_villas.report.recorder import Recorder
from pytest_villas.rig.folders import KEEP, SIZE, RunFolders, bytes_of
from pytest_villas.rig.registry import Registry
from pytest_villas.units import duration

if TYPE_CHECKING:  # they bring NumPy and SciPy, which a session without a rig does not need
    from pytest_villas.impair import Impairment
    from pytest_villas.measure import Verdict
    from pytest_villas.rig.rig import RigProcess

SESSION = pytest.StashKey["Session"]()


@dataclass
class Session:
    """The state of a session.

    Attributes:
        registry: where rigs are found.
        root: of the project; captures go to `.villas/runs` in it.
        names: the rigs that were asked for.
        wait: how long to wait for a rig that is in use, ns.
        impairment: what is done to every run before it is measured, if anything.
        villas_node: the program that runs the nodes of tests, if not we ourselves.
        recorder: keeps what the tests did.
        folders: where the runs are.
        told: why rigs could not be started, once a test has said so.
        compared: the verdicts of comparisons of the running test that did not hold.
    """

    registry: Registry
    root: Path
    recorder: Recorder
    folders: RunFolders
    names: tuple[str, ...] = ()
    wait: int = 0
    impairment: Impairment | None = None
    villas_node: str | None = None
    told: list[RigError] = field(default_factory=list)
    compared: list[Verdict] = field(default_factory=list)
    _open: dict[str, RigProcess] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        root: Path,
        names: Sequence[str],
        folders: Sequence[Path],
        *,
        wait: str,
        twin: bool,
        impair: str | None = None,
        reports: Sequence[Path] = (),
        worker: str = "",
        villas_node: str | None = None,
        keep: tuple[str, str] = (str(KEEP), SIZE),
    ) -> Session:
        """Read the rig files and the impairment; ConfigError for one that is not there or says something wrong.

        Formats and configs that are not there may still come with a conftest or a fixture: `open` tells of those that did not.
        """
        for folder in folders:
            if not folder.is_dir():
                raise ConfigError(f"--rig-dir={folder}: there is no such folder")
        registry = Registry.of(root, folders)
        if twin:
            names = [registry.load(name).rig.twin or name for name in names]
        impairment = None
        if impair is not None:
            from pytest_villas.impair import parse  # noqa: PLC0415 - only a session that impairs needs it

            impairment = parse(impair)
        for name in names:
            with contextlib.suppress(NotThereYet):
                _check(registry, name, impairment)
        recorder = Recorder(root, reports, impair or "", worker)
        recorder.check()
        program = shutil.which(villas_node) if villas_node else None
        if villas_node is not None and program is None:
            raise ConfigError(f"--villas-node={villas_node}: no program is there: give the path of villas-node")
        return cls(
            registry=registry,
            root=root,
            recorder=recorder,
            folders=RunFolders(root, _count(keep[0]), _size(keep[1])),
            names=tuple(dict.fromkeys(names)),
            wait=_wait(wait),
            impairment=impairment,
            villas_node=program and str(Path(program).absolute()),
        )

    def open(self, name: str) -> RigProcess:
        """Start a rig; RigError where it breaks, or where a format or a config that it needs never came."""
        from pytest_villas.rig.rig import RigProcess  # noqa: PLC0415 - only a session with a rig needs it

        try:
            _check(self.registry, name, self.impairment)
            folder = self.new_folder(f"{name}-log")
            self._open[name] = RigProcess(name, self.registry.load(name), folder=folder, wait=self.wait)
        except ConfigError as error:
            raise RigError(str(error)) from None
        return self._open[name]

    def close(self, *names: str) -> None:
        """Stop these rigs, or all that are open."""
        for name in names or tuple(self._open):
            if name in self._open:
                self._open.pop(name).close()
        if not names:
            self.folders.close()

    def new_folder(self, label: str) -> Path:
        """Make the folder of a run, named by the time and the test."""
        folder = self.folders.new(label)
        if self.folders.problem and self.folders.problem not in self.recorder.problems:
            self.recorder.problems.append(self.folders.problem)
        return folder


def _check(registry: Registry, name: str, impairment: Impairment | None) -> None:
    """Raise ConfigError for what is wrong with a rig, or with its impairment, before anything is started."""
    from pytest_villas.rig.face import check, response_signals  # noqa: PLC0415 - only a session with a rig needs it

    file = registry.load(name)
    check(file, registry.path(name))
    if impairment is not None:
        impairment.check(response_signals(file.link), name)


def _wait(text: str) -> int:
    try:
        wait = duration(text)
    except ConfigError as error:
        raise ConfigError(f"--rig-wait={text}: {error}") from None
    if wait < 0:
        raise ConfigError(f"--rig-wait={text}: it has to be at least 0, as in '2 min'")
    return wait


def _size(text: str) -> int:
    try:
        return bytes_of(text)
    except ConfigError as error:
        raise ConfigError(f"villas_keep_size: {error}") from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"villas_keep_runs: {text!r} is no number of folders")
    return int(text)
