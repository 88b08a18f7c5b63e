"""The text of `json`, and what is refused on reading it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, formats
from pytest_villas.errors import DecodeError, EncodeError
from pytest_villas.formats import jansson


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (2.5, "2.5"),
        (1e39, "9.9999999999999994e38"),
        (3.4e38, "3.4e38"),
        (1e-300, "1e-300"),
        (1e-5, "1.0000000000000001e-5"),
        (0.0001, "0.0001"),
        (9.5e-5, "9.5000000000000005e-5"),
        (1.05e-4, "0.000105"),
        (99999999999999984.0, "99999999999999984.0"),
        (1e17, "1e17"),
        (1e22, "1e22"),
        (123456789.123456789, "123456789.12345679"),
        (0.1, "0.10000000000000001"),
        (5e-324, "4.9406564584124654e-324"),
    ],
)
def test_floats_look_like_those_of_jansson(value: float, text: str) -> None:
    codec = formats.codec("json", "1f")
    assert codec.encode(Samples([[value]], "1f")) == b'[{"data": [%s]}]' % text.encode()
    assert jansson.real(value) == text


@given(
    st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**18), 10**18).map(float)), min_size=1)
)
def test_many_floats_are_written_like_one(values: list[float]) -> None:
    payloads = formats.codec("json", "1f").encode_many(Samples([values], "1f"))
    assert payloads == [b'[{"data": [%s]}]' % jansson.real(value).encode() for value in values]


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 31))
def test_real_precision_is_the_number_of_digits(value: float, digits: int) -> None:
    payload = formats.codec({"type": "json", "real_precision": digits}, "1f").encode(Samples([[value]], "1f"))
    text = payload.decode().removeprefix('[{"data": [').removesuffix("]}]")
    assert float(text) == float(f"{value:.{digits}g}")
    assert "." in text or "e" in text


def everything() -> Samples:
    return Samples(
        [[1.5], [-7], [True], [0.5 - 2.25j]],
        "fibc",
        origin=[1_700_000_000_000_000_005],
        sequence=[9],
        new_frame=[True],
        new_simulation=[True],
    )


OBJECT = {
    "ts": {"origin": [1_700_000_000, 5]},
    "flags": ["new_simulation", "new_frame"],
    "sequence": 9,
    "data": [1.5, -7, True, {"real": 0.5, "imag": -2.25}],
}


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, {}),
        ({"compact": True}, {"separators": (",", ":")}),
        ({"sort_keys": True}, {"sort_keys": True}),
        ({"indent": 4}, {"indent": 4}),
        ({"indent": 2, "compact": True, "sort_keys": True}, {"indent": 2, "separators": (",", ":"), "sort_keys": True}),
    ],
)
def test_layout_options(options: dict[str, Any], arguments: dict[str, Any]) -> None:
    codec = formats.codec({"type": "json", **options}, "fibc")
    two = Samples.concat([everything(), everything()])
    assert codec.encode(two).decode() == json.dumps([OBJECT, OBJECT], **arguments)
    assert codec.encode_many(two)[1].decode() == json.dumps([OBJECT], **arguments)


def test_parts_can_be_left_out() -> None:
    def keys(**options: bool) -> list[str]:
        codec = formats.codec({"type": "json", **options}, "fibc")
        payload = codec.encode(everything())
        assert len(codec.decode(payload)) == 1
        return list(json.loads(payload)[0])

    assert keys() == ["ts", "flags", "sequence", "data"]
    assert keys(ts_origin=False) == ["flags", "sequence", "data"]
    assert keys(sequence=False) == ["ts", "flags", "data"]
    assert keys(data=False) == ["ts", "flags", "sequence"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_not_are_refused(value: float) -> None:
    with pytest.raises(EncodeError, match=r"sample 1: signal 'signal1' is -?(nan|inf)"):
        formats.codec("json", "2f").encode(Samples([[0.0, 1.0], [2.0, value]], "2f"))
    with pytest.raises(EncodeError, match="signal0"):
        formats.codec("json", "1c").encode(Samples([np.array([complex(0, value)], np.complex64)], "1c"))


def test_what_is_missing_is_absent() -> None:
    samples = formats.codec("json", "2f").decode(b' [{"data": [1.5]}, {"ts": {}, "sequence": 0, "data": []}] ')
    assert samples.origin.tolist() == samples.received.tolist() == [NO_TIME, NO_TIME]
    assert samples.sequence.tolist() == [NO_SEQUENCE, 0]
    assert samples.length.tolist() == [1, 0]
    assert np.isnan(samples[1]).all()


def test_received_is_read_and_never_written() -> None:
    codec = formats.codec("json", "1f")
    samples = codec.decode(b'[{"ts": {"origin": [1, 2], "received": [3, 4]}, "data": [1.0]}]')
    assert samples.received.tolist() == [3_000_000_004]
    assert codec.encode(samples) == b'[{"ts": {"origin": [1, 2]}, "data": [1.0]}]'


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('[{"data": [1, 2]}]', "'signal0' is declared float and got an integer: 1"),
        ('[{"data": [1.0, 2.0]}]', "'signal1' is declared integer and got a float"),
        ('[{"data": [1.0, true]}]', "'signal1' is declared integer and got a boolean"),
        ('[{"data": [null]}]', "got null"),
        ('[{"data": ["1.0"]}]', "got a string"),
        ('[{"data": [[1.0]]}]', "got an array"),
        ('[{"data": [1.0, 9223372036854775808]}]', "64 bits"),
        ('[{"data": [1.0, 2, 3]}]', "3 values for 2 signals"),
        ('[{"data": [1e999]}]', "out of range"),
        ('[{"data": [NaN]}]', "malformed"),
        ('{"data": [1.0]}', "Expected `array`"),
        ('[{"sequence": 1}]', "missing required field"),
        ('[{"data": [1.0]}] [', "trailing"),
        ('[{"data": [1.0]}', "truncated"),
        ('[{"data": [1.0], "sequence": 1.0}]', "Expected `int`"),
        ('[{"data": [1.0], "sequence": -3}]', "negative"),
        ('[{"data": [1.0], "sequence": 18446744073709551615}]', "64 bits"),
        ('[{"data": [1.0], "ts": {"origin": [1, 1000000000]}}]', "no time stamp"),
        ('[{"data": [1.0], "ts": {"origin": [1, -1]}}]', "no time stamp"),
        ('[{"data": [1.0], "ts": {"origin": [9999999999, 0]}}]', "no time stamp"),
        ('[{"data": [1.0], "ts": {"origin": [99999999999999999999, 0]}}]', "."),
        ('[{"data": [1.0], "ts": {"origin": 1}}]', "Expected `array`"),
        ('[{"data": [1.0], "ts": null}]', "Expected `object`"),
        ('[{"data": ' + "[" * 100_000, "."),
        ("\xff", "."),
    ],
)
def test_refused_with_a_reason(payload: str, reason: str) -> None:
    codec = formats.codec("json", "1f1i")
    with pytest.raises(DecodeError, match=reason):
        codec.decode(payload.encode("latin-1"))


def test_complex_values_need_both_parts_in_32_bits() -> None:
    codec = formats.codec("json", "1c")
    assert codec.decode(b'[{"data": [{"imag": 1, "real": 0.5}]}]')[0].tolist() == [0.5 + 1j]
    for bad in (
        b'{"real": 1.0}',
        b'{"real": 1.0, "imag": 1e39}',
        b'{"real": 1.0, "imag": "2"}',
        b'{"real": 1.0, "imag": 2.0, "x": 1}',
        b"1.0",
    ):
        with pytest.raises(DecodeError):
            codec.decode(b'[{"data": [%s]}]' % bad)
