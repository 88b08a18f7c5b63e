"""Measure ourselves against named peers, in turn, and write RESULTS.md and results.json beside this file.

    python -m benchmarks [--rounds N] [--samples N] [GROUP...]

Groups are `trips` (about 4 minutes: round trips, lateness, stamps), `rates` (about 12 minutes) and `work` (about 10 minutes: what
a processor does); leave the machine alone meanwhile. Without any, all. The rows of a group that is not run stay as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import live
from benchmarks.contest import Contest, Measurement, Rounds

HERE = Path(__file__).parent
_COLUMNS = ("figure", "ours", "peer's", "peer", "ratio", "spread", "reach", "holds")


def main(arguments: list[str]) -> None:
    """Play all rounds, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against named peers.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="trips, rates, work; without any, all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=100_000, help="of each call of a codec")
    given = parser.parse_args(arguments)
    groups: dict[str, Callable[[], Iterator[Contest]]] = {
        "trips": live.trips,
        "rates": live.rates,
        "work": partial(_work, given.samples),
    }
    unknown = set(given.groups) - set(groups)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}: there are {', '.join(groups)}")
    file = HERE / "results.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    for name in given.groups or groups:
        began, contests = time.strftime("%Y-%m-%d %H:%M"), [Rounds(contest) for contest in groups[name]()]
        others = [row for row in kept if row["group"] != name]
        for number in range(given.rounds):
            for contest in contests:
                contest.play()
                print(f"{name}, round {number + 1}: {contest.contest.figure}: {_said(contest.ours[-1])}", flush=True)
            rows = [{**row, "group": name, "when": began} for contest in contests for row in contest.rows()]
            kept = sorted(others + rows, key=lambda row: list(groups).index(row["group"]))
            file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            (HERE / "RESULTS.md").write_text(table(kept), encoding="utf-8")


def _work(samples: int) -> Iterator[Contest]:
    from benchmarks import work  # noqa: PLC0415 - it needs packages that the others do not

    return work.contests(samples)


def _said(measured: Measurement) -> str:
    return ", ".join(f"{name} {value:.4g}".strip() for name, value in measured.items())


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    held = [row["holds"] for row in rows if row["holds"] is not None]
    head = [
        "# Results",
        "",
        f"Written by `python -m benchmarks`. Python {platform.python_version()}, NumPy {np.__version__}, Linux {platform.release()},",
        f"{processor()}, {os.cpu_count()} CPUs. {sum(held)} of {len(held)} figures are reached.",
        "",
        "Everybody is measured in turn, round after round. `ours` and `peer's` are medians of the rounds; `ratio` is the median of",
        "ours to the peer's in the same round, `spread` the least and the greatest. A ratio without a reach is for information.",
    ]
    for group in dict.fromkeys(row["group"] for row in rows):
        mine = [row for row in rows if row["group"] == group]
        head += ["", f"## {group}, {mine[0]['when']}, {mine[0]['rounds']} rounds", ""]
        head += [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
        head += [_line(row) for row in mine]
    return "\n".join([*head, ""])


def _line(row: dict[str, Any]) -> str:
    low, high = row["spread"]
    limit = "" if row["reach"] is None else f"{'at least' if row['more_is_better'] else 'at most'} {row['reach']}"
    holds = {True: "yes", False: "**no**", None: ""}[row["holds"]]
    ours, theirs = (f"{row[key]:g} {row['unit']}" for key in ("ours", "theirs"))
    return f"| {row['figure']} | {ours} | {theirs} | {row['peer']} | {row['ratio']:g} | {low:g} to {high:g} | {limit} | {holds} |"


def processor() -> str:
    """Return the name of the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main(sys.argv[1:])
