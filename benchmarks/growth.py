"""How the floor grows with rate and with the number of signals: `python -m benchmarks.growth` writes docs/floor.svg and .json."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks import live
from pytest_villas.links import SpLink

DOCS = Path(__file__).parent.parent / "docs"
RATES = (100, 1000, 2000, 5000, 10_000, 20_000)
SIGNALS = (1, 3, 8, 16, 32, 64)
ROUNDS = 3


def floor(transport: str, rate: float, signals: int) -> dict[str, float]:
    """Measure once; times from sending to arrival, in us."""
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        address = live.addresses(transport, Path(name))[0]
        capture = live.replayed(SpLink([address], [address]), rate, 1, Path(name), signals)
        times, lost = live.trip_times(capture)
    p50, p99 = live.quantiles(times)
    return {"p50": p50, "p99": p99, "lost": lost, "bytes": float(np.median(np.diff(capture.offsets)))}


def main() -> None:
    """Measure, write, draw."""
    points: list[dict[str, Any]] = []
    for transport in ("tcp", "ipc"):
        for rate, signals in [(rate, 3) for rate in RATES] + [(1000, count) for count in SIGNALS if count != 3]:
            rounds = [floor(transport, rate, signals) for _ in range(ROUNDS)]
            median = {name: float(f"{np.median([each[name] for each in rounds]):.4g}") for name in rounds[0]}
            points.append({"transport": transport, "rate": rate, "signals": signals, **median})
            print(points[-1], flush=True)
    (DOCS / "floor.json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    draw(points)


def draw(points: list[dict[str, Any]]) -> None:
    """Draw both dependences."""
    plt.switch_backend("svg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for transport, colour in (("tcp", "tab:blue"), ("ipc", "tab:orange")):
        mine = [point for point in points if point["transport"] == transport]
        for axes, by, rows in (
            (left, "rate", [point for point in mine if point["signals"] == 3]),
            (right, "signals", sorted((point for point in mine if point["rate"] == 1000), key=lambda point: point["signals"])),
        ):
            for quantile, style in (("p50", "o-"), ("p99", "^--")):
                values = [point[quantile] for point in rows]
                axes.plot([point[by] for point in rows], values, style, color=colour, label=f"{transport} {quantile}")
    left.set(xscale="log", xlabel="messages a second, 3 floats in json", ylabel="one way to ourselves, µs", ylim=(0, None))
    right.set(xlabel="floats in json, at 1 kHz")
    left.legend()
    figure.tight_layout()
    figure.savefig(DOCS / "floor.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
