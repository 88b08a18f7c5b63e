"""Send samples through a real villas-node, and take what nodes with many formats publish of them.

python tests/formats/real_node.py VILLAS_NODE > tests/data/options.jsonl
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas import Samples, Signal, SignalType, formats
from pytest_villas.links import NanomsgLink
from pytest_villas.rig import supervise
from pytest_villas.samples import signals_of

STORED = Path(__file__).parent.parent / "data" / "options.jsonl"
_LONGEST = 1500
_FLOATS = [0.1, -0.0, 1e-7, 123456789.125, 1e16, -2.5e22, 1.0, 1 / 3]
_INTEGERS = [0, -1, 2**31 - 1, -129, 40, -(2**31), 7, 100]
_NAMED = (Signal("U_ä/Ω", "kV/m"), Signal('quote "', "A"))


def samples_of(signals: tuple[Signal, ...]) -> Samples:
    """Return eight samples of hard values, which all stamps have."""
    columns = []
    for i, signal in enumerate(signals):
        floats, integers = np.roll(_FLOATS, i), np.roll(_INTEGERS, i)
        columns.append(
            {
                SignalType.FLOAT: floats,
                SignalType.INTEGER: integers,
                SignalType.BOOLEAN: integers > 0,
                SignalType.COMPLEX: (floats + 1j * np.roll(floats, 3)).astype(np.complex64),
            }[signal.type]
        )
    origin = 1_700_000_000_000_000_000 + np.arange(8) * 1_000_000_007
    return Samples(columns, signals, origin=origin, sequence=np.arange(8) + 2**31, new_frame=np.arange(8) % 3 == 0)


def _with(types: Sequence[str], options: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from ({"type": kind, **option} for kind in types for option in options)


def cases() -> Iterator[tuple[tuple[Signal, ...], int, list[dict[str, Any]]]]:
    """Return signals, samples a message, and formats with their options."""
    off: list[dict[str, Any]] = [{}, *({name: False} for name in ("ts_origin", "ts_received", "sequence", "data", "offset"))]
    laid_out: list[dict[str, Any]] = [
        {"indent": 1},
        {"compact": True},
        {"ensure_ascii": True},
        {"escape_slash": True},
        {"sort_keys": True},
        {"indent": 3, "compact": True, "sort_keys": True, "ensure_ascii": True, "escape_slash": True},
        *({"real_precision": digits} for digits in (0, 1, 6, 16, 31)),
    ]
    lines: list[dict[str, Any]] = [
        *({"real_precision": digits} for digits in (0, 3, 31)),
        {"delimiter": "$"},
        {"comment_prefix": "%", "header": False, "skip_first_line": True},
    ]
    raws: list[dict[str, Any]] = [
        {"type": "raw", "bits": bits, "fake": fake} | ({"endianess": end} if end else {})
        for bits in (32, 64)
        for fake in (False, True)
        for end in ("little", "big", None)
    ]
    text = list(_with(("json", "csv", "tsv", "villas.human"), off)) + list(_with(("json",), laid_out))
    columns = [*_with(("csv", "tsv"), [*lines, {"separator": ";"}]), *_with(("villas.human",), lines)]
    binary = [
        *_with(("villas.binary", "villas.web"), [{}, {"source_index": 7}, {"source_index": 255, "validate_source_index": True}]),
        *_with(("opal.asyncip",), [{}, {"dev_id": 65535}]),
    ]
    one_a_message = [*raws, *_with(("gtnet",), [{}, {"fake": True}, {"bits": 64}, {"endianess": "little"}])]
    named = list(_with(("json.kafka", "json.edgeflex"), [{}, *laid_out]))
    everything, numbers, floats = signals_of("1f1i1b1c"), signals_of("1i2f"), signals_of("3f")
    yield everything, 1, [*text, *columns, *one_a_message, *_with(("protobuf", "json.kafka", "json.edgeflex"), off)]
    yield everything, 4, [*text, *columns, *_with(("protobuf",), off)]
    yield numbers, 1, binary
    yield numbers, 4, binary
    yield floats, 1, list(_with(("json.reserve",), [*off, *laid_out]))
    yield floats, 2, list(_with(("json.reserve", "json.kafka", "json.edgeflex"), [{}]))
    yield _NAMED, 1, named
    whole: list[dict[str, Any]] = [
        *({"type": "raw", "bits": 16, "fake": False, "endianess": end} for end in ("little", "big")),
        {"type": "raw", "bits": 8, "fake": False},
    ]
    yield signals_of("1b"), 1, [*whole, *one_a_message]
    for letter in "fibc":
        yield signals_of(f"1{letter}"), 1, list(_with(("value",), [{}, {"real_precision": 3}]))


def capture(program: str, signals: tuple[Signal, ...], per_message: int, settings: Sequence[dict[str, Any]]) -> list[list[bytes]]:
    """Return the messages of each format."""
    folder = Path(tempfile.mkdtemp(prefix="villas-"))
    declared = [{"name": s.name, "unit": s.unit, "type": s.type.value} for s in signals]
    source = {"endpoints": [f"ipc://{folder}/in"], "signals": declared, "vectorize": per_message, "builtin": False}
    nodes: dict[str, Any] = {"source": {"type": "nanomsg", "format": "protobuf", "in": source, "out": {"endpoints": []}}}
    for i, setting in enumerate(settings):
        out = {"endpoints": [f"ipc://{folder}/{i}"], "vectorize": per_message}
        nodes[f"out{i}"] = {"type": "nanomsg", "format": setting, "in": {"endpoints": [], "signals": declared}, "out": out}
    paths = [{"in": "source", "out": list(nodes)[1:], "builtin": False, "original_sequence_no": True}]
    root = {"http": {"enabled": False}, "hugepages": 0, "nodes": nodes, "paths": paths}
    (folder / "node.json").write_text(json.dumps(root))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        log = stack.enter_context((folder / "log").open("wb"))
        command = [sys.executable, "-I", supervise.__file__, program, str(folder / "node.json")]
        process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log))
        assert process.stdin is not None
        stack.callback(process.stdin.close)
        links = [NanomsgLink([f"ipc://{folder}/in"], [])]
        links += [NanomsgLink([], [f"ipc://{folder}/{i}"]) for i in range(len(settings))]
        for link in links:
            stack.callback(link.open().close)
        for link in links:
            link.wait_connected(20 * 10**9)
        time.sleep(0.5)  # until the process has taken note of its subscribers
        for payload in formats.codec("protobuf", signals).encode_many(samples_of(signals)):
            links[0].send(payload)
            time.sleep(0.02)
        time.sleep(0.5)
        return [[message[1] for message in iter(link.receive, None)] for link in links[1:]]


def lines(program: str) -> Iterator[str]:
    """Yield a line for each case; messages that are too long for VILLASnode to send are left out."""
    for signals, per_message, settings in cases():
        declared = [{"name": s.name, "unit": s.unit, "type": s.type.value} for s in signals]
        for setting, payloads in zip(settings, capture(program, signals, per_message, settings), strict=True):
            if not payloads or max(map(len, payloads)) >= _LONGEST:
                print(f"left out: {setting}: {[len(payload) for payload in payloads]}", file=sys.stderr)  # noqa: T201
                continue
            texts = [base64.b64encode(payload).decode() for payload in payloads]
            yield json.dumps({"format": setting, "signals": declared, "per_message": per_message, "payloads": texts})


if __name__ == "__main__":
    for each in lines(sys.argv[1]):
        print(each)  # noqa: T201
