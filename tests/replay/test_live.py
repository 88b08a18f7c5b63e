"""What is seen of a replay while it goes: what the process that sends has in its memory, and p99 so far."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import Samples, formats, generate
from pytest_villas.formats import Messages
from pytest_villas.replay.capture import ARRIVAL
from pytest_villas.replay.live import Live
from pytest_villas.replay.run import Matching
from pytest_villas.replay.shared import PROGRESS, RING, Follower, Look, Shared
from pytest_villas.replay.spool import PIECE, Spool
from pytest_villas.units import ms, s


class Sender:
    """Puts messages where the process that sends puts them."""

    def __init__(self, folder: Path) -> None:
        descriptor = Shared.create()
        self.shared, self.other = Shared(descriptor), Shared(descriptor)
        os.close(descriptor)
        self.messages = Spool(folder / "messages", self.shared.messages)
        self.arrivals = Spool(folder / "arrivals", self.shared.arrivals)
        self.count = 0

    def receive(self, message: bytes) -> None:
        self.arrivals.append(ARRIVAL.pack(self.count, len(message)))
        self.messages.append(message)
        self.count += 1

    def report(self) -> None:
        kept = not (self.messages.trouble or self.arrivals.trouble)
        PROGRESS.pack_into(self.shared.progress, 0, 7, self.count, kept)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@settings(deadline=None)
@given(looks=st.lists(st.lists(st.one_of(st.integers(0, 200), st.integers(PIECE - 20, PIECE + 20)), max_size=60), max_size=8))
def test_who_follows_sees_all_that_came_but_what_is_larger_than_a_piece(folder: Path, looks: list[list[int]]) -> None:
    sender = Sender(folder)
    follower = Follower(sender.other)
    for sizes in looks:
        came = []
        for size in sizes:
            message = sender.count.to_bytes(4, "big") * (size // 4) + b"x" * (size % 4)
            if size <= PIECE:
                came.append((sender.count, message))
            sender.receive(message)
        sender.report()
        look = follower.look()
        assert (look.sent, look.received) == (7, sender.count)
        assert list(zip(look.times.tolist(), look.messages, strict=True)) == came


def test_a_ring_that_was_filled_several_times_holds_the_newest(folder: Path) -> None:
    sender = Sender(folder)
    follower = Follower(sender.other)
    message = bytes(3000)
    for _ in range(3 * RING // len(message) // 500):
        for _ in range(500):
            sender.receive(sender.count.to_bytes(4, "big") + message)
        sender.report()
        look = follower.look()
        assert [int.from_bytes(each[:4], "big") for each in look.messages] == look.times.tolist()
        assert look.times.tolist() == list(range(sender.count - 500, sender.count))


def test_who_was_away_too_long_says_nothing_rather_than_something_wrong(folder: Path) -> None:
    sender = Sender(folder)
    follower = Follower(sender.other)
    for _ in range(RING // ARRIVAL.size):
        sender.receive(b"")
    sender.report()
    assert len(follower.look().messages) == 0
    sender.receive(b"one more")
    sender.report()
    assert follower.look().received == sender.count
    assert len(follower.look().messages) == 0


def test_where_the_disk_is_full_nobody_follows() -> None:
    sender = Sender(Path("/nowhere"))
    follower = Follower(sender.other)
    sender.receive(b"one")
    sender.report()
    look = follower.look()
    assert (look.received, len(look.messages)) == (1, 0)


OFFSET = 5 * s
STIMULUS = generate.ramp(rate=1000, count=4000).replace(origin=np.arange(4000) * ms + OFFSET, sequence=np.arange(4000) + 17)
CODEC = formats.codec("villas.binary", STIMULUS.signals)


def answers(which: list[int] | range, latency: np.ndarray) -> tuple[np.ndarray, Messages]:
    """Return when each of these samples is answered, and with what."""
    rows = np.array(which, np.int64)
    answer = Samples(
        [column[rows] for column in STIMULUS.columns],
        STIMULUS.signals,
        origin=STIMULUS.origin[rows],
        sequence=STIMULUS.sequence[rows],
    )
    return rows * ms + latency, Messages.of(CODEC.encode_many(answer))


@pytest.mark.parametrize("by", ["sequence", "origin"])
def test_p99_is_that_of_all_answers_within_its_class(by: str) -> None:
    live = Live(STIMULUS, OFFSET, first=500, reader=CODEC, how=Matching(by=by))  # type: ignore[arg-type]  # one of the two
    latency = np.random.default_rng(1).lognormal(np.log(2e6), 1, 4000).astype(np.int64)
    for begin in range(0, 4000, 250):
        which = range(begin, begin + 250)
        state = live.state(Look(begin + 250, begin + 250, *answers(which, latency[begin : begin + 250])))
        seen = latency[500 : begin + 250]
        if not seen.size:
            assert state.p99 is None, "what is warm-up does not count"
            continue
        exact = float(np.quantile(seen, 0.99, method="inverted_cdf"))
        assert state.p99 is not None
        assert exact <= state.p99 <= exact * 1.0101
    assert (state.sent, state.total) == (4000, 4000)


def test_only_the_first_answer_counts_also_where_the_second_comes_with_a_later_look() -> None:
    live = Live(STIMULUS, OFFSET, first=0, reader=CODEC, how=Matching())
    live.state(Look(100, 100, *answers(range(100), np.full(100, ms))))
    state = live.state(Look(100, 200, *answers(range(100), np.full(100, s))))
    assert state.p99 == pytest.approx(ms, rel=0.0101)


def test_what_answers_nothing_or_cannot_be_decoded_is_not_counted() -> None:
    live = Live(STIMULUS, OFFSET, first=0, reader=CODEC, how=Matching())
    times, messages = answers(range(200, 300), np.full(100, ms))
    assert live.state(Look(100, 100, times, messages)).p99 is None, "they were not sent yet"
    assert live.state(Look(100, 200, times, Messages.of([b"rubbish"] * 100))).p99 is None


def test_by_waveform_nobody_knows() -> None:
    live = Live(STIMULUS, OFFSET, first=0, reader=CODEC, how=Matching(by="waveform"))
    assert live.state(Look(100, 100, *answers(range(100), np.full(100, ms)))).p99 is None
