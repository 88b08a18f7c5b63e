"""Where rigs, configs and recordings are found: the user's own folders first, then what the package ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_villas.errors import ConfigError, nearest

if TYPE_CHECKING:  # it brings msgspec, which a session without a rig does not need
    from pytest_villas.rig.file import RigFile

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: str) -> Path:
    """Return the folder `rigs` or `fixtures` that comes with the package: in the wheel, or beside it in a checkout."""
    inside = _PACKAGE / "shipped" / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


@dataclass(frozen=True, slots=True)
class Registry:
    """The rigs in some folders; of two with one name, the one in the earlier folder counts."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, root: Path, extra: Sequence[Path] = ()) -> Registry:
        """Look into `extra`, then into `rigs/` of the project at `root`, then into what is shipped."""
        folders = dict.fromkeys(folder.resolve() for folder in (*extra, root / "rigs", shipped("rigs")))
        return cls(tuple(folder for folder in folders if folder.is_dir()))

    def names(self) -> dict[str, Path]:
        """Return the file of each rig, by name, sorted."""
        found = {path.stem: path for folder in reversed(self.folders) for path in sorted(folder.glob("*.toml"))}
        return dict(sorted(found.items()))

    def path(self, name: str) -> Path:
        """Return the file of a rig; ConfigError with the nearest name where there is none."""
        known = self.names()
        if name not in known:
            raise ConfigError(f"no rig {name!r}{nearest(name, known)} (looked in {', '.join(map(str, self.folders))})")
        return known[name]

    def load(self, name: str) -> RigFile:
        """Read the rig of that name, with what it extends."""
        from pytest_villas.rig import file as rig_file  # noqa: PLC0415 - only a session with a rig needs it

        return rig_file.load(self.path(name), self.path)


def find_fixture(name: str, root: Path) -> Path:
    """Return a file of `fixtures/`, the user's own or the shipped one; ConfigError with the nearest name."""
    folders = [root / "fixtures", shipped("fixtures")]
    for folder in (Path(), *folders):
        if (folder / name).is_file():
            return (folder / name).resolve()
    known = {str(path.relative_to(folder)) for folder in folders for path in folder.rglob("*.*")}
    raise ConfigError(f"no file {name!r}{nearest(name, known)} (looked in {', '.join(map(str, folders))})")


def find_recording(name: str, root: Path) -> Path:
    """Return a file of `fixtures/recordings/`, named with or without its suffix; ConfigError with the nearest name."""
    folders = [root / "fixtures" / "recordings", shipped("fixtures") / "recordings"]
    for folder in (root, *folders):
        if (folder / name).is_file():
            return folder / name
    found = {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.*"), reverse=True)}
    if name not in found:
        raise ConfigError(f"no recording {name!r}{nearest(name, found)} (looked in {', '.join(map(str, folders))})")
    return found[name]
