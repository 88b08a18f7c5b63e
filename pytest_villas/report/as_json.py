"""The whole session as one JSON document; its schema is docs/report.schema.json."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from pytest_villas.errors import ConfigError
from pytest_villas.report import files
from pytest_villas.report.record import SessionRecord, read


def write(session: SessionRecord, path: Path, _root: Path) -> None:
    """Write the session; OSError where that cannot be done."""
    files.write(path, msgspec.json.format(msgspec.json.encode(session), indent=2) + b"\n")


def check(path: Path) -> None:
    """Refuse to overwrite what is no report of ours, or that of a newer version."""
    if path.exists():
        try:
            read(path)
        except ConfigError as error:
            raise ConfigError(f"{error}; it is not overwritten: remove it, or choose another name") from None


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    found = msgspec.json.schema(SessionRecord)
    for part in found["$defs"].values():
        if "description" in part:  # a docstring, which Python 3.13 takes the indentation from
            part["description"] = inspect.cleandoc(part["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
