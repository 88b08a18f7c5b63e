"""`villas-rig`: what can be done with rigs, configs and recordings outside of a test.

Each command is a module with a function `main(arguments) -> exit status`, imported when it is asked for: `villas-rig list`
does not wait for NumPy, and nothing waits for SciPy that does not need it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from pytest_villas.cli.usage import Parser
from pytest_villas.errors import VillasError, nearest

_COMMANDS: Final = {
    "list": ("pytest_villas.cli.rigs", "list the rigs that there are"),
    "scan": ("pytest_villas.cli.scan", "list serial ports and listening nodes, and write a rig file for one"),
    "doctor": ("pytest_villas.cli.doctor", "open a rig, listen, and say what keeps it from working"),
    "lint": ("pytest_villas.cli.lint", "say what is wrong with VILLASnode configs"),
    "convert": ("pytest_villas.cli.convert", "convert samples from one format to another, as villas-convert does"),
    "compare": ("pytest_villas.cli.compare", "compare recordings, as villas-compare does"),
    "replay": ("pytest_villas.cli.replay", "replay the stimulus of a stored run to a rig, and judge what comes back"),
    "report": ("pytest_villas.cli.report", "write a report, or an acceptance pack, of stored runs"),
    "verify": ("pytest_villas.cli.verify", "check an acceptance pack"),
    "ab": ("pytest_villas.cli.ab", "run tests with two rigs in turns, and say whether the second is slower"),
    "prove": ("pytest_villas.cli.prove", "say which impairments of a rig its tests would let through"),
}
_INTERRUPTED = 130
_READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit status: 2 where it is used wrongly or breaks, unless it says something else."""
    table = "\n".join(f"  {name:<10}{about}" for name, (_, about) in _COMMANDS.items())
    parser = Parser("villas-rig", f"Rigs, VILLASnode configs and recordings.\n\ncommands:\n{table}")
    parser.add_argument("command", metavar="COMMAND", help="one of these; villas-rig COMMAND --help tells more")
    parser.add_argument("arguments", metavar="...", nargs="...", help="what the command takes")
    given = parser.parse_args(arguments)
    if given.command not in _COMMANDS:
        parser.error(f"no command {given.command!r}{nearest(given.command, _COMMANDS)}")
    command: Any = import_module(_COMMANDS[given.command][0])
    try:
        status: int = command.main(given.arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read what is written here has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (VillasError, OSError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.filename is not None:
            reason = f"{error.filename}: {error.strerror}"
        sys.stderr.write(f"villas-rig {given.command}: {reason}\n")
        return getattr(command, "BROKEN", 2)
    return status
