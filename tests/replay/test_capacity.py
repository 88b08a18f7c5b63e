"""A stimulus that does not fit onto its line is refused, with the highest rate that does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.errors import EncodeError
from pytest_villas.links import SerialLine, SerialLink, SpLink
from pytest_villas.links.framing import Cobs
from pytest_villas.links.serial_line import departures
from pytest_villas.replay.capacity import Capacity
from pytest_villas.samples import Int64s


def link(baudrate: int = 115_200) -> SerialLink:
    return SerialLink(SerialLine("nowhere", baudrate), Cobs(), Cobs())


def at(rate: float, count: int) -> Int64s:
    due: Int64s = np.rint(np.arange(count) * 1e9 / rate).astype(np.int64)
    return due


@pytest.mark.parametrize(
    ("line", "bits"),
    [
        (SerialLine("x"), 10),
        (SerialLine("x", parity="even"), 11),
        (SerialLine("x", bytesize=7, parity="odd", stopbits=2), 11),
        (SerialLine("x", stopbits=1.5), 10.5),
    ],
)
def test_a_character_is_start_data_parity_and_stop_bits(line: SerialLine, bits: float) -> None:
    assert line.bits == bits
    assert line.time(115_200) == bits * 1e9


@given(
    size=st.integers(1, 400),
    baudrate=st.sampled_from([9600, 115_200, 460_800, 3_000_000]),
    answer=st.none() | st.integers(1, 400),
)
def test_the_rate_in_the_refusal_fits_and_one_well_above_does_not(size: int, baudrate: int, answer: int | None) -> None:
    capacity, messages = Capacity(link(baudrate), answer), [bytes(size)] * 200
    with pytest.raises(EncodeError, match="the highest rate that fits is") as refused:
        capacity.check(messages, at(1e6, 200))
    highest = re.search(r"highest rate that fits is ([0-9.e+]+) Hz", str(refused.value))
    assert highest is not None
    # the direction that is told first may not be the narrower one
    narrower = min(float(highest[1]), 1e9 / link(baudrate).line.time((answer or 0) + 2 + (answer or 0) // 254))
    capacity.check(messages, at(narrower * 0.999, 200))
    with pytest.raises(EncodeError):
        capacity.check(messages, at(narrower * 1.02, 200))


def test_a_short_burst_may_wait_for_the_line_and_a_long_one_may_not() -> None:
    capacity, message = Capacity(link()), bytes(30)
    burst = np.arange(200) * 10_000_000
    burst[100:108] = burst[100]
    capacity.check([message] * 200, np.sort(burst))
    burst[80:120] = burst[80]
    with pytest.raises(EncodeError):
        capacity.check([message] * 200, np.sort(burst))


def test_a_network_has_no_capacity_that_is_known() -> None:
    Capacity(SpLink()).check([bytes(1000)] * 100, at(1e6, 100))


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), max_size=50))
def test_frames_leave_in_order_one_at_a_time_and_as_soon_as_they_can(frames: list[tuple[int, int]]) -> None:
    frames.sort()
    ends = departures([due for due, _ in frames], [time for _, time in frames])
    free = -1
    for (due, time), end in zip(frames, ends, strict=True):
        assert end - time == max(due, free)
        free = end
