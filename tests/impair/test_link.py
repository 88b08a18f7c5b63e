"""A real link that is impaired as its messages come."""

from __future__ import annotations

import pickle
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pytest_villas import Samples, formats
from pytest_villas.errors import ConfigError
from pytest_villas.impair import KINDS, stream
from pytest_villas.impair.stream import Message
from pytest_villas.links import Link, choose
from pytest_villas.testing import ImpairedLink, meet, opened, take
from pytest_villas.units import ms

CODEC = formats.codec("villas.binary", signals="2f1i")  # json has no NaN
COUNT = 300


def message(number: int) -> bytes:
    at = 2 * np.pi * number / 50
    return CODEC.encode(Samples([[np.sin(at)], [np.cos(at)], [number]], CODEC.signals, sequence=[number], origin=[number * ms]))


MESSAGES = [message(number) for number in range(COUNT)]


@contextmanager
def pair(folder: Path, spec: str) -> Iterator[tuple[Link, ImpairedLink]]:
    address = f"ipc://{folder}/link.ipc"
    sender = choose((address,), (), "sp")
    receiver = ImpairedLink(choose((), (address,), "sp"), spec, CODEC)
    with opened(sender, receiver):
        meet(sender, receiver)
        yield sender, receiver


def received(folder: Path, spec: str) -> list[bytes]:
    with pair(folder, spec) as (sender, receiver):
        for each in MESSAGES:
            sender.send(each)
        taken: list[bytes] = []
        while more := take(receiver, 2 * COUNT, sender, within=300 * ms):
            taken += more
        return taken


@pytest.mark.parametrize("name", KINDS)
def test_every_impairment_shows_in_what_comes_in(tmp_path: Path, name: str) -> None:
    if name == "stalled_sender":
        pytest.skip("it shows in when messages come in, below")
    spec = {"drift": "drift=0.5"}.get(name, name)
    if name in {"delay", "phase", "drift", "jitter"}:
        with pair(tmp_path, spec) as (sender, receiver):
            taken = []
            for each in MESSAGES[:100]:
                sender.send(each)
                taken += take(receiver, 1, sender, within=5 * ms)
            assert taken != MESSAGES[:100]
        return
    assert received(tmp_path, spec) != MESSAGES


def test_what_falls_due_while_the_sender_stalls_comes_at_once_at_its_end() -> None:
    step = stream.MESSAGES["stalled_sender"](np.random.default_rng(0), by=10 * ms, stalls=2)
    due = [each.due for number in range(120) for each in step(Message(number, 1000 * ms + number * ms, b""))]
    late = np.array(due) - (1000 + np.arange(120)) * ms
    assert late.max() == 10 * ms
    assert np.flatnonzero(late).tolist() == [*range(10, 20), *range(60, 70)]
    assert len(set(due[10:21])) == 1


def test_without_chance_on_its_side_everything_comes_in_as_it_was(tmp_path: Path) -> None:
    assert received(tmp_path, "gain:factor=1") == MESSAGES


def test_the_same_seed_strikes_the_same_messages(tmp_path: Path) -> None:
    taken = [received(tmp_path, spec) for spec in ("loss=10%+nan=5%+seed=1",) * 2 + ("loss=10%+nan=5%+seed=2",)]
    assert taken[0] == taken[1]
    assert taken[0] != taken[2]
    assert 0 < len(taken[0]) < COUNT


def test_a_message_that_is_held_back_wakes_its_reader_when_it_is_due(tmp_path: Path) -> None:
    with pair(tmp_path, "delay=60 ms") as (sender, receiver):
        sent = time.monotonic_ns()
        sender.send(b"x")
        came = None
        while came is None and time.monotonic_ns() < sent + 5000 * ms:
            assert select.select([receiver.fileno()], (), (), 5)[0]
            came = receiver.receive()
        assert came is not None
        assert came[1] == b"x"
        assert sent + 60 * ms <= came[0] <= time.monotonic_ns()


def test_values_are_changed_as_asked(tmp_path: Path) -> None:
    taken = [CODEC.decode(each) for each in received(tmp_path, "gain:factor=2,channel=signal1")]
    assert len(taken) == COUNT
    assert taken[5][1] == pytest.approx(2 * np.cos(2 * np.pi * 5 / 50), rel=1e-6)
    assert taken[5][0] == pytest.approx(np.sin(2 * np.pi * 5 / 50), rel=1e-6)
    assert taken[5].sequence == [5]


def test_what_is_lost_here_is_not_told(tmp_path: Path) -> None:
    with pair(tmp_path, "loss=100%") as (sender, receiver):
        sender.send(b"x")
        assert not take(receiver, 1, sender, within=50 * ms)
        assert receiver.losses().receive_queue == 0


def test_it_can_be_pickled_until_it_is_opened() -> None:
    link = ImpairedLink(choose((), ("ipc:///tmp/nobody.ipc",), "sp"), "loss=1%+gain", CODEC)
    assert repr(pickle.loads(pickle.dumps(link))) == repr(link)
    link.close()


def test_values_want_a_codec_and_channels_that_there_are(tmp_path: Path) -> None:
    below = choose((), (f"ipc://{tmp_path}/x.ipc",), "sp")
    with pytest.raises(ConfigError, match="'gain' changes values: give the link a codec"):
        ImpairedLink(below, "gain")
    with pytest.raises(ConfigError, match="no channel 'signal7', did you mean 'signal"):
        ImpairedLink(below, "gain:channel=signal7", CODEC).open()
    below.close()
