"""What holds for pynng alone; what every link has to do is in the contract."""

from __future__ import annotations

import threading
from pathlib import Path

import pynng
import pytest
from parts import free_port

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


def test_a_close_that_nng_does_not_return_from_is_given_up_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"ipc://{tmp_path}/stuck"
    link = NanomsgLink([address], [address]).open()
    released = threading.Event()
    close = pynng.Socket.close
    monkeypatch.setattr("pytest_villas.links.nanomsg._CLOSE_S", 0.05)
    monkeypatch.setattr(pynng.Socket, "close", lambda socket: (released.wait(30), close(socket)))
    with pytest.warns(RuntimeWarning, match=r"NNG did not close a socket within 0\.05 s"):
        link.close()
    released.set()
