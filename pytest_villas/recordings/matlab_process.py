"""SciPy's reader in a process of its own: a `.mat` file that is broken in its structure makes it overrun its memory.

As a program this reads a file from standard input and writes a pickle to standard output: its variables, or a text that says
why there are none. It imports nothing of the package, so that it starts as fast as SciPy does.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import resource
import signal
import subprocess
import sys
import warnings
from typing import Any

_SECONDS = 60
_SECONDS_PER_BYTE = 1e-6


class UnreadableError(Exception):
    """SciPy cannot read it; the text says why."""


def variables(content: bytes) -> dict[str, Any]:
    """Return the variables of a `.mat` file, structs as dictionaries; UnreadableError for one that is none, or broken."""
    patience = int(_SECONDS + _SECONDS_PER_BYTE * len(content))
    command = [sys.executable, "-P", "-W", "ignore", __file__, str(patience)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=patience, env=environment)
    except subprocess.TimeoutExpired:
        raise UnreadableError(f"SciPy was not done with it within {patience} s") from None
    if done.returncode < 0:
        raise UnreadableError(f"its structure is broken so that SciPy dies of it ({signal.Signals(-done.returncode).name})")
    if done.returncode > 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UnreadableError(f"SciPy failed: {said or f'exit status {done.returncode}'}")
    found: dict[str, Any] | str = pickle.loads(done.stdout)  # noqa: S301 - it comes from this file, below
    if isinstance(found, str):
        raise UnreadableError(found)
    return found


def _main() -> None:
    loadmat = importlib.import_module("scipy.io").loadmat  # late: the one who asks does without
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    content = sys.stdin.buffer.read()
    found: dict[str, Any] | str
    try:
        # a double that MATLAB packed into bytes is a double, and a logical a boolean, with mat_dtype alone; but then SciPy
        # takes the imaginary part away
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            typed = loadmat(io.BytesIO(content), mat_dtype=True, simplify_cells=True)
            plain = loadmat(io.BytesIO(content), simplify_cells=True)
        found = {key: _merged(value, plain[key]) for key, value in typed.items() if not key.startswith("__")}
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked is told
        found = str(error) or type(error).__name__
    pickle.dump(found, sys.stdout.buffer, protocol=5)


def _merged(typed: Any, plain: Any) -> Any:
    """Return what is complex from the one, and everything else from the other."""
    if isinstance(typed, dict):
        return {key: _merged(value, plain[key]) for key, value in typed.items()}
    if isinstance(typed, list):
        return [_merged(one, other) for one, other in zip(typed, plain, strict=True)]
    return plain if getattr(getattr(plain, "dtype", None), "kind", "c" if isinstance(plain, complex) else "") == "c" else typed


if __name__ == "__main__":
    _main()
