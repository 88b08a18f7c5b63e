"""A node in a real `villas-node` process, with which `VillasNode` talks through a second node in the same process.

What `write` is given goes to that second node in protobuf, over an ipc endpoint, on a path to the node, and out in the node's
own format; what the node receives comes back the same way. The process runs without privileges, without HTTP and without huge
pages, and ends with us. It was tried with VILLASnode 1.2.0; releases before 0.11 are refused, and any other one is named.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_villas import formats
from pytest_villas.config import Direction, Node, dump_engine
from pytest_villas.config.endpoint import Endpoint
from pytest_villas.errors import ConfigError, DecodeError, EncodeError, LinkTimeout, RigError
from pytest_villas.formats import Codec
from pytest_villas.links.nanomsg import NanomsgLink
from pytest_villas.links.node import VillasNode
from pytest_villas.rig.launch import Process
from pytest_villas.samples import Samples, Signal, SignalType
from pytest_villas.units import format_duration, s

_OLDEST, _TRIED = (0, 11), (1, 2)
_START_NS = 20 * s
_SETTLE_S = 0.1
"""From when the kernel has a connection to when libnanomsg has exchanged its header on it and sends."""
_MOST_BYTES = 1500
_HEADER_BYTES = 48
_VALUE_BYTES = {SignalType.FLOAT: 12, SignalType.INTEGER: 14, SignalType.BOOLEAN: 5, SignalType.COMPLEX: 15}
_BANNER = re.compile(r"This is VILLASnode v?(\d+)\.(\d+)[.\d]*")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_REFUSED = b"Failed to read samples from node"


def spin(program: str, node: Node, folder: Path, remark: Callable[[str], object] = lambda _: None) -> VillasNode:
    """Start `program` with the node; its log and its config stay in `folder`. `remark` is told of a version that nobody tried.

    Raises ConfigError for a node that such a process cannot run, RigError where the process does not come up.
    """
    if max(_sample_bytes(node.input.signals), _sample_bytes(node.output.signals)) > _MOST_BYTES:
        raise ConfigError(
            f"node {node.name!r}: its samples are too long for --villas-node, which carries about "
            f"{(_MOST_BYTES - _HEADER_BYTES) // _VALUE_BYTES[SignalType.FLOAT]} floats: open it without"
        )
    engine = _Process.start(program, node, folder, remark)
    try:
        return VillasNode(node, engine=engine)
    except BaseException:
        engine.close()
        raise


def _sample_bytes(signals: Iterable[Signal]) -> int:
    """Return how long a sample may get in protobuf."""
    return _HEADER_BYTES + sum(_VALUE_BYTES[signal.type] for signal in signals)


@dataclass
class _Process:
    """See `pytest_villas.links.node.Engine`."""

    node: Node
    process: Process
    link: NanomsgLink
    writer: Codec
    reader: Codec
    sockets: Path
    pause_s: float = 0.0005  # libnanomsg's publisher drops what it is given while it is still sending
    _read_to: int = field(default=0)

    @classmethod
    def start(cls, program: str, node: Node, folder: Path, remark: Callable[[str], object]) -> _Process:
        writer, reader = formats.codec("protobuf", node.output.signals), formats.codec("protobuf", node.input.signals)
        sockets = Path(tempfile.mkdtemp(prefix="villas-"))
        inward, outward = f"ipc://{sockets}/in", f"ipc://{sockets}/out"
        dump_engine(node, folder / "villas-node.json", outward, inward)
        process = Process(
            f"{Path(program).name} {node.name}", [program, str(folder / "villas-node.json")], folder / "villas-node.log"
        )
        engine = cls(node, process, NanomsgLink([inward], [outward]), writer, reader, sockets)
        try:
            engine.link.open()
            process.wait(lambda: process.log.read_bytes().count(b"Starting path") == 2, _START_NS, "its paths did not start")
            if untried := check_version(process):
                remark(untried)
            engine.wait_connected(_START_NS, 0, 0)
        except BaseException:
            engine.close()
            raise
        return engine

    def payloads(self, samples: Samples, messages: Sequence[bytes]) -> Sequence[bytes]:  # noqa: ARG002 - they served as a check
        if held := len(samples) % self.node.output.vectorize:
            raise EncodeError(
                f"node {self.node.name!r}: villas-node sends only when vectorize = {self.node.output.vectorize} samples are there, "
                f"and would hold the last {held} of {len(samples)} back: write a multiple of that"
            )
        return formats.messages(self.writer, samples)  # it collects single ones, and of a message that has too many it loses some

    def check(self) -> None:
        self.process.check()
        with self.process.log.open("rb") as log:
            log.seek(self._read_to)
            lines = log.read().rpartition(b"\n")[0]
        self._read_to += len(lines)
        if refused := lines.count(_REFUSED):
            raise DecodeError(f"node {self.node.name!r}: villas-node refused {refused} messages; its log is {self.process.log}")

    def wait_connected(self, timeout: int, subscribers: int | None, publishers: int | None) -> None:
        end = time.monotonic_ns() + timeout
        self.link.wait_connected(timeout)
        wanted = bool(self.node.output.endpoints) if subscribers is None else subscribers
        answered = len(self.node.input.endpoints) if publishers is None else publishers
        while missing := self._missing(wanted, answered):
            self.process.check()
            if time.monotonic_ns() >= end:
                raise LinkTimeout(f"node {self.node.name!r}: {missing} within {format_duration(timeout)}")
            time.sleep(0.02)
        time.sleep(_SETTLE_S)

    def _missing(self, subscribers: int, publishers: int) -> str:
        subscribed, answered = sum(_connections(self.node.output)), sum(map(bool, _connections(self.node.input)))
        if subscribed < subscribers:
            return f"{subscribed or 'nobody'} subscribed to {', '.join(self.node.output.endpoints)}"
        if answered < publishers:
            return f"{answered} of {publishers} publishers answered: {', '.join(self.node.input.endpoints)}"
        return ""

    def close(self) -> None:
        self.link.close()
        self.process.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)


def check_version(process: Process) -> str:
    """Raise RigError for a VILLASnode that is too old. Returns what to know of one that nobody tried; empty for the one that was."""
    found = _BANNER.search(_COLOUR.sub("", process.log.read_text(errors="replace")))
    version = (int(found[1]), int(found[2])) if found else None
    if version is not None and version < _OLDEST:
        raise RigError(f"{process.name}: VILLASnode {found[1]}.{found[2]} is too old, it has to be 0.11 or newer")  # type: ignore[index]  # it was found
    if version == _TRIED:
        return ""
    which = "a version that it does not tell" if version is None else f"version {version[0]}.{version[1]}"
    return f"{process.name.split()[0]} is VILLASnode of {which}: 1.2 is the one that was tried, see docs/villas-node.md"


def _connections(direction: Direction) -> list[int]:
    """Return how many connections the kernel has at each endpoint; what is inproc it does not know, and counts as many."""
    tcp = [line.split() for file in ("tcp", "tcp6") for line in _lines(f"/proc/net/{file}")]
    unix = [line.split() for line in _lines("/proc/net/unix")]
    counts = []
    for endpoint in map(Endpoint.parse, direction.endpoints):
        if endpoint.scheme == "inproc":
            counts.append(len(direction.endpoints))
        elif endpoint.scheme == "ipc":
            # 03 is connected; the end that dialled has no path
            counts.append(sum(len(row) > 7 and row[7] == endpoint.path and row[5] == "03" for row in unix))
        else:
            port = f":{endpoint.port:04X}"
            ends = [(row[1].endswith(port), row[2].endswith(port)) for row in tcp if row[3] == "01"]
            counts.append(max(sum(local for local, _ in ends), sum(remote for _, remote in ends)))
    return counts


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return []
