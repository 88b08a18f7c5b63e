"""A message with one sample has a shorter way: it leads to the same place, and to the same complaints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_villas import Samples, formats
from pytest_villas.errors import DecodeError, EncodeError
from pytest_villas.formats.codec import MessageCodec
from pytest_villas.samples import NO_SEQUENCE, NO_TIME

SETTINGS: list[dict[str, Any]] = [
    {},
    {"compact": True},
    {"indent": 2},
    {"sort_keys": True},
    {"real_precision": 3},
    {"ts_origin": False, "sequence": False},
    {"data": False},
]
INT64 = st.integers(-(2**63), 2**63 - 1)
PLAIN = b'[{"ts": {"origin": [1700000000, 5]}, "sequence": 7, "data": [0.5, -3]}]'


def codec_of(options: dict[str, Any]) -> MessageCodec:
    codec = formats.codec({"type": "json", **options}, "1f1i")
    assert isinstance(codec, MessageCodec)
    return codec


@given(
    st.sampled_from(SETTINGS),
    st.floats(),
    INT64,
    st.one_of(st.just(NO_TIME), INT64),
    st.one_of(st.just(NO_SEQUENCE), INT64),
    st.integers(-1, 3),
    st.sampled_from(((False, False), (True, False), (False, True))),
)
@example({}, 1.0, 0, 0, 0, 2, (False, False))
@example({}, 1e-7, 0, 0, 0, 2, (False, False))
@example({}, math.nan, 0, 0, 0, 2, (False, False))
def test_it_is_written_as_among_many(
    options: dict[str, Any], real: float, whole: int, origin: int, sequence: int, length: int, flags: tuple[bool, bool]
) -> None:
    codec = codec_of(options)
    one = Samples(
        [np.array([real]), np.array([whole])],
        "1f1i",
        origin=[origin],
        sequence=[sequence],
        length=[length],
        new_frame=[flags[0]],
        new_simulation=[flags[1]],
    )
    try:
        expected = codec.encode_many(Samples.concat([one, one]))[0]
    except EncodeError as error:
        with pytest.raises(EncodeError) as told:
            codec.encode(one)
        assert str(told.value) == str(error)  # noqa: PT017 - either is right
    else:
        assert codec.encode(one) == expected


@pytest.mark.parametrize(
    "payload",
    [
        PLAIN,
        PLAIN.replace(b"5]", b"1000000000]"),
        PLAIN.replace(b"1700000000", b"1700000000000"),
        PLAIN.replace(b"7", b"-1"),
        PLAIN.replace(b": 7", b": -2"),
        PLAIN.replace(b": 7", b": 99999999999999999999"),
        PLAIN.replace(b"0.5", b"1"),
        PLAIN.replace(b"0.5", b"1e999"),
        PLAIN.replace(b"-3", b"-3.0"),
        PLAIN.replace(b"-3", b"99999999999999999999"),
        PLAIN.replace(b", -3", b""),
        PLAIN.replace(b"-3", b"-3, 1"),
        PLAIN.replace(b'"ts": {"origin": [1700000000, 5]}, ', b""),
        PLAIN.replace(b'"origin": [1700000000, 5]', b""),
        PLAIN.replace(b'"origin"', b'"received"'),
        PLAIN.replace(b"5]", b'5], "received": [1, 2]'),
        PLAIN.replace(b'"data"', b'"flags": ["new_frame"], "data"'),
        PLAIN.replace(b'"sequence": 7, ', b""),
        PLAIN[:-1] + b", " + PLAIN[1:],
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_it_is_read_as_among_many(payload: bytes) -> None:
    codec = codec_of({})
    among = codec.decode_many([payload, PLAIN])
    if among.rejected:
        with pytest.raises(DecodeError) as told:
            codec.decode(payload)
        assert str(told.value) == among.rejected[0].reason
        assert codec.decode_many([payload]).rejected == among.rejected
        return
    alone = codec.decode(payload)
    for name in ("origin", "received", "sequence", "new_frame", "new_simulation", "length"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(among.samples[:-1], name))
    for column, other in zip(alone, among.samples[:-1], strict=True):
        np.testing.assert_array_equal(column, other)
        assert column.dtype == other.dtype


def test_what_is_plain_takes_the_shorter_way_and_cannot_be_changed() -> None:
    codec = codec_of({})
    one = codec._read_one(PLAIN)
    assert one is not None
    assert codec._write_one(one) == PLAIN == codec.encode_many(one)[0]
    assert codec.decode_many([PLAIN]).message.tolist() == [0]
    assert hash(codec) == hash(codec_of({}))
    for array in (*one, one.origin, one.received, one.sequence, one.new_frame, one.new_simulation, one.length):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        assert array.shape == (1,)
