"""The folders of runs: a new one for each run, and the oldest go when there are too many or they are too large."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_villas.errors import ConfigError

KEEP: Final = 50
"""How many folders of earlier sessions are kept by default."""
SIZE: Final = "2 GB"
"""How large they may be together by default."""
_UNITS: Final = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass
class RunFolders:
    """The folders in `.villas/runs` of a project.

    A session keeps all of its own. What earlier ones left is thinned out when it makes its first folder, unless another
    session is running in the same project, whose folders these may be.

    Attributes:
        root: of the project.
        keep: how many folders of earlier sessions stay.
        size: how many bytes they may have together; the newest stays in any case.
        problem: why the folders of this session are elsewhere; empty where they are not.
    """

    root: Path
    keep: int = KEEP
    size: int = 2 * 10**9
    problem: str = ""
    _lock: int | None = field(default=None, repr=False)
    _instead: Path | None = field(default=None, repr=False)

    def new(self, label: str) -> Path:
        """Make the folder of a run, named by the time and the label.

        Where the project cannot be written it is made in the temporary folder of the system, and `problem` says why.
        Raises OSError where there is no room at all.
        """
        readable = re.sub(r"[^A-Za-z0-9_.=-]+", "_", label).strip("_")[-80:]
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{readable}"
        try:
            self._enter()
            return _made(self.root / ".villas" / "runs", stem)
        except OSError as error:
            self._instead = self._instead or Path(tempfile.mkdtemp(prefix="villas-runs-"))
            self.problem = f"{error.filename or self.root}: {error.strerror}; the runs of this session are in {self._instead}"
            return _made(self._instead, stem)

    def _enter(self) -> None:
        """Take part in the sessions of this project; the first of them thins out."""
        if self._lock is not None:
            return
        home = self.root / ".villas"
        (home / "runs").mkdir(parents=True, exist_ok=True)
        (home / ".gitignore").write_text("*\n")
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # another session runs
        else:
            thin_out(home / "runs", self.keep, self.size)
        fcntl.flock(lock, fcntl.LOCK_SH)
        self._lock = lock

    def close(self) -> None:
        """Leave: from now on another session may remove what this one made."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def thin_out(home: Path, keep: int, size: int) -> None:
    """Remove the oldest folders until at most `keep` are left, with at most `size` bytes; the newest stays."""
    newest_first = sorted(_folders(home), reverse=True)
    room = size
    for number, folder in enumerate(newest_first):
        room -= _size(folder)
        if number and (number >= keep or room < 0):
            shutil.rmtree(folder, ignore_errors=True)


def bytes_of(text: str) -> int:
    """Read an amount of memory.

    >>> bytes_of("2 GB"), bytes_of("500kB"), bytes_of("1e6")
    (2000000000, 500000, 1000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?(?:[eE]\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2] not in _UNITS:
        raise ConfigError(f"{text!r} is no size: a number and one of {', '.join(filter(None, _UNITS))}, as in {SIZE!r}")
    return round(float(match[1]) * _UNITS[match[2]])


def _made(home: Path, stem: str) -> Path:
    number, folder = 1, home / stem
    while True:
        try:
            folder.mkdir()
        except FileExistsError:  # also of another process of the same session
            number, folder = number + 1, home / f"{stem}-{number + 1}"
        else:
            return folder


def _folders(home: Path) -> Iterator[Path]:
    for entry in os.scandir(home):
        if entry.is_dir(follow_symlinks=False):
            yield Path(entry)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may be going at this moment
            total += path.lstat().st_size
    return total
