"""Every limit, kept and broken; and what could not be measured is not passed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from limits.made_up import START, T, run, wave

from pytest_villas import Samples
from pytest_villas.errors import ConfigError, LimitsNotKept
from pytest_villas.limits import KINDS
from pytest_villas.measure import Outcome, fidelity
from pytest_villas.replay.runs import Runs
from pytest_villas.units import ms, us

RNG = np.random.default_rng(1)
NUMBERS = np.arange(T.size)
NOISE = RNG.normal(0, 1, T.size)
SWITCH = (T % 0.5) >= 0.25
RISE = np.where(T < 0.5, 0.0, 1 - np.exp(-np.maximum(T - 0.5, 0) / 0.01))
JUMP = np.where(T < 0.5, 0.0, 1.0)
WHITE = RNG.normal(0, 1, 2000)


def later(values: Any, by: int) -> Any:
    return np.concatenate([np.repeat(values[:1], by), values[:-by]])


def chirp(t: Any) -> Any:
    return np.sin(2 * np.pi * (10 * t + 20 * t**2))


SINE = {"v": wave()}
TURNING = np.exp(2j * np.pi * T).astype(np.complex64)
CASES: list[tuple[str, object, object, dict[str, Any], dict[str, Any]]] = [
    # limit, a value that is kept, one that is broken, reference, response
    ("nrmse", "5 %", "1 %", SINE, {"v": wave() + 5 * NOISE}),
    ("gain_error", "6 %", "4 %", SINE, {"v": 1.05 * wave()}),
    ("gain_error", "6 %", "4 %", SINE, {"v": 0.95 * wave()}),
    ("offset", 6, 4, SINE, {"v": wave() - 5}),
    ("delay", "600 us", "400 us", {"v": chirp(T)}, {"v": chirp(T - 0.0005)}),
    ("drift", "600 ppm", "200 ppm", {"v": chirp(T)}, {"v": chirp(T * (1 - 400e-6))}),
    ("allclose", {"atol": 6}, {"atol": 4}, SINE, {"v": wave() + 5}),
    ("allclose", {"rtol": "6 %"}, {"rtol": 0.04}, SINE, {"v": 1.05 * wave()}),
    ("tube", {"atol": 6}, {"atol": 4, "dt": 0}, SINE, {"v": wave() + 5}),
    ("tube", {"rtol": "2 %", "dt": "2 ms"}, {"rtol": "2 %", "dt": "100 us"}, SINE, {"v": later(wave(), 1)}),
    ("phase", "0.6 deg", "0.4 deg", SINE, {"v": wave(phase=-0.5)}),
    ("phase", {"limit": "600 deg", "frequency": 50}, "0.4 deg", SINE, {"v": wave(phase=0.5)}),
    ("thd", "4 %", "2 %", SINE, {"v": wave() + wave(150, 0.03 * 325)}),
    ("sinad", "35 dB", "45 dB", SINE, {"v": wave() + 325 / np.sqrt(2) / 100 * NOISE}),
    ("enob", "6 bit", "7 bit", SINE, {"v": wave() + 325 / np.sqrt(2) / 100 * NOISE}),
    ("tve", "3 %", "1 %", SINE, {"v": 1.02 * wave()}),
    ("tve", "3 %", "1 %", {"v": TURNING}, {"v": 1.02 * TURNING}),
    ("frequency_error", "15 mHz", "5 mHz", SINE, {"v": wave(50.01)}),
    ("step", {"rise": "30 ms"}, {"rise": "10 ms"}, {"v": JUMP}, {"v": RISE}),
    ("step", {"settling": "50 ms"}, {"settling": "10 ms"}, {"v": JUMP}, {"v": RISE}),
    ("step", {"delay": "20 ms"}, {"delay": "1 ms"}, {"v": JUMP}, {"v": RISE}),
    ("step", {"steady_state_error": "6 %"}, {"steady_state_error": "4 %"}, {"v": JUMP}, {"v": 0.95 * RISE}),
    ("step", {"overshoot": "15 %"}, {"overshoot": "5 %"}, {"v": JUMP}, {"v": JUMP + 0.1 * ((T > 0.5) & (T < 0.6))}),
    ("edges", {"delay": "8 ms"}, {"delay": "3 ms"}, {"b": SWITCH}, {"b": later(SWITCH, 5)}),
    ("edges", {"missing": 7}, {"missing": 3}, {"b": SWITCH}, {"b": np.zeros_like(SWITCH)}),
    ("edges", {"extra": 2}, {"extra": 1}, {"b": SWITCH}, {"b": SWITCH ^ ((T > 0.1) & (T < 0.12))}),
    ("bode", {"at": [100, 200], "gain_error": "12 %"}, {"at": 100, "gain_error": "8 %"}, {"v": WHITE}, {"v": 1.1 * WHITE}),
    ("bode", {"at": "100 Hz", "phase": "40 deg"}, {"at": 100, "phase": "30 deg"}, {"v": WHITE}, {"v": later(WHITE, 1)}),
]


@pytest.mark.parametrize(
    ("name", "kept", "broken", "reference", "response"), CASES, ids=[f"{i} {case[0]}" for i, case in enumerate(CASES)]
)
def test_a_channel_limit_is_kept_or_broken(name: str, kept: Any, broken: Any, reference: Any, response: Any) -> None:
    # bode and step say nothing of the clock: the samples came as they were asked for
    found = run(reference, response)
    verdicts = found.judge(**{name: kept})
    assert verdicts
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS] * len(verdicts), verdicts
    assert Outcome.FAIL in [verdict.outcome for verdict in found.judge(**{name: broken})]
    with pytest.raises(LimitsNotKept) as caught:
        found.check(**{name: broken})
    assert caught.value.failed


def test_the_same_limits_hold_for_several_runs() -> None:
    for name, kept, broken, reference, response in CASES:
        good, bad = run(reference), run(reference, response)
        runs = Runs(runs=(good, bad))
        assert all(runs.judge(**{name: kept})) or name in {"sinad", "enob"}, name
        assert Outcome.FAIL in [verdict.outcome for verdict in runs.judge(**{name: broken})], name


@pytest.mark.parametrize(
    ("name", "kept", "broken"),
    [
        ("loss", 3, 2),
        ("loss_ratio", "0.15 %", "0.1 %"),
        ("loss_periods", 2, 1),
        ("longest_loss", 2, 1),
        ("latency_p50", "400 us", "200 us"),
        ("latency_mean", "10 s", None),
        ("gap_received_p90", "2 ms", "500 us"),
        ("gap_sent_p90", "1 ms", "999 us"),
        ("owd_p50", "400 us", "200 us"),
        ("send_lag_p99", 0, None),
        ("jitter", "1 ms", None),
        ("jitter_worst", "1 ms", None),
        ("skew", "1 ppm", None),
        ("duplicates", 0, None),
        ("deadline_miss", {"deadline": "400 us", "count": 3, "longest": 2, "share": "2 %"}, {"deadline": "400 us", "count": 2}),
        ("deadline_miss", {"deadline": "400 us", "longest": 2}, {"deadline": "400 us", "longest": 1}),
    ],
)
def test_a_limit_of_the_run_is_kept_or_broken(name: str, kept: Any, broken: Any) -> None:
    found = run(SINE, lost=[100, 101, 700])
    if name != "latency_mean":
        assert all(found.judge(**{name: kept})), found.judge(**{name: kept})
    if broken is not None:
        assert Outcome.FAIL in [verdict.outcome for verdict in found.judge(**{name: broken})]


def test_what_was_lost_makes_the_mean_infinite() -> None:
    assert run(SINE).judge(latency_mean="301 us")[0].outcome is Outcome.PASS
    assert run(SINE, lost=[7]).judge(latency_mean="10 s")[0].outcome is Outcome.FAIL


THREE = {"v_a": wave(), "v_b": wave(phase=-120), "i_a": wave(amplitude=10), "on": SWITCH}


def test_channels_are_named_by_globs_and_the_rest_keeps_the_general_limit() -> None:
    bad = {**THREE, "v_b": THREE["v_b"] + 10 * NOISE, "i_a": THREE["i_a"] + NOISE}
    found = run(THREE, bad, limits={"nrmse": "1 %", "v_*": {"nrmse": "10 %"}})
    outcomes = {verdict.what: verdict.outcome for verdict in found.judge()}
    assert outcomes == {
        "abs(fidelity v_a nrmse)": Outcome.PASS,
        "abs(fidelity v_b nrmse)": Outcome.PASS,
        "abs(fidelity i_a nrmse)": Outcome.FAIL,
        "fidelity on samples that differ in their bits": Outcome.PASS,
    }
    assert all(found.judge(**{"i_*": {"nrmse": 0.2}}))
    assert not all(found.judge(nrmse=0.01)), "the call is nearer than the rig file's v_*"
    assert all(found.judge(i_a={"nrmse": False})), "and switches one off"


def test_a_limit_of_one_type_is_not_asked_of_channels_of_another() -> None:
    verdicts = run(THREE).judge(phase="1 deg", edges={"missing": 0})
    assert [verdict.what for verdict in verdicts if "edges" in verdict.what] == ["fidelity on edges missing"]
    assert len(verdicts) == 4
    assert all(verdicts)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"u_*": {"nrmse": 0.1}}, "no channel 'u_*'"),
        ({"v_c": {"nrmse": 0.1}}, "no channel 'v_c', did you mean 'v_"),
        ({"on": {"phase": 1}}, "it is boolean, and this is a limit on float channels"),
        ({"v_*": {"edges": {"missing": 0}}}, "none of v_a, v_b is boolean"),
        ({"v_a": {"bode": {"at": 50, "phase": 1, "resolution": "0.1 Hz"}}}, "are needed"),
        ({"v_a": {"bode": {"at": "9 kHz", "phase": 1}}}, "outside of the bins"),
        ({"v_a": {"step": {"rise": "1 ms"}}}, "the record ends before the response is steady"),
    ],
)
def test_what_cannot_be_measured_is_not_passed(limits: Any, why: str) -> None:
    with pytest.raises(LimitsNotKept) as caught:
        run(THREE).check(**limits)
    assert not caught.value.failed
    assert why in str(caught.value)


def test_a_limit_on_all_channels_is_not_passed_by_a_response_that_lacks_one_of_them() -> None:
    lacking = {name: column for name, column in THREE.items() if name not in {"i_a", "on"}}
    found = run(THREE, lacking | {"i_b": THREE["i_a"]})
    open_ones = {verdict.what: verdict.why for verdict in found.judge(nrmse=0.01, gain_error=0.01) if not verdict}
    assert list(open_ones) == ["limit fidelity i_a nrmse", "limit fidelity i_a gain_error", "limit fidelity on nrmse"]
    assert all("and the response has not, " in why for why in open_ones.values())
    assert all(found.judge(nrmse=0.01, **{"i_*": {"nrmse": False}, "on": {"nrmse": False}}))
    assert all(found.judge(**{"v_*": {"nrmse": 0.01}})), "nothing was asked of it"
    assert all(Runs(runs=(found, found)).judge(**{"v_*": {"nrmse": 0.01}}))
    assert not all(Runs(runs=(found, found)).judge(nrmse=0.01))
    assert not all(Runs(runs=(found, run(lacking))).judge(nrmse=0.01)), "in a run of which nothing came back nobody asked"
    # that it is not asked for leaves open what was asked of all channels, of which none fits
    assert not all(run({"n": NUMBERS, "x": wave()}, {"n": NUMBERS}).judge(gain_error=0.01, x={"gain_error": False}, nrmse=0.01))


def test_a_signal_of_which_no_sample_carries_a_value_is_none_that_came() -> None:
    padded = Samples({"v": wave(), "w": wave()}, origin=START + np.arange(T.size) * ms, length=np.ones(T.size, np.int64))
    given = Samples({"v": wave()}, origin=padded.origin)
    pairs = np.arange(T.size), np.arange(T.size)
    assert fidelity(given, padded, match=pairs).unexpected == ()
    assert fidelity(padded, given, match=pairs).unanswered == ()


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.of])
def test_a_channel_limit_of_a_response_without_such_a_channel_is_not_passed(name: str) -> None:
    kind = KINDS[name]
    reference = {"x": np.arange(T.size)} if "integer" not in kind.of else SINE
    verdicts = run(reference, lost=np.arange(T.size)).judge(**{name: kind.example})
    assert verdicts
    assert not any(verdicts)


@pytest.mark.parametrize("name", KINDS)
def test_no_limit_passes_where_nothing_came_back(name: str) -> None:
    if name.startswith(("send_lag", "skew")) or name in {
        "late",
        "duplicates",
        "reordered",
        "reorder_extent",
        "rejected",
        "unmatched",
    }:
        pytest.skip("this is known also where nothing came back")
    verdicts = run(THREE, lost=np.arange(T.size)).judge(**{name: KINDS[name].example})
    assert verdicts
    assert not any(verdicts), verdicts


def test_a_tenth_of_the_reference_without_a_response_makes_estimates_inconclusive() -> None:
    found = run(THREE, lost=np.arange(0, T.size, 8))
    for limits in ({"phase": 1}, {"thd": 1}, {"tve": 1}, {"nrmse": 1}, {"bode": {"at": 50, "phase": 100}}):
        verdicts = found.judge(**limits)
        assert {verdict.outcome for verdict in verdicts} == {Outcome.INCONCLUSIVE}, limits


def test_all_that_is_broken_is_reported_and_not_the_first_only() -> None:
    with pytest.raises(LimitsNotKept) as caught:
        run(
            THREE, {**THREE, "v_a": 2 * THREE["v_a"]}, lost=[5], limits={"loss": 0, "gain_error": 0.01, "latency_p50": "1 us"}
        ).check()
    text = str(caught.value)
    assert "2 of 5" in text
    assert all(what in text for what in ("lost <= 0", "fidelity v_a gain error", "latency p50"))
    assert "fidelity v_b gain error" not in text
    assert "capture: made-up" in text


def test_the_preset_of_a_call_is_judged() -> None:
    assert all(run(SINE, answer=ms).judge(preset="iec61850-p1"))
    assert not all(run(SINE, answer=4 * ms).judge(preset="iec61850-p1"))
    assert all(run(SINE).judge(preset="c37.118-m"))
    assert not all(run(SINE, {"v": wave(50.01)}).judge(preset="c37.118-m"))


def test_a_limit_that_there_is_not_is_an_error_of_the_call() -> None:
    with pytest.raises(ConfigError, match="no such limit"):
        run(SINE).check(nrmsee=1)
    with pytest.raises(ConfigError, match="'v' is no duration"):
        run(SINE).check(latency_p99="v")


def test_a_limit_of_a_stored_run_that_can_no_longer_be_read_is_named_and_can_be_declared_anew() -> None:
    stored = run(THREE, limits={"skew": 20})
    with pytest.raises(ConfigError, match=r"limits\.skew: 20 has no unit: write '20 ppm'"):
        stored.judge()
    assert [verdict.outcome for verdict in stored.judge(skew="20 ppm")] == [Outcome.PASS]


def test_a_limit_exactly_equal_is_at_most() -> None:
    found = run(SINE)
    assert all(found.judge(latency_max=300 * us, latency_p50=300 * us, gap_sent_max=ms))
    assert not any(found.judge(latency_max=300 * us - 1))


def test_a_switch_that_is_stuck_in_the_wrong_state_is_told_by_its_edges() -> None:
    still = np.zeros(T.size, np.bool_)
    for limits in ({"missing": 0}, {"missing": 0, "extra": 0}):
        assert all(run({"b": still}).judge(edges=limits))
        verdicts = run({"b": still}, {"b": ~still}).judge(edges=limits)
        assert [verdict.outcome for verdict in verdicts if "initial state" in verdict.what] == [Outcome.FAIL]
