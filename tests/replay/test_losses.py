"""Which losses are those of a replay: what is lost in it, not what waited before or comes after."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from processes import wait_until

from pytest_villas.links import Link, Losses, NanomsgLink, SpLink
from pytest_villas.links.sp_wire import SUB_HELLO
from pytest_villas.replay import worker
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.commands import Late, Replay
from pytest_villas.replay.process import Worker
from pytest_villas.testing import meet, opened
from pytest_villas.units import ms, s


@contextmanager
def working(link: Link, folder: Path) -> Iterator[Worker]:
    working = Worker(folder / "worker.log")
    with contextlib.closing(working):
        working.open(link)
        yield working


def replayed(working: Worker, messages: list[bytes], folder: Path) -> Capture:
    """Send these 2 ms apart."""
    folder.mkdir()
    due = np.arange(len(messages), dtype=np.int64) * 2 * ms
    for lead in (100 * ms, s, 5 * s):
        start = time.monotonic_ns() + lead
        job = partial(Replay, due=due, start=start, epoch_offset=0, tail=10 * ms, folder=folder)
        if not isinstance(outcome := working.replay(messages, job, lambda _: None), Late):
            return outcome
    pytest.fail("the machine is too busy")


def test_a_subscriber_that_reads_nothing_costs_a_replay_its_own_messages_alone(tmp_path: Path) -> None:
    address = tmp_path / "link.ipc"
    with working(SpLink([f"ipc://{address}"], []), tmp_path) as harness, socket.socket(socket.AF_UNIX) as stalled:
        stalled.connect(str(address))
        stalled.sendall(SUB_HELLO)
        harness.wait_connected(5 * s)
        first = replayed(harness, [bytes(100_000)] * 20, tmp_path / "first")
        assert 0 < first.send_queue < 20
        again = replayed(harness, [bytes(100_000)] * 5, tmp_path / "again")
        assert again.send_queue == 5, "and not what waits since the first one"
        stalled.settimeout(0.5)
        with suppress(TimeoutError):
            while stalled.recv(1 << 20):
                pass
        after = replayed(harness, [b"x"] * 5, tmp_path / "after")
        assert after.send_queue == 0


def test_what_comes_after_the_end_is_no_loss_of_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"ipc://{tmp_path}/link.ipc"
    rig, ours = NanomsgLink([address], []), NanomsgLink([], [address])
    with opened(rig, ours):
        meet(rig, ours)
        before = worker._losses(ours)
        losses = ours.losses
        rig.send(b"after the end")
        assert wait_until(lambda: losses().unread == 1, 5)

        def one_more() -> Losses:
            """Have another message come while losses are counted."""
            monkeypatch.undo()
            rig.send(b"even later")
            assert wait_until(lambda: losses().unread == 2, 5)
            return losses()

        monkeypatch.setattr(ours, "losses", one_more)
        assert worker._losses(ours).since(before) == Losses()
        assert losses() == Losses()
