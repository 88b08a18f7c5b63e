"""The controller: float32 bit by bit as its model says, at rest where nobody leads it, and deaf to what is no sample."""

from __future__ import annotations

import random
import runpy
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from firmware.emulated import Line, running
from firmware.frames import Sample, accepted, framed, message, sample

from pytest_villas import Samples
from pytest_villas.rig.registry import shipped

MODEL = runpy.run_path(str(shipped("rigs") / "firmware" / "controller.py"))
solve: Callable[[Samples], Samples] = MODEL["solve"]
WATCHDOG: int = MODEL["WATCHDOG"]
WAITING = 64
"""More steps than setpoints can wait."""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Line]]:
    with running("controller", tmp_path_factory.mktemp("controller"), ports=2) as lines:
        yield lines


@pytest.fixture
def operator(lines: list[Line]) -> Line:
    """The line of the setpoints, with the controllers at rest."""
    rest(lines[0])
    return lines[0]


def setpoint(number: int, volts: tuple[float, float, float], fault: int = 0) -> bytes:
    return message(number, volts, [fault, number], time=(number, 2 * number))


def outputs(messages: list[bytes]) -> list[Sample]:
    return [sample(payload, integers=3) for payload in messages]


def rest(line: Line) -> None:
    """Wait until the setpoint is number 0, and old: no setpoint was new for as long as the watchdog waits."""
    line.exchange(
        framed(setpoint(0, (0, 0, 0))),
        lambda got: len(got) > WATCHDOG and not any(o.values[0] or o.values[4] for o in outputs(got[-WATCHDOG:])),
    )


def taken(line: Line, numbers: range, volts: Callable[[int], tuple[float, float, float]], then: int = 0) -> list[Sample]:
    """Send setpoints, a few for each step that is seen, and return what came back, from the first on, and for `then` steps after the last."""

    def attempt() -> list[Sample]:
        got = line.exchange(b"", bool)
        for number in numbers:
            enough = bool if number % 3 == 0 else lambda _: True
            got += line.exchange(framed(setpoint(number, volts(number), number % 2)), enough)
        got += line.exchange(b"", lambda new: len(new) > max(WAITING, then))
        answers = outputs(got)
        used = [i for i, answer in enumerate(answers) if answer.values[4] in numbers]
        return answers[used[0] - 1 :] if used else []

    return whole(attempt, lambda: rest(line))[1:]


def whole(attempt: Callable[[], list[Sample]], again: Callable[[], object]) -> list[Sample]:
    """Return what an attempt saw, if it saw something and no message was lost.

    Where nobody read for a while, on a busy machine, the firmware has to throw messages away. What is left says nothing of what
    it computed in between: that is done again.
    """
    for _ in range(10):
        seen = attempt()
        if seen and np.all(np.diff([output.sequence for output in seen]) == 1):
            return seen
        again()
    pytest.fail("the line lost messages each time")


def modelled(seen: list[Sample], volts: Callable[[int], tuple[float, float, float]]) -> Samples:
    tags = np.array([int(output.values[4]) for output in seen])
    columns = np.array([volts(tag) for tag in tags.tolist()]).T
    return solve(Samples({"va": columns[0], "vb": columns[1], "vc": columns[2], "tag": tags}, sequence=np.arange(len(tags))))


def assert_as_modelled(seen: list[Sample], volts: Callable[[int], tuple[float, float, float]]) -> None:
    expected = modelled(seen, volts)
    for i, name in enumerate(("ua", "ub", "uc")):
        got = np.array([output.values[i] for output in seen], np.float32)
        assert got.view(np.uint32).tolist() == expected[name].astype(np.float32).view(np.uint32).tolist()


def test_it_steps_by_itself_and_counts_its_steps(operator: Line) -> None:
    seen = whole(lambda: outputs(operator.exchange(b"", lambda got: len(got) > 300)), again=lambda: None)
    assert np.all(np.diff([output.values[5] for output in seen]) == 1)
    assert all(output.sequence == output.values[5] for output in seen)


