"""A peer in C over libnanomsg, and one over plain sockets: what a link sends comes back from it, whole and in order."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from links.test_contract import address_of
from parts import header, program

from pytest_villas.links import NanomsgLink, SpLink
from pytest_villas.testing import lossless, meet, opened, take
from pytest_villas.units import s

SOURCES = Path(__file__).parents[2] / "benchmarks" / "peers"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def echoes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = program("gcc", "gcc libc6-dev")
    header("nanomsg/pubsub.h", "libnanomsg-dev")
    folder = tmp_path_factory.mktemp("peers")
    for name in ("echo", "nanomsg_echo"):
        command: list[str | Path] = [
            compiler,
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            folder / name,
            SOURCES / f"{name}.c",
            "-lnanomsg",
            "-lm",
        ]
        subprocess.run(command, check=True)
    return folder


@pytest.fixture(params=["echo", "nanomsg_echo"])
def start(request: pytest.FixtureRequest, echoes: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*addresses: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([echoes / request.param, *addresses]))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("engine", [SpLink, NanomsgLink])
def test_what_a_link_sends_comes_back_from_a_peer_in_c(
    engine: type[SpLink | NanomsgLink], transport: str, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    out, into = address_of(transport, tmp_path / "out"), address_of(transport, tmp_path)
    link = engine([out], [into])
    messages = [b"%d" % i + b"x" * (i % 1400) for i in range(2000)]
    with opened(link):
        start(out, into)
        meet(link, within=10 * s)
        came = []
        for first in range(0, len(messages), 50):  # libnanomsg's publisher drops what a burst leaves it no time for
            for message in messages[first : first + 50]:
                link.send(message)
            came += take(link, 50, within=20 * s)
        assert came == messages
        assert lossless(link)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_peer_in_c_that_died_is_found_again_when_it_is_back(transport: str, start: Start, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    out, into = address_of(transport, tmp_path / "out"), address_of(transport, tmp_path)
    link = SpLink([out], [into])
    with opened(link):
        for word in (b"first", b"second"):
            process = start(out, into)
            meet(link, within=10 * s)
            link.send(word)
            assert take(link, 1, within=10 * s) == [word]
            process.kill()
            process.wait()
            assert take(link, 1, within=s // 10) == []
            for file in tmp_path.glob("**/*.ipc"):
                if into.endswith(str(file)):
                    file.unlink()  # neither peer replaces the file of a dead one
