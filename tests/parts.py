"""Real parts that a test needs: skipped by name where one is missing, failed where all are required."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def _missing(what: str) -> NoReturn:
    if os.environ.get("PYTEST_VILLAS_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and PYTEST_VILLAS_REQUIRE_ALL=1")
    pytest.skip(f"needs {what}")


def program(name: str, package: str) -> str:
    """Return the path of a program."""
    path = shutil.which(name)
    if path is None:
        _missing(f"{name} (Debian: {package})")
    return path


def villas_node() -> str:
    """Return the path of a villas-node program. No package has it for everybody, so it is never required."""
    path = shutil.which("villas-node")
    if path is None:
        pytest.skip("needs villas-node on PATH, see docs/villas-node.md")
    return path


def header(name: str, package: str) -> None:
    """Make sure that a header of C is installed."""
    if not Path("/usr/include", name).is_file():
        _missing(f"{name} (Debian: {package})")


def module(name: str, extra: str) -> None:
    """Make sure that a module can be imported."""
    if importlib.util.find_spec(name) is None:
        _missing(f"{name} (pip install pytest-villas[{extra}])")


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def pytest_in(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, for what several tests look at."""
    return subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, capture_output=True, text=True, check=False)
