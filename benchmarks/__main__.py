"""Run every benchmark, interleaved with its peer, and write RESULTS.md and results.json beside this file.

    python -m benchmarks [ROUNDS]

A ratio is ours to the peer's, below 1 where we take less; its spread is the least and the greatest ratio of the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import codecs, collecting, sending

HERE = Path(__file__).parent


def main(rounds: int) -> None:
    """Measure, print and write the table."""
    figures = [figure for module in (codecs, sending, collecting) for figure in module.figures()]
    rows = []
    for figure in figures:
        ratios = sorted(figure.ratio() for _ in range(rounds))
        median = statistics.median(ratios)
        rows.append(
            {
                "figure": figure.name,
                "peer": figure.peer,
                "ratio": round(median, 4),
                "spread": [round(ratios[0], 4), round(ratios[-1], 4)],
                "reach": figure.reach,
                "holds": median <= figure.reach,
            }
        )
        print(f"{figure.name}: {median:.3g} of {figure.peer}")
    (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (HERE / "RESULTS.md").write_text(table(rows, rounds), encoding="utf-8")


def table(rows: list[dict[str, Any]], rounds: int) -> str:
    """Return the results as Markdown."""
    head = [
        "# Results",
        "",
        f"Written by `python -m benchmarks {rounds}` on Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs.",
        f"Ratios of ours to the peer's, the median of {rounds} rounds with the least and the greatest; below 1 is less time.",
        "",
        "| figure | peer | ratio | spread | reach | holds |",
        "|---|---|---|---|---|---|",
    ]
    body = []
    for row in rows:
        low, high = row["spread"]
        holds = "yes" if row["holds"] else "no"
        body.append(f"| {row['figure']} | {row['peer']} | {row['ratio']} | {low} .. {high} | {row['reach']} | {holds} |")
    return "\n".join([*head, *body, ""])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
