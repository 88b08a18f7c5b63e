"""`villas-rig prove`: would these tests notice if the rig were wrong?"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from pytest_villas.cli.usage import Parser
from pytest_villas.errors import NotThereYet
from pytest_villas.impair import KINDS, parse
from pytest_villas.report.outcome import UNDECIDED
from pytest_villas.rig.bench import NOT_IMPAIRED
from pytest_villas.rig.face import response_signals
from pytest_villas.rig.registry import Registry

_REMEDY: Final = {
    "delay": "latency_p50",
    "jitter": "latency_p90",
    "loss": "loss",
    "burst_loss": "longest_loss",
    "duplicate": "duplicates",
    "reorder": "reordered",
    "wrong_type": "rejected",
    "stalled_sender": "latency_p99",
    "gain": "gain_error",
    "offset": "offset",
}
"""The limit that sees an impairment; all others are seen by nrmse."""
_LONGEST_S: Final = 3600
"""How long one session may take."""
_INAPPLICABLE: Final = f"pytest_villas.errors.RigError: {NOT_IMPAIRED}"


@dataclass(frozen=True, slots=True)
class Session:
    """What one pytest session came to: its exit status, how many tests passed, which one did not, and what was printed."""

    status: int
    passed: int
    test: str
    message: str
    output: str


def main(arguments: Sequence[str]) -> int:
    """Run tests clean and under each impairment. Returns 0 where all are caught, 1 where some are not, 2 for no conclusion."""
    table = "\n".join(f"  {name:<15} {kind.about}" for name, kind in KINDS.items())
    parser = Parser(
        "villas-rig prove",
        "Run tests of a rig clean, then under one impairment after the other, then clean again, and say which impairments they\n"
        "would let through. A test that is inconclusive lets nothing through.",
        epilog=f"impairments, by default each of them once:\n{table}\n\n"
        "a SPEC is a name, name=value or name:key=value,key=value; several are joined by +, as in 'loss=1%+delay=5 ms+seed=7'\n\n"
        "exit status: 0 all are caught, 1 some are let through, 2 nothing can be concluded",
    )
    parser.add_argument("tests", nargs="+", metavar="TESTFILE", help="test files, folders, or single tests as pytest names them")
    parser.add_argument("--rig", required=True, metavar="NAME", help="the rig to run them with")
    parser.add_argument("--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look here first; repeatable")
    parser.add_argument("--impair", action="append", metavar="SPEC", help="instead of all: this impairment; repeatable")
    given = parser.parse_args(arguments)
    rig = Registry.of(Path.cwd(), given.rig_dir).load(given.rig)
    specs = given.impair or list(KINDS)
    for spec in specs:
        impairment = parse(spec)
        with contextlib.suppress(NotThereYet):  # a conftest of the tests may bring it
            impairment.check(response_signals(rig.link), given.rig)
    command = [*given.tests, f"--rig={given.rig}", *(f"--rig-dir={folder}" for folder in given.rig_dir)]
    began = time.monotonic()
    status = _prove(command, specs)
    _say(f"took {time.monotonic() - began:.0f} s")
    return status


def _prove(command: Sequence[str], specs: Sequence[str]) -> int:
    if not _is_clean(_run(command), "clean"):
        return 2
    through, caught = [], 0
    for spec in specs:
        session = _run([*command, "-x", f"--villas-impair={spec}"])
        if session.status == 0:
            through.append(spec)
            _say(f"{spec:<20} LET THROUGH: {_remedy(spec)}")
        elif session.message.startswith(_INAPPLICABLE):
            _say(f"{spec:<20} does not apply: {session.message.removeprefix(_INAPPLICABLE).splitlines()[0]}")
        elif session.status in {1, UNDECIDED}:
            caught += 1
            _say(f"{spec:<20} caught by {session.test}{' (INCONCLUSIVE)' if session.status == UNDECIDED else ''}")
        else:
            return _inconclusive(spec, session)
    # a rig that fails by itself would have caught everything
    if not _is_clean(_run(command), "clean again"):
        return 2
    if not through and not caught:
        _say("nothing can be concluded: no impairment applies")
        return 2
    _say(f"{caught} of {caught + len(through)} impairments are caught{', not: ' if through else ''}{', '.join(through)}")
    return 1 if through else 0


def _is_clean(session: Session, label: str) -> bool:
    if session.status == 0 and session.passed:
        _say(f"{label:<20} {session.passed} passed")
        return True
    _inconclusive(label, session)
    return False


def _inconclusive(label: str, session: Session) -> int:
    why = "no test ran" if session.status == 0 else f"pytest ended with status {session.status}"
    sys.stdout.write(session.output)
    _say(f"{label:<20} nothing can be concluded: {why}")
    return 2


def _run(arguments: Sequence[str]) -> Session:
    """Run pytest in a process of its own: what one session imports and leaves behind is no part of the next."""
    with tempfile.TemporaryDirectory(prefix="villas-prove-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *arguments, "-p", "no:cacheprovider", "--color=no", f"--junitxml={report}"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_LONGEST_S,
            )
        except subprocess.TimeoutExpired:
            return Session(-1, 0, "", "", f"it took longer than {_LONGEST_S} s\n")
        cases = list(ET.parse(report).iter("testcase")) if report.is_file() else []  # noqa: S314 - pytest wrote it
    bad = [(case, verdict) for case in cases for verdict in case if verdict.tag in {"failure", "error"}]
    test, message = "", ""
    if bad:
        case, verdict = bad[0]
        test, message = f"{case.get('classname')}::{case.get('name')}", verdict.get("message", "")
    passed = sum(not any(child.tag in {"failure", "error", "skipped"} for child in case) for case in cases)
    return Session(done.returncode, passed, test, message, done.stdout + done.stderr)


def _remedy(spec: str) -> str:
    name = spec.partition("=")[0].partition(":")[0].strip()
    if "+" in spec or name not in KINDS:
        return "no limit is close enough"
    return f"a limit on {_REMEDY.get(name, 'nrmse')} would see it, if it is close enough"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
