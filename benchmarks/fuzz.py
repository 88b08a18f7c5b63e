"""Decode broken payloads with every codec: ``python -m benchmarks.fuzz [COUNT [SEED]]``, a million unless told otherwise.

Exit status 1 where any was read wrongly, refused by another exception than DecodeError, or took too long.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from formats.fuzzing import fuzz


def main(count: int, seed: int) -> int:
    """Run, print what became of the payloads, and return the exit status."""
    began = time.monotonic()
    tallies = fuzz(count, seed)
    print(f"{'codec':<90} {'payloads':>9} {'accepted':>9} {'refused':>9} {'faults':>7}")
    for name, tally in tallies.items():
        print(f"{name:<90} {tally.payloads:>9} {tally.accepted:>9} {tally.refused:>9} {len(tally.faults):>7}")
        for fault in tally.faults[:5]:
            print(f"    {fault}")
    broken = sum(len(tally.faults) for tally in tallies.values())
    print(f"{sum(tally.payloads for tally in tallies.values())} payloads in {time.monotonic() - began:.0f} s, {broken} faults")
    return 1 if broken else 0


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(given[0] if given else 1_000_000, given[1] if given[1:] else 1))
