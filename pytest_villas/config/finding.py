"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a configuration.

    Attributes:
        path: the file in which it stands, which may be an included one.
        line: where in it, from 1; None in JSON and for what is not written down.
        place: the setting, such as ``"nodes.x.in.endpoints[0]"``; empty for the file as a whole.
        code: a short name that stays the same, such as ``"bind-twice"``.
        severity: error: it does not work as written; warning: it will likely not do what is meant; info: good to know.
        message: what is there, and why it matters.
        remedy: what to do.
    """

    path: Path
    line: int | None
    place: str
    code: str
    severity: Severity
    message: str
    remedy: str

    def __str__(self) -> str:
        """Write one line, as a compiler does."""
        where = f"{self.path}:{self.line}" if self.line is not None else str(self.path)
        place = f"{self.place}: " if self.place else ""
        return f"{where}: {self.severity}: {place}{self.message}; {self.remedy} [{self.code}]"
