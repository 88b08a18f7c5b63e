"""What every framing does: carry messages whole, count what is damaged, and find the next frame whatever came before."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.links.framing import CHECKSUMS, Checksum, Cobs, Fixed, Framing, Line
from pytest_villas.links.framing.checksum import Name

SIZE = 12
LINES = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), min_size=1).map(lambda text: text.encode() + b"\n")


@dataclass(frozen=True)
class Case:
    make: Callable[[], Framing]
    payloads: st.SearchStrategy[bytes]
    end: bytes  # what brings a reader back into step after any garbage, where one thing does
    checked: bool


BLOCKS = st.binary(min_size=SIZE, max_size=SIZE)


def cobs(name: Name) -> Framing:
    return Cobs(Checksum(name))


def line(name: Name) -> Framing:
    return Line(Checksum(name))


def fixed(name: Name) -> Framing:
    return Fixed(SIZE, checksum=Checksum(name))


CASES = {
    **{f"cobs-{name}": Case(partial(cobs, name), st.binary(), b"\0", name != "none") for name in CHECKSUMS},
    **{f"line-{name}": Case(partial(line, name), LINES, b"\n", name != "none") for name in CHECKSUMS},
    **{f"fixed-{name}": Case(partial(fixed, name), BLOCKS, b"", name != "none") for name in CHECKSUMS},
    "fixed-without-header": Case(lambda: Fixed(SIZE, b"", Checksum("crc32")), BLOCKS, b"", checked=True),
}
CHECKED = {name: case for name, case in CASES.items() if case.checked}


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut the data at these places, wherever they fall."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_messages_come_out_as_they_went_in_however_the_line_cuts_them(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    payloads = data.draw(st.lists(case.payloads, max_size=8))
    sender, reader = case.make(), case.make()
    wire = b"".join(sender.wrap(payload) for payload in payloads)
    pieces = cut(wire, data.draw(st.lists(st.integers(min_value=0))))
    assert [payload for piece in pieces for payload in reader.feed(piece)] == payloads
    assert (reader.faults.checksum, reader.faults.resyncs, reader.faults.garbage) == (0, 0, 0)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_message_is_there_with_the_last_byte_of_its_frame(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    payloads = data.draw(st.lists(case.payloads, max_size=4))
    reader = case.make()
    frames = [case.make().wrap(payload) for payload in payloads]
    ends = list(accumulate(map(len, frames)))
    seen = [at + 1 for at, byte in enumerate(b"".join(frames)) for _ in reader.feed(bytes([byte]))]
    assert seen == ends


@pytest.mark.parametrize("name", CASES)
@given(noise=st.binary(max_size=400), places=st.lists(st.integers(min_value=0)))
def test_no_noise_breaks_a_reader(name: str, noise: bytes, places: list[int]) -> None:
    reader = CASES[name].make()
    for piece in cut(noise, places):
        for payload in reader.feed(piece):
            assert CASES[name].make().wrap(payload), "what was read can be sent, and so timed"
    reader.reset()
    sound = CASES[name].make().wrap(b"x" * (SIZE - 1) + b"\n")
    assert reader.feed(sound) == [b"x" * (SIZE - 1) + b"\n"]


@pytest.mark.parametrize("name", CHECKED)
@given(data=st.data(), noise=st.binary(min_size=1, max_size=60))
def test_after_garbage_the_next_frames_are_found_and_the_garbage_is_counted(name: str, data: st.DataObject, noise: bytes) -> None:
    case = CHECKED[name]
    reader, sender = case.make(), case.make()
    payloads = data.draw(st.lists(case.payloads, min_size=6, max_size=10))
    got = reader.feed(noise + case.end + b"".join(sender.wrap(payload) for payload in payloads))
    # noise that ends in a header may take the frames with it whose bytes it claims
    assert got[-len(payloads) + 2 :] == payloads[2:]
    if not set(noise) <= {0, 0x0A, 0x0D}:
        assert reader.faults.garbage > 0
        assert reader.faults.checksum + reader.faults.resyncs > 0


@pytest.mark.parametrize("name", CHECKED)
@given(data=st.data())
def test_a_lost_or_changed_byte_costs_its_frame_and_at_most_the_next_and_never_changes_a_message(
    name: str, data: st.DataObject
) -> None:
    case = CHECKED[name]
    payloads = data.draw(st.lists(case.payloads, min_size=3, max_size=6))
    wire = b"".join(case.make().wrap(payload) for payload in payloads)
    at = data.draw(st.integers(0, len(wire) - 1))
    change = data.draw(st.sampled_from(["lose", "flip"]))
    flipped = bytes([wire[at] ^ 1 << data.draw(st.integers(0, 7))])
    reader = case.make()
    got = reader.feed(wire[:at] + (b"" if change == "lose" else flipped) + wire[at + 1 :])
    assert len(got) >= len(payloads) - (3 if name.startswith("fixed") else 2)
    remaining = iter(payloads)
    assert all(payload in remaining for payload in got), "in order, and nothing that was not sent"


@pytest.mark.parametrize("name", CASES)
def test_a_frame_that_is_interrupted_counts_as_garbage_and_the_next_one_is_sound(name: str) -> None:
    case = CASES[name]
    reader, frame = case.make(), case.make().wrap(b"x" * (SIZE - 1) + b"\n")
    assert reader.feed(frame[:-1]) == []
    reader.reset()
    assert reader.faults.garbage == len(frame) - 1
    assert reader.feed(frame) == [b"x" * (SIZE - 1) + b"\n"]


@pytest.mark.parametrize("name", CASES)
def test_a_framing_can_be_pickled(name: str) -> None:
    framing = pickle.loads(pickle.dumps(CASES[name].make()))
    frame = framing.wrap(b"x" * (SIZE - 1) + b"\n")
    assert framing.feed(frame) == [b"x" * (SIZE - 1) + b"\n"]


@pytest.mark.parametrize("framing", [Cobs(limit=50), Line(limit=50)])
def test_a_frame_without_end_is_given_up_and_the_next_is_found(framing: Framing) -> None:
    for _ in range(1000):
        assert framing.feed(b"x" * 100) == []
    assert framing.faults.resyncs == 1
    assert framing.faults.garbage == 100_000
    end = framing.wrap(b"end\n")
    assert framing.feed(end[-1:] + end) == [b"end\n"]
