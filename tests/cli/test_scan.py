"""`villas-rig scan` finds ports and publishers, and writes rig files that work."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import parts
import pytest
from cli.commands import Done, villas_rig
from pty_bench import device

from pytest_villas.links import NanomsgLink, SpLink
from pytest_villas.links.scan import Port, listening, ports
from pytest_villas.links.sp_wire import PUB_HELLO
from pytest_villas.testing import opened


def lines(done: Done) -> str:
    return done.stdout.decode() + done.stderr.decode()


def config(folder: Path, port: int) -> Path:
    path = folder / "one.conf"
    path.write_text(
        f'nodes = {{ plant = {{ type = "nanomsg", out = {{ endpoints = "tcp://*:{port}" }}, in = {{ endpoints = "tcp://127.0.0.1:{port}" }} }} }}'
    )
    return path


def test_a_port_is_listed_with_the_name_that_stays(tmp_path: Path) -> None:
    (tmp_path / "usb-Maker_Board_0042-if00").symlink_to("/dev/ttyS0")
    (tmp_path / "usb-Other_Board_0043-if00").symlink_to("/dev/ttyACM7")
    found = {port.device: port for port in ports(tmp_path)}
    assert found["/dev/ttyACM7"].path == str(tmp_path / "usb-Other_Board_0043-if00")
    assert found["/dev/ttyS0"].by_id == str(tmp_path / "usb-Maker_Board_0042-if00")
    assert str(Port("/dev/ttyACM0", "ST-Link", "0042", "/by-id/x")) == "/dev/ttyACM0  ST-Link  serial number 0042  /by-id/x"


@pytest.mark.parametrize("engine", [SpLink, NanomsgLink])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_publisher_is_told_from_others_and_from_nobody(
    engine: type[SpLink | NanomsgLink], transport: str, tmp_path: Path
) -> None:
    address = f"tcp://127.0.0.1:{parts.free_port()}" if transport == "tcp" else f"ipc://{tmp_path}/x.ipc"
    assert listening(address).startswith("nobody listens")
    with opened(link := engine([address], [])):
        stop = threading.Event()
        server = threading.Thread(target=lambda: [link.receive() for _ in iter(lambda: stop.wait(0.01), True)])
        server.start()
        try:
            assert listening(address) == "publishes"
        finally:
            stop.set()
            server.join()


@pytest.fixture
def stranger() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1")

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_who_listens_and_is_no_publisher_is_told(stranger: int) -> None:
    assert listening(f"tcp://127.0.0.1:{stranger}") == "somebody listens and is no nanomsg publisher"


def test_a_publisher_whose_greeting_comes_in_two_pieces_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(PUB_HELLO[:4])
                time.sleep(0.1)
                connection.sendall(PUB_HELLO[4:])
                connection.recv(100)

        thread = threading.Thread(target=greet)
        thread.start()
        assert listening(f"tcp://127.0.0.1:{listener.getsockname()[1]}") == "publishes"
        thread.join()


def test_the_endpoints_of_a_config_are_listed_with_who_is_there(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "scan", config(tmp_path, parts.free_port()))
    assert "one.conf: plant: nobody listens (Connection refused)" in lines(done)


def test_a_rig_file_for_a_port_works(pytester: pytest.Pytester) -> None:
    with device(pytester.path, framing="cobs") as section:
        done = villas_rig(
            pytester.path, "scan", "--port", section.port, "--write", "rigs/found.toml", "--framing", "cobs", "--checksum", "crc16",
            "--format", '{"type": "raw", "fake": true}', "--signals", '[{"name": "va"}, {"name": "vb"}, {"name": "vc"}]',
        )  # fmt: skip
        assert done.returncode == 0, lines(done)
        assert "wrote rigs/found.toml: pytest --rig=found --rig-dir=rigs" in lines(done)
        # the device takes one signal more than it sends, which scan cannot know
        file = pytester.path / "rigs" / "found.toml"
        file.write_text(
            file.read_text().replace(
                "[match]",
                '[link.in]\nsignals = [{ name = "va" }, { name = "vb" }, { name = "vc" }, { name = "fault", type = "boolean" }]\n\n[match]',
            )
        )
        pytester.makepyfile("""
            from pytest_villas import generate

            def test_it(rig):
                assert rig.replay(generate.three_phase(rate=200, duration=1)).delivery.lost == 0
        """)
        pytester.runpytest_subprocess("--rig=found").assert_outcomes(passed=1)


def test_a_rig_file_for_a_node_works(tmp_path: Path) -> None:
    port = parts.free_port()
    path = config(tmp_path, port)
    with opened(link := SpLink([f"tcp://127.0.0.1:{port}"], [])):
        stop = threading.Event()
        server = threading.Thread(target=lambda: [link.receive() for _ in iter(lambda: stop.wait(0.01), True)])
        server.start()
        try:
            done = villas_rig(tmp_path, "scan", path, "--write", "rigs/found.toml")
            assert done.returncode == 0, lines(done)
            assert "plant: publishes" in lines(done)
        finally:
            stop.set()
            server.join()
    assert "found " in lines(villas_rig(tmp_path, "list"))
    assert "unusable" not in lines(villas_rig(tmp_path, "list"))


def test_what_is_no_rig_is_not_written(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "scan", "--port", "/dev/ttyS0", "--write", "found.toml", "--framing", "fixed")
    assert done.returncode == 2
    assert "framing: 'fixed' cannot carry json" in lines(done)
    assert not (tmp_path / "found.toml").exists()


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "found.toml").write_text("precious")
    done = villas_rig(tmp_path, "scan", "--port", "/dev/ttyS0", "--write", "found.toml")
    assert done.returncode == 2
    assert "exists already" in lines(done)
    assert (tmp_path / "found.toml").read_text() == "precious"


def test_of_several_nodes_none_is_chosen_for_the_user(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "scan", config(tmp_path, parts.free_port()), "--write", "found.toml")
    assert done.returncode == 2
    assert "--write needs one port or node, and there are 0: none" in lines(done)
