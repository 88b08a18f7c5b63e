"""Stamps of the kernel on the monotonic clock, also when the wall clock is set."""

from __future__ import annotations

import socket
import struct
import time
from types import SimpleNamespace

import pytest
from parts import free_port

from pytest_villas.links import SpLink, Stamp, sp_clock, sp_sub
from pytest_villas.links.sp_clock import KernelClock
from pytest_villas.links.sp_wire import Faults
from pytest_villas.testing import opened, take
from pytest_villas.units import ms, s


@pytest.mark.parametrize(
    ("subscribe", "stamp"),
    [
        ([], Stamp.USER),
        (["tcp://127.0.0.1:1"], Stamp.KERNEL),
        (["tcp://127.0.0.1:1", "tcp://[::1]:2"], Stamp.KERNEL),
        (["ipc:///x"], Stamp.USER),
        (["tcp://127.0.0.1:1", "ipc:///x"], Stamp.USER),
    ],
)
def test_the_kernel_stamps_where_every_subscription_is_tcp(subscribe: list[str], stamp: Stamp) -> None:
    assert SpLink([], subscribe).stamp is stamp


def test_the_kernel_stamps_what_waits_to_be_read_when_it_came() -> None:
    link = SpLink([address := f"tcp://127.0.0.1:{free_port()}"], [address])
    with opened(link):
        link.wait_connected(5 * s)
        missing = -1
        while missing != link.faults().stamps:  # it begins to stamp a moment after it was asked to
            missing = link.faults().stamps
            link.send(b"first")
            assert take(link, 1) == [b"first"]
        link.send(b"x")
        time.sleep(0.05)
        slept = time.monotonic_ns()
        received = link.receive()
        assert received is not None
        assert received[0] < slept - 10 * ms
        assert link.faults().stamps == missing


def test_a_message_without_a_kernel_stamp_is_stamped_when_it_is_read_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_sub, "SO_TIMESTAMPNS", socket.SO_KEEPALIVE)
    link = SpLink([address := f"tcp://127.0.0.1:{free_port()}"], [address])
    with opened(link):
        link.wait_connected(5 * s)
        for _ in range(3):
            link.send(b"x")
        time.sleep(0.02)
        before = time.monotonic_ns()
        messages = [link.receive() for _ in range(3)]
        assert all(message is not None and message[0] >= before for message in messages)
        assert link.faults() == Faults(stamps=3)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return clocks that stand still: `monotonic`, and `wall` far ahead of it."""
    clocks = SimpleNamespace(monotonic=10 * s, wall=10**18)
    fake = SimpleNamespace(monotonic_ns=lambda: clocks.monotonic, time_ns=lambda: clocks.wall)
    monkeypatch.setattr(sp_clock, "time", fake)
    return clocks


def ancillary(wall: int) -> list[tuple[int, int, bytes]]:
    return [(socket.SOL_SOCKET, sp_clock.SO_TIMESTAMPNS, struct.pack("=qq", *divmod(wall, s)))]


def test_a_stamp_is_moved_to_the_monotonic_clock(clocks: SimpleNamespace) -> None:
    clock = KernelClock()
    clocks.monotonic += s
    clocks.wall += s
    assert clock.arrival(ancillary(clocks.wall - 123), clocks.monotonic) == clocks.monotonic - 123
    assert clock.arrival([], clocks.monotonic) is None
    assert clock.arrival(ancillary(clocks.wall + 1), clocks.monotonic) is None, "from the future"


@pytest.mark.parametrize("step", [-3600 * s, -50_000, 50_000, 3600 * s])
def test_around_a_step_of_the_wall_clock_stamps_are_not_trusted_and_afterwards_they_are(
    clocks: SimpleNamespace, step: int
) -> None:
    clock = KernelClock()
    clocks.monotonic += s
    clocks.wall += s
    old = clocks.wall - 1000  # came before the step, and is read after it
    clocks.wall += step
    assert clock.arrival(ancillary(old), clocks.monotonic) is None
    clocks.monotonic += s
    clocks.wall += s
    if step > 0:
        assert clock.arrival(ancillary(old), clocks.monotonic) is None, "as long as it waits"
    assert clock.arrival(ancillary(clocks.wall - 5), clocks.monotonic) == clocks.monotonic - 5


def test_an_interrupted_reading_of_the_clocks_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = KernelClock()
    offset, since = clock._offset, clock._since
    wall = time.time_ns()
    clock.arrival(ancillary(wall), time.monotonic_ns() - 5 * ms)  # 5 ms between both clocks
    assert (clock._offset, clock._since) == (offset, since)
