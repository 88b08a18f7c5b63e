"""For authors of formats: a suite that every format has to pass.

A format of your own passes where this passes::

    formats.register("mine", MyCodec)

    class TestMyFormat(FormatContract):
        @pytest.fixture
        def format(self) -> Format:
            return Format("mine", signals="2f1i", keeps=("origin", "sequence"))
"""

# ruff: noqa: D102 - the name of a test says what it shows

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pytest_villas import formats
from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.formats import Codec
from pytest_villas.samples import Column, Samples, Signal, SignalType, signals_of

_GARBLED = 400
_COUNT = 8
_OTHER = {
    SignalType.FLOAT: SignalType.INTEGER,
    SignalType.INTEGER: SignalType.FLOAT,
    SignalType.BOOLEAN: SignalType.FLOAT,
    SignalType.COMPLEX: SignalType.FLOAT,
}


@dataclass(frozen=True, slots=True)
class Format:
    """What is to be tested: a format that is registered, with options, and what it is able to carry.

    Attributes:
        setting: its name, or VILLASnode's mapping with `type` and options.
        signals: of a sample, in any spelling of VILLASnode's `signals`.
        keeps: what a message carries beside the values: of origin, received, sequence, new_frame, new_simulation, length.
        per_message: the most samples of a message that are tried; 1 for a format that carries one.
        reads: False for a format that is only written.
        framed: False where a message that is cut between two values cannot be told from a shorter one.
    """

    setting: str | Mapping[str, Any]
    signals: str | Sequence[Mapping[str, Any]] = "2f"
    keeps: tuple[str, ...] = ("origin", "sequence")
    per_message: int = 4
    reads: bool = True
    framed: bool = True

    def codec(self) -> Codec:
        """Build it."""
        return formats.codec(self.setting, self.signals)

    def samples(self, count: int = _COUNT) -> Samples:
        """Return samples that every format can say: numbers that 32 bits hold exactly, with stamps and sequence."""
        declared = signals_of(self.signals)
        return Samples(
            [_column(signal, count, i) for i, signal in enumerate(declared)],
            declared,
            origin=1_700_000_000_000_000_000 + np.arange(count) * 1_001_000_000,
            sequence=np.arange(count) + 7,
        )


def _column(signal: Signal, count: int, index: int) -> Column:
    steps: Column = (np.arange(count) * 37 + index * 11) % 101 - 50
    match signal.type:
        case SignalType.FLOAT:
            return steps / 8
        case SignalType.INTEGER:
            return steps
        case SignalType.BOOLEAN:
            return np.asarray(steps % 3 == 0)
        case SignalType.COMPLEX:
            return (steps / 4 - 0.5j * steps).astype(np.complex64)


def _assert_same(got: Samples, expected: Samples, keeps: Sequence[str]) -> None:
    assert len(got) == len(expected)
    assert got.signals == expected.signals
    for signal, a, b in zip(got.signals, got, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"signal {signal.name!r}")
    for name in keeps:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)


