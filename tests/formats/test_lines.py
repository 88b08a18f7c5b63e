"""`csv`, `tsv`, `villas.human` and `value`: lines of text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, formats
from pytest_villas.errors import DecodeError, EncodeError


def sample(**fields: Any) -> Samples:
    return Samples([[1.5], [-7], [True], [0.5 - 2.25j]], "fibc", **fields)


STAMPS: dict[str, Any] = {"origin": [1_700_000_000_000_000_005], "sequence": [9]}


@pytest.mark.parametrize(
    ("options", "fields", "line"),
    [
        ({}, STAMPS, "1700000000,000000005,9,1.50,-7,1,0.50-2.25i\n"),
        ({}, {}, "nan,nan,nan,1.50,-7,1,0.50-2.25i\n"),
        ({}, {**STAMPS, "length": [0]}, "1700000000,000000005,9\n"),
        ({"ts_origin": False}, STAMPS, ",9,1.50,-7,1,0.50-2.25i\n"),
        ({"sequence": False}, STAMPS, "1700000000,000000005,1.50,-7,1,0.50-2.25i\n"),
        ({"data": False}, STAMPS, "1700000000,000000005,9\n"),
        ({"separator": ";", "delimiter": "$"}, STAMPS, "1700000000;000000005;9;1.50;-7;1;0.50-2.25i$"),
        ({}, {"origin": [-1], "sequence": [0]}, "-1,999999999,0,1.50,-7,1,0.50-2.25i\n"),
    ],
)
def test_columns(options: dict[str, Any], fields: dict[str, Any], line: str) -> None:
    codec = formats.codec({"type": "csv", "real_precision": 2, **options}, "fibc")
    assert codec.encode(sample(**fields)).decode() == line
    back = codec.decode(line.encode())
    assert codec.encode(back).decode() == line
    if options.get("ts_origin", True):
        assert back.origin.tolist() == fields.get("origin", [NO_TIME])
    if options.get("sequence", True):
        assert back.sequence.tolist() == fields.get("sequence", [NO_SEQUENCE])


@pytest.mark.parametrize(
    ("options", "fields", "line"),
    [
        ({}, STAMPS, "1700000000.000000005(9)\t1.50\t-7\t1\t0.50-2.25i\n"),
        ({}, {**STAMPS, "new_frame": [True]}, "1700000000.000000005(9)F\t1.50\t-7\t1\t0.50-2.25i\n"),
        ({}, {}, "0.0\t1.50\t-7\t1\t0.50-2.25i\n"),
        ({}, {"origin": [0], "length": [1]}, "0.000000000\t1.50\n"),
        ({"ts_origin": False}, STAMPS, "(9)\t1.50\t-7\t1\t0.50-2.25i\n"),
        ({"sequence": False, "ts_origin": False}, STAMPS, "\t1.50\t-7\t1\t0.50-2.25i\n"),
        ({"data": False}, STAMPS, "1700000000.000000005(9)\n"),
    ],
)
def test_human(options: dict[str, Any], fields: dict[str, Any], line: str) -> None:
    codec = formats.codec({"type": "villas.human", "real_precision": 2, **options}, "fibc")
    assert codec.encode(sample(**fields)).decode() == line
    back = codec.decode(line.encode())
    assert codec.encode(back).decode() == line
    if options.get("ts_origin", True):
        assert back.origin.tolist() == fields.get("origin", [NO_TIME])


def test_what_follows_the_point_is_an_integer_of_nanoseconds() -> None:
    codec = formats.codec("villas.human", "1f")
    samples = codec.decode(b"1700000000.5\t1.0\n1700000000\t2\n7.25+5.000000e-01(3)F\t-inf\n")
    assert samples.origin.tolist() == [1_700_000_000_000_000_005, 1_700_000_000_000_000_000, 7_000_000_025]
    assert samples.received.tolist() == [NO_TIME, NO_TIME, 7_500_000_025]
    assert samples.sequence.tolist() == [NO_SEQUENCE, NO_SEQUENCE, 3]
    assert samples[0].tolist() == [1.0, 2.0, -np.inf]
    with pytest.raises(EncodeError, match="1970"):
        codec.encode(Samples([[1.0]], "1f", origin=[-1]))


@pytest.mark.parametrize("name", ["csv", "villas.human"])
def test_nan_and_infinity_with_their_signs(name: str) -> None:
    codec = formats.codec(name, "4f")
    payload = codec.encode(Samples([[np.nan], [-np.nan], [np.inf], [-np.inf]], "4f", **STAMPS))
    assert payload.split(b"nan")[0][-1:] in b",\t"
    assert payload.count(b"-nan") == payload.count(b"-inf") == 1
    assert codec.encode(codec.decode(payload)) == payload


@given(st.lists(st.floats(width=64, allow_nan=False), min_size=1), st.sampled_from(["%.17f", "%.17e", "%r", "%+.20g", "%d."]))
def test_numbers_are_read_like_c_reads_them(values: list[float], spec: str) -> None:
    values = [value if np.isfinite(value) or spec != "%d." else 0.0 for value in values]
    tokens = [(spec % value).replace("%+r", "") for value in values]
    payload = "".join(f"0,0,0,{token}\n" for token in tokens)
    column = formats.codec("csv", "1f").decode(payload.encode())[0]
    assert column.tobytes() == np.array([float(token) for token in tokens]).tobytes()


@pytest.mark.parametrize(
    "token",
    ["", "x", "1_0", " 1.0", "1.0 ", "1e", "--1", "0x10", "1e999", "infinity", "NaN", "1,0", "1.0\x00", "１", "1.0i", "None"],
)
def test_what_is_no_number(token: str) -> None:
    codec = formats.codec("csv", "1f")
    payloads = [b"0,0,0,1.5\n", f"0,0,0,{token}\n".encode(), b"0,0,1,2.5\n"]
    with pytest.raises(DecodeError):
        codec.decode(payloads[1])
    decoded = codec.decode_many(payloads)
    assert [r.index for r in decoded.rejected] == [1]
    assert decoded.samples[0].tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("csv", "0,0,0,1.5,2,1,0.5-2.25i", "no end"),
        ("csv", "0,0,0,1.5,2.0\n", "'signal1': '2.0' is no integer"),
        ("csv", "0,0,0,1.5,9223372036854775808\n", "64 bits"),
        ("csv", "0,0,0,1.5,2,2\n", "'2' is no boolean"),
        ("csv", "0,0,0,1.5,2,1,0.5-2.25\n", "no complex"),
        ("csv", "0,0,0,1.5,2,1,0.5-1e39i\n", "32-bit"),
        ("csv", "0,0,0,1.5,2,1,1i,5\n", "8 fields"),
        ("csv", "0,0\n", "2 fields"),
        ("csv", "\n", "1 fields"),
        ("csv", "0,1000000000,0\n", "no time stamp"),
        ("csv", "nan,5,0\n", "seconds are nan"),
        ("csv", "0,nan,0\n", "no integer"),
        ("csv", "0,0,-1\n", "negative"),
        ("csv", "0,0,0,1.5\n0,0,x,1.5\n", "line 2"),
        ("villas.human", "1700000000.5(1)\t1.5", "no end"),
        ("villas.human", "1700000000.1000000000(1)\t1.5\n", "no time stamp"),
        ("villas.human", "1700000000.5(1)G\t1.5\n", "no head"),
        ("villas.human", "1700000000.5(1) 1.5\n", "no head"),
        ("villas.human", "1700000000.5(1)2\t1.5\n", "no head"),
        ("villas.human", "1700000000.(1)\t1.5\n", "no integer"),
        ("villas.human", "-5.5(1)\t1.5\n", "no head"),
        ("villas.human", "5.5(99999999999999999999)\t1.5\n", "64 bits"),
        ("villas.human", "0.0+1e0(1)\t1.5\n", "without an origin"),
        ("villas.human", "5.5+1e30(1)\t1.5\n", "too large"),
        ("villas.human", "\t1.5\n", "no head"),
    ],
)
def test_refused_with_a_reason(name: str, line: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        formats.codec(name, "fibc").decode(line.encode())


def test_a_stamp_is_refused_where_none_is_declared() -> None:
    for line in (b"5\t1.5\n", b"1700000000.5(3)\t1.5\n"):
        with pytest.raises(DecodeError, match="stamp"):
            formats.codec({"type": "villas.human", "ts_origin": False}, "1f").decode(line)


def test_comments_are_passed_over() -> None:
    codec = formats.codec("csv", "1f")
    decoded = codec.decode_many([b"# secs\n0,0,1,1.5\n", b"#\n", b"0,0,2,2.5\n# end\n"])
    assert decoded.message.tolist() == [0, 2]
    assert decoded.samples[0].tolist() == [1.5, 2.5]
    assert codec.decode(b"#\n").sequence.size == 0


def test_pure_real_and_pure_imaginary_numbers() -> None:
    samples = formats.codec("csv", "1c").decode(b"0,0,0,1.5\n0,0,1,-12.5i\n0,0,2,1e-3-2E2j\n0,0,3,nan+infi\n")
    assert samples[0].tolist()[:3] == [1.5, -12.5j, np.complex64(1e-3 - 200j)]
    assert np.isnan(samples[0][3].real)
    assert samples[0][3].imag == np.inf


def test_value_is_one_number() -> None:
    codec = formats.codec("value", "1f")
    samples = Samples([[-9.5, np.inf]], "1f")
    assert codec.encode_many(samples) == [b"-9.50000000000000000\n", b"inf\n"]
    assert codec.decode_many(codec.encode_many(samples)).samples[0].tolist() == [-9.5, np.inf]
    with pytest.raises(EncodeError, match="takes one"):
        codec.encode(samples)
    for wrong in (b"1.5", b"\n", b"1\n2\n", b"1.5 \n"):
        with pytest.raises(DecodeError):
            codec.decode(wrong)
