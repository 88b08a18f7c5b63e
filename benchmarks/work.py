"""Codecs, measures, start-up and memory: what a processor does, told by the time that it was busy with us."""

from __future__ import annotations

import gc
import json
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import pyfunnel
from villas.node.formats import Protobuf, SignalList, VillasHuman
from villas.node.sample import Sample, Timestamp

from benchmarks import collecting, peers
from benchmarks.contest import Contest, Measurement, Peer, seconds
from pytest_villas import Samples, formats
from pytest_villas.formats.json import Sample as JsonSample
from pytest_villas.measure import by_sequence, delivery, estimate_delay, gate, tube
from pytest_villas.samples import Int64s

WIDTH: Final = 8
Floats = npt.NDArray[np.float64]
Loop = tuple[Callable[[], list[bytes]], Callable[[list[bytes]], object]]
"""What writes all messages, and what reads them."""
cpu = time.process_time


def samples(count: int, width: int = WIDTH) -> Samples:
    """Return random numbers with stamps."""
    rng = np.random.default_rng(1)
    columns = [rng.standard_normal(count) for _ in range(width)]
    return Samples(columns, f"{width}f", origin=10**18 + np.arange(count) * 10**6, sequence=np.arange(count))


class Loops:
    """For each format the straightforward loop over messages, in Python."""

    def __init__(self, given: Samples) -> None:
        """Take samples, as rows."""
        self.rows = list(zip(*(column.tolist() for column in given.columns), strict=True))
        self.stamps = [divmod(stamp, 10**9) for stamp in given.origin.tolist()]
        self.lines = list(enumerate(zip(self.stamps, self.rows, strict=True)))
        self.objects = [
            Sample(ts_origin=Timestamp(sec, nsec), sequence=i, data=list(row), new_frame=False)
            for i, ((sec, nsec), row) in self.lines
        ]

    def packed(self, head: str, values: str) -> Loop:
        """Return the loop over `struct`."""
        first, rest = struct.Struct(head), struct.Struct(values)

        def fields(i: int, at: tuple[int, int]) -> tuple[int, ...]:
            return {0: (), 8: (0, i, 64), 16: (0x20, 0, WIDTH, i, *at)}[first.size]

        return (
            lambda: [first.pack(*fields(i, at)) + rest.pack(*row) for i, (at, row) in self.lines],
            lambda messages: [(first.unpack_from(m), rest.unpack_from(m, first.size)) for m in messages],
        )

    def json(self, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> Loop:
        """Return the loop over a JSON library."""
        return (
            lambda: [dumps([{"ts": {"origin": at}, "sequence": i, "data": row}]) for i, (at, row) in self.lines],
            lambda messages: [loads(m) for m in messages],
        )

    def text(self, separator: str) -> Loop:
        """Return the loop over `str`."""
        mark = separator.encode()
        return (
            lambda: [
                f"{at[0]}{separator}{at[1]:09}{separator}{i}{separator}{separator.join(f'{v:.17f}' for v in row)}\n".encode()
                for i, (at, row) in self.lines
            ],
            lambda messages: [[float(word) for word in m.split(mark)] for m in messages],
        )

    def human(self) -> Loop:
        """Return the loop over the package `villas-node`."""
        codec = VillasHuman(signal_list=SignalList(f"{WIDTH}f"))
        return lambda: [codec.dumps([each]).encode() for each in self.objects], lambda messages: [
            codec.loads(m.decode()) for m in messages
        ]

    def protobuf(self) -> Loop:
        """Return the loop over the package `villas-node`."""
        codec = Protobuf()
        return lambda: [codec.dumpb([each]) for each in self.objects], lambda messages: [codec.loadb(m) for m in messages]


def codecs(count: int, share: int) -> Iterator[Contest]:
    """Encode and decode `count` samples, one a message; the loops of others do a `share`-th of that, and are scaled."""
    given, fewer = samples(count), samples(count // share)
    loops = Loops(fewer)
    standard = loops.json(lambda value: json.dumps(value).encode(), json.loads)
    of_package, in_python = "the package villas-node", "a loop in Python over"
    text, packed = {"": 1 / 20}, {"": 1 / 50}
    others: dict[str, tuple[str, Loop, dict[str, float]]] = {
        "json": (f"{in_python} json", standard, text),
        "csv": (f"{in_python} str", loops.text(","), text),
        "tsv": (f"{in_python} str", loops.text("\t"), text),
        "villas.human": (of_package, loops.human(), text),
        "villas.binary": (f"{in_python} struct", loops.packed(">BBHIII", f">{WIDTH}f"), packed),
        "villas.web": (f"{in_python} struct", loops.packed("<BBHIII", f"<{WIDTH}f"), packed),
        "raw": (f"{in_python} struct", loops.packed("", f"<{WIDTH}f"), packed),
        "gtnet": (f"{in_python} struct", loops.packed("", f">{WIDTH}f"), packed),
        "opal.asyncip": (f"{in_python} struct", loops.packed("<HIH", f"<{WIDTH}d"), packed),
        "protobuf": (of_package, loops.protobuf(), {"": 1 / 5}),
    }
    scaled = f", no garbage collection, {len(fewer)} samples, scaled"
    for name, (peer, (write, read), reach) in others.items():
        codec = formats.codec(name, f"{WIDTH}f")
        messages = codec.encode_many(given)
        few = list(codec.encode_many(fewer))
        limits = _limits(name, fewer, share)
        for what, ours, theirs in (
            ("encode", partial(codec.encode_many, given), write),
            ("decode", partial(codec.decode_many, messages), partial(read, few)),
        ):
            opponents = (Peer(peer + scaled, partial(_collected, theirs, share), reach), *limits.get(what, ()))
            yield Contest(f"{what} {count} samples of {WIDTH} floats, {name}", "s", partial(seconds, ours, cpu), opponents)
    both = [("json of the standard library", standard), ("orjson", loops.json(orjson.dumps, orjson.loads))]
    ahead = tuple(Peer(name + scaled, partial(_collected, partial(_both, *loop), share), {"": 1.0}) for name, loop in both)
    codec = formats.codec("json", f"{WIDTH}f")
    batch = partial(seconds, lambda: codec.decode_many(codec.encode_many(given)), cpu)
    yield Contest(f"json, encode and decode, {count} messages of {WIDTH} floats before and after a replay", "s", batch, ahead)
    yield _single()


_TIMES: Final = 20
"""How often a thousand messages go by that are read and written alone."""


def _single() -> Contest:
    """Encode and decode messages of 3 floats, each by itself; nobody keeps what he made."""
    few = samples(1000, 3)
    lines, codec = Loops(few).lines, formats.codec("json", "3f")
    singles = [few[i : i + 1] for i in range(len(few))]

    def ours() -> None:
        for each in _TIMES * singles:
            codec.decode(codec.encode(each))

    def theirs(dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> None:
        for i, (at, row) in _TIMES * lines:
            loads(dumps([{"ts": {"origin": at}, "sequence": i, "data": row}]))

    ahead = tuple(
        Peer(f"{name}, no garbage collection", partial(_collected, partial(theirs, dumps, loads), 1), {"": 1.0})
        for name, dumps, loads in (
            ("json of the standard library", lambda value: json.dumps(value).encode(), json.loads),
            ("orjson", orjson.dumps, orjson.loads),
        )
    )
    parts = Peer(
        "msgspec to read, % to write the values, NumPy's views and items between them, alone",
        partial(_collected, partial(_parts, _TIMES * list(codec.encode_many(few))), 1),
    )
    figure = f"json, encode and decode, {_TIMES * len(few)} messages of 3 floats, each alone"
    return Contest(figure, "s", partial(_collected, ours, 1), (*ahead, parts))


def _parts(messages: list[bytes]) -> None:
    """Read each message, have stamp, sequence and values in arrays, take them out again, and write the values."""
    read, numbers = msgspec.json.Decoder(list[JsonSample]).decode, struct.pack("5d", 1, 2, 0.1, -0.2, 0.3)
    for message in messages:
        read(message)
        array = np.frombuffer(numbers)
        values = [view.item() for view in [array[i : i + 1] for i in range(5)]]
        jansson = "[%.17g, %.17g, %.17g]"
        jansson % tuple(values[2:])


def _collected(work: Callable[[], object], share: int) -> Measurement:
    """Measure what makes many objects without the collector, which would slow it down; times `share`."""
    gc.collect()
    gc.disable()
    try:
        return {"": share * seconds(work, cpu)[""]}
    finally:
        gc.enable()


def _limits(name: str, given: Samples, share: int) -> dict[str, tuple[Peer, ...]]:
    """Return who does a part of the work alone, by the fastest means that were found: how much there is to gain."""
    values = np.stack(given.columns, axis=1)
    scaled = f"{len(given)} samples, scaled"
    if name in ("json", "csv", "tsv", "villas.human"):
        spec = "%.17g" if name == "json" else "%.17f"
        lines = Loops(given).lines
        rows = [[*at, i, *row] for i, (at, row) in lines]
        objects = [{"ts": {"origin": at}, "sequence": i, "data": row} for i, (at, row) in lines]
        document = objects if name == "json" else rows
        numbers = orjson.dumps([number for row in rows for number in row])
        dump, load = partial(orjson.dumps, document), partial(msgspec.json.Decoder(list[float]).decode, numbers)
        return {
            "encode": (
                Peer(f"snprintf {spec} of the values alone, in C, {scaled}", partial(_printf, spec, values.size, share)),
                Peer(f"orjson, all in one document, floats in as few digits as do, {scaled}", partial(_collected, dump, share)),
            ),
            "decode": (Peer(f"msgspec, the same numbers as one list, {scaled}", partial(_collected, load, share)),),
        }
    if name in _RECORDS:
        head, kind = _RECORDS[name]
        columns = [np.tile(column, share) for column in given.columns]
        stamps = {field: np.arange(len(columns[0])) % 2**16 for field, _ in head}
        records = np.ones(len(columns[0]), np.dtype([*head, *((f"v{i}", kind) for i in range(WIDTH))]))
        fields = stamps | {f"v{i}": column for i, column in enumerate(columns)}
        kept = {name: values for name, values in fields.items() if name not in _HEAD_ALONE}
        return {
            "encode": (Peer("NumPy, columns and stamps put into records block by block, alone", partial(_put, fields, records)),),
            "decode": (Peer("NumPy, columns and stamps taken out block by block, alone", partial(_taken, kept, records)),),
        }
    return {}


_HEAD_ALONE: Final = ("kind", "source", "count", "dev_id", "size")
"""What samples do not keep."""
_VILLAS: Final = [("kind", "u1"), ("source", "u1"), ("count", "u2"), ("sequence", "u4"), ("sec", "u4"), ("nsec", "u4")]
_RECORDS: Final[dict[str, tuple[list[tuple[str, str]], str]]] = {
    "villas.binary": ([(name, kind.replace("u", ">u")) for name, kind in _VILLAS], ">f4"),
    "villas.web": (_VILLAS, "<f4"),
    "raw": ([], "<f4"),
    "gtnet": ([], ">f4"),
    "opal.asyncip": ([("dev_id", "u2"), ("msg_id", "u4"), ("size", "u2")], "<f8"),
}
"""What is before the values of a sample, and what the values are."""


def _printf(spec: str, count: int, share: int) -> Measurement:
    return {"": share * float(peers.run("format", spec, count)["seconds"])}


def _put(fields: dict[str, npt.NDArray[Any]], records: npt.NDArray[Any]) -> Measurement:
    def put() -> None:
        fresh = np.empty_like(records)
        for rows in _blocks(fresh.size):
            block = fresh[rows]
            for name, values in fields.items():
                block[name] = values[rows]

    return seconds(put, cpu)


def _taken(fields: dict[str, npt.NDArray[Any]], records: npt.NDArray[Any]) -> Measurement:
    def take() -> None:
        fresh = {name: np.empty_like(values) for name, values in fields.items()}
        for rows in _blocks(records.size):
            block = records[rows]
            for name, values in fresh.items():
                values[rows] = block[name]

    return seconds(take, cpu)


def _blocks(count: int) -> Iterator[slice]:
    """Go over so many rows in blocks that stay in the cache."""
    for first in range(0, count, 8192):
        yield slice(first, first + 8192)


def _both(write: Callable[[], list[bytes]], read: Callable[[list[bytes]], object]) -> None:
    read(write())


def measures() -> Iterator[Contest]:
    """Tube, delay, delivery and gate."""
    rng = np.random.default_rng(1)
    n = 100_000
    t = np.arange(n) * 1_000_000
    x = np.sin(2 * np.pi * 50 * t / 1e9)
    y = x + rng.normal(0, 1e-4, n)
    uneven = np.sort(t + rng.integers(0, 400_000, n))
    figure = "tube, 10^5 points, 50 Hz at 1 kHz"
    for name, times, limit in (("in general", uneven, 0.016), ("on a uniform grid", t, 0.0009)):
        ours = partial(seconds, partial(tube, times, x, times, y, dt=1e-3, atol=0.01), cpu)
        both = (Peer("pyfunnel", partial(seconds, partial(_funnel, times / 1e9, x, y), cpu), {"": 0.01}), _figure(limit))
        yield Contest(f"{figure}, {name}", "s", ours, both)
    long = 1_000_000
    reference = np.array([np.sin(2 * np.pi * 50 * np.arange(long) / 1e4 + k) for k in range(8)])
    late = np.roll(reference, 3, axis=1) + rng.normal(0, 0.01, reference.shape)
    find = partial(estimate_delay, reference, late, 1e4, (-0.005, 0.015))
    yield Contest("delay, 8 channels of 10^6 samples", "s", partial(seconds, find, cpu), (_figure(0.55),))
    yield from _counts(rng)


def _counts(rng: np.random.Generator) -> Iterator[Contest]:
    n = 10_000_000
    sequence: Int64s = np.arange(n)
    sent = sequence * 100_000
    arrived = np.flatnonzero(rng.random(n) > 1e-4)
    received = sent[arrived] + rng.integers(50_000, 90_000, arrived.size)

    def deliver() -> object:
        return delivery(by_sequence(sequence, sequence[arrived], sent_at=sent, received_at=received), sent, received, t_max=10**9)

    yield Contest("delivery of 10^7 samples, matched by sequence", "s", partial(seconds, deliver, cpu), (_figure(1.0),))
    values = rng.exponential(100_000, 1_000_000).astype(np.int64)
    judge = partial(gate, values, 600_000, 0.99)
    yield Contest("quantile gate at 10^6 samples", "s", partial(seconds, judge, cpu), (_figure(0.25),))


def _figure(limit: float) -> Peer:
    return Peer("the figure that was set", lambda: {"": limit}, {"": 1.0})


def _funnel(times: Floats, x: Floats, y: Floats) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pyfunnel.compareAndReport(times, x, times, y, outputDirectory=folder, atolx=1e-3, atoly=0.01)


def memory() -> Measurement:
    """Return the greatest memory of a capture of 10^7 messages of 48 bytes, over what it had before, in MB."""
    found = peers.run_python("benchmarks.capturing", 10_000_000)
    return {name: found[name] / 1e6 for name in ("while it runs", "loaded")}


def contests(count: int) -> Iterator[Contest]:
    """Everything that only needs a processor."""
    yield from codecs(count, 10)
    yield from measures()
    yield from collecting.contests()
    size = 10_000_000 * 48 / 1e6
    bytes_received = Peer(
        "bytes received", lambda: {"while it runs": size, "loaded": size}, {"while it runs": 1.6, "loaded": 1.6}
    )
    yield Contest("memory of a capture of 10^7 samples of 8 floats, villas.binary", "MB", memory, (bytes_received,))
