"""`Samples`: columns, stamps, selection, casting, joining."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType
from pytest_villas.errors import SignalError
from pytest_villas.samples import empty_value

INT64 = np.iinfo(np.int64)


def example(count: int = 4) -> Samples:
    return Samples(
        {"f": np.arange(count) / 2, "i": np.arange(count), "b": np.arange(count) % 2 == 1, "z": np.arange(count) * 1j},
        origin=np.arange(count) * 1000,
        sequence=np.arange(count),
    )


def test_columns_of_a_mapping_have_its_names_and_their_own_types() -> None:
    samples = example()
    assert samples.names == ("f", "i", "b", "z")
    assert [signal.type for signal in samples.signals] == list(SignalType)
    assert [column.dtype for column in samples] == [np.float64, np.int64, np.bool_, np.complex64]
    assert repr(samples) == "Samples(4 x f: float, i: integer, b: boolean, z: complex)"


def test_what_is_not_given_is_absent() -> None:
    samples = Samples([[1.0, 2.0]])
    assert samples.names == ("signal0",)
    assert samples.origin.tolist() == samples.received.tolist() == [NO_TIME] * 2
    assert samples.sequence.tolist() == [NO_SEQUENCE] * 2
    assert not samples.new_frame.any()
    assert not samples.new_simulation.any()
    assert samples.length.tolist() == [1, 1]


def test_nothing_and_one_sample_are_samples() -> None:
    assert len(Samples([])) == 0
    assert repr(Samples([])) == "Samples(0 x no signals)"
    assert len(Samples([[]], "1f")) == 0
    assert len(Samples([[1.5]], "1f")) == 1


def test_nat_is_an_absent_time() -> None:
    stamps = np.array(["1970-01-01T00:00:01", "NaT"], "datetime64[s]")
    assert Samples([[1.0, 2.0]], origin=stamps).origin.tolist() == [10**9, NO_TIME]


def test_columns_and_stamps_cannot_be_written() -> None:
    samples = example()
    for array in (*samples.columns, samples.origin, samples.received, samples.length):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0], [2.0, 3.0]],), "have to be (n,) with one n"),
        (([[1.0]], "2f"), "1 columns for 2 signals"),
        (([[1.5]], "1i"), "signal 'signal0' is integer and its column is float64"),
        (([[1]], "1f"), "is float and its column is int64"),
        (([["a"]],), "is no signal"),
        (([[[1.0]]],), "have to be (n,)"),
        (([np.array([2**63], np.uint64)],), "does not fit into 64 bits"),
    ],
)
def test_columns_that_do_not_fit_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SignalError) as caught:
        Samples(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [{"origin": [1.5]}, {"sequence": [True]}, {"new_frame": [1]}, {"origin": [1, 2]}, {"origin": np.array([2**63], np.uint64)}],
)
def test_stamps_of_other_types_and_lengths_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SignalError):
        Samples([[1.0]], **fields)


def test_width_is_converted_and_nothing_else() -> None:
    samples = Samples([np.array([1.5], "f4"), np.array([-3], "i1"), np.array([1 + 2j], "c16")])
    assert [column.dtype for column in samples] == [np.float64, np.int64, np.complex64]
    assert [column[0] for column in samples] == [1.5, -3, 1 + 2j]


def test_columns_are_found_by_name_and_by_index() -> None:
    samples = example()
    assert samples["f"] is samples[0]
    assert samples[-1] is samples["z"]
    with pytest.raises(KeyError, match=r"no signal 'ff', did you mean 'f'\?"):
        samples["ff"]


@pytest.mark.parametrize("key", [slice(1, 3), np.array([False, True, True, False]), np.array([1, 2])])
def test_samples_are_picked_by_slices_masks_and_indices(key: Any) -> None:
    picked = example()[key]
    assert picked["i"].tolist() == [1, 2]
    assert picked.origin.tolist() == [1000, 2000]
    assert picked.sequence.tolist() == [1, 2]
    assert picked.signals == example().signals


def test_signals_are_selected_in_the_order_asked_for() -> None:
    picked = example().select(["z", 0])
    assert picked.names == ("z", "f")
    assert picked.origin.tolist() == example().origin.tolist()
    assert picked.length.tolist() == [2] * 4
    with pytest.raises(KeyError, match="no signal 'x'"):
        example().select(["x"])


def test_stamps_are_replaced_and_columns_kept() -> None:
    samples = example().replace(received=np.arange(4), new_frame=[True, False, False, False])
    assert samples.received.tolist() == [0, 1, 2, 3]
    assert samples.new_frame.tolist() == [True, False, False, False]
    assert samples.sequence.tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match=r"'orgin', did you mean 'origin'\?"):
        example().replace(orgin=[1, 2, 3, 4])


def test_samples_survive_the_way_to_another_process() -> None:
    copied = pickle.loads(pickle.dumps(example()))
    assert copied.signals == example().signals
    assert all(np.array_equal(a, b) for a, b in zip(copied, example(), strict=True))
    assert copied.origin.tolist() == example().origin.tolist()


@given(values=st.lists(st.integers(-(2**24), 2**24), max_size=20))
def test_whole_numbers_survive_a_cast_to_every_type_and_back(values: list[int]) -> None:
    samples = Samples([np.array(values, np.int64)], "1i")
    for kind in ("1f", "1c"):
        assert samples.cast(kind).cast("1i")[0].tolist() == values


@given(values=st.lists(st.floats(width=32), max_size=20))
def test_single_floats_survive_a_cast_to_complex_and_back(values: list[float]) -> None:
    column = np.array(values, np.float64)
    back = Samples([column], "1f").cast("1c").cast("1f")[0]
    assert np.array_equal(back, column, equal_nan=True)


@pytest.mark.parametrize(
    ("column", "signals"),
    [
        ([1.5], "1i"),
        ([np.nan], "1i"),
        ([np.inf], "1i"),
        ([1e300], "1i"),
        ([2.0], "1b"),
        ([np.nan], "1b"),
        ([2], "1b"),
        ([-1], "1b"),
        ([1j], "1f"),
        ([complex(1, np.nan)], "1f"),
        ([2**53 + 1], "1f"),
        ([-(2**53) - 1], "1f"),
        ([INT64.min], "1f"),
        ([2**24 + 1], "1c"),
        ([1e300], "1c"),
    ],
)
def test_a_value_that_would_change_is_not_cast(column: list[Any], signals: str) -> None:
    with pytest.raises(SignalError, match="is no"):
        Samples([column]).cast(signals)


@pytest.mark.parametrize(
    ("column", "signals", "expected"),
    [
        ([1.0, 0.0], "1b", [True, False]),
        ([True, False], "1f", [1.0, 0.0]),
        ([True, False], "1i", [1, 0]),
        ([0, 1], "1b", [False, True]),
        ([2**53], "1f", [2.0**53]),
        ([np.inf], "1c", [complex(np.inf, 0)]),
        ([0.1], "1c", [complex(np.float32(0.1), 0)]),
        ([1.5], "1f", [1.5]),
    ],
)
def test_a_value_that_stays_is_cast(column: list[Any], signals: str, expected: list[Any]) -> None:
    assert Samples([column]).cast(signals)[0].tolist() == expected


def test_a_cast_takes_names_and_units_and_keeps_stamps() -> None:
    samples = Samples([[1.0]], origin=[5], sequence=[6]).cast([Signal("n", "1", SignalType.INTEGER)])
    assert samples.signals == (Signal("n", "1", SignalType.INTEGER),)
    assert (samples.origin[0], samples.sequence[0]) == (5, 6)
    with pytest.raises(SignalError, match="cannot cast 1 signals to 2"):
        samples.cast("2f")


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_joined_streams_are_their_parts_one_after_the_other(sizes: list[int]) -> None:
    joined = Samples.concat([example(size) for size in sizes])
    assert joined["i"].tolist() == [k for size in sizes for k in range(size)]
    assert joined.origin.tolist() == [1000 * k for size in sizes for k in range(size)]
    assert joined.signals == example().signals


def test_streams_of_other_types_are_not_joined() -> None:
    with pytest.raises(SignalError, match="the types differ"):
        Samples.concat([Samples([[1.0]]), Samples([[1]])])
    with pytest.raises(SignalError, match="nothing to join"):
        Samples.concat([])


def test_what_stands_for_a_value_that_did_not_come() -> None:
    assert np.isnan(empty_value(SignalType.FLOAT))
    assert np.isnan(empty_value(SignalType.COMPLEX))
    assert empty_value(SignalType.INTEGER) == 0
    assert empty_value(SignalType.BOOLEAN) is False
