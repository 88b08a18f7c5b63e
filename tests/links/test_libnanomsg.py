"""The C library libnanomsg as peer: `nanocat` publishes and subscribes, over every transport that leaves a process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from parts import free_port, program

from pytest_villas import Samples, config
from pytest_villas.config import Node
from pytest_villas.links import NanomsgLink, SpLink
from pytest_villas.links.node import VillasNode
from pytest_villas.testing import opened, take
from pytest_villas.units import ms, s

Engine = type[NanomsgLink] | type[SpLink]

TRANSPORTS = ("tcp", "ipc", "ws")


def addresses(transport: str, folder: Path) -> tuple[str, str]:
    if transport == "ipc":
        return f"ipc://{folder}/out.ipc", f"ipc://{folder}/in.ipc"
    first, second = (f"{transport}://127.0.0.1:{free_port()}" for _ in range(2))
    return first, second


@pytest.fixture(params=TRANSPORTS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    out, into = addresses(request.param, tmp_path)
    file = tmp_path / "peer.conf"
    file.write_text(f"""nodes = {{ peer = {{ type = "nanomsg", format = "villas.human", signals = "2f1i",
        out = {{ endpoints = "{out}" }}, in = {{ endpoints = "{into}" }} }} }}""")
    return config.load(file).nodes["peer"]


@pytest.fixture
def nanocat() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    path = program("nanocat", "nanomsg-utils")
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


SAMPLES = Samples({"a": [1.5, -2.25], "b": [0.0, 1e9], "n": [7, -8]}, origin=[10**18 + 1, 10**18 + 2], sequence=[3, 4])


def test_libnanomsg_receives_what_our_node_publishes(node: Node, nanocat: Callable[..., subprocess.Popen[bytes]]) -> None:
    with VillasNode(node) as ours:
        reader = nanocat("--sub", "--connect", node.output.endpoints[0], "--raw", "--recv-timeout", "5")
        ours.wait_connected(subscribers=1, publishers=0)
        ours.write(SAMPLES)
        assert reader.stdout is not None
        expected = b"1000000000.000000001(3)\t1.50000000000000000\t0.00000000000000000\t7\n"
        assert reader.stdout.read(len(expected)) == expected


def test_our_node_receives_what_libnanomsg_publishes(node: Node, nanocat: Callable[..., subprocess.Popen[bytes]]) -> None:
    line = "1000000000.000000001(3)\t1.50000000000000000\t0.00000000000000000\t7\n"
    with VillasNode(node) as ours:
        nanocat("--pub", "--bind", node.input.endpoints[0], "--data", line, "--interval", "0.05")
        received = ours.read(3, timeout=10)
    assert received.sequence.tolist() == [3, 3, 3]
    assert received[2].tolist() == [7, 7, 7]
    np.testing.assert_array_equal(received[0], [1.5, 1.5, 1.5])
    assert abs(int(received.received[0]) - time.time_ns()) < 60 * 10**9


ENGINES = [(NanomsgLink, "tcp"), (NanomsgLink, "ipc"), (NanomsgLink, "ws"), (SpLink, "tcp"), (SpLink, "ipc")]


@pytest.mark.parametrize(("engine", "transport"), ENGINES)
def test_libnanomsg_receives_what_a_link_publishes(
    engine: Engine, transport: str, tmp_path: Path, nanocat: Callable[..., subprocess.Popen[bytes]]
) -> None:
    address, _ = addresses(transport, tmp_path)
    with opened(link := engine([address], [])):
        reader = nanocat("--sub", "--connect", address, "--raw", "--recv-timeout", "5")
        link.wait_connected(10 * s)
        lines = [b"%d %s\n" % (i, b"x" * i) for i in range(1000)]
        for line in lines:
            link.send(line)
        assert reader.stdout is not None
        for line in lines:
            assert reader.stdout.readline() == line
            link.receive()


@pytest.mark.parametrize(("engine", "transport"), ENGINES)
def test_a_link_receives_what_libnanomsg_publishes_also_after_it_was_restarted(
    engine: Engine, transport: str, tmp_path: Path, nanocat: Callable[..., subprocess.Popen[bytes]]
) -> None:
    address, _ = addresses(transport, tmp_path)
    with opened(link := engine([], [address])):
        for data in ("first", "second"):
            writer = nanocat("--pub", "--bind", address, "--data", data, "--interval", "0.01")
            assert take(link, 3, within=10 * s) == [data.encode()] * 3
            writer.kill()
            writer.wait()
            take(link, 1000, within=50 * ms)
