"""A serial link at a real pty, and at the URLs of pyserial: what it carries, and what goes wrong with ports."""

from __future__ import annotations

import os
import pwd
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import parts
import pytest
import serial
import serial.rfc2217
from cable import Cable
from processes import wait_until

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links import SerialLine, SerialLink, serial_opening
from pytest_villas.links.framing import Checksum, Cobs, Fixed, Framing, Line
from pytest_villas.links.serial_port import counts, open_serial
from pytest_villas.testing import opened, take
from pytest_villas.units import ms, s


def link(port: Path | str, framing: Callable[[], Framing] = lambda: Cobs(Checksum("crc16"))) -> SerialLink:
    return SerialLink(SerialLine(str(port)), framing(), framing())


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    with Cable(tmp_path) as cable:
        yield cable


@pytest.mark.parametrize(
    "framing", [Line, lambda: Line(Checksum("crc32")), Cobs, lambda: Fixed(8), lambda: Fixed(8, b"", Checksum("crc16"))]
)
def test_every_framing_carries_messages_over_a_line(cable: Cable, framing: Callable[[], Framing]) -> None:
    near, far = (link(end, framing) for end in cable.ends)
    messages = [b"%07d\n" % i for i in range(500)]
    with opened(near, far):
        for one, other in ((near, far), (far, near)):
            for message in messages:
                assert one.send(message)
            assert take(other, len(messages), one) == messages


def test_a_message_is_stamped_when_its_last_byte_was_read(cable: Cable) -> None:
    far = link(cable.ends[1])
    frame = Cobs(Checksum("crc16")).wrap(b"12345678")
    with opened(far), serial.Serial(str(cable.ends[0])) as raw:
        raw.write(frame[:-1])
        assert select.select([far.fileno()], (), (), 5)[0]
        assert far.receive() is None
        time.sleep(0.05)
        before = time.monotonic_ns()
        raw.write(frame[-1:])
        assert wait_until(lambda: bool(select.select([far.fileno()], (), (), 0)[0]), 5)
        message = far.receive()
        assert message is not None
        assert before < message[0] <= time.monotonic_ns()


def test_noise_between_messages_is_counted_and_survived(cable: Cable) -> None:
    with opened(far := link(cable.ends[1])), serial.Serial(str(cable.ends[0])) as raw:
        framing = Cobs(Checksum("crc16"))
        raw.write(framing.wrap(b"first") + b"\xff\xfe noise \x00" + framing.wrap(b"second"))
        assert take(far, 2) == [b"first", b"second"]
        faults = far.wire_faults()
        assert faults["garbage"] == len(b"\xff\xfe noise \x00")
        assert faults["resyncs"] + faults["checksum"] == 1


