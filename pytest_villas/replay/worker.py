"""The process that replays: it owns the links, and between two replays it reads and drops what comes.

The link that was opened last is the one that commands are about.

It is started as `python -m pytest_villas.replay.worker CONTROL PROGRESS` with two inherited descriptors: a socket that
carries commands and answers, each with the number of the command, and shared memory for progress. It ends when the other
side of the socket is gone, or the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from array import array
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np

from pytest_villas.errors import EncodeError, LinkError, VillasError
from pytest_villas.formats import Messages
from pytest_villas.links import Link, Losses
from pytest_villas.links.waiting import readable
from pytest_villas.replay import hot, realtime
from pytest_villas.replay.capture import ARRIVALS, MESSAGES, Capture, arrived, store, to_epoch
from pytest_villas.replay.commands import Close, Connected, Heard, Late, Open, Replay, Stop, receive, send
from pytest_villas.replay.shared import Shared
from pytest_villas.replay.spool import Spool
from pytest_villas.units import s

_TRIES: Final = 16
"""How often to read what comes in while losses are counted."""


def main(control: int, progress: int) -> None:
    """Serve commands until the other side is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what a whole group of processes gets is for pytest, which then tells us
    connection, parent = Connection(control), _parent()
    ending = select.epoll()  # one descriptor for all that ends a replay
    for descriptor in (control, *parent):
        ending.register(descriptor, select.EPOLLIN)
    _log("started")
    shared = Shared(progress)
    scheduling = realtime.claim()
    _log(scheduling)
    links: list[Link] = []
    try:
        while True:
            heard = _idle(links, ending)
            if readable(*parent, timeout=0):
                break
            try:
                asked, command = receive(connection)
            except (EOFError, OSError):  # also in the middle of a command
                break
            answer: object = None
            try:
                match command:
                    case Open():
                        links.append(command.link.open())
                        _log(f"opened {command.link}")
                        answer = scheduling
                    case Close():
                        links.pop().close()
                    case Connected():
                        links[-1].wait_connected(command.timeout)
                        _log("connected")
                    case Heard():
                        answer = heard or _hear(links[-1], command.timeout)
                    case Replay():
                        answer = _replay(links, command, ending.fileno(), shared, scheduling)
                    case Stop():
                        continue  # nothing runs any more
                    case _:
                        raise TypeError(f"{command!r} is no command")
            except VillasError as error:
                _log(f"{type(error).__name__}: {error}")
                answer = error
            send(connection, asked, answer)
    except ConnectionError:
        pass  # nobody is there any more to take the answer
    finally:
        for link in reversed(links):
            link.close()


def _parent() -> tuple[int, ...]:
    """Return a descriptor that is readable once the process that started us is gone; none on a Linux that has no such thing."""
    with contextlib.suppress(OSError):
        return (os.pidfd_open(os.getppid()),)
    return ()


def _idle(links: Sequence[Link], ending: select.epoll) -> bool:
    """Drop what arrives until there is a command or an end, so that no queue fills up. Returns True if the last link got anything."""
    heard = False
    while True:
        ready = readable(ending.fileno(), *(link.fileno() for link in links))
        if ending.fileno() in ready:
            return heard
        for link in links:
            # a link that is interrupted now may be back when it is needed, and says so then
            with contextlib.suppress(LinkError):
                while link.fileno() in ready and link.receive() is not None:
                    heard = heard or link is links[-1]
                    if ending.poll(0):
                        return heard


def _hear(link: Link, timeout: int) -> bool:
    end = time.monotonic_ns() + timeout
    while (left := end - time.monotonic_ns()) > 0:
        # readable may also mean a peer that comes or goes
        readable(link.fileno(), timeout=left / s)
        if link.receive() is not None:
            return True
    return False


