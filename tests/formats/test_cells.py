"""Numbers that are written many at a time have the digits that C's printf gives them one by one."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_villas.formats import jansson
from pytest_villas.formats.template import Slot, mark, render
from pytest_villas.formats.values import value_slots
from pytest_villas.samples import Samples

MANY = 40
"""Enough rows for the table."""


def near(value: float) -> st.SearchStrategy[float]:
    """Return the floats next to a value."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return st.integers(-3, 3).map(lambda step: struct.unpack("<d", struct.pack("<q", max(0, bits + step)))[0])


floats = st.one_of(
    st.floats(),
    st.floats(-1e6, 1e6),
    st.floats(-2, 2),
    st.integers(-(10**6), 10**6).map(float),
    st.integers(-(2**30), 2**30).map(lambda n: n / 2**18),  # halves of the last of 17 digits
    st.integers(-6, 18).flatmap(lambda power: near(10.0**power)),
    st.integers(0, 10**6).map(lambda n: n / 1000),
)
columns = st.lists(floats, min_size=MANY, max_size=MANY)


def rendered(slots: dict[str, Slot], template: str) -> list[str]:
    return [row.decode() for row in render(template, slots, MANY)]


@given(columns, st.integers(0, 20))
@example([0.5, -0.0, 9.999999999999999, 1 - 2**-53, 2**-60] * 8, 17)
def test_a_fixed_number_of_digits(values: list[float], precision: int) -> None:
    marks, slots = value_slots(Samples([values], "1f"), 1, precision)
    expected = [f"<{'-nan' if np.isnan(v) and np.signbit(v) else f'{v:.{precision}f}'}>\n" for v in values]
    assert rendered(slots, f"<{marks[0]}>\n") == expected


@given(columns)
@example([0.1, 0.3, 1e-4, 9.999999999999999e-5, 0.099999999999999992, 325.0, 1e15, 123456789012345.67] * 5)
def test_seventeen_significant_digits(values: list[float]) -> None:
    nodes, slots = jansson.value_slots(Samples([values], "1f"), 1, 17)
    node = nodes[0]
    assert isinstance(node, str)
    assert rendered(slots, f"[{node}]") == [f"[{jansson.real(value)}]" for value in values]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), min_size=MANY, max_size=MANY), st.sampled_from([1, 9]))
def test_integers(values: list[int], digits: int) -> None:
    slots = {"x": Slot.integers(np.array(values, np.int64), digits)}
    assert rendered(slots, mark("x")) == [f"{value:0{digits}d}" for value in values]


@given(columns, columns, st.lists(st.booleans(), min_size=MANY, max_size=MANY))
def test_odd_rows_stand_between_the_others(first: list[float], second: list[float], third: list[bool]) -> None:
    samples = Samples([first, second, third], "2f1b")
    nodes, slots = jansson.value_slots(samples, 3, 17)
    template = jansson.dump({"data": nodes, "μ": "null"}, jansson.JsonOptions())
    rows = zip(first, second, third, strict=True)
    expected = [f'{{"data": [{jansson.real(a)}, {jansson.real(b)}, {"true" if c else "false"}], "μ": null}}' for a, b, c in rows]
    assert rendered(slots, template) == expected


@pytest.mark.parametrize("width", [3, 300])
def test_rows_of_any_width(width: int) -> None:
    rng = np.random.default_rng(1)
    samples = Samples(list(rng.standard_normal((width, MANY))), f"{width}f")
    marks, slots = value_slots(samples, width, 17)
    expected = ["\t".join(f"{column[i]:.17f}" for column in samples) for i in range(MANY)]
    assert rendered(slots, "\t".join(marks)) == expected
