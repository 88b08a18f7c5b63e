"""`signals_of`: the spellings of a VILLASnode `signals` setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import Signal, SignalType
from pytest_villas.errors import SignalError
from pytest_villas.samples import signals_of


def test_nothing_is_64_floats() -> None:
    signals = signals_of(None)
    assert len(signals) == 64
    assert signals[63] == Signal("signal63")


@given(kinds=st.lists(st.sampled_from("fibc"), min_size=1, max_size=30))
def test_a_string_names_a_type_with_each_letter(kinds: list[str]) -> None:
    signals = signals_of("".join(kinds))
    assert [signal.type.letter for signal in signals] == kinds
    assert [signal.name for signal in signals] == [f"signal{i}" for i in range(len(kinds))]


@given(counts=st.lists(st.tuples(st.integers(0, 9), st.sampled_from("fibc")), min_size=1, max_size=6))
def test_a_number_in_a_string_repeats_its_letter(counts: list[tuple[int, str]]) -> None:
    signals = signals_of("".join(f"{count}{letter}" for count, letter in counts))
    assert "".join(signal.type.letter for signal in signals) == "".join(letter * count for count, letter in counts)


def test_a_count_repeats_a_group_and_numbers_its_name() -> None:
    signals = signals_of({"count": 2, "type": "integer", "name": "x", "unit": "V", "init": 7})
    assert signals == (Signal("x0", "V", SignalType.INTEGER, 7), Signal("x1", "V", SignalType.INTEGER, 7))
    assert [signal.name for signal in signals_of({"count": 2})] == ["signal0", "signal1"]
    assert signals_of({"count": 0}) == ()


@pytest.mark.parametrize("spec", ["65536f", "65535f1i", "99999999999f", "9" * 5000 + "f", {"count": 65_536}, {"count": 10**11}])
def test_more_signals_than_a_message_can_count_are_refused_before_they_are_made(spec: Any) -> None:
    with pytest.raises(SignalError, match=r"signals.* 65535 signals are the most"):
        signals_of(spec)


def test_as_many_as_a_message_can_count_are_made() -> None:
    assert len(signals_of("65534f1b")) == len(signals_of({"count": 65_535})) == 65_535


def test_a_list_holds_groups_and_signals() -> None:
    signals = signals_of([{"name": "va", "unit": "V"}, {"type": "boolean", "enabled": True}, Signal("z")])
    assert signals == (Signal("va", "V"), Signal("signal1", "", SignalType.BOOLEAN), Signal("z"))
    assert [str(signal) for signal in signals] == ["va[V]", "signal1", "z"]


@pytest.mark.parametrize(
    ("kind", "init", "expected"),
    [
        ("float", 1, 1),
        ("float", -1.5, -1.5),
        ("integer", 3, 3),
        ("boolean", True, True),
        ("complex", {"real": 1, "imag": 2.5}, 1 + 2.5j),
    ],
)
def test_an_initial_value_of_its_type_is_read(kind: str, init: Any, expected: Any) -> None:
    assert signals_of([{"type": kind, "init": init}])[0].init == expected


@pytest.mark.parametrize(
    ("kind", "init"),
    [
        ("float", "1"),
        ("float", True),
        ("integer", 1.5),
        ("integer", False),
        ("boolean", 1),
        ("complex", 1.0),
        ("complex", {"real": 1}),
        ("complex", {"real": "a", "imag": 0}),
        ("float", {"real": 1, "imag": 0}),
    ],
)
def test_an_initial_value_of_another_type_is_refused(kind: str, init: Any) -> None:
    with pytest.raises(SignalError, match=r"signals\[0\]\.init is .*: it has to be"):
        signals_of([{"type": kind, "init": init}])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "a count and a letter each"),
        ("2x", "a count and a letter each"),
        ("f2", "a count and a letter each"),
        ({"count": -1}, "signals.count is -1"),
        ({"count": True}, "signals.count is True"),
        ({"count": 2.0}, "signals.count is 2.0"),
        ([{"name": "a"}, {"typ": "float"}], "signals[1].typ: unknown key, did you mean 'type'?"),
        ([{"type": "flaot"}], "signals[0].type is 'flaot', did you mean 'float'?"),
        ([5], "signals[0] is 5: it has to be a group"),
    ],
)
def test_a_wrong_spelling_is_named_with_its_place(spec: Any, message: str) -> None:
    with pytest.raises(SignalError) as caught:
        signals_of(spec)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("f4", SignalType.FLOAT),
        ("f8", SignalType.FLOAT),
        ("i1", SignalType.INTEGER),
        ("u8", SignalType.INTEGER),
        ("?", SignalType.BOOLEAN),
        ("c16", SignalType.COMPLEX),
    ],
)
def test_every_type_of_numbers_has_a_signal_type(dtype: str, kind: SignalType) -> None:
    assert SignalType.of(np.dtype(dtype)) is kind


@pytest.mark.parametrize("dtype", ["O", "U3", "M8[ns]", "V4"])
def test_other_types_have_none(dtype: str) -> None:
    with pytest.raises(SignalError, match="is no signal"):
        SignalType.of(np.dtype(dtype))
