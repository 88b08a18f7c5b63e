"""How late a loop over `time.sleep` is: `python -m benchmarks.sleeping RATE SECONDS`. It sends nothing."""

from __future__ import annotations

import gc
import json
import sys
import time

from pytest_villas.replay import realtime


def main(rate: float, seconds: float) -> None:
    """Print p99 in ns, as the peers in C do."""
    realtime.claim()
    gc.disable()
    count = int(rate * seconds)
    late, start, period = [0] * count, time.monotonic_ns() + 20_000_000, 1e9 / rate
    for i in range(count):
        due = start + int(i * period)
        left = due - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        late[i] = time.monotonic_ns() - due
    print(json.dumps({"count": count, "p99": sorted(late)[int(0.99 * count)]}))


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
