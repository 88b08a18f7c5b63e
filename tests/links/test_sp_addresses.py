"""Where a link over plain sockets listens and what it dials."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from parts import free_port

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links import SpLink, sp_sub
from pytest_villas.testing import opened
from pytest_villas.units import ms, s


def test_packets_leave_at_once() -> None:
    link = SpLink([address := f"tcp://127.0.0.1:{free_port()}"], [address])
    with opened(link):
        link.wait_connected(5 * s)
        sockets = [link._pub._subscribers[0]._socket, link._sub._publishers[0]._socket]
        for sock in sockets:
            assert sock is not None
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_peer_that_vanishes_is_noticed_whether_we_send_or_not() -> None:
    link = SpLink([address := f"tcp://127.0.0.1:{free_port()}"], [address])
    with opened(link):
        link.wait_connected(5 * s)
        for sock in (link._pub._subscribers[0]._socket, link._sub._publishers[0]._socket):
            assert sock is not None
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000


def test_a_publisher_listens_at_the_address_of_the_interface_that_it_names() -> None:
    port = free_port()
    with opened(SpLink([f"tcp://lo:{port}"], [])):
        listening = Path("/proc/net/tcp").read_text()
        assert f"0100007F:{port:04X} 00000000:0000 0A" in listening
    with pytest.raises(LinkError, match=r"cannot listen on tcp://nosuch\.\.0:1"):
        SpLink(["tcp://nosuch..0:1"], []).open()


def test_a_live_socket_file_is_in_use_and_goes_with_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "x.ipc"
    with opened(SpLink([f"ipc://{file}"], [])):
        with pytest.raises(LinkError, match="is in use"):
            SpLink([f"ipc://{file}"], []).open()
        assert stat.S_ISSOCK(file.stat().st_mode)
        if os.geteuid() == 0:
            assert stat.S_IMODE(file.stat().st_mode) == 0o777
    assert not file.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.ipc"
    file.write_text("mine")
    with pytest.raises(LinkError, match=f"cannot listen on ipc://{file}: what is there is no socket"):
        SpLink([f"ipc://{file}"], []).open()
    assert file.read_text() == "mine"


def test_the_socket_file_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.ipc"
    first, second = SpLink([f"ipc://{file}"], []), SpLink([f"ipc://{file}"], [])
    with opened(first):
        file.unlink()
        with opened(second):
            first.close()
            assert file.exists()


@pytest.mark.parametrize(
    ("publish", "subscribe", "reason"),
    [
        ([], ["ws://127.0.0.1:80/x"], "ws://127.0.0.1:80/x: plain sockets carry tcp and ipc"),
        (["inproc://x"], [], "inproc://x: plain sockets carry tcp and ipc"),
        ([], ["tcp://*:12000"], r"cannot dial tcp://\*:12000: \* stands for any address"),
        ([], ["tcp://lab..local:12000"], "cannot dial tcp://lab..local:12000: 'lab..local' is no name of a host"),
        ([], [f"tcp://{70 * 'a'}:12000"], "is no name of a host"),
        ([], ["tcp://nowhere.invalid:12000"], "cannot dial tcp://nowhere.invalid:12000: "),
        (["tcp://192.0.2.1:12000"], [], "cannot listen on tcp://192.0.2.1:12000: Cannot assign requested address"),
        (["ipc:///nowhere/x.ipc"], [], "cannot listen on ipc:///nowhere/x.ipc: No such file or directory"),
        (["ipc:///" + 108 * "x"], [], "too long"),
        ([], ["ipc:///" + 108 * "x"], "at most 107 bytes"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_its_reason(publish: list[str], subscribe: list[str], reason: str) -> None:
    with pytest.raises(LinkError, match=reason):
        SpLink(publish, subscribe).open()


def test_an_open_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    descriptors = list(Path("/proc/self/fd").iterdir())
    with pytest.raises(LinkError, match="plain sockets"):
        SpLink([f"ipc://{tmp_path}/x.ipc"], [f"ipc://{tmp_path}/y.ipc", "ws://127.0.0.1:1"]).open()
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == len(descriptors)


def test_who_waits_in_vain_is_told_why() -> None:
    reason = r"0 of 1 publishers answered: tcp://127.0.0.1:\d+ \(Connection refused\) within"
    link = SpLink([], [f"tcp://127.0.0.1:{free_port()}"])
    with opened(link), pytest.raises(LinkTimeout, match=reason):
        link.wait_connected(50 * ms)


def test_a_connection_that_ended_up_at_itself_is_none() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        with pytest.raises(ConnectionRefusedError):
            sp_sub._check_connection(sock)


def test_a_subscriber_leaves_through_the_interface_that_its_address_names() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        for interface in ("lo", "127.0.0.2"):
            with opened(SpLink([], [f"tcp://{interface};127.0.0.1:{port}"])):
                accepted, (host, _) = server.accept()
                accepted.close()
                assert host == {"lo": "127.0.0.1"}.get(interface, interface)
        link = SpLink([], [f"tcp://nosuch0;127.0.0.1:{port}"])
        with opened(link), pytest.raises(LinkTimeout, match="No such device"):
            link.wait_connected(20 * ms)


def test_a_host_with_several_addresses_is_tried_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    found = [(socket.AF_INET, ("127.0.0.1", free_port())), (socket.AF_INET, ("127.0.0.1", port))]
    monkeypatch.setattr(sp_sub, "places", lambda _: found)
    link = SpLink([f"tcp://127.0.0.1:{port}"], [f"tcp://many.example:{port}"])
    with opened(link):
        link.wait_connected(5 * s)


def test_a_host_name_is_looked_up() -> None:
    port = free_port()
    link = SpLink([f"tcp://127.0.0.1:{port}"], [f"tcp://localhost:{port}"])
    with opened(link):
        link.wait_connected(5 * s)
