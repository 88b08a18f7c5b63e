"""The peers in C: built from `peers/`, and run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "peers"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")


@cache
def built() -> Path:
    """Compile every peer, once, into a folder of its own. Returns it; SystemExit says what is missing."""
    folder = Path(tempfile.mkdtemp(prefix="villas-peers-"))
    if shutil.which("gcc") is None or not Path("/usr/include/nanomsg/nn.h").is_file():
        raise SystemExit("the peers need gcc and the headers of libnanomsg (Debian: gcc libc6-dev libnanomsg-dev)")
    for source in sorted(SOURCES.glob("*.c")):
        target = folder / source.stem
        subprocess.run(["gcc", *FLAGS, "-o", target, source, "-lnanomsg", "-lpthread", "-lm"], check=True)
    return folder


def run(name: str, *arguments: object) -> dict[str, Any]:
    """Run a peer to its end. Returns what it printed: counts, and quantiles in ns."""
    command = [str(built() / name), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def echo(*addresses: str) -> Iterator[None]:
    """Run the echo while the block runs."""
    with subprocess.Popen([built() / "echo", *addresses], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def run_python(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module in an interpreter of its own. Returns what it printed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
