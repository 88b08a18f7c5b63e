"""The hot loop, over sockets of this machine: what it sends, takes and leaves, but not how fast it is."""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from links.test_contract import address_of

from pytest_villas.links import Link, NanomsgLink, SpLink
from pytest_villas.replay import hot, realtime
from pytest_villas.replay.capture import ARRIVALS, MESSAGES
from pytest_villas.replay.shared import PROGRESS, Shared
from pytest_villas.replay.spool import Spool
from pytest_villas.testing import meet, opened
from pytest_villas.units import ms, s, us


class Bench:
    """Runs the loop over a link that hears itself, and reads what it left."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._control = folder, os.pipe()
        descriptor = Shared.create()
        self.shared = Shared(descriptor)
        os.close(descriptor)
        for descriptor in self._control:
            stack.callback(os.close, descriptor)

    def run(self, links: list[Link], messages: list[bytes], due: list[int], *, tail: int = 50 * ms, spin: int = 0) -> hot.Sent:
        offsets = np.concatenate([[0], np.cumsum([len(message) for message in messages])]).tolist()
        start = time.monotonic_ns() + 10 * ms
        outgoing = hot.Outgoing(b"".join(messages), array("q", offsets), array("q", [start + each for each in due]))
        incoming = hot.Incoming(
            Spool(self.folder / MESSAGES, self.shared.messages), Spool(self.folder / ARRIVALS, self.shared.arrivals)
        )
        sent = hot.run(links, outgoing, incoming, tail=tail, spin=spin, control=self._control[0], progress=self.shared.progress)
        incoming.close()
        self.due = np.array(outgoing.due)
        return sent

    def stop(self) -> None:
        os.write(self._control[1], b"x")

    @property
    def arrivals(self) -> list[tuple[int, bytes]]:
        found = np.fromfile(self.folder / ARRIVALS, "<i8").reshape(-1, 2)
        data, ends = (self.folder / MESSAGES).read_bytes(), np.cumsum(found[:, 1])
        return [(int(when), data[end - size : end]) for (when, size), end in zip(found, ends, strict=True)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.fixture(
    params=[(SpLink, "tcp"), (SpLink, "ipc"), (NanomsgLink, "ipc")], ids=lambda param: f"{param[0].__name__}-{param[1]}"
)
def link(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Link]:
    engine, transport = request.param
    address = address_of(transport, tmp_path)
    link: Link = engine([address], [address])
    with opened(link):
        link.wait_connected(5 * s)
        yield link


@pytest.mark.parametrize("spin", [0, 100 * us, s])
def test_everything_is_sent_not_before_it_is_due_and_taken_with_its_time(bench: Bench, link: Link, spin: int) -> None:
    messages = [b"%d" % i * (1 + i % 7) for i in range(300)]
    sent = bench.run([link], messages, [i * ms // 2 for i in range(300)], spin=spin)
    assert sent.complete
    assert not any(sent.refused)
    assert np.all(np.array(sent.sent) >= bench.due)
    assert [message for _, message in bench.arrivals] == messages
    assert all(came >= left for (came, _), left in zip(bench.arrivals, sent.sent, strict=True))
    assert PROGRESS.unpack_from(bench.shared.progress)[:2] == (300, 300)


def test_what_is_sent_late_has_as_long_to_be_answered(bench: Bench, link: Link) -> None:
    messages = [b"%d" % i for i in range(300)]
    sent = bench.run([link], messages, [-s] * 300)
    assert sent.complete
    assert [message for _, message in bench.arrivals] == messages


def test_it_ends_when_it_is_told_to_and_keeps_what_came_until_then(bench: Bench, link: Link) -> None:
    messages = [b"%d" % i for i in range(100)]
    bench.stop()
    sent = bench.run([link], messages, [i * 10 * ms for i in range(100)], spin=s)
    assert not sent.complete
    assert 0 in sent.sent
    assert [message for _, message in bench.arrivals] == messages[: len(bench.arrivals)]


@pytest.mark.parametrize("spin", [0, s])
def test_other_links_are_read_and_what_they_get_is_dropped(bench: Bench, link: Link, spin: int, tmp_path: Path) -> None:
    address = address_of("ipc", tmp_path / "..")
    rig, other = SpLink([address], []), SpLink([], [address])
    with opened(rig, other):
        meet(rig, other)
        for _ in range(50):
            rig.send(b"from the rig")
        for _ in range(10):  # what is due goes first: on a busy machine there may be time for a few of the others only
            bench.run([other, link], [b"ours"] * 20, [i * 10 * ms for i in range(20)], spin=spin)
            assert [message for _, message in bench.arrivals] == [b"ours"] * 20
            if other.receive() is None:
                break
        else:
            pytest.fail("the other link was not read")
        assert other.losses().receive_queue == 0


def test_part_of_the_time_is_left_to_others_however_much_there_is_to_send(bench: Bench, tmp_path: Path) -> None:
    address = address_of("tcp", tmp_path)
    count, period = 40_000, 25 * us
    with opened(link := SpLink([address], [address])):
        link.wait_connected(5 * s)
        began, had = time.monotonic_ns(), time.thread_time_ns()
        sent = bench.run([link], [b"m" * 100] * count, [i * period for i in range(count)], spin=period)
        share = (time.thread_time_ns() - had) / (time.monotonic_ns() - began)
    assert sent.complete
    assert share < 0.87  # 0.8, and what it may owe


class Flood:
    """A link on which there is always one more message."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(1)

    def fileno(self) -> int:
        return self._descriptor

    def send(self, _: bytes) -> bool:
        return True

    def receive(self) -> tuple[int, bytes]:
        time.sleep(0.001)
        return time.monotonic_ns(), b"m"

    def close(self) -> None:
        os.close(self._descriptor)


def test_a_peer_that_sends_faster_than_we_read_does_not_keep_a_replay_from_its_end(bench: Bench, link: Link) -> None:
    flood, rescue = cast("Link", Flood()), threading.Timer(20, bench.stop)
    rescue.start()
    for links in ([flood], [flood, link]):
        sent = bench.run(links, [b"one", b"two"], [0, ms])
        assert sent.complete
    rescue.cancel()
    flood.close()


def test_a_link_without_threads_is_spun_for_only_where_a_cpu_can_be_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    sp, nng = SpLink(["tcp://*:1"], []), NanomsgLink(["tcp://*:1"], [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert 0 < realtime.spin(sp, ms) <= ms // 2
    assert 0 < realtime.spin(sp, 50 * us) <= 50 * us
    assert realtime.spin(nng, ms) == 0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert realtime.spin(sp, ms) == 0


def test_two_harnesses_of_a_machine_do_not_share_a_cpu_and_give_it_back() -> None:
    before, link = os.sched_getaffinity(0), SpLink(["tcp://*:1"], [])
    if len(before) < 2:
        pytest.skip("needs two CPUs")
    with ExitStack() as stack:
        taken: list[int] = []
        while len(taken) < len(before):
            where = stack.enter_context(realtime.pinned(link))
            (cpu,) = os.sched_getaffinity(0) if where.startswith("on CPU") else (None,)
            if cpu is None:
                break
            taken.append(cpu)
            os.sched_setaffinity(0, before)
        assert len(set(taken)) == len(taken)
        assert stack.enter_context(realtime.pinned(link)) == f"{len(before)} CPUs, none of which is free"
    assert os.sched_getaffinity(0) == before
