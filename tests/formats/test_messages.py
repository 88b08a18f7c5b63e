"""`Messages` reads as the list of payloads that it was made of."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.formats import Messages

payloads = st.lists(st.binary(max_size=9), max_size=40)


@given(payloads, st.data())
def test_it_is_the_sequence_that_it_was_made_of(given_payloads: list[bytes], data: st.DataObject) -> None:
    messages = Messages.of(given_payloads)
    assert len(messages) == len(given_payloads)
    assert list(messages) == given_payloads
    assert messages == given_payloads
    assert messages.sizes.tolist() == [len(each) for each in given_payloads]
    part = data.draw(st.slices(len(given_payloads)))
    assert messages[part] == given_payloads[part]
    for i in range(-len(given_payloads), len(given_payloads)):
        assert messages[i] == given_payloads[i]


@given(payloads, st.integers(1, 5))
def test_bundles_hold_so_many_each(given_payloads: list[bytes], count: int) -> None:
    bundled = Messages.of(given_payloads).bundled(count)
    assert bundled == [b"".join(given_payloads[i : i + count]) for i in range(0, len(given_payloads), count)]


def test_other_payloads_are_not_the_same() -> None:
    messages = Messages.of([b"ab", b"c"])
    assert messages != [b"a", b"bc"]
    assert messages != Messages.of([b"a", b"bc"])
    assert messages != b"abc"


def test_views_of_any_kind_are_taken_as_bytes() -> None:
    words = memoryview(bytes([0, 0, 1, 0, 2, 0])).cast("H")
    assert Messages.of([words, bytearray(b"x"), memoryview(b"abcd")[::2]]) == [b"\0\0\1\0\2\0", b"x", b"ac"]


def test_part_of_a_block_travels_alone() -> None:
    messages = Messages.of([bytes(1000), b"end"])[1:]
    assert len(pickle.dumps(messages)) < 900
    assert pickle.loads(pickle.dumps(messages)) == [b"end"]
