"""A run is measured again from its folder, and comes to the same; what is damaged or newer is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from proof.loopback import replayed

from pytest_villas import Samples, generate
from pytest_villas.errors import DecodeError, SignalError
from pytest_villas.measure.verdict import Outcome
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.replay import Exchange
from pytest_villas.replay.run import Run
from pytest_villas.report.build import run_record
from pytest_villas.rig import stored
from pytest_villas.rig.file import ClockSection, MatchSection, ReplaySection
from pytest_villas.units import ms, us

START = 1_795_419_350 * 10**9
"""ns since the epoch, when replays began."""


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


def measured(
    stimulus: Samples, response: Samples, folder: Path, *, lead: int = 0, reference: Samples | None = None, **match: Any
) -> Run:
    """Measure what a rig answered to a stimulus at 1 kHz; with a `tag` and a `step` against a model that copies `v` to `y`."""
    n = len(stimulus)
    meant = START + np.arange(n) * ms
    sent = stimulus.replace(origin=meant, sequence=np.arange(n))
    capture = Capture(meant, meant, np.zeros(n, bool), response.received, np.zeros(len(response) + 1, int), np.zeros(0, np.uint8))
    kind: Any = "model" if "tag" in match else "stimulus" if reference is None else "given"
    kept = stored.Stored(
        rig="lab1", match=MatchSection(**match), clock=ClockSection(), replay=ReplaySection(), reference=kind, limits={}
    )

    def model(taken: Samples) -> Samples:
        return Samples({"y": taken["v"]}, origin=taken.origin, sequence=taken.sequence)

    return stored.measure(Exchange(sent, lead, meant, response, (), capture, folder), kept, Floor(None, ""), reference, model)


def stepped(n: int, arrived: np.ndarray[Any, Any], wrong: float = 0.0) -> tuple[Samples, Samples]:
    """Return a stimulus, and what arrives of a rig that takes one sample of it in each of its steps."""
    number = np.arange(n)
    v = np.sin(number / 50.0)
    response = Samples(
        {"y": v + wrong, "tag": number.astype(float), "step": 7.0 + number}, received=START + number * ms + 200 * us
    )
    return Samples({"v": v}), response[np.flatnonzero(arrived)]


def test_steps_of_a_rig_whose_responses_were_lost_are_missing_from_what_a_model_is_compared_with(tmp_path: Path) -> None:
    stimulus, response = stepped(2000, np.arange(2000) % 10 == 0)
    fidelity = measured(stimulus, response, tmp_path, lead=500, tag="tag", step="step").fidelity
    assert (fidelity.compared, fidelity.total, fidelity.missing[0]) == (150, 1500, 1)
    for verdict in (
        fidelity["y"].nrmse < 0.01,
        fidelity["y"].bit_exact(),
        fidelity["y"].tube(rtol=0.01),
        fidelity["y"].allclose(),
    ):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "150 of 1500" in verdict.why
    few = np.ones(2000, bool)
    few[[600, 1000]] = False
    channel = measured(*stepped(2000, few), tmp_path, lead=500, tag="tag", step="step").fidelity["y"]
    assert channel.nrmse < 0.01
    assert "dt 0.001 s" in str(channel.tube(rtol=0.01, missing=2))
    assert channel.bit_exact(missing=2)
    assert channel.bit_exact(missing=1).outcome is Outcome.INCONCLUSIVE


def test_a_rig_that_falls_silent_before_the_stimulus_ends_has_steps_that_nobody_has_seen(tmp_path: Path) -> None:
    fidelity = measured(*stepped(2000, np.arange(2000) < 1250), tmp_path, lead=500, tag="tag", step="step").fidelity
    assert (fidelity.compared, fidelity.total) == (750, 1500)
    for verdict in (fidelity["y"].nrmse < 0.01, fidelity["y"].bit_exact(), fidelity["y"].tube(rtol=0.01)):
        assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_model_rig_that_lost_nothing_is_judged_as_it_is(tmp_path: Path) -> None:
    every = np.ones(2000, bool)
    channel = measured(*stepped(2000, every), tmp_path, lead=500, tag="tag", step="step").fidelity["y"]
    assert channel.nrmse < 0.01
    assert channel.bit_exact()
    assert channel.tube(rtol=0.01)
    off = measured(*stepped(2000, every, wrong=0.1), tmp_path, lead=500, tag="tag", step="step").fidelity["y"]
    assert off.allclose(atol=0.01).outcome is Outcome.FAIL


def test_samples_that_a_rig_with_a_tag_skips_hide_no_transitions(tmp_path: Path) -> None:
    v = np.arange(2000) // 130 % 2 == 1
    taken = np.arange(5, 2000, 10)
    response = Samples({"y": v[taken], "tag": taken.astype(float)}, received=START + taken * ms + 700 * us)
    found = measured(Samples({"v": v}), response, tmp_path, tag="tag").fidelity["y"].edges(within=(0, "20 ms"))
    for verdict in (found.missing <= 0, found.extra <= 0, found.delay.max <= 20 * ms):
        assert verdict.outcome is Outcome.PASS, verdict


@pytest.mark.parametrize("by", ["sequence", "waveform"])
def test_a_reference_that_the_test_gave_is_taken_for_the_time_of_the_stimulus(tmp_path: Path, by: str) -> None:
    number = np.arange(2000)
    columns = {"trip": (number // 250) % 2 == 1, "v": np.sin((number / 300.0) ** 2)}
    received = START + number * ms + 200 * us
    response = Samples(columns, sequence=number, received=received)
    stimulus = Samples(columns, origin=number * ms)
    for reference in (stimulus, Samples(columns)):
        kept: Any = {"by": by}
        found = measured(stimulus, response, tmp_path, reference=reference, **kept).fidelity
        assert found["trip"].edges().missing == 0
        assert found["trip"].edges().delay.max < 5 * ms
        assert found["v"].nrmse < 0.01
    with pytest.raises(SignalError, match="the reference has 1990 samples for 2000 of the stimulus: it has to have one for each"):
        measured(stimulus, response, tmp_path, reference=stimulus[10:])
