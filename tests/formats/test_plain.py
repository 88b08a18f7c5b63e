"""Many messages are read as each would be by itself, also where something in one of them is odd or wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import Samples, formats
from pytest_villas.errors import DecodeError
from pytest_villas.formats import Codec

MANY = 40
"""Enough messages to be read at once."""
SIGNALS = "2f1i1b1f"
SETTINGS: tuple[Any, ...] = (
    "json", "csv", "tsv", "villas.human", {"type": "json", "sort_keys": True}, {"type": "json", "compact": True},
    {"type": "json", "indent": 2}, {"type": "json", "sequence": False}, {"type": "csv", "ts_origin": False},
    {"type": "csv", "separator": ";"}, {"type": "villas.human", "sequence": False}, {"type": "csv", "delimiter": "x"},
)  # fmt: skip
pieces = st.sampled_from(
    [b"0", b"7", b"-", b"+", b".", b",", b"e", b"e-", b"e5", b" ", b"\n", b"\t", b"F", b"nan", b'"', b"\1", b"g", b"#"]
)
edits = st.lists(st.tuples(st.integers(0, MANY - 1), st.floats(0, 1), st.integers(0, 2), pieces), max_size=3)
floats = st.one_of(st.floats(-1e-3, 1e-3), st.floats(-1e6, 1e6), st.integers(-9, 9).map(float), st.floats(-1e300, 1e300))


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        few = draw(st.lists(values, min_size=1, max_size=4))
        return [few[i % len(few)] for i in range(MANY)]

    columns = [
        np.array(column(floats)), np.array(column(floats)), np.array(column(st.integers(-(2**60), 2**60) | st.integers(-9, 9))),
        np.array(column(st.booleans())), np.array(column(floats)),
    ]  # fmt: skip
    origin = draw(st.sampled_from([0, 5, 10**18, 1_700_000_000_000_000_005])) + np.arange(MANY) * draw(
        st.sampled_from([1, 10**8 + 1])
    )
    return Samples(columns, SIGNALS, origin=origin, sequence=np.arange(MANY) + draw(st.sampled_from([0, 95, 2**53 - 9])))


def one_by_one(codec: Codec, payloads: list[bytes]) -> tuple[list[Samples], list[int], list[tuple[int, str]]]:
    read, which, refused = [], [], []
    for i, payload in enumerate(payloads):
        try:
            read.append(codec.decode(payload))
        except DecodeError as error:
            refused.append((i, str(error)))
        else:
            which += [i] * len(read[-1])
    return read, which, refused


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@settings(max_examples=40)
@given(given_samples=samples(), changes=edits)
def test_many_are_read_as_one_by_one(setting: Any, given_samples: Samples, changes: list[tuple[int, float, int, bytes]]) -> None:
    codec = formats.codec(setting, SIGNALS)
    payloads = list(codec.encode_many(given_samples))
    for which, where, taken, put in changes:
        at = round(where * len(payloads[which]))
        payloads[which] = payloads[which][:at] + put + payloads[which][at + taken :]
    expected, which_message, refused = one_by_one(codec, payloads)
    decoded = codec.decode_many(payloads)
    assert [(rejection.index, rejection.reason) for rejection in decoded.rejected] == refused
    assert decoded.message.tolist() == which_message
    if not expected:
        return
    whole = Samples.concat(expected)
    for a, b in zip(decoded.samples, whole, strict=True):
        np.testing.assert_array_equal(a, b)
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
    for name in ("origin", "received", "sequence", "length", "new_frame"):
        np.testing.assert_array_equal(getattr(decoded.samples, name), getattr(whole, name), err_msg=name)


@pytest.mark.parametrize("setting", ["json", "csv", "tsv", "villas.human"])
def test_a_digit_in_a_word_is_not_read_as_part_of_a_number(setting: str) -> None:
    codec = formats.codec(setting, SIGNALS)
    count = np.arange(MANY)
    good = Samples([count / 3, count / 7, count, count % 2 == 0, count / 9], SIGNALS, origin=10**18 + count, sequence=count)
    payloads = list(codec.encode_many(good))
    for which in (0, MANY - 1):
        for at in range(len(payloads[which]) + 1):
            for put in (b"5", b"e-"):
                changed = list(payloads)
                changed[which] = payloads[which][:at] + put + payloads[which][at:]
                expected, _, refused = one_by_one(codec, [changed[which]])
                decoded = codec.decode_many(changed)
                assert [rejection.reason for rejection in decoded.rejected] == [reason for _, reason in refused]
                for sample in expected:
                    for a, b in zip(decoded.samples[which : which + 1], sample, strict=True):
                        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("changed", [False, True])
@settings(max_examples=40)
@given(data=st.data())
def test_protobuf_is_read_as_one_by_one(changed: bool, data: st.DataObject) -> None:
    codec = formats.codec("protobuf", "2f")
    numbers = st.integers(0, 2**63 - 1) | st.sampled_from([0, 127, 128, 16383, 16384, 2**28 - 1, 2**28, 2**35, 2**62])
    sequence = np.array(data.draw(st.lists(numbers, min_size=MANY, max_size=MANY)))
    origin = np.array(
        data.draw(st.lists(st.integers(0, 2**32 * 10**9 - 1) | st.integers(0, 10**10), min_size=MANY, max_size=MANY))
    )
    values = np.array(data.draw(st.lists(st.floats(), min_size=MANY, max_size=MANY)))
    given_samples = Samples([values, -values], "2f", origin=origin, sequence=sequence)
    payloads = list(codec.encode_many(given_samples))
    assert payloads == [codec.encode_many(given_samples[i : i + 1])[0] for i in range(MANY)]
    assert payloads == [_by_the_runtime(codec, given_samples[i : i + 1]) for i in range(MANY)]
    for _ in range(data.draw(st.integers(1, 3)) if changed else 0):
        which = data.draw(st.integers(0, MANY - 1))
        at = data.draw(st.integers(0, len(payloads[which])))
        put = data.draw(st.binary(max_size=2) | st.sampled_from([b"\x80", b"\xff" * 9, b"\x1a"]))
        payloads[which] = payloads[which][:at] + put + payloads[which][at + data.draw(st.integers(0, 2)) :]
    expected, which_message, refused = one_by_one(codec, payloads)
    decoded = codec.decode_many(payloads)
    assert [(rejection.index, rejection.reason) for rejection in decoded.rejected] == refused
    assert decoded.message.tolist() == which_message
    whole = Samples.concat(expected)
    for name in ("origin", "sequence", "length"):
        np.testing.assert_array_equal(getattr(decoded.samples, name), getattr(whole, name))
    for a, b in zip(decoded.samples, whole, strict=True):
        np.testing.assert_array_equal(a.view(np.int64), b.view(np.int64))


def _by_the_runtime(codec: Codec, sample: Samples) -> bytes:
    """Write two samples in a message, which is left to the official runtime, and take the first."""
    message = codec.encode(Samples.concat([sample, sample]))
    return message[: len(message) // 2]
