"""`--villas-node=PATH`: the nodes of a test in the real `villas-node` process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import parts
import pytest
from processes import wait_until

from pytest_villas import Samples, config
from pytest_villas.config import Node
from pytest_villas.errors import ConfigError, RigError
from pytest_villas.links import NanomsgLink
from pytest_villas.links.node import VillasNode
from pytest_villas.rig.launch import Process
from pytest_villas.rig.villas_process import check_version, spin

HUGE = Path("/proc/sys/vm/nr_hugepages")
TESTS = Path(__file__).parents[1]


def node_of(folder: Path, settings: str = "", signals: str = "2f") -> Node:
    file = folder / "node.conf"
    file.write_text(f"""nodes = {{ self = {{
        type = "nanomsg", signals = "{signals}",
        out = {{ endpoints = "ipc:///tmp/s" }}, in = {{ endpoints = "ipc:///tmp/s" {settings} }}
    }} }}""")
    return config.relocate(config.load(file), folder).nodes["self"]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("n")  # short enough for the name of a socket


@pytest.fixture
def real(folder: Path) -> Iterator[VillasNode]:
    with spin(parts.villas_node(), node_of(folder), folder) as node:
        node.wait_connected()
        yield node


def processes_of(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith(b"villas-node") and os.fsencode(folder) in b" ".join(words):
            found.append(int(entry.parent.name))
    return found


def test_every_test_of_villas_node_passes_in_the_real_process() -> None:
    program = parts.villas_node()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/links/test_villas_node.py",
            f"--villas-node={program}",
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_it_runs_without_privileges_and_leaves_the_machine_alone(real: VillasNode, folder: Path) -> None:
    (pid,) = processes_of(folder)
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == 0
    before = HUGE.read_text()
    real.write(Samples({"a": [1.5], "b": [np.nextafter(1, 2)]}, sequence=[3]))
    assert real.read(1, timeout=5)["signal1"][0] == np.nextafter(1, 2)
    assert HUGE.read_text() == before
    owned = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
    listening = [row.split() for file in ("tcp", "tcp6") for row in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    assert not [row for row in listening if row[3] == "0A" and f"socket:[{row[9]}]" in owned]


def test_its_log_and_its_config_are_kept_and_it_ends_with_the_node(folder: Path) -> None:
    with spin(parts.villas_node(), node_of(folder), folder):
        assert processes_of(folder)
    assert "This is VILLASnode" in (folder / "villas-node.log").read_text()
    assert (folder / "villas-node.json").exists()
    assert not processes_of(folder)


def test_its_death_is_noticed_with_the_end_of_its_log(real: VillasNode, folder: Path) -> None:
    os.kill(processes_of(folder)[0], signal.SIGKILL)
    with pytest.raises(RigError, match=r"villas-node self'?: its process was killed by signal 9; the end of .*villas-node.log"):
        real.read(1, timeout=10)


def test_a_message_that_aborts_it_is_told(folder: Path) -> None:
    port = parts.free_port()
    with spin(parts.villas_node(), config_dialling(folder, port), folder) as real:
        peer = NanomsgLink([f"tcp://127.0.0.1:{port}"], []).open()
        try:
            peer.wait_connected(5 * 10**9)
            peer.send(b'[{"sequence": 1, "data": [1, 2]}]')
            with pytest.raises(RigError, match="expected float"):
                real.read(1, timeout=10)
        finally:
            peer.close()


def config_dialling(folder: Path, port: int) -> Node:
    file = folder / "dialling.conf"
    file.write_text(
        f'nodes = {{ ears = {{ type = "nanomsg", signals = "2f", in = {{ endpoints = "tcp://127.0.0.1:{port}" }} }} }}'
    )
    return config.load(file).nodes["ears"]


def test_its_hooks_run(folder: Path) -> None:
    hooks = ', hooks = ( { type = "scale", signal = "signal0", scale = 3.0, offset = 0.5 } )'
    with spin(parts.villas_node(), node_of(folder, hooks), folder) as real:
        real.wait_connected()
        real.write(Samples({"a": [2.0], "b": [1.0]}, sequence=[3]))
        received = real.read(1, timeout=5)
        assert (received["signal0"][0], received["signal1"][0]) == (6.5, 1.0)


@pytest.mark.parametrize("signals", ["1f1i1b1c", "64f", "2i1b"])
def test_every_type_stamp_and_sequence_goes_through_it(signals: str, folder: Path) -> None:
    with spin(parts.villas_node(), node_of(folder, signals=signals), folder) as real:
        real.wait_connected()
        zeros = [np.zeros(2, signal.type.dtype) + np.array([1, 0], signal.type.dtype) for signal in real.node.output.signals]
        sent = Samples(zeros, real.node.output.signals, origin=[10**18 + 1, 10**18 + 2], sequence=[2**32, 2**32])
        real.write(sent)
        received = real.read(2, timeout=5)
        assert [column.tolist() for column in received] == [column.tolist() for column in sent]
        assert received.origin.tolist() == sent.origin.tolist()
        assert received.sequence.tolist() == sent.sequence.tolist()


def test_a_program_that_is_none_is_named(folder: Path) -> None:
    with pytest.raises(RigError, match=r"false self'?: its process ended with status 1"):
        spin("/bin/false", node_of(folder), folder)


def test_a_node_with_too_many_signals_is_refused(folder: Path) -> None:
    with pytest.raises(
        ConfigError, match="node 'self': its samples are too long for --villas-node, which carries about 121 floats"
    ):
        spin("/bin/false", node_of(folder, signals="200f"), folder)


def test_a_path_where_nothing_is_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--villas-node=/nowhere/villas-node")
    result.stderr.fnmatch_lines("*--villas-node=/nowhere/villas-node: no program is there*")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_its_log_is_among_the_artefacts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(villas_node):\n    villas_node('nanomsg.conf', 'nanomsg_node', move=True)")
    result = pytester.runpytest_subprocess("--villas-node=/bin/false", "-rA")
    result.stdout.fnmatch_lines(["*its process ended with status 1*"])
    assert wait_until(lambda: any(pytester.path.glob(".villas/runs/*nanomsg_node-villas-node/villas-node.log")), 1)


@pytest.mark.parametrize(
    ("banner", "says"),
    [
        ("This is VILLASnode v1.2.0-c2f8d1b", ""),
        ("\x1b[1mThis is VILLASnode 1.1.0\x1b[0m", "version 1.1: 1.2 is the one that was tried"),
        ("This is VILLASnode v0.11.2", "version 0.11: 1.2 is the one that was tried"),
        ("Welcome", "a version that it does not tell: 1.2 is the one that was tried"),
        ("This is VILLASnode v0.10.9", None),
        ("This is VILLASnode v0.6.4-debug", None),
    ],
)
def test_a_version_is_tried_named_or_refused(tmp_path: Path, banner: str, says: str | None) -> None:
    # a program that says so: no release but one is at hand
    process = Process("villas-node here", ["sh", "-c", f"echo '{banner}'; echo started; exec sleep 60"], tmp_path / "log")
    try:
        process.wait_for_line("^started", 10**10)
        if says is None:
            with pytest.raises(RigError, match=r"VILLASnode 0\.(10|6) is too old, it has to be 0\.11 or newer"):
                check_version(process)
        else:
            assert says in check_version(process)
            assert bool(says) == bool(check_version(process))
    finally:
        process.stop()
