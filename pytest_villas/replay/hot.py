"""The hot loop: bytes and clocks only. One thread sends at absolute deadlines and stamps arrivals in between."""

from __future__ import annotations

import gc
import mmap
import select
import struct
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_villas.errors import LinkError
from pytest_villas.links import Link

PROGRESS = struct.Struct("qqq")
"""Messages sent, messages received, and when the loop last wrote them (monotonic ns), in shared memory."""
_REPORT_NS = 50_000_000
_DRAIN = 32
"""Messages read between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the loop saw, on the monotonic clock, in ns: `sent` is 0 for what was never sent.

    `broken` says why the link ended the replay, if it did.
    """

    sent: array[int]
    refused: bytearray
    received: array[int]
    payloads: list[bytes]
    complete: bool
    broken: str = ""


def run(
    link: Link, others: Sequence[Link], payloads: list[bytes], due: list[int], tail: int, control: int, progress: mmap.mmap
) -> Traffic:
    """Send each payload when it is due and take what arrives, until `tail` ns after the last deadline.

    Args:
        link: the open link.
        others: more open links; what they receive is read and dropped.
        payloads: the messages.
        due: absolute deadlines of the monotonic clock, ns, ascending.
        tail: how long to listen after the last deadline, ns.
        control: a descriptor; when it becomes readable, the loop ends early.
        progress: shared memory of at least `PROGRESS.size` bytes.
    """
    count = len(payloads)
    sent, refused = array("q", bytes(8 * count)), bytearray(count)
    received: array[int] = array("q")
    arrived: list[bytes] = []
    clock, wait, send, receive = time.monotonic_ns, select.select, link.send, link.receive
    watched, end, index, shown = [link.fileno(), control, *(other.fileno() for other in others)], due[-1] + tail, 0, 0
    complete, broken = False, ""
    gc.collect()
    gc.disable()
    try:
        while True:
            now = clock()
            behind = 0
            while index < count and now >= due[index] and behind < _DRAIN:
                refused[index] = not send(payloads[index])
                sent[index] = now
                index += 1
                behind += 1
                now = clock()
            if now - shown > _REPORT_NS:
                PROGRESS.pack_into(progress, 0, index, len(received), now)
                shown = now
            if index == count and now >= end:
                complete = True
                break
            left = min((due[index] if index < count else end) - now, _REPORT_NS)
            ready = wait(watched, (), (), left / 1e9 if left > 0 else 0)[0]
            if control in ready:
                break
            for other in others:
                if other.fileno() in ready:
                    other.receive()
            if ready:
                for _ in range(_DRAIN):
                    if (message := receive()) is None:
                        break
                    received.append(message[0])
                    arrived.append(message[1])
                    if index < count and clock() >= due[index]:
                        break
    except LinkError as error:
        broken = str(error)
    finally:
        gc.enable()
    PROGRESS.pack_into(progress, 0, index, len(received), clock())
    return Traffic(sent, refused, received, arrived, complete, broken)
