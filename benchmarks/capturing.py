"""The memory of a capture: `python -m benchmarks.capturing COUNT` takes so many messages of 48 bytes as a replay does."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pytest_villas.replay.capture import ARRIVAL, ARRIVALS, MESSAGES, Capture, store
from pytest_villas.replay.shared import RING
from pytest_villas.replay.spool import Spool

SIZE = 48


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage still knows what the parent had
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def own() -> int:
    """Return the memory that this process has for itself, in bytes: without the pages of files, which the system may take back."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("RssAnon:")[2].split()[0])


def main(count: int) -> None:
    """Print how far the memory rose while the messages came, and what the loaded capture takes, in bytes."""
    before = peak()
    with tempfile.TemporaryDirectory() as name:
        folder, payload = Path(name), bytes(SIZE)
        messages, arrivals = (Spool(folder / name, memoryview(bytearray(RING))) for name in (MESSAGES, ARRIVALS))
        for _ in range(count):
            arrivals.append(ARRIVAL.pack(time.monotonic_ns(), SIZE))
            messages.append(payload)
        messages.close()
        arrivals.close()
        running = peak() - before
        sent = np.arange(count)
        rest = {"meant": sent, "sent": sent, "refused": np.zeros(count, np.bool_), "complete": True}
        rest |= {"clock_step": 0, "send_queue": 0, "receive_queue": 0, "scheduling": "", "stamp": "user"}
        store(folder, rest | {"epoch_offset": 0})
        del sent, rest, messages, arrivals
        empty = own()
        capture = Capture.load(folder)
        assert int(capture.blob[::4096].sum()) == 0
        print(json.dumps({"while it runs": running, "loaded": own() - empty}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