def test_its_outputs_are_those_of_the_model_bit_by_bit(operator: Line) -> None:
    def volts(number: int) -> tuple[float, float, float]:
        # into the limit of the output and of the integral, and over what float32 rounds
        return 325 * np.sin(number / 7), 1e4 * np.sin(number / 40), -1e-3 * number

    seen = taken(operator, range(1000, 1600), volts)
    assert len({output.values[4] for output in seen}) > 50
    assert max(abs(output.values[1]) for output in seen) == 500
    assert_as_modelled(seen, volts)


def test_fault_tag_and_time_come_back_with_the_sample_that_was_used(operator: Line) -> None:
    seen = taken(operator, range(2000, 2060), lambda number: (number, 0, 0))
    for output in seen:
        number = int(output.values[4])
        assert (output.seconds, output.nanoseconds, output.values[3]) == (number, 2 * number, number % 2)


def test_the_watchdog_trips_on_the_step_that_the_model_says(operator: Line) -> None:
    seen = taken(operator, range(3000, 3001), lambda _: (100, -100, 50), then=2 * WATCHDOG)
    on = [output.values[0] != 0 for output in seen]
    assert on == [True] * WATCHDOG + [False] * (len(seen) - WATCHDOG)
    assert_as_modelled(seen, lambda _: (100, -100, 50))


@pytest.mark.parametrize(("number", "bad"), [(4000, np.nan), (4010, np.inf), (4020, -np.inf)])
def test_a_setpoint_that_is_no_number_is_not_taken(operator: Line, number: int, bad: float) -> None:
    seen = outputs(operator.exchange(framed(setpoint(number, (1, bad, 2))), lambda got: len(got) > 20))
    assert number not in {output.values[4] for output in seen}
    seen = taken(operator, range(number + 1, number + 2), lambda _: (1, 2, 3))
    assert_as_modelled(seen, lambda _: (1, 2, 3))


def test_a_fuzzed_line_changes_nothing(operator: Line) -> None:
    """Noise, damaged frames, frames that lie of their length with a sound checksum, and frames without an end."""
    chance = random.Random(2)
    good = setpoint(5000, (1, 2, 3))
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < 2_000_000:
        damaged = bytearray(framed(good))
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        lying = framed(good[:2] + struct.pack(">H", chance.choice([0, 4, 6, 9, 255, 256, 0x4000, 0xFFFF])) + good[4:])
        endless = bytes(chance.randrange(1, 256) for _ in range(chance.randrange(50, 500)))
        pieces += [
            chance.randbytes(2000),
            b"\0",
            bytes(damaged),
            b"\0",
            lying,
            endless,
            b"\0",
            framed(good[: chance.randrange(16)]),
        ]
    stream = b"".join(pieces)
    assert not [payload for payload in accepted(stream) if payload[2:4] == b"\0\x05"]
    before = outputs(operator.exchange(b"", bool))[-1]
    during = outputs(operator.exchange(stream, bool, 300))
    assert {output.values[:5] for output in during} == {before.values[:5]}
    seen = taken(operator, range(5001, 5061), lambda number: (number, -number, 0.1))
    assert len(seen) > 10
    assert_as_modelled(seen, lambda number: (number, -number, 0.1))


def test_what_the_plant_measures_is_subtracted_and_its_silence_trips(tmp_path: Path) -> None:
    with running("controller", tmp_path, ports=2) as (operator, plant):
        plant.exchange(b"", bool)  # it is open now: QEMU looks once a second

        def attempt() -> list[Sample]:
            rest(operator)
            operator.exchange(framed(setpoint(6000, (100, 100, 100))), lambda _: True)
            plant.exchange(framed(message(1, [40, -40, 0], [])), lambda _: True)
            answers = outputs(operator.exchange(b"", lambda got: len(got) > 4 * WATCHDOG))
            return answers if any(answer.values[0] for answer in answers) else []

        seen = whole(attempt, again=lambda: None)
    on = [output for output in seen if output.values[0] != 0]
    # 0.03 of the error at each step, as long as the setpoint is fresh
    rises = np.diff([output.values[:3] for output in on], axis=0)
    np.testing.assert_allclose(rises[-20:], [[60 * 0.03, 140 * 0.03, 100 * 0.03]] * 20, rtol=1e-3)
    assert seen[-1].values[4] == 6000
