"""The hot loop: bytes and clocks only. One thread sends at absolute deadlines and stamps arrivals in between.

Until shortly before a deadline it sleeps, in an epoll that a timer ends; then it looks at the clock again and again, and at
the link, so that it is not late by the time that waking up takes. How long before is `spin`: see `realtime.spin`; and so long
it stays awake after it sent, unless something came: an answer that is there by then is not late either. It sleeps
at least a third of the time all the same, though it may wake up late then: Linux stops a real-time process that never sleeps
for 50 ms of every second [sched_rt_runtime_us].
"""

from __future__ import annotations

import gc
import mmap
import select
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_villas.errors import LinkError
from pytest_villas.links import Link
from pytest_villas.links.timer import Timer
from pytest_villas.replay.capture import ARRIVAL
from pytest_villas.replay.shared import PROGRESS
from pytest_villas.replay.spool import Spool

_REPORT_NS = 50_000_000
_DRAIN = 32
"""Messages sent or read between two looks at the other direction."""
_NEVER = 1 << 62
_AWAKE = 2
"""How many times as long as it slept the loop may stay awake ..."""
_CREDIT_NS = 50_000_000
"""... and at most so long at a stretch."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What to send: `blob[offsets[i]:offsets[i + 1]]` at `due[i]`, ns of the monotonic clock, ascending."""

    blob: bytes
    offsets: array[int]
    due: array[int]


@dataclass(frozen=True, slots=True)
class Incoming:
    """Where to what arrives: the messages, and for each an `ARRIVAL`."""

    messages: Spool
    arrivals: Spool

    @property
    def in_memory(self) -> bool:
        """Is what came last where somebody who shares the memory of the spools finds it?"""
        return not (self.messages.trouble or self.arrivals.trouble)

    def close(self) -> None:
        """Have all of it on the disk."""
        self.messages.close()
        self.arrivals.close()


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the messages: when each was sent, 0 for what never was; whether it was refused; all until the end?

    `broken` says why the link ended the loop, if it did.
    """

    sent: array[int]
    refused: bytearray
    complete: bool
    broken: str = ""


def run(
    links: Sequence[Link], outgoing: Outgoing, incoming: Incoming, *, tail: int, spin: int, control: int, progress: mmap.mmap
) -> Sent:
    """Send each message when it is due and take what arrives, until `tail` ns after the last was sent.

    Args:
        links: open links; the last is used, and what the others receive is read and dropped.
        outgoing: what to send, at least one message.
        incoming: where to put what arrives.
        tail: how long to listen after the last message, ns; one that was sent late has as long to be answered.
        spin: how long before a deadline to stay awake, ns.
        control: a descriptor; when it becomes readable, the loop ends early.
        progress: shared memory that begins with a `PROGRESS`.
    """
    *others, link = links
    blob, offsets, due = outgoing.blob, outgoing.offsets, outgoing.due
    count = len(due)
    sent, refused = array("q", bytes(8 * count)), bytearray(count)
    clock, send, receive, header = time.monotonic_ns, link.send, link.receive, ARRIVAL.pack
    keep, note = incoming.messages.append, incoming.arrivals.append
    index, received, shown, armed, complete = 0, 0, 0, 0, False
    following, credit, woke, linger = due[0], _CREDIT_NS, clock(), 0
    timer, epoll = Timer(), select.epoll()
    wait, wake_at = epoll.poll, timer.set
    for watched in (timer.fileno(), control, *(each.fileno() for each in links)):
        epoll.register(watched, select.EPOLLIN)
    dropping = {other.fileno(): other for other in others}
    broken = ""
    gc.collect()
    gc.disable()
    try:
        while True:
            now = clock()
            turn = index + _DRAIN
            while now >= following and index < turn:
                refused[index] = not send(blob[offsets[index] : offsets[index + 1]])
                sent[index] = now
                index += 1
                following = due[index] if index < count else _NEVER
                linger = now + spin
                now = clock()
            if now - shown > _REPORT_NS:
                PROGRESS.pack_into(progress, 0, index, received, incoming.in_memory)
                shown = now
                events = wait(0)  # while it spins, nobody else looks at the other descriptors
            elif (message := receive()) is not None:
                turn = received + _DRAIN
                while message is not None:
                    note(header(message[0], len(message[1])))
                    keep(message[1])
                    received += 1
                    linger = 0
                    if received == turn or clock() >= following:
                        break
                    message = receive()
                continue
            else:
                until = following if index < count else sent[-1] + tail
                if index == count and now >= until:
                    complete = True
                    break
                if credit > now - woke:
                    until -= spin
                    if now < linger:
                        continue
                if until <= now:
                    continue
                if until != armed:
                    wake_at(until)
                    armed = until
                credit -= now - woke
                events = wait(_REPORT_NS / 1e9)
                woke = clock()
                credit = min(credit + _AWAKE * (woke - now), _CREDIT_NS)
            for descriptor, _ in events:
                if descriptor in dropping:
                    while dropping[descriptor].receive() is not None and clock() < following:
                        pass
            if any(descriptor == control for descriptor, _ in events):
                break
    except LinkError as error:
        broken = str(error)
    finally:
        gc.enable()
        epoll.close()
        timer.close()
    PROGRESS.pack_into(progress, 0, index, received, incoming.in_memory)
    return Sent(sent, refused, complete, broken)
