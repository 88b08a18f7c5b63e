"""The hot loop: bytes and clocks only. One thread sends at absolute deadlines and stamps arrivals in between.

Until shortly before a deadline it sleeps, in an epoll that a timer ends; then it looks at the clock again and again, and at
the link, so that it is not late by the time that waking up takes. How long before is `spin`: see `realtime.spin`; and so long
it stays awake after it sent, unless something came: an answer that is there by then is not late either.

A fifth of the time it leaves to others all the same, counted by the processor time that it had: Linux stops a real-time process
for 50 ms of a second in which ordinary ones starve [the fair server of Linux 6.8, before it sched_rt_runtime_us]. Where it
has been awake for too long, it sleeps early in a period, in which it may wake up late without being late for the deadline;
then takes naps whatever arrives meanwhile; and at last whatever is due.
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
_FLOOD_NS = 100_000_000
"""How long the end waits for a peer that sends faster than we read."""
_AWAKE = 4
"""How many times as long as it slept the loop may stay awake ..."""
_CREDIT_NS = 20_000_000
"""... of which so much is kept for later."""
_DEBT_NS = 10_000_000
"""When it has been awake for so much longer it sleeps whatever arrives, and after twice as long whatever is due."""
_NAP_S = 20e-6


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
    following, linger, closing = due[0], 0, _NEVER
    payload = blob[offsets[0] : offsets[1]]  # cut out before it is due
    budget = _Budget()
    broke = budget.woke()
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
            if now - broke > 2 * _DEBT_NS:
                time.sleep(_NAP_S)
                broke = budget.woke()
                now = clock()
            turn = index + _DRAIN
            while now >= following and index < turn:
                refused[index] = not send(payload)
                sent[index] = now
                index += 1
                linger = now + spin
                if index < count:
                    following, payload = due[index], blob[offsets[index] : offsets[index + 1]]
                else:
                    following, closing = _NEVER, now + tail + _FLOOD_NS
                now = clock()
            if now - shown > _REPORT_NS:
                PROGRESS.pack_into(progress, 0, index, received, incoming.in_memory)
                shown = now
                events = wait(0)  # while it spins, nobody else looks at the other descriptors
            elif now < closing and (message := receive()) is not None:
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
                if now < linger and now < broke + _DEBT_NS:
                    continue
                until -= spin
                if until <= now:
                    if now < broke:
                        continue
                    if now - broke > _DEBT_NS:
                        time.sleep(_NAP_S)
                        broke = budget.woke()
                        continue
                    # early, and no longer than it has to: it may wake up late without being late for the deadline
                    until = min(until + spin // 2, now + (now - broke) // _AWAKE)
                    if until <= now:
                        continue
                if until != armed:
                    wake_at(until)
                    armed = until
                events = wait(_REPORT_NS / 1e9)
                broke = budget.woke()
            for descriptor, _ in events:
                if descriptor in dropping:
                    for _ in range(_DRAIN):
                        if dropping[descriptor].receive() is None or clock() >= following:
                            break
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


class _Budget:
    """How long the loop may stay awake."""

    def __init__(self) -> None:
        self._slept = time.monotonic_ns() - time.thread_time_ns()
        self._broke = time.monotonic_ns() + _CREDIT_NS

    def woke(self) -> int:
        """Count what was slept since the last time, and return until when to stay awake (monotonic ns)."""
        now = time.monotonic_ns()
        slept = now - time.thread_time_ns()
        self._broke = min(self._broke + (_AWAKE + 1) * (slept - self._slept), now + _CREDIT_NS)
        self._slept = slept
        return self._broke