class FormatContract:
    """What every format has to do. Subclass it as `Test...` and override the fixture `format`, with parameters if you like."""

    @pytest.fixture
    def format(self) -> Format:
        """Return the format to test."""
        raise NotImplementedError("override the fixture `format`")

    @pytest.fixture
    def readable(self, format: Format) -> Format:  # noqa: A002 - VILLASnode's word
        """Return the format, for tests that read."""
        if not format.reads:
            pytest.skip("it is only written")
        return format

    def test_what_is_written_is_read(self, readable: Format) -> None:
        codec, samples = readable.codec(), readable.samples()
        for per_message in {1, readable.per_message}:
            decoded = codec.decode_many(codec.encode_many(samples, per_message))
            assert decoded.rejected == ()
            assert decoded.message.tolist() == [i // per_message for i in range(len(samples))]
            _assert_same(decoded.samples, samples, readable.keeps)

    def test_many_are_written_as_one_by_one(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        codec, samples, step = format.codec(), format.samples(7), format.per_message
        pieces = [samples[start : start + step] for start in range(0, len(samples), step)]
        assert codec.encode_many(samples, step) == [codec.encode(piece) for piece in pieces]

    def test_many_are_read_as_one_by_one(self, readable: Format) -> None:
        codec, samples = readable.codec(), readable.samples()
        for i, payload in enumerate(codec.encode_many(samples)):
            for each in (payload, bytearray(payload), memoryview(payload)):
                _assert_same(codec.decode(each), samples[i : i + 1], readable.keeps)

    def test_samples_are_not_changed_by_writing_them(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        samples = format.samples()
        first = format.codec().encode_many(samples)
        _assert_same(samples, format.samples(), ("origin", "sequence", "received", "length"))
        assert format.codec().encode_many(samples) == first

    def test_no_samples_are_no_message(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        codec = format.codec()
        assert codec.encode_many(format.samples(0)) == []
        with pytest.raises(EncodeError):
            codec.encode(format.samples(0))

    def test_another_type_than_declared_is_refused(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        codec, samples = format.codec(), format.samples()
        for i, signal in enumerate(samples.signals):
            other = Signal(signal.name, signal.unit, _OTHER[signal.type])
            columns = [_column(other, len(samples), i) if j == i else column for j, column in enumerate(samples)]
            wrong = Samples(columns, [other if j == i else each for j, each in enumerate(samples.signals)])
            with pytest.raises(EncodeError):
                codec.encode_many(wrong)

    def test_more_signals_than_declared_are_refused(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        samples = format.samples()
        more = Samples([*samples, np.zeros(len(samples))], [*samples.signals, Signal("one_more")])
        with pytest.raises(EncodeError):
            format.codec().encode_many(more)

    def test_an_unknown_option_is_refused_by_name(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        setting = {"type": format.setting} if isinstance(format.setting, str) else dict(format.setting)
        with pytest.raises(ConfigError, match="no_such_option"):
            formats.codec(setting | {"no_such_option": 1}, format.signals)

    def test_it_travels_to_another_process(self, format: Format) -> None:  # noqa: A002 - VILLASnode's word
        codec, samples = format.codec(), format.samples()
        there: Codec = pickle.loads(pickle.dumps(codec))  # noqa: S301 - made here
        assert there.encode_many(samples) == codec.encode_many(samples)
        assert there.signals == codec.signals

    def test_an_empty_payload_is_refused_and_those_around_it_are_read(self, readable: Format) -> None:
        codec, samples = readable.codec(), readable.samples(2)
        first, second = codec.encode_many(samples)
        decoded = codec.decode_many([first, b"", second])
        assert [rejection.index for rejection in decoded.rejected] == [1]
        assert decoded.rejected[0].reason
        assert decoded.message.tolist() == [0, 2]
        _assert_same(decoded.samples, samples, readable.keeps)
        with pytest.raises(DecodeError):
            codec.decode(b"")

    def test_a_payload_that_is_cut_is_refused(self, readable: Format) -> None:
        codec, sample = readable.codec(), readable.samples(1)
        payload = codec.encode(sample)
        for end in range(len(payload)):
            try:
                read = codec.decode(payload[:end])
            except DecodeError:
                continue
            assert not readable.framed, f"the first {end} of {len(payload)} bytes are read as {read}"
            length = int(read.length[0])
            for got, sent in zip(list(read)[:length], list(sample)[:length], strict=True):
                np.testing.assert_array_equal(got, sent)

    def test_a_garbled_payload_is_refused_or_means_one_thing(self, readable: Format) -> None:
        codec = readable.codec()
        good = codec.encode_many(readable.samples())
        generator = random.Random(0)  # noqa: S311 - it garbles
        for _ in range(_GARBLED):
            payload = bytearray(generator.choice(good))
            for _ in range(generator.randint(1, 3)):
                at = generator.randrange(len(payload) + 1)
                payload[at : at + generator.randint(0, 3)] = generator.randbytes(generator.randint(0, 3))
            decoded = codec.decode_many([good[0], payload])
            assert {0, 1} == {*decoded.message.tolist(), *(rejection.index for rejection in decoded.rejected)} | {1}
            try:
                alone = codec.decode(payload)
            except DecodeError as error:
                assert [(r.index, r.reason) for r in decoded.rejected] == [(1, str(error))]  # noqa: PT017 - either is right
            else:
                assert decoded.rejected == ()
                _assert_same(decoded.samples[len(decoded.samples) - len(alone) :], alone, readable.keeps)
