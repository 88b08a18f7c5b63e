"""Start a rig's process, know when it is ready, notice its death, and stop it whatever happens to us."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_villas.errors import RigError
from pytest_villas.forks import let_go_when_forked
from pytest_villas.units import format_duration

_SUPERVISE = Path(__file__).with_name("supervise.py")
_LAST_LINES = 12


class Process:
    """A rig's process under supervision, with its output in a log file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, realtime: bool = False) -> None:
        """Start the command, with real-time scheduling if wanted and allowed; its standard output and error go to `log`."""
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_SUPERVISE), *(["--realtime"] if realtime else []), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                bufsize=0,
            )
        let_go_when_forked(self)

    def check(self) -> None:
        """Raise RigError with the last lines of the log where the process has ended."""
        if (status := self._process.poll()) is not None:
            ended = f"was killed by signal {status - 128}" if status > 128 else f"ended with status {status}"
            raise RigError(f"rig {self.name!r}: its process {ended}; the end of {self.log}:\n{self.last_lines()}")

    def last_lines(self) -> str:
        """Return the end of the log, for an error message."""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            lines = deque(file, _LAST_LINES)
        return "".join(f"    {line.rstrip()}\n" for line in lines) or "    (it said nothing)\n"

    def wait_for_line(self, pattern: str, timeout: int) -> None:
        """Wait until a line of the output matches; RigError where none does within `timeout` ns."""
        self.wait(
            lambda: re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE) is not None,
            timeout,
            f"no line of its output matched {pattern!r}",
        )

    def wait(self, ready: Callable[[], bool], timeout: int, missing: str) -> None:
        """Wait until `ready()`, while the process lives; RigError otherwise."""
        end = time.monotonic_ns() + timeout
        while not ready():
            self.check()
            if time.monotonic_ns() >= end:
                raise RigError(f"rig {self.name!r} did not get ready: {missing} within {format_duration(timeout)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the process and everything that it started; within about 3 s, and 8 where something does not even end when killed."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it ended by itself
                self._process.stdin.write(b"end\n")  # whoever else may hold a copy of the pipe
        self.let_go()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def let_go(self) -> None:
        """See `forks.Holder`."""
        assert self._process.stdin is not None
        self._process.stdin.close()
