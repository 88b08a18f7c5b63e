"""Payloads that nobody meant to send: mutated, cut, spliced and foreign ones, for every codec.

For each of them it holds that `decode` and `decode_many` agree, that nothing but a DecodeError refuses it, that it takes no
time to speak of, and that what is accepted means one thing: written again and read again, it gives the same samples.
"""

from __future__ import annotations

import random
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import numpy as np
from formats.captures import cases as captured

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, formats
from pytest_villas.errors import DecodeError, EncodeError
from pytest_villas.formats import Codec

BATCH = 64
_PATIENCE_S = 20
_NARROW = 2**31 - 1

STAMPED = ("origin", "sequence", "length")
_WITHOUT_DATA = {"type": "json", "data": False}
# the setting, its signals, what it keeps of a sample, and whether it carries samples of one length each to a message
CASES: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    ("json", "1f1i1b1c", (*STAMPED, "new_frame", "new_simulation")),
    ("json", "3f", (*STAMPED, "new_frame", "new_simulation")),
    (_WITHOUT_DATA, "2f", ("origin", "sequence", "new_frame", "new_simulation")),
    ("json.kafka", "1f1i1b1c", ("sequence", "length")),
    ("json.edgeflex", "2f1i", ("length",)),
    ("json.reserve", "3f", ("sequence", "length")),
    ("csv", "1f1i1b1c", STAMPED),
    ("csv", "3f", STAMPED),
    ({"type": "tsv", "delimiter": "$", "separator": "|"}, "2f1i", STAMPED),
    ({"type": "csv", "ts_origin": False}, "2f", ("sequence", "length")),
    ("villas.human", "1f1i1b1c", (*STAMPED, "new_frame")),
    ("villas.human", "3f", (*STAMPED, "new_frame")),
    ("value", "1f", ()),
    ("value", "1c", ()),
    ("iotagent_ul", "2f", ()),
    ("villas.binary", "2f1i", STAMPED),
    ("villas.web", "1i2f", STAMPED),
    ({"type": "villas.binary", "source_index": 3, "validate_source_index": True}, "3f", STAMPED),
    ("protobuf", "1f1i1b1c", (*STAMPED, "new_frame")),
    ("opal.asyncip", "1f1i1b", ("sequence", "length")),
    ("raw", "1f1i1b1c", ("length",)),
    ({"type": "raw", "bits": 64, "endianess": "big", "fake": True}, "1f1i1b1c", STAMPED),
    ({"type": "raw", "bits": 16, "fake": True}, "2i1b", STAMPED),
    ({"type": "raw", "bits": 8}, "2i1b", ("length",)),
    ({"type": "gtnet", "fake": True}, "2f1i", STAMPED),
)
_ONE_A_MESSAGE = ("raw", "gtnet", "value", "iotagent_ul")
_MILLISECONDS = ("json.kafka", "json.edgeflex", "json.reserve")
_LINES = ("csv", "tsv", "villas.human", "value")
# what has no value that is known has no place in these
_MAY_REFUSE = ("json.edgeflex", "json.reserve")

_TOKENS = (
    *(
        b"1e999",
        b"-1e-999",
        b"nan",
        b"NaN",
        b"-inf",
        b"Infinity",
        b"1_0",
        b"0x1F",
        b"1.",
        b".5",
        b"-0",
        b"-0.0",
        b"+5",
        b"00",
        b"1e5",
    ),
    *(b"null", b"true", b'"', b"[", b"]", b"{}", b",", b":", b"\\u0000", b"[" * 3000, b'"a":', b'{"real": 1.0, "imag": 1e39}'),
    *(b"99999999999999999999", b"9223372036854775808", b"-9223372036854775809", b"4294967296", b"7" * 400, b"7" * 5000),
    *(b"\xd9\xa1", b"\xff", b"\xef\xbb\xbf", b"\x00", b" ", b"\t", b"\r\n", b"\n", b"#", b"\n\n", b"F", b"(", b")", b"i", b"e"),
    *(b"\xff" * 4, b"\x7f\xf0" + b"\x00" * 6, b"\x00\x00\xc0\x7f", b"\x80" * 10, b"\x20", b"\xff\xff\x7f\x7f"),
)


