"""`villas-rig`, as a user calls it: as a program, and (a hundred times faster) in this process."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_villas.cli import main

Done = subprocess.CompletedProcess[bytes]


def program(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> Done:
    """Run the installed program in a folder."""
    path = Path(sys.executable).with_name("villas-rig")
    return subprocess.run([path, *arguments], cwd=folder, input=stdin, capture_output=True, check=False)


def villas_rig(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> Done:
    """Run a command in a folder, without a process of its own."""
    given = [str(argument) for argument in arguments]
    out, err = io.BytesIO(), io.BytesIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err, write_through=True))
        try:
            status = main(given)
        except SystemExit as stop:
            status = int(stop.code or 0)
        return subprocess.CompletedProcess(given, status, out.getvalue(), err.getvalue())
