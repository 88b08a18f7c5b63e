"""What is wrong with the values is what was asked for; other channels, tags and steps stay as they were."""

from __future__ import annotations

import numpy as np
import pytest
from impair.exchanges import exchange

from pytest_villas import Samples
from pytest_villas.errors import ConfigError
from pytest_villas.impair import parse
from pytest_villas.replay.replay import Exchange

VALUES = ["gain", "offset", "noise", "saturation", "quantisation", "drift", "phase", "frozen", "swapped", "sign", "nan"]


def response(spec: str, of: Exchange | None = None) -> Samples:
    return parse(spec)(of or exchange()).response


BEFORE = exchange().response


def test_a_gain_multiplies_floats_and_complex_numbers() -> None:
    after = response("gain=1.25")
    np.testing.assert_allclose(after["va"], 1.25 * BEFORE["va"])
    np.testing.assert_allclose(after["phasor"], 1.25 * BEFORE["phasor"], rtol=1e-6)
    assert np.array_equal(after["state"], BEFORE["state"])
    assert np.array_equal(after["tag"], BEFORE["tag"])


def test_an_offset_is_a_share_of_the_peak() -> None:
    after = response("offset=-10 %")
    np.testing.assert_allclose(after["vb"] - BEFORE["vb"], -0.1 * np.abs(BEFORE["vb"]).max())


def test_noise_has_the_rms_that_was_asked_for() -> None:
    added = response("noise=2 %")["va"] - BEFORE["va"]
    assert added.std() == pytest.approx(0.02 * 325, rel=0.1)
    turned = response("noise=2 %")["phasor"] - BEFORE["phasor"]
    assert turned.imag.std() == pytest.approx(0.02, rel=0.1)
    assert np.corrcoef(turned.real, turned.imag)[0, 1] == pytest.approx(0, abs=0.1)


def test_saturation_clips_both_sides() -> None:
    after = response("saturation=50 %")["va"]
    assert after.max() == -after.min() == pytest.approx(0.5 * np.abs(BEFORE["va"]).max())
    inside = np.abs(BEFORE["va"]) < 0.4 * 325
    assert np.array_equal(after[inside], BEFORE["va"][inside])


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_a_quantised_signal_has_so_many_steps(bits: int) -> None:
    after = response(f"quantisation={bits}")["va"]
    step = 2 * np.abs(BEFORE["va"]).max() / 2**bits
    np.testing.assert_allclose(after / step, np.rint(after / step), atol=1e-9)
    assert np.abs(after - BEFORE["va"]).max() <= step / 2 * (1 + 1e-9)


def test_a_shifted_phase_is_an_earlier_waveform_in_the_same_messages() -> None:
    after = response("phase=2.5 ms")
    assert np.array_equal(after.received, BEFORE.received)
    expected = 325 * np.cos(2 * np.pi * 50 * (np.arange(1000) / 1000 - 0.0025))
    reference = 325 * np.cos(2 * np.pi * 50 * (np.arange(1000) / 1000))
    lag = np.angle(np.fft.rfft(after["va"][100:900])[40] / np.fft.rfft(BEFORE["va"][100:900])[40])
    truth = np.angle(np.fft.rfft(expected[100:900])[40] / np.fft.rfft(reference[100:900])[40])
    assert lag == pytest.approx(truth, abs=1e-3)
    assert np.flatnonzero(after["state"])[0] - np.flatnonzero(BEFORE["state"])[0] in {2, 3}


def test_a_drifting_time_base_falls_behind_more_and_more() -> None:
    after = response("drift=1 %")
    np.testing.assert_allclose(after["va"][:5], BEFORE["va"][:5], atol=20)
    # 900 samples on, the waveform is 9 samples behind
    np.testing.assert_allclose(after["va"][900], BEFORE["va"][891], atol=1e-6)


def test_a_frozen_channel_stands_still_and_the_others_go_on() -> None:
    after = response("frozen:channel=vb,after=30 %")
    assert np.all(after["vb"][300:] == BEFORE["vb"][300])
    assert np.array_equal(after["vb"][:300], BEFORE["vb"][:300])
    assert np.array_equal(after["va"], BEFORE["va"])


