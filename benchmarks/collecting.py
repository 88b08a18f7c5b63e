"""What the plugin costs a session that has no rig: `pytest --collect-only` with and without it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure


def collect(*options: str) -> float:
    """Return the seconds of a collection of one small test file in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "test_small.py").write_text("def test_it(): pass\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *options]
        began = time.perf_counter()
        subprocess.run(command, cwd=name, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def figures() -> Iterator[Figure]:
    """Return the one figure."""
    yield Figure("pytest --collect-only", "the same with -p no:villas", collect, lambda: collect("-p", "no:villas"), 1.1)
