"""`villas.binary`, `villas.web`, `raw`, `gtnet`, `opal.asyncip`: layouts in bytes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, formats
from pytest_villas.errors import DecodeError, EncodeError

STAMPS: dict[str, Any] = {"origin": [1_700_000_000_000_000_005], "sequence": [9]}


def test_layout_of_a_sample() -> None:
    samples = Samples([[1.5], [-7]], "1f1i", **STAMPS)
    fields = (0x20, 3, 2, 9, 1_700_000_000, 5, 1.5, -7)
    assert formats.codec({"type": "villas.binary", "source_index": 3}, "1f1i").encode(samples) == struct.pack(
        ">BBHIIIfi", *fields
    )
    assert formats.codec({"type": "villas.web", "source_index": 3}, "1f1i").encode(samples) == struct.pack("<BBHIIIfi", *fields)


def test_integers_keep_their_sign() -> None:
    codec = formats.codec("villas.binary", "1i")
    assert codec.decode(struct.pack(">BBHIIIi", 0x20, 0, 1, 0, 0, 0, -24))[0].tolist() == [-24]


def test_the_sequence_wraps_at_32_bits() -> None:
    codec = formats.codec("villas.binary", "1f")
    sent = Samples([[0.0, 0.0]], "1f", origin=[0, 0], sequence=[2**32 - 1, 2**32 + 1])
    assert codec.decode(codec.encode(sent)).sequence.tolist() == [2**32 - 1, 1]


@pytest.mark.parametrize(
    ("column", "signals", "reason"),
    [
        ([2**31], "1i", "'signal0' is 2147483648"),
        ([-(2**31) - 1], "1i", "32 bits"),
        ([1e39], "1f", "32 bits"),
        ([-3.5e38], "1f", "32 bits"),
    ],
)
@pytest.mark.parametrize("name", ["villas.binary", "villas.web", "raw", "gtnet"])
def test_values_that_do_not_fit_are_refused(name: str, column: list[Any], signals: str, reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        formats.codec(name, signals).encode(Samples([column], signals, **STAMPS))


@pytest.mark.parametrize("name", ["villas.binary", "villas.web", "raw"])
def test_nan_infinity_and_the_largest_float_pass(name: str) -> None:
    codec = formats.codec(name, "4f")
    largest = float(np.finfo(np.float32).max)
    values = codec.decode(codec.encode(Samples([[np.nan], [np.inf], [-np.inf], [largest]], "4f", **STAMPS)))
    assert np.isnan(values[0][0])
    assert [column[0] for column in values][1:] == [np.inf, -np.inf, largest]


@pytest.mark.parametrize("missing", ["origin", "sequence"])
@pytest.mark.parametrize("setting", ["villas.binary", "villas.web", {"type": "raw", "fake": True}])
def test_stamps_that_the_layout_cannot_leave_out(setting: Any, missing: str) -> None:
    stamps = {key: value for key, value in STAMPS.items() if key != missing}
    with pytest.raises(EncodeError, match=rf"no {missing}.*Samples.replace\({missing}="):
        formats.codec(setting, "1f").encode(Samples([[1.0]], "1f", **stamps))


@pytest.mark.parametrize("origin", [-1, 2**32 * 10**9])
def test_times_that_have_no_32_bit_seconds(origin: int) -> None:
    with pytest.raises(EncodeError, match="32 bits without a sign"):
        formats.codec("villas.binary", "1f").encode(Samples([[1.0]], "1f", origin=[origin], sequence=[0]))


def message(kind: int = 0x20, source: int = 0, count: int = 1, nsec: int = 0, values: int = 1) -> bytes:
    return struct.pack(">BBHIII", kind, source, count, 1, 2, nsec) + struct.pack(">f", 1.5) * values


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (message(kind=0x10), "0x10"),
        (message(kind=0x24), "0x24"),
        (message(kind=0x21), "0x21"),
        (message(count=3, values=3), "3 values for 2"),
        (message(count=2), "cut off"),
        (message(count=1, values=2), "header"),
        (message(nsec=10**9), "no time stamp"),
        (message()[:-1], "cut off"),
        (message() + b"\0", "header"),
    ],
)
def test_refused_with_a_reason(payload: bytes, reason: str) -> None:
    codec = formats.codec("villas.binary", "2f")
    with pytest.raises(DecodeError, match=reason):
        codec.decode(payload)
    good = message(count=2, values=2)
    decoded = codec.decode_many([good, payload, good + good])
    assert [r.index for r in decoded.rejected] == [1]
    assert decoded.message.tolist() == [0, 2, 2]


def test_another_source_index_is_refused_when_asked() -> None:
    codec = formats.codec({"type": "villas.binary", "source_index": 1, "validate_source_index": True}, "1f")
    decoded = codec.decode_many([message(source=1), message(source=2)])
    assert len(decoded.samples) == 1
    assert "source_index is 2" in decoded.rejected[0].reason
    assert not formats.codec("villas.binary", "1f").decode_many([message(source=1), message(source=2)]).rejected


def test_raw_words() -> None:
    samples = Samples([[1.5], [-7], [True], [0.5 - 2.25j]], "fibc", **STAMPS)
    assert formats.codec("raw", "fibc").encode(samples) == struct.pack("<fiiff", 1.5, -7, 1, 0.5, -2.25)
    assert formats.codec("gtnet", "fibc").encode(samples) == struct.pack(">fiiff", 1.5, -7, 1, 0.5, -2.25)
    wide = {"type": "raw", "bits": 64, "endianess": "big", "fake": True}
    assert formats.codec(wide, "fibc").encode(samples) == struct.pack(">qqqdqqdd", 9, 1_700_000_000, 5, 1.5, -7, 1, 0.5, -2.25)
    short = formats.codec({"type": "raw", "bits": 8}, "2i")
    assert short.encode(Samples([[127], [-128]], "2i")) == b"\x7f\x80"
    with pytest.raises(EncodeError, match="8 bits"):
        short.encode(Samples([[128], [0]], "2i"))


def test_raw_has_no_framing() -> None:
    codec = formats.codec("raw", "2f")
    with pytest.raises(EncodeError, match="no framing"):
        codec.encode(Samples([[1.0, 2.0]] * 2, "2f"))
    samples = codec.decode(struct.pack("<f", 1.5))
    assert (samples.length.tolist(), samples.origin.tolist(), samples.sequence.tolist()) == ([1], [NO_TIME], [NO_SEQUENCE])
    for wrong in (b"\0" * 3, b"\0" * 12):
        with pytest.raises(DecodeError, match="bytes"):
            codec.decode(wrong)
    with pytest.raises(DecodeError, match="no boolean"):
        formats.codec("raw", "1b").decode(struct.pack("<i", 2))
    with pytest.raises(DecodeError, match="32-bit floats"):
        formats.codec({"type": "raw", "bits": 64}, "1c").decode(struct.pack("<dd", 1e39, 0.0))
    with pytest.raises(DecodeError, match="bytes"):
        formats.codec("raw", "1c").decode(struct.pack("<f", 1.0))


def test_opal_casts_through_doubles() -> None:
    codec = formats.codec({"type": "opal.asyncip", "dev_id": 7}, "1f1i1b")
    samples = Samples([[1.5], [-7], [True]], "1f1i1b", sequence=[9])
    payload = struct.pack("<HIHddd", 7, 9, 24, 1.5, -7.0, 1.0)
    assert codec.encode(samples) == payload
    assert [column.tolist() for column in codec.decode(payload)] == [[1.5], [-7], [True]]
    with pytest.raises(EncodeError, match="64-bit float"):
        codec.encode(Samples([[1.5], [2**53 + 1], [True]], "1f1i1b", sequence=[9]))
    for wrong in (
        struct.pack("<HIHddd", 7, 9, 24, 1.5, -7.5, 1.0),
        struct.pack("<HIHddd", 7, 9, 24, 1.5, 7.0, 2.0),
        payload[:-8],
    ):
        with pytest.raises(DecodeError):
            codec.decode(wrong)