def _replay(links: Sequence[Link], job: Replay, control: int, shared: Shared, scheduling: str) -> Path | Capture | Late:
    link, began = links[-1], time.monotonic_ns()
    due = job.due + job.start
    outgoing = hot.Outgoing(job.blob, array("q", job.offsets.tobytes()), array("q", due.tobytes()))
    incoming = hot.Incoming(Spool(job.folder / MESSAGES, shared.messages), Spool(job.folder / ARRIVALS, shared.arrivals))
    while time.monotonic_ns() < (began + job.start) // 2 and link.receive() is not None:
        pass  # a peer may send faster than we read: half of the time until the start is for that
    before, faults_before = _losses(link), link.wire_faults()
    if (late := time.monotonic_ns() - job.start) > 0:
        incoming.close()
        _log(f"asked to start {late} ns ago")
        return Late(late)
    _log(f"replays {due.size} messages to {job.folder}")
    spin = realtime.spin(link, int(np.median(np.diff(due))) if due.size > 1 else job.tail)
    try:
        with realtime.pinned(link) as cpu:
            outcome = hot.run(links, outgoing, incoming, tail=job.tail, spin=spin, control=control, progress=shared.progress)
        lost = _losses(link).since(before)
    finally:
        incoming.close()
    _log(f"{'done' if outcome.complete else 'stopped'}: {np.count_nonzero(outcome.sent)} sent, {lost}, {cpu}")
    faults = {name: count - faults_before.get(name, 0) for name, count in link.wire_faults().items()}
    account = {
        "meant": due + job.epoch_offset,
        "sent": to_epoch(outcome.sent, job.epoch_offset),
        "refused": np.frombuffer(bytes(outcome.refused), np.bool_),
        "clock_step": time.time_ns() - time.monotonic_ns() - job.epoch_offset,
        # what waited before and waits still is no loss of these
        "send_queue": min(lost.send_queue, int(np.count_nonzero(outcome.sent)) - sum(outcome.refused)),
        "receive_queue": lost.receive_queue,
        "complete": outcome.complete,
        "scheduling": f"{scheduling}, {cpu}",
        "stamp": link.stamp.value,
        "wire_faults": json.dumps(faults),
    }
    kept = _kept(job, incoming, account)
    if times := _wire_times(link, job, incoming):
        kept = _kept(job, incoming, account | times)
    if outcome.broken:
        raise LinkError(outcome.broken)
    return kept


def _losses(link: Link) -> Losses:
    """Return what was lost, after what came too late to be taken: NNG does not tell what it dropped from what waits."""
    for _ in range(_TRIES):
        losses = link.losses()
        if not losses.unread:
            break
        with contextlib.suppress(LinkError):  # it is gone, as the outcome says
            for _ in range(losses.unread):
                if link.receive() is None:
                    break
    return losses


def _wire_times(link: Link, job: Replay, incoming: hot.Incoming) -> dict[str, Any]:
    """Return the fields of a capture that say how long messages are on the wire; none where that is not known."""
    if link.wire_times([], []) is None:
        return {}
    came = arrived(incoming.arrivals.content(), np.frombuffer(incoming.messages.content(), np.uint8), 0)
    sent = Messages(job.offsets, np.frombuffer(job.blob, np.uint8))
    try:
        times = link.wire_times(list(sent), list(Messages(came["offsets"], came["blob"])))
    except EncodeError as error:
        _log(f"times on the wire are not known, since something came that could not be sent: {error}")
        return {}
    assert times is not None
    return {
        "sent_wire": np.array(times.sent, np.int64), "received_wire": np.array(times.received, np.int64), "line": times.line,
    }  # fmt: skip


def _kept(job: Replay, incoming: hot.Incoming, account: dict[str, Any]) -> Path | Capture:
    """Store a capture. Where the disk is full, that costs the file and no verdict: the capture itself is returned."""
    trouble = incoming.messages.trouble or incoming.arrivals.trouble
    try:
        path = store(job.folder, account | {"epoch_offset": job.epoch_offset})
    except OSError as error:
        trouble = f"{job.folder}: {error.strerror}"
    if not trouble:
        return path
    _log(trouble)
    messages = np.frombuffer(incoming.messages.content(), np.uint8)
    account = account | arrived(incoming.arrivals.content(), messages, job.epoch_offset)
    return Capture(**account, unstored=trouble)


def _log(line: str) -> None:
    """Write to standard error, which is the worker's log."""
    with contextlib.suppress(OSError):  # a full disk
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
