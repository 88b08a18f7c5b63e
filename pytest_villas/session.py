"""What one pytest session keeps: the rigs asked for, the runs made, and what broke. The only state of the plugin."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_villas.errors import ConfigError, RigError
from pytest_villas.report.recorder import Recorder
from pytest_villas.rig.registry import Registry

if TYPE_CHECKING:  # they bring NumPy and SciPy, which a session without a rig does not need
    from pytest_villas.impair import Impairment
    from pytest_villas.measure import Verdict
    from pytest_villas.rig.rig import RigProcess

SESSION = pytest.StashKey["Session"]()
_KEPT_RUNS = 50
"""Folders of runs that are kept; the oldest go first."""


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
        told: why rigs could not be started, once a test has said so.
        compared: the verdicts of comparisons of the running test that did not hold.
    """

    registry: Registry
    root: Path
    recorder: Recorder
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
        wait: int,
        twin: bool,
        impair: str | None = None,
        reports: Sequence[Path] = (),
        worker: str = "",
        villas_node: str | None = None,
    ) -> Session:
        """Read the rig files and the impairment; ConfigError for one that is not there or says something wrong."""
        registry = Registry.of(root, folders)
        if twin:
            names = [registry.load(name).rig.twin or name for name in names]
        for name in names:
            file = registry.load(name)
            if file.link.kind == "serial":
                from pytest_villas.rig.face import check  # noqa: PLC0415 - only a session with such a rig needs it

                check(file.link, registry.path(name))
        impairment = None
        if impair is not None:
            from pytest_villas.impair import parse  # noqa: PLC0415 - only a session that impairs needs it

            impairment = parse(impair)
        recorder = Recorder(root, reports, impair or "", worker)
        recorder.check()
        program = shutil.which(villas_node) if villas_node else None
        if villas_node is not None and program is None:
            raise ConfigError(f"--villas-node={villas_node}: no program is there: give the path of villas-node")
        return cls(
            registry, root, recorder, tuple(dict.fromkeys(names)), wait, impairment, program and str(Path(program).absolute())
        )

    def open(self, name: str) -> RigProcess:
        """Start a rig; RigError where it breaks."""
        from pytest_villas.rig.rig import RigProcess  # noqa: PLC0415 - only a session with a rig needs it

        folder = self.new_folder(f"{name}-log")
        self._open[name] = RigProcess(name, self.registry.load(name), folder=folder, wait=self.wait)
        return self._open[name]

    def close(self, *names: str) -> None:
        """Stop these rigs, or all that are open."""
        for name in names or tuple(self._open):
            if name in self._open:
                self._open.pop(name).close()

    def new_folder(self, label: str) -> Path:
        """Make the folder of a run, named by the time and the test, and remove the oldest beyond fifty."""
        home = self.root / ".villas"
        readable = re.sub(r"[^A-Za-z0-9_.=-]+", "_", label).strip("_")[-80:]
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{readable}"
        number, folder = 1, home / "runs" / stem
        while not _made(folder):
            number, folder = number + 1, home / "runs" / f"{stem}-{number}"
        (home / ".gitignore").write_text("*\n")
        for old in sorted(folder.parent.iterdir())[:-_KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
        return folder


def _made(folder: Path) -> bool:
    """Make a folder that is not there yet; sessions side by side, as those of pytest-xdist, never get the same one."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True
