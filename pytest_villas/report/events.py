"""What happens, as it happens: one JSON object a line, for whoever follows the file during a session.

Every line has `event`, `time` (ns since the Unix epoch) and `process` (empty, or that of pytest-xdist which it happens in):
``session`` (with `format` and `version`), ``test``, ``progress``, ``run``, ``verdict``, ``outcome``, ``end``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from pytest_villas.errors import ConfigError
from pytest_villas.report.record import SessionRecord

FORMAT: Final = "pytest-villas.events"
VERSION: Final = 1


def write(session: SessionRecord, path: Path, _root: Path) -> None:
    """Write the last line: the session is over. Raises OSError."""
    append(path, "end", "", {"status": session.status, "problems": session.problems})


def check(path: Path) -> None:
    """Refuse to overwrite what is no event stream of this version."""
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            first = msgspec.json.decode(file.readline() or b"{}", type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is damaged, or no {FORMAT}: {error}; it is not overwritten: remove it") from None
    if first.get("format") != FORMAT or first.get("version") != VERSION:
        raise ConfigError(
            f"{path}: is {first.get('format')!r} version {first.get('version')}, not {FORMAT} version {VERSION}: it is not overwritten: "
            "remove it, or choose another name"
        )


def begin(path: Path) -> None:
    """Start a stream anew. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    append(path, "session", "", {"format": FORMAT, "version": VERSION})


def append(path: Path, event: str, process: str, values: dict[str, Any]) -> None:
    """Add a line. One call of the system writes it, so that lines of several processes do not mix. Raises OSError."""
    line = msgspec.json.encode({"event": event, "time": time.time_ns(), "process": process, **values}) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
