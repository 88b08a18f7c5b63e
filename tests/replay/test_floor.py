"""The floor of the harness: measured over the rig's own kind of link, once for each configuration, and judged against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas import formats, generate
from pytest_villas.measure import Outcome
from pytest_villas.measure.timing.gate import LOST
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor, harness_latency, tagged
from pytest_villas.replay.run import Run
from pytest_villas.rig.bench import Rig
from pytest_villas.rig.registry import Registry
from pytest_villas.rig.rig import RigProcess
from pytest_villas.samples import Samples
from pytest_villas.units import us


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    folder = tmp_path_factory.mktemp("loopback")
    process = RigProcess("loopback", Registry.of(folder).load("loopback"), folder=folder)
    yield process
    process.close()


def replay(process: RigProcess, stimulus: Samples, folder: Path) -> Run:
    return Rig(process, {}, new_folder=lambda: folder, record=lambda _: None).replay(stimulus)


def stimulus(rate: int = 500, duration: float = 0.8) -> Samples:
    return generate.three_phase(rate=rate, duration=duration)


def test_a_limit_below_the_floor_is_invalid_and_the_floor_is_in_the_message(process: RigProcess, tmp_path: Path) -> None:
    run = replay(process, stimulus(), tmp_path)
    floor = run.floor.latency
    assert floor is not None
    assert run.latency.floor is floor
    assert 0 < float(floor.p50) <= float(floor.p99)
    verdict = run.latency.p50 < float(floor.p50) / 2
    assert verdict.outcome is Outcome.INVALID
    assert f"takes {floor.p50}" in verdict.why


def test_it_is_measured_at_the_rate_and_size_of_the_stimulus_and_kept_with_the_run(process: RigProcess, tmp_path: Path) -> None:
    run = replay(process, stimulus(rate=500), tmp_path)
    assert run.floor.latency is not None
    assert "at 500 Hz over the same link without the rig" in run.floor.note
    payloads = run.capture.payloads()
    assert f"of about {int(np.median([len(payload) for payload in payloads]))} bytes" in run.floor.note
    stored = Floor.load(tmp_path)
    assert stored.latency is not None
    np.testing.assert_array_equal(stored.latency.values, run.floor.latency.values)


def test_a_configuration_is_measured_once_and_another_rate_is_another_one(process: RigProcess, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first, again = (replay(process, stimulus(rate=500), folder).floor for folder in folders[:2])
    assert again is first
    assert replay(process, stimulus(rate=1000), folders[2]).floor is not first


def test_where_no_sample_counts_nothing_is_measured_and_the_reason_is_said(process: RigProcess, tmp_path: Path) -> None:
    run = replay(process, stimulus(duration=0.3), tmp_path)
    assert run.floor.latency is None
    assert "no sample of this run counts" in run.floor.note
    assert Floor.load(tmp_path).note == run.floor.note


def test_after_it_was_measured_the_rig_is_heard_as_before(process: RigProcess, tmp_path: Path) -> None:
    for rate in (500, 2000):
        assert replay(process, stimulus(rate=rate), tmp_path).delivery.lost == 0


def captured(received: list[tuple[int, bytes]], count: int) -> Capture:
    meant = np.arange(count) * 1000 * us
    messages = formats.Messages.of([payload for _, payload in received])
    arrivals = np.array([time for time, _ in received], np.int64)
    return Capture(meant, meant + 5 * us, np.zeros(count, np.bool_), arrivals, messages.offsets, messages.blob)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=300))
def test_messages_keep_their_size_of_at_least_8_bytes_and_differ(messages: list[bytes]) -> None:
    given_tags = tagged(messages)
    assert [len(each) for each in given_tags] == [max(8, len(message)) for message in messages]
    assert len(set(given_tags)) == len(messages)


def test_what_is_lost_twice_there_or_foreign_is_told_apart() -> None:
    messages = tagged([b"the same"] * 20)
    came = [(i * 1000 * us + 40 * us, message) for i, message in enumerate(messages) if i != 7]
    came += [(10**9, messages[3]), (10**9 + 1, b"\xff" * 12), (10**9 + 2, b"")]
    found = harness_latency(captured(came, 20), 20)
    counted = found.values  # without the first tenth
    assert counted.tolist() == [LOST if i == 7 else 40 * us for i in range(2, 20)]
    assert found.owd.values.tolist() == [LOST if i == 7 else 35 * us for i in range(2, 20)]
