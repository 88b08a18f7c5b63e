"""The file of a baseline: JSON that reads well in a diff, one for each rig and test."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final, Literal

import msgspec

from pytest_villas.report import files
from pytest_villas.report.record import Environment, Number, Record, decoded

FORMAT: Final = "pytest-villas.baseline"
VERSION: Final = 1
_LONGEST: Final = 100


class Saved(Record, frozen=True, kw_only=True):
    """When and why a baseline was saved."""

    date: str
    reason: str
    commit: str = ""
    runs: int = 0


class Series(Record, frozen=True, kw_only=True):
    """The runs of one stimulus.

    Attributes:
        stimulus: its hash, which tells them from runs of another one.
        runs: how many there were.
        figures: for each figure its value in every run, in ns.
        golden: name of the file beside this one that has the response of a run; `golden_hash` is its SHA-256.
    """

    stimulus: str
    runs: int
    figures: dict[str, list[Number]]
    golden: str = ""
    golden_hash: str = ""


class Baseline(Record, frozen=True, kw_only=True):
    """A stored baseline; the latest entry of `saved` is about what is in it, the others say what was there before."""

    format: Literal["pytest-villas.baseline"] = "pytest-villas.baseline"
    version: int = VERSION
    test: str
    rig: str
    saved: list[Saved]
    fingerprint: dict[str, str]
    environment: Environment
    series: list[Series]


def path_of(folder: Path, rig: str, case: str) -> Path:
    """Return the file of a test: `RIG/tests/test_a/test_b.json`, with a hash where the name of the test is no name of a file.

    >>> path_of(Path("b"), "lab1", "tests/test_a.py::TestIt::test_b").as_posix()
    'b/lab1/tests/test_a/TestIt.test_b.json'
    """
    module, _, name = case.partition("::")
    plain = name.replace("::", ".")
    safe = re.sub(r"[^A-Za-z0-9_.=-]+", "_", plain)[:_LONGEST].strip("_.") or "test"
    if safe != plain:
        safe = f"{safe}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    parts = [part for part in Path(module).with_suffix("").parts if part not in {"..", "/"}]
    return folder.joinpath(rig, *parts, f"{safe}.json")


def read(path: Path) -> Baseline:
    """Read a baseline; ConfigError with path and version where it is damaged or newer than this."""
    found: Baseline = decoded(path, Baseline, FORMAT, VERSION)
    return found


def write(baseline: Baseline, path: Path) -> None:
    """Write a baseline, whole or not at all. Raises OSError."""
    files.write(path, msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