def test_a_port_that_goes_away_is_told_once_it_comes_back_and_serves_again(tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        far = link(cable.ends[1])
        far.open()
        try:
            cable.unplug()
            assert select.select([far.fileno()], (), (), 5)[0]
            with pytest.raises(LinkError, match=r"end-b went away while it was in use .* was it unplugged"):
                far.receive()
            assert not far.send(b"x"), "refused while the port is gone"
            with pytest.raises(LinkTimeout, match=r"end-b .* did not come back within 20 ms"):
                far.wait_connected(20 * ms)
            with Cable(tmp_path) as again:
                far.wait_connected(5 * s)
                with opened(near := link(again.ends[0])):
                    near.send(b"back")
                    assert wait_until(lambda: bool(select.select([far.fileno()], (), (), 0)[0]), 5)
                    assert taken_after_trouble(far) == b"back"
                assert far.wire_faults()["gone"] == 1
        finally:
            far.close()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have a port that is opened again take as long as it takes until this is set, like one of a host without power."""
    answers = threading.Event()

    def patient(line: SerialLine) -> Any:
        answers.wait()
        return open_serial(line)

    monkeypatch.setattr(serial_opening, "open_serial", patient)
    yield answers
    answers.set()
    assert wait_until(lambda: not opening(), 10)


def opening() -> bool:
    return any(thread.name == "villas-serial-open" for thread in threading.enumerate())


def test_nothing_waits_for_a_port_that_takes_long_to_come_back(tmp_path: Path, answers: threading.Event) -> None:
    with Cable(tmp_path) as cable:
        far = link(cable.ends[1])
        far.open()
        cable.unplug()
        assert select.select([far.fileno()], (), (), 5)[0]
        with pytest.raises(LinkError, match="went away while it was in use"):
            far.receive()
        with pytest.raises(LinkTimeout, match="did not come back within 20 ms"):
            far.wait_connected(20 * ms)
        with Cable(tmp_path) as again:
            answers.set()
            far.wait_connected(5 * s)
            with opened(near := link(again.ends[0])):
                near.send(b"back")
                assert taken_after_trouble(far) == b"back"
        far.close()


def test_a_port_that_comes_back_after_its_link_was_closed_is_closed_too(tmp_path: Path, answers: threading.Event) -> None:
    with Cable(tmp_path) as cable:
        far = link(cable.ends[1])
        far.open()
        cable.unplug()
        assert select.select([far.fileno()], (), (), 5)[0]
        with pytest.raises(LinkError, match="went away while it was in use"):
            far.receive()
        far.close()
        with Cable(tmp_path) as again:
            answers.set()
            assert wait_until(lambda: not opening(), 10)
            with opened(link(again.ends[1])):
                pass  # which is refused while anybody has it open


def taken_after_trouble(far: SerialLink) -> bytes:
    """Return the next message, past what the link has to say about its port."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            message = far.receive()
        except LinkError:
            continue
        if message is not None:
            return message[1]
        select.select([far.fileno()], (), (), 0.1)
    raise TimeoutError


def test_a_port_that_is_missing_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    with pytest.raises(LinkError, match=r"ttyUSB1: no such port, did you mean .*ttyUSB0'\?; .* villas-rig scan"):
        link(tmp_path / "ttyUSB1").open()


def test_what_is_no_port_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LinkError, match="is no serial port"):
        link(tmp_path / "file").open()


