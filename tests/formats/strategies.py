"""Samples for property tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType, empty_value

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FLOATS32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
NUMBERS = {
    SignalType.FLOAT: FLOATS,
    SignalType.INTEGER: st.integers(-(2**63), 2**63 - 1),
    SignalType.BOOLEAN: st.booleans(),
    SignalType.COMPLEX: st.complex_numbers(allow_nan=False, allow_infinity=False, width=64),
}
STAMPS = st.integers(0, (2**32 - 1) * 10**9 + 999_999_999)


@st.composite
def some_samples(
    draw: st.DrawFn,
    *,
    types: tuple[SignalType, ...] = tuple(SignalType),
    numbers: dict[SignalType, Any] | None = None,
    absent: bool = True,
    shorter: bool = True,
    flags: bool = True,
    received: bool = False,
    least: int = 0,
) -> Samples:
    """Draw up to 6 samples of up to 4 signals, with everything that may be missing missing now and then."""
    kinds = draw(st.lists(st.sampled_from(types), min_size=1, max_size=4))
    count = draw(st.integers(least, 6))
    length = [draw(st.integers(0, len(kinds))) if shorter else len(kinds) for _ in range(count)]
    columns = []
    for i, kind in enumerate(kinds):
        cells = [draw((numbers or NUMBERS)[kind]) if length[j] > i else empty_value(kind) for j in range(count)]
        columns.append(np.array(cells, kind.dtype))

    def maybe(strategy: st.SearchStrategy[int], missing: int) -> list[int]:
        return [draw(st.one_of(strategy, st.just(missing)) if absent else strategy) for _ in range(count)]

    origin = np.array(maybe(STAMPS, NO_TIME), np.int64)
    offset = np.array([draw(st.integers(0, 10**15)) for _ in range(count)], np.int64)
    return Samples(
        columns,
        [Signal(f"s{i}", "V" if i % 2 else "", kind) for i, kind in enumerate(kinds)],
        origin=origin,
        received=np.where(origin == NO_TIME, NO_TIME, origin + offset) if received else None,
        sequence=np.array(maybe(st.integers(0, 2**32 - 1), NO_SEQUENCE), np.int64),
        new_frame=np.array([flags and draw(st.booleans()) for _ in range(count)], np.bool_),
        new_simulation=np.array([flags and draw(st.booleans()) for _ in range(count)], np.bool_),
        length=np.array(length, np.int64),
    )


def assert_same(a: Samples, b: Samples, *fields: str) -> None:
    """Compare bit by bit: columns (NaN of the same sign is the same) and the fields named."""
    assert len(a) == len(b)
    assert [s.type for s in a.signals] == [s.type for s in b.signals]
    for x, y in zip(a, b, strict=True):
        assert np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
        for part in ("real", "imag") if x.dtype.kind == "c" else ("real",):
            assert np.array_equal(np.signbit(getattr(x, part).astype(float)), np.signbit(getattr(y, part).astype(float)))
    for field in fields:
        assert np.array_equal(getattr(a, field), getattr(b, field)), field