@dataclass
class Tally:
    """What became of the payloads of one codec."""

    payloads: int = 0
    accepted: int = 0
    refused: int = 0
    unwritable: int = 0
    faults: list[str] = field(default_factory=list)


def fuzz(count: int, seed: int = 1, codecs: Sequence[tuple[str, Codec, Sequence[str]]] | None = None) -> dict[str, Tally]:
    """Try `count` payloads, as many for each codec; the same seed gives the same ones."""
    generator = random.Random(seed)
    codecs = codecs or [(f"{setting} {types}", formats.codec(setting, types), fields) for setting, types, fields in CASES]
    good = [list(_good(codec, generator)) for _, codec, _ in codecs]
    foreign = [payload for payloads in good for payload in payloads] + [p for case in captured() for p in case.payloads]
    tallies = {name: Tally() for name, _, _ in codecs}
    done = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while done < count:
            for (name, codec, fields), payloads in zip(codecs, good, strict=True):
                batch = [_bad(payloads, foreign, generator) for _ in range(min(BATCH, count - done))]
                _try(codec, fields, batch, tallies[name])
                done += len(batch)
    return tallies


def _good(codec: Codec, generator: random.Random) -> Iterator[bytes]:
    """Write messages of all sorts of samples."""
    for _ in range(60):
        count = 1 if codec.name in _ONE_A_MESSAGE else generator.randint(1, 4)
        length = generator.choice([len(codec.signals)] * 3 + [max(1, len(codec.signals) - 1)])
        columns = [_column(s.type.letter, count, generator) for s in codec.signals]
        samples = Samples(
            columns,
            codec.signals,
            origin=[_stamp(generator) for _ in range(count)],
            sequence=[generator.choice([0, 7, 2**16 - 1, 2**32 - 1]) for _ in range(count)],
            new_frame=[generator.random() < 0.2 for _ in range(count)],
            length=[length] * count,
        )
        if generator.random() < 0.2:
            samples = samples.replace(origin=[NO_TIME] * count, sequence=[NO_SEQUENCE] * count)
        try:
            yield codec.encode(samples)
        except EncodeError:
            continue


def _stamp(generator: random.Random) -> int:
    """Return a time; one in four fits into 16 bits each of seconds and nanoseconds."""
    if generator.random() < 0.25:
        return generator.randrange(2**16) * 10**9 + generator.randrange(2**16)
    return 1_700_000_000_000_000_000 + generator.randrange(10**9)


def _column(kind: str, count: int, generator: random.Random) -> Any:
    return {
        "f": np.array([generator.choice([0.0, 1.5, -2.25, generator.uniform(-1e6, 1e6)]) for _ in range(count)]),
        "i": np.array([generator.choice([0, -1, 42, 127]) for _ in range(count)], np.int64),
        "b": np.array([generator.random() < 0.5 for _ in range(count)]),
        "c": np.array([complex(generator.uniform(-9, 9), -0.5) for _ in range(count)], np.complex64),
    }[kind]


def _bad(good: Sequence[bytes], foreign: Sequence[bytes], generator: random.Random) -> bytes:
    """Take a sound payload, and break it in one to three places; now and then take one of another codec, or no sense."""
    kind = generator.random()
    if kind < 0.06:
        return generator.randbytes(generator.randrange(60))
    payload = bytearray(generator.choice(foreign if kind < 0.16 or not good else good))
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        mutate(payload, good or foreign, generator)
    return bytes(payload)


def mutate(payload: bytearray, good: Sequence[bytes], generator: random.Random) -> None:
    """Break a payload in one place; `good` are others to splice it with."""
    at = generator.randrange(len(payload) + 1)
    end = min(len(payload), at + generator.randint(1, 12))
    match generator.randrange(9):
        case 0:
            del payload[at:]
        case 1:
            del payload[at:end]
        case 2 if at < len(payload):
            payload[at] ^= 1 << generator.randrange(8)
        case 3 if at < len(payload):
            payload[at] = generator.randrange(256)
        case 4:
            payload[at:at] = generator.choice(_TOKENS)
        case 5:
            payload[at:end] = generator.choice(_TOKENS)
        case 6:
            payload[at:at] = payload[at:end]
        case 7:
            other = generator.choice(good)
            payload[at:] = other[generator.randrange(len(other)) :]
        case 8 if at < len(payload):
            payload[at] = generator.choice(b"0123456789.-+e")


