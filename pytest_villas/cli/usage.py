"""How every command reads its arguments."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser with `-V`, whose usage errors have an exit status of the command's own."""

    def __init__(self, program: str, description: str, *, epilog: str = "", broken: int = 2) -> None:
        super().__init__(program, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._broken = broken
        self.add_argument("-V", "--version", action="version", version=f"pytest-villas {version('pytest-villas')}")

    def error(self, message: str) -> NoReturn:
        """Say how the command is used, and exit."""
        self.print_usage(sys.stderr)
        self.exit(self._broken, f"{self.prog}: {message}\n")
