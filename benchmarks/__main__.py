"""Measure ourselves against named peers, in turn, and write RESULTS.md and results.json beside this file.

    python -m benchmarks [--rounds N] [--samples N] [--longest S] [--only WORD] [GROUP...]

Groups are `trips` (round trips, lateness, stamps), `rates` and `work` (what a processor does); leave the machine alone meanwhile.
Without any, all. The rows of a group that is not run stay as they are. A contest that breaks is left out, and said to be; the
others go on, and the exit status is 1. What has been measured is written after every round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
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
    parser.add_argument("--samples", type=int, default=1_000_000, help="of each call of a codec")
    parser.add_argument("--longest", type=float, default=540, metavar="S", help="a group begins no round that would end later")
    parser.add_argument("--only", default="", metavar="WORD", help="contests with this in their figure, to try them")
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
    broken: list[str] = []
    start = time.monotonic()
    for name in given.groups or groups:
        began = time.strftime("%Y-%m-%d %H:%M")
        contests = [Rounds(contest) for contest in _made(name, groups[name], broken) if given.only in contest.figure]
        others = [row for row in kept if row["group"] != name]
        group_start = time.monotonic()
        for number in range(given.rounds):
            round_start = time.monotonic()
            for contest in list(contests):
                figure = contest.contest.figure
                try:
                    contest.play()
                except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the others are measured
                    contests.remove(contest)
                    broken.append(f"{figure}: {type(error).__name__}: {error}")
                    traceback.print_exc()
                    continue
                at = time.monotonic() - start
                print(f"{at:6.0f} s  {name}, round {number + 1}: {figure}: {_said(contest.ours[-1])}", flush=True)
            rows = [{**row, "group": name, "when": began} for contest in contests for row in contest.rows()]
            kept = sorted(others + rows, key=lambda row: list(groups).index(row["group"]))
            if not given.only:
                file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
                (HERE / "RESULTS.md").write_text(table(kept, broken), encoding="utf-8")
            now = time.monotonic()
            if number + 1 < given.rounds and 2 * now - round_start - group_start > given.longest:
                print(f"{name}: no more rounds, or it would take more than {given.longest:g} s", flush=True)
                break
        if given.only:
            print("\n".join(_line(row) for row in rows))
    print(f"{time.monotonic() - start:.0f} s, {len(broken)} broken")
    if broken:
        sys.exit(1)


def _made(name: str, group: Callable[[], Iterator[Contest]], broken: list[str]) -> Iterator[Contest]:
    """Yield the contests of a group, as far as they can be made."""
    try:
        yield from group()
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
        broken.append(f"{name}: {type(error).__name__}: {error}")
        traceback.print_exc()


def _work(samples: int) -> Iterator[Contest]:
    from benchmarks import work  # noqa: PLC0415 - it needs packages that the others do not

    return work.contests(samples)


def _said(measured: Measurement) -> str:
    return ", ".join(f"{name} {value:.4g}".strip() for name, value in measured.items())


def table(rows: list[dict[str, Any]], broken: Sequence[str] = ()) -> str:
    """Return the results as Markdown."""
    held = [row["holds"] for row in rows if row["holds"] is not None]
    kernel = ".".join(platform.release().split(".")[:2])  # the rest names a build, and tells a reader nothing
    head = [
        "# Results",
        "",
        f"Written by `python -m benchmarks`. Python {platform.python_version()}, NumPy {np.__version__}, Linux {kernel}, {processor()},",
        f"{os.cpu_count()} CPUs. {sum(held)} of {len(held)} figures are reached.",
        "",
        "Everybody is measured in turn, round after round. `ours` and `peer's` are medians of the rounds; `ratio` is the median of",
        "ours to the peer's in the same round, `spread` the least and the greatest. `reach` is the ratio that we set ourselves as a goal,",
        "and nobody else's measure; a ratio without one is for information.",
    ]
    for group in dict.fromkeys(row["group"] for row in rows):
        mine = [row for row in rows if row["group"] == group]
        head += ["", f"## {group}, {mine[0]['when']}, {mine[0]['rounds']} rounds", ""]
        head += [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
        head += [_line(row) for row in mine]
    if broken:
        head += ["", "Not measured:", "", *(f"- {each}" for each in broken)]
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