def test_a_state_can_be_stuck_too() -> None:
    assert not response("frozen:channel=state,after=10 %")["state"].any()


def test_two_channels_change_places() -> None:
    after = response("swapped")
    assert np.array_equal(after["va"], BEFORE["vb"])
    assert np.array_equal(after["vb"], BEFORE["va"])
    assert np.array_equal(response("swapped:second=va,first=vc")["va"], BEFORE["vc"])


def test_one_channel_is_turned_upside_down() -> None:
    after = response("sign")
    assert np.array_equal(after["va"], -BEFORE["va"])
    assert np.array_equal(after["vb"], BEFORE["vb"])
    assert np.array_equal(response("sign=phasor")["phasor"], -BEFORE["phasor"])


def test_not_a_number_stands_in_so_many_samples() -> None:
    after = response("nan=3 %")
    assert np.count_nonzero(np.isnan(after["vc"])) == 30
    assert np.count_nonzero(np.isnan(response("nan:channel=va,share=0.01 %")["va"])) == 1


def test_a_channel_that_is_named_is_the_only_one_impaired() -> None:
    for name in VALUES:
        if name == "swapped":
            continue
        after = response(f"{name}:channel=vb")
        changed = [n for n in BEFORE.names if not np.array_equal(after[n], BEFORE[n])]
        assert changed == ["vb"], name


@pytest.mark.parametrize("name", VALUES)
def test_tags_and_steps_of_a_rig_with_its_own_clock_stay(name: str) -> None:
    given = exchange()
    numbered = given.response
    # a simulator has floats only: its tag is one too
    floats = Samples(
        [*numbered.columns[:3], numbered["tag"].astype(float)],
        "4f",
        received=numbered.received,
        sequence=numbered.sequence,
    )
    simulator = Exchange(given.stimulus, 0, given.sent, floats, (), given.capture, given.folder)
    after = parse(name).keeping("signal3", None)(simulator).response
    assert np.array_equal(after["signal3"], floats["signal3"])
    assert any(not np.array_equal(after[n], floats[n]) for n in ("signal0", "signal1", "signal2"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gain:channel=vd", "impairment 'gain': the response has no channel 'vd', known are: phasor, state, tag, va, vb, vc"),
        ("gain:channel=state", "impairment 'gain': channel 'state' is boolean: it takes a float or complex one"),
        ("sign=tag", "channel 'tag' is integer"),
        ("swapped:first=va,second=state", "no two channels of one type differ"),
    ],
)
def test_a_channel_that_cannot_be_impaired_is_an_error_that_says_so(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        response(spec)


def test_nothing_to_impair_is_an_error_and_no_silent_pass() -> None:
    given = exchange()
    states = Exchange(given.stimulus, 0, given.sent, given.response.select(["state"]), (), given.capture, given.folder)
    still = given.response.select(["va"])
    flat = Samples([np.zeros(1000)], still.signals, received=still.received)
    for name in ("gain", "noise", "frozen", "sign", "swapped", "nan"):
        with pytest.raises(ConfigError, match="no "):
            parse(name)(states)
    for name in ("frozen", "sign", "swapped"):
        with pytest.raises(ConfigError, match="no "):
            parse(name)(Exchange(given.stimulus, 0, given.sent, flat, (), given.capture, given.folder))


def test_values_that_are_not_finite_do_no_harm() -> None:
    given = exchange()
    spoilt = given.response["va"].copy()
    spoilt[[3, 500]] = np.nan, np.inf
    columns = [spoilt, *given.response.columns[1:]]
    broken = Samples(columns, given.response.signals, received=given.response.received, sequence=given.response.sequence)
    for name in VALUES:
        after = response(name, Exchange(given.stimulus, 0, given.sent, broken, (), given.capture, given.folder))
        assert np.isfinite(after["vc"]).sum() >= 980
