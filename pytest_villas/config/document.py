"""A configuration file as plain Python values, with the line of each setting where it is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pytest_villas.config import libconfig
from pytest_villas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Document:
    """The root group, and ``{place: (file, line)}``; a place is written ``nodes.a.in.endpoints[0]``."""

    path: Path
    root: dict[str, Any]
    lines: Mapping[str, tuple[Path, int]] = field(default_factory=dict)

    def where(self, place: str) -> tuple[Path, int | None]:
        """Return the file and the line of a setting; the line is None in JSON and for what is not written down."""
        return self.lines.get(place, (self.path, None))


def read(path: Path) -> Document:
    """Read JSON (suffix .json) or libconfig (any other). Raises ConfigError with file and line."""
    try:
        if path.suffix != ".json":
            return Document(path, *libconfig.parse(path))
        text = libconfig.read_text(path, "utf-8-sig")  # VILLASnode skips a byte order mark in JSON, and only there
        root = json.loads(text, object_pairs_hook=lambda pairs: _object(path, pairs), parse_constant=lambda c: _constant(path, c))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: no JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise ConfigError(f"{path}: groups are nested too deeply to be read") from None
    if not isinstance(root, dict):
        raise ConfigError(f'{path}: is {type(root).__name__} at its top: it has to be an object, {{"nodes": {{...}}}}')
    return Document(path, root)


def _object(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError(f"{path}: key {twice!r} is there twice in one object, and only one of them would count: remove one")
    return made


def _constant(path: Path, constant: str) -> NoReturn:
    raise ConfigError(f"{path}: {constant} is no JSON: numbers have to be finite")
