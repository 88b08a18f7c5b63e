"""Encoding and decoding 10^5 samples of 8 floats, one a message, against a straightforward loop."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.figure import Figure
from pytest_villas import Samples, formats

COUNT, WIDTH = 100_000, 8


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def figures() -> Iterator[Figure]:
    """One figure for each format and direction."""
    generator = np.random.default_rng(1)
    columns = [generator.standard_normal(COUNT) for _ in range(WIDTH)]
    samples = Samples(columns, f"{WIDTH}f", origin=10**18 + np.arange(COUNT) * 10**6, sequence=np.arange(COUNT))
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    stamps = [divmod(stamp, 10**9) for stamp in samples.origin.tolist()]
    head, values = struct.Struct(">BBHIII"), struct.Struct(f">{WIDTH}f")

    def write_binary() -> list[bytes]:
        return [head.pack(0x20, 0, WIDTH, i, *stamps[i]) + values.pack(*rows[i]) for i in range(COUNT)]

    def read_binary(messages: list[bytes]) -> list[object]:
        return [(head.unpack_from(m), values.unpack_from(m, head.size)) for m in messages]

    def write_json() -> list[bytes]:
        return [json.dumps([{"ts": {"origin": stamps[i]}, "sequence": i, "data": rows[i]}]).encode() for i in range(COUNT)]

    def read_json(messages: list[bytes]) -> list[object]:
        return [json.loads(message) for message in messages]

    def write_csv() -> list[bytes]:
        return [f"{s},{ns:09},{i},{','.join(f'{v:.17f}' for v in rows[i])}\n".encode() for i, (s, ns) in enumerate(stamps)]

    def read_csv(messages: list[bytes]) -> list[object]:
        return [[float(word) for word in message.split(b",")] for message in messages]

    loops = {
        "villas.binary": (write_binary, read_binary, 0.2),
        "json": (write_json, read_json, 1.0),
        "csv": (write_csv, read_csv, 1.0),
    }
    for name, (write, read, reach) in loops.items():
        codec = formats.codec(name, f"{WIDTH}f")
        messages = codec.encode_many(samples)
        peer = {"villas.binary": "a loop over struct", "json": "a loop over json", "csv": "a loop over str"}[name]
        encode, decode = partial(codec.encode_many, samples), partial(codec.decode_many, messages)
        yield Figure(f"encode {name}", peer, partial(timed, encode), partial(timed, write), reach)
        yield Figure(f"decode {name}", peer, partial(timed, decode), partial(timed, partial(read, messages)), reach)