def test_a_port_in_use_is_an_error_that_names_who_has_it(cable: Cable) -> None:
    program = (
        "import serial, sys, time\nport = serial.Serial(sys.argv[1], exclusive=True)\nprint('open', flush=True)\ntime.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(cable.ends[0])], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(LinkError, match=rf"end-a is in use by process {holder.pid} \(python"):
            link(cable.ends[0]).open()
    finally:
        holder.kill()
        holder.communicate()


def test_a_port_that_belongs_to_others_is_an_error_that_names_their_group(cable: Cable) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    cable.ends[0].resolve().chmod(0o600)
    os.chown(cable.ends[0].resolve(), 0, pwd.getpwnam("nobody").pw_gid)
    program = (
        "import os, sys\n"
        "from pytest_villas.links import SerialLine, SerialLink\n"
        "from pytest_villas.links.framing import Cobs\n"
        "os.setgroups([])\n"
        "os.setuid(65534)\n"
        "try:\n"
        "    SerialLink(SerialLine(sys.argv[1]), Cobs(), Cobs()).open()\n"
        "except OSError as error:\n"
        "    print(error)"
    )
    port = str(cable.ends[0].resolve())
    said = subprocess.run([sys.executable, "-c", program, port], capture_output=True, text=True, check=True).stdout
    assert "is forbidden to this user: it belongs to the group nogroup; sudo usermod -aG nogroup $USER, and log in again" in said


def test_nothing_is_left_open_by_a_link_that_is_closed_or_could_not_be_opened(cable: Cable, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - numbers, not paths
    for _ in range(3):
        with opened(link(cable.ends[0])):
            pass
        with pytest.raises(LinkError):
            link(tmp_path / "nowhere").open()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_a_full_line_refuses_and_counts_and_never_blocks(cable: Cable) -> None:
    near = link(cable.ends[0])
    near.open()
    refused = sum(not near.send(bytes(1000)) for _ in range(20_000))
    waiting = near.losses().send_queue
    near.close()
    assert refused > 0
    assert 0 < waiting <= 20_000 - refused


# the URLs of pyserial


@contextmanager
def echo_over_tcp(folder: Path) -> Iterator[int]:
    """Run socat, which gives back what it gets on a port of loopback."""
    port = parts.free_port()
    command = [parts.program("socat", "socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "EXEC:cat"]
    with (folder / "socat.log").open("wb") as log, subprocess.Popen(command, stderr=log, start_new_session=True) as process:
        try:
            assert wait_until(lambda: _listens(port), 5)
            yield port
        finally:
            os.killpg(process.pid, 9)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def echoes(near: SerialLink) -> None:
    messages = [b"%d" % i * 20 for i in range(200)]
    before = time.monotonic_ns()
    for message in messages:
        assert near.send(message)
    stamped: list[tuple[int, bytes]] = []
    end = time.monotonic() + 10
    while len(stamped) < len(messages) and time.monotonic() < end:
        select.select([near.fileno()], (), (), 1)
        while (message_ := near.receive()) is not None:
            stamped.append(message_)
    assert [message for _, message in stamped] == messages
    stamps = [stamp for stamp, _ in stamped]
    assert stamps == sorted(stamps)
    assert before < stamps[0]
    assert stamps[-1] <= time.monotonic_ns()


def test_a_serial_server_on_the_network(tmp_path: Path) -> None:
    with echo_over_tcp(tmp_path) as port, opened(near := link(f"socket://127.0.0.1:{port}")):
        echoes(near)


def test_a_server_that_ends_is_a_port_that_went_away(tmp_path: Path) -> None:
    with echo_over_tcp(tmp_path) as port:
        near = link(f"socket://127.0.0.1:{port}")
        near.open()
        echoes(near)
    assert select.select([near.fileno()], (), (), 5)[0]
    with pytest.raises(LinkError, match=r"socket://127.0.0.1:\d+ went away"):
        near.receive()
    near.close()


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LinkError, match=r"socket://127.0.0.1:\d+ cannot be opened: .*is the server running"):
        link(f"socket://127.0.0.1:{parts.free_port()}").open()


def test_the_loop_of_pyserial() -> None:
    with opened(near := link("loop://")):
        assert "read by a thread" in near.notes[0]
        echoes(near)


def test_a_spied_port(cable: Cable, capsys: pytest.CaptureFixture[str]) -> None:
    near, far = link(f"spy://{cable.ends[0]}"), link(cable.ends[1])
    with opened(near, far):
        near.send(b"there")
        assert take(far, 1) == [b"there"]
        far.send(b"back")
        assert take(near, 1, far) == [b"back"]
    assert "TX" in capsys.readouterr().err


class Rfc2217Server:
    """A server as the examples of pyserial have it, for one connection to a port that gives back what it gets."""

    def __init__(self) -> None:
        self._serial = serial.serial_for_url("loop://", timeout=0.05)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self._alive = True
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._alive = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._serial.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(0.01)
            manager = serial.rfc2217.PortManager(self._serial, _Writer(connection))
            while self._alive:
                if data := self._serial.read(self._serial.in_waiting):
                    connection.sendall(b"".join(manager.escape(data)))
                try:
                    got = connection.recv(4096)
                except TimeoutError:
                    continue
                if not got:
                    return
                self._serial.write(b"".join(manager.filter(got)))


class _Writer:
    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


def test_a_port_of_rfc_2217() -> None:
    server = Rfc2217Server()
    try:
        with opened(near := link(f"rfc2217://127.0.0.1:{server.number}")):
            echoes(near)
            near.send(b"\xff\xfb\x00")
            assert take(near, 1) == [b"\xff\xfb\x00"]
    finally:
        server.close()


# what a driver says


def test_the_counts_of_a_driver_are_read_by_name() -> None:
    raw = b"".join(i.to_bytes(4, sys.byteorder) for i in range(20))
    assert counts(raw) == {
        "cts": 0, "dsr": 1, "ring": 2, "dcd": 3, "rx": 4, "tx": 5, "framing": 6, "overruns": 7, "parity": 8, "breaks": 9,
        "buffer_overruns": 10,
    }  # fmt: skip


def test_what_a_driver_cannot_do_is_said(cable: Cable) -> None:
    with opened(near := link(cable.ends[0])):
        assert "no low-latency mode in this driver" in near.notes
