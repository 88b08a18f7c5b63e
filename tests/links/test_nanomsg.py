"""What holds for pynng alone; what every link has to do is in the contract."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pynng
import pytest
from parts import free_port
from processes import wait_until

from pytest_villas.links import Losses, NanomsgLink, Stamp
from pytest_villas.testing import meet, opened, take
from pytest_villas.units import ms


def test_arrivals_are_stamped_by_the_reader() -> None:
    assert NanomsgLink([], ["tcp://127.0.0.1:12000"]).stamp is Stamp.USER


@pytest.mark.parametrize("transport", ["ws", "inproc"])
def test_what_ws_and_inproc_lose_is_not_counted_and_no_loss_is_made_up(transport: str, tmp_path: Path) -> None:
    address = f"ws://127.0.0.1:{free_port()}/villas" if transport == "ws" else f"inproc://{tmp_path.name}"
    publisher, subscriber = NanomsgLink([address], []), NanomsgLink([], [address])
    with opened(publisher, subscriber):
        meet(publisher, subscriber)
        for _ in range(40_000):
            publisher.send(bytes(1000))
        assert len(take(subscriber, 40_000, within=500 * ms)) < 40_000
        assert publisher.losses() == subscriber.losses() == Losses(0, 0)


def test_what_came_and_waits_is_no_loss_until_it_was_not_read(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/link"
    publisher, subscriber = NanomsgLink([address], []), NanomsgLink([], [address])
    with opened(publisher, subscriber):
        meet(publisher, subscriber)
        before = subscriber.losses()
        for _ in range(5):
            publisher.send(b"x")
        assert wait_until(lambda: subscriber.losses().unread == 5, 5)
        assert subscriber.losses().since(before) == Losses()
        assert len(take(subscriber, 5)) == 5
        assert subscriber.losses() == before == Losses()


def test_what_is_dropped_after_a_publisher_was_restarted_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_villas.links.nanomsg.QUEUE", 8)
    address = f"ipc://{tmp_path}/link"
    subscriber = NanomsgLink([], [address]).open()
    monkeypatch.undo()

    def lose_some() -> None:
        before = subscriber.losses()
        with opened(publisher := NanomsgLink([address], [])):
            meet(publisher, subscriber)
            for _ in range(100):
                publisher.send(b"x")
            assert wait_until(lambda: subscriber.losses().receive_queue == before.receive_queue + 100, 5)
            taken = len(take(subscriber, 100, within=200 * ms))
        assert wait_until(lambda: not subscriber._sub.pipes, 5)
        assert 0 < taken < 100
        assert subscriber.losses().since(before) == Losses(receive_queue=100 - taken)

    with contextlib.closing(subscriber):
        lose_some()
        lose_some()
        assert subscriber.wire_faults() == {"gone": 2}


def test_what_is_sent_while_the_only_subscriber_is_gone_is_lost_and_its_going_is_counted(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/link"
    publisher, subscriber = NanomsgLink([address], []), NanomsgLink([], [address])
    with opened(publisher):
        publisher.send(b"to nobody yet")
        with opened(subscriber):
            meet(publisher, subscriber)
        assert wait_until(lambda: not publisher._pub.pipes, 5)
        for _ in range(10):
            publisher.send(b"to nobody")
        assert publisher.losses() == Losses(send_queue=10)
        assert publisher.unsent() == 0
        assert publisher.wire_faults() == {"gone": 1}
    with opened(publisher):
        assert publisher.losses() == Losses()
        assert publisher.wire_faults() == {"gone": 0}


def test_a_close_that_nng_does_not_return_from_is_given_up_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"ipc://{tmp_path}/stuck"
    link = NanomsgLink([address], [address]).open()
    released = threading.Event()
    close = pynng.Socket.close
    monkeypatch.setattr("pytest_villas.links.nanomsg._CLOSE_S", 0.05)
    stuck = (link._pub, link._sub)  # and not what is collected as garbage meanwhile
    monkeypatch.setattr(pynng.Socket, "close", lambda socket: (socket in stuck and released.wait(30), close(socket)))
    with pytest.warns(RuntimeWarning, match=r"NNG did not close a socket within 0\.05 s"):
        link.close()
    released.set()
