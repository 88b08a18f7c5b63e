"""The process that replays: it owns the links, and between two replays it reads and drops what comes.

The link that was opened last is the one that commands are about.

It is started as `python -m pytest_villas.replay.worker CONTROL PROGRESS` with two inherited descriptors: a socket that
carries the commands below, and shared memory for progress. It ends when the other side of the socket is gone.
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import sys
import time
from array import array
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas.errors import LinkError, VillasError
from pytest_villas.formats import Messages
from pytest_villas.links import Link
from pytest_villas.replay import hot, realtime
from pytest_villas.replay.capture import ARRIVALS, MESSAGES, Capture, arrived, store, to_epoch
from pytest_villas.replay.commands import Close, Connected, Heard, Late, Open, Replay, Stop
from pytest_villas.replay.shared import Shared
from pytest_villas.replay.spool import Spool


def main(control: int, progress: int) -> None:
    """Serve commands until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then tells us
    connection = Connection(control)
    _log("started")
    shared = Shared(progress)
    scheduling = realtime.claim()
    _log(scheduling)
    links: list[Link] = []
    try:
        while True:
            heard = _idle(links, connection)
            command = connection.recv()
            try:
                match command:
                    case Open():
                        links.append(command.link.open())
                        _log(f"opened {command.link}")
                        connection.send(scheduling)
                    case Close():
                        links.pop().close()
                        connection.send(None)
                    case Connected():
                        links[-1].wait_connected(command.timeout)
                        _log("connected")
                        connection.send(None)
                    case Heard():
                        connection.send(heard or _hear(links[-1], command.timeout))
                    case Replay():
                        connection.send(_replay(links, command, connection, shared, scheduling))
                    case Stop():
                        pass  # nothing runs any more
                    case _:
                        raise TypeError(f"{command!r} is no command")
            except VillasError as error:
                _log(f"{type(error).__name__}: {error}")
                connection.send(error)
    except (EOFError, ConnectionError):
        pass
    finally:
        for link in reversed(links):
            link.close()


def _idle(links: Sequence[Link], connection: Connection) -> bool:
    """Drop what arrives until there is a command, so that no queue fills up. Returns True if the last link got anything."""
    heard = False
    while True:
        ready, _, _ = select.select([connection.fileno(), *(link.fileno() for link in links)], (), ())
        if connection.fileno() in ready:
            return heard
        for link in links:
            # a link that is interrupted now may be back when it is needed, and says so then
            with contextlib.suppress(LinkError):
                while link.fileno() in ready and link.receive() is not None:
                    heard = heard or link is links[-1]
                    if connection.poll():
                        return heard


def _hear(link: Link, timeout: int) -> bool:
    end = time.monotonic_ns() + timeout
    while (left := end - time.monotonic_ns()) > 0:
        # readable may also mean a peer that comes or goes
        select.select([link.fileno()], (), (), left / 1e9)
        if link.receive() is not None:
            return True
    return False


def _replay(links: Sequence[Link], job: Replay, connection: Connection, shared: Shared, scheduling: str) -> Path | Capture | Late:
    link = links[-1]
    due = job.due + job.start
    outgoing = hot.Outgoing(job.blob, array("q", job.offsets.tobytes()), array("q", due.tobytes()))
    incoming = hot.Incoming(Spool(job.folder / MESSAGES, shared.messages), Spool(job.folder / ARRIVALS, shared.arrivals))
    while link.receive() is not None:
        pass
    before, faults_before = link.losses(), link.wire_faults()
    if (late := time.monotonic_ns() - job.start) > 0:
        incoming.close()
        _log(f"asked to start {late} ns ago")
        return Late(late)
    _log(f"replays {due.size} messages to {job.folder}")
    spin = realtime.spin(link, int(np.median(np.diff(due))) if due.size > 1 else job.tail)
    with realtime.pinned(link) as cpu:
        outcome = hot.run(
            links, outgoing, incoming, tail=job.tail, spin=spin, control=connection.fileno(), progress=shared.progress
        )
    lost = link.losses().since(before)
    incoming.close()
    _log(f"{'done' if outcome.complete else 'stopped'}: {np.count_nonzero(outcome.sent)} sent, {lost}, {cpu}")
    faults = {name: count - faults_before.get(name, 0) for name, count in link.wire_faults().items()}
    account = {
        "meant": due + job.epoch_offset,
        "sent": to_epoch(outcome.sent, job.epoch_offset),
        "refused": np.frombuffer(bytes(outcome.refused), np.bool_),
        "clock_step": time.time_ns() - time.monotonic_ns() - job.epoch_offset,
        "send_queue": lost.send_queue,
        "receive_queue": lost.receive_queue,
        "complete": outcome.complete,
        "scheduling": f"{scheduling}, {cpu}",
        "stamp": link.stamp.value,
        "wire_faults": json.dumps(faults),
        **_wire_times(link, job, incoming),
    }
    kept = _kept(job, incoming, account)
    if outcome.broken:
        raise LinkError(outcome.broken)
    return kept


def _wire_times(link: Link, job: Replay, incoming: hot.Incoming) -> dict[str, Any]:
    if link.wire_times([], []) is None:
        return {}
    came = arrived(incoming.arrivals.content(), np.frombuffer(incoming.messages.content(), np.uint8), 0)
    sent = Messages(job.offsets, np.frombuffer(job.blob, np.uint8))
    times = link.wire_times(list(sent), list(Messages(came["offsets"], came["blob"])))
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
    account |= arrived(incoming.arrivals.content(), messages, job.epoch_offset)
    return Capture(**account, unstored=trouble)


def _log(line: str) -> None:
    """Write to standard error, which is the worker's log."""
    with contextlib.suppress(OSError):  # a full disk
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
