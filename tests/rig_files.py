"""Rig files that several tests write into their projects."""

from __future__ import annotations

from pathlib import Path

QUICK = """
[rig]
extends = "loopback"
[match]
late_after = "100 ms"
[replay]
warm_up = "20 ms"
cool_down = "0 s"
"""
"""Nothing but the harness, for runs of a fraction of a second."""
DIES = """
[rig]
extends = "sim"
[launch]
command = ["sh", "-c", "echo no licence found; exit 7", "{config}"]
"""
"""A rig that ends at once, and says why."""


def write(project: Path, **texts: str) -> None:
    """Write rig files, by their names, into the folder `rigs` of a project."""
    folder = project / "rigs"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
