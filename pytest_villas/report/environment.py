"""The machine and the software that measured."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from pytest_villas.report.record import Environment

_PACKAGES: Final = ("pytest-villas", "pytest", "pynng", "numpy", "scipy", "pyserial", "msgspec", "dpsim")
_GIT_TIMEOUT_S: Final = 10


def environment(root: Path) -> Environment:
    """Describe this machine, this Python and the commit of the project at `root`."""
    return Environment(
        host=socket.gethostname(),
        machine=platform.machine(),
        cpu=_cpu(),
        cpus=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()}",
        governor=_governor(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        commit=commit(root),
        packages={name: found for name in _PACKAGES if (found := _version(name))},
    )


def commit(root: Path) -> str:
    """Return the commit of a git repository, with ``+`` where files were changed since; empty where there is none."""
    head = _git(root, "rev-parse", "HEAD")
    return f"{head}+" if head and _git(root, "status", "--porcelain", "--untracked-files=no") else head


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _governor() -> str:
    found = set()
    for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"):
        try:
            found.add(path.read_text().strip())
        except OSError:
            continue  # a CPU that is off has none
    return ",".join(sorted(found)) or "none"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
