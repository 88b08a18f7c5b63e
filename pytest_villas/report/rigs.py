"""Records of rigs, without their secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pytest_villas.config.document import read
from pytest_villas.errors import ConfigError
from pytest_villas.report.record import RigRecord
from pytest_villas.report.secrets import redacted, secrets, without
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.link_sections import RESPONSE, STIMULUS, SplitSection, ends

_DECISIVE: Final = ("link", "launch", "match", "clock", "replay")
"""Tables that decide how a rig is reached and replayed to. What the rig is (`identity`) is what is tested."""


def rig_record(name: str, file: RigFile, path: Path, scheduling: str = "") -> RigRecord:
    """Describe a rig from its file."""
    tables: dict[str, Any] = redacted(msgspec.to_builtins(file))
    hidden = secrets_of(file)
    return RigRecord(
        name=name,
        description=without(file.rig.description, hidden),
        file=path.name,
        config=_hash(tables, _configs(file)),
        link=_described(tables["link"]),
        scheduling=scheduling,
        identity={key: without(text, hidden) for key, text in tables["identity"].items()},
        limits=dict(file.limits),
        clock=f"{file.clock.relation}, error {file.clock.error}",
        command=[without(_brief(word), hidden) for word in file.launch.command],
    )


def secrets_of(file: RigFile) -> frozenset[str]:
    """Return the values that no report may tell: those of the rig file, and those of its VILLASnode config."""
    return frozenset(
        {*secrets(msgspec.to_builtins(file)), *(each for path in _configs(file) for each in secrets(_document(path)))}
    )


def _configs(file: RigFile) -> list[Path]:
    return [Path(end.config) for end in ends(file.link).values()]


def _described(link: dict[str, Any]) -> str:
    """Write the settings of a link on a line; those of one with two ends after the name of each."""
    if link["kind"] == SplitSection.kind:
        return "; ".join(f"{name}: {_described(link[name])}" for name in (STIMULUS, RESPONSE))
    return ", ".join(f"{key} {_brief(value)}" for key, value in link.items() if value not in ("", None, False))


def _hash(tables: dict[str, Any], configs: Sequence[Path]) -> str:
    """Hash what decides; files count by name, so that another checkout of the same project has the same hash."""
    decisive = {name: _portable(tables[name]) for name in _DECISIVE}
    content = json.dumps([decisive, *(redacted(_document(path)) for path in configs)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _document(config: Path) -> Any:
    try:
        return read(config).root if config.is_file() else None
    except ConfigError:
        return None  # whoever opens the rig says what is wrong with it


def _portable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    return _brief(value)


def _brief(value: Any) -> Any:
    """Return the name of a file alone: where a checkout lies says nothing about a rig."""
    return Path(value).name if isinstance(value, str) and value.startswith("/") and Path(value).is_file() else value
