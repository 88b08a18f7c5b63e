"""What the plugin costs a session that has no rig: `pytest --collect-only` with and without it."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.contest import Contest, Measurement, Peer


def collect(*options: str) -> Measurement:
    """Return the processor time of a collection of one small test file in an empty folder, in s: the least of ten."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "test_small.py").write_text("def test_it(): pass\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *options]
        return {"": min(_busy(command, name) for _ in range(10))}


def _busy(command: list[str], folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def contests() -> Iterator[Contest]:
    """Return the one contest."""
    without = Peer("the same with -p no:villas", partial(collect, "-p", "no:villas"), {"": 1.1})
    yield Contest("pytest --collect-only without a rig", "s of a processor", collect, (without,))
