"""A run is measured again from its folder, and comes to the same; what is damaged or newer is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from proof.loopback import replayed

from pytest_villas import generate
from pytest_villas.errors import DecodeError
from pytest_villas.replay.run import Run
from pytest_villas.report.build import run_record
from pytest_villas.rig import stored


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return replayed(generate.three_phase(rate=1000, duration=1), tmp_path, "loss=2%+gain=1.1+seed=3")


def test_a_stored_run_measures_as_it_did(run: Run) -> None:
    again = stored.load(run.folder)
    assert [str(verdict) for verdict in again.judge()] == [str(verdict) for verdict in run.judge()]
    assert float(again.delivery.lost) == float(run.delivery.lost) > 0
    assert [float(c.gain) for c in again.fidelity.channels] == [float(c.gain) for c in run.fidelity.channels]
    assert (again.latency.values == run.latency.values).all()


@pytest.mark.parametrize("name", ["stimulus.npz", "response.npz", "capture.npz", "replay.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "noise"])
def test_a_damaged_run_is_refused_with_the_path(run: Run, name: str, damage: str) -> None:
    path = run.folder / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\x93" * len(content))
    with pytest.raises(DecodeError, match=name):
        stored.load(run.folder)


def test_a_run_of_a_later_version_is_refused_with_that_version(run: Run) -> None:
    path = run.folder / stored.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 7, "match": "something new"}))
    with pytest.raises(DecodeError, match=r"replay\.json: its layout has version 7, and this pytest-villas reads up to 1"):
        stored.load(run.folder)


def test_a_delay_that_may_be_a_period_more_or_less_is_recorded_as_unknown(run: Run) -> None:
    record = run_record(run, test="", number_in_test=1, identity="1", root=run.folder, impaired="")
    for channel in record.channels:
        known = run.fidelity[channel.name].delay.status == "ok"
        assert (channel.delay is not None) == known
    assert any(run.fidelity[channel.name].delay.status != "ok" for channel in record.channels)
