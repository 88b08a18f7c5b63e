"""The messages that a real VILLASnode sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data" / "captures"


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    format: Any
    signals: Any
    payloads: list[bytes]

    @property
    def reference(self) -> Path:
        return FOLDER / f"{self.name}.ref.jsonl"


def cases() -> list[Case]:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    return [
        Case(name, case["format"], case["signals"], [(FOLDER / f"{name}-{i}.bin").read_bytes() for i in range(case["messages"])])
        for name, case in manifest.items()
    ]