def _try(codec: Codec, fields: Sequence[str], batch: list[bytes], tally: Tally) -> None:
    tally.payloads += len(batch)
    try:
        with limited(_PATIENCE_S):
            _check(codec, fields, batch, tally)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what is looked for here)
        if len(batch) == 1:
            tally.faults.append(f"{type(error).__name__}: {error}: {batch[0][:2000]!r}")
            return
        tally.payloads -= len(batch)
        found = len(tally.faults)
        for payload in batch:
            _try(codec, fields, [payload], tally)
        if len(tally.faults) == found:
            tally.faults.append(f"{type(error).__name__}: {error}: only together: {batch!r}")


def _check(codec: Codec, fields: Sequence[str], batch: list[bytes], tally: Tally) -> None:
    many = codec.decode_many(batch)
    reasons: list[tuple[int, str]] = []
    single: list[Samples] = []
    for i, payload in enumerate(batch):
        try:
            single.append(codec.decode(payload))
        except DecodeError as error:
            reasons.append((i, str(error)))
    every = ("origin", "received", "sequence", "new_frame", "new_simulation", "length")
    assert reasons == sorted((r.index, r.reason) for r in many.rejected), "decode and decode_many refuse different payloads"
    assert all(reason for _, reason in reasons), "a refusal without a reason"
    if single:
        _same(many.samples, Samples.concat(single), every, "decode and decode_many read different samples")
    written, kept, unwritable = _write(codec, many.samples)
    again = codec.decode_many(written)
    assert not again.rejected, f"what was accepted and written is refused: {again.rejected[0].reason}"
    first = many.samples[np.array(kept, np.int64)]
    inexact = codec.name in _LINES
    if "length" not in fields and codec.name == "json":  # values are read where they are, and not written
        first, again = first.select([]), replace(again, samples=again.samples.select([]))
    _same(first, again.samples, fields, "what was accepted means something else when it is written again", inexact=inexact)
    if codec.name in _MILLISECONDS:
        assert np.array_equal(first.origin == NO_TIME, again.samples.origin == NO_TIME), "origin"
        assert np.all(np.abs(first.origin - again.samples.origin) <= 1_000_000), "origin is off by more than 1 ms"
    tally.refused += len(reasons)
    tally.accepted += len(single)
    tally.unwritable += unwritable


def _write(codec: Codec, samples: Samples) -> tuple[Sequence[bytes], list[int], int]:
    """Write each sample; return the messages, which samples they are, and how many could not be written."""
    try:
        return codec.encode_many(samples), list(range(len(samples))), 0
    except EncodeError:
        assert codec.name in _MAY_REFUSE, "what was accepted cannot be written"
    kept = [i for i in range(len(samples)) if _has_a_place(codec, samples[i : i + 1])]
    return codec.encode_many(samples[np.array(kept, np.int64)]), kept, len(samples) - len(kept)


def _has_a_place(codec: Codec, sample: Samples) -> bool:
    try:
        codec.encode(sample)
    except EncodeError as error:
        if "at least one value" not in str(error):
            raise
        return False
    return True


def _same(a: Samples, b: Samples, fields: Sequence[str], what: str, *, inexact: bool = False) -> None:
    assert len(a) == len(b), f"{what}: {len(a)} and {len(b)} samples"
    for name in fields:
        assert np.array_equal(getattr(a, name), getattr(b, name)), f"{what}: {name}"
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if inexact and x.dtype.kind in "fc":  # 17 digits after the point, and the rounding of what is read
            with np.errstate(invalid="ignore", over="ignore"):
                right = (x == y) | (np.abs(x - y) <= 1.5e-17) | (np.isnan(x) & np.isnan(y))
            assert np.all(right), f"{what}: signal {i}: {x[~right][:1]} and {y[~right][:1]}"
        else:
            assert np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"), f"{what}: signal {i}"


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the block takes longer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
