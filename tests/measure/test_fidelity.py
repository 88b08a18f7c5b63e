from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_villas.errors import SignalError
from pytest_villas.measure.verdict import Outcome
from pytest_villas.measure.waveforms.channel import ChannelFidelity
from pytest_villas.measure.waveforms.fidelity import Fidelity, fidelity
from pytest_villas.samples import NO_TIME, Samples, Signal, SignalType
from pytest_villas.units import ms

EPOCH = 1_795_419_350_543_587_202
RATE = 10_000
COUNT = 10_000
T = np.arange(COUNT) / RATE
STAMPS = EPOCH + np.arange(COUNT) * 100_000
ALL = np.arange(COUNT)
NARROW = (-0.001, 0.005)


def phase(t: np.ndarray, angle: float) -> np.ndarray:
    """A voltage with a dip, so that its cycles differ."""
    out: np.ndarray = 325 * np.sin(2 * np.pi * 50 * t + angle) * (1 - 0.4 * np.exp(-(((t - 0.5) / 0.03) ** 2)))
    return out


def voltages(t: np.ndarray) -> dict[str, np.ndarray]:
    return {"va": phase(t, 0), "vb": phase(t, -2 * np.pi / 3), "vc": phase(t, 2 * np.pi / 3)}


def stimulus() -> Samples:
    return Samples(voltages(T), origin=STAMPS, sequence=ALL)


def echo(**changed: np.ndarray) -> Samples:
    return Samples({**voltages(T), **changed}, origin=STAMPS, sequence=ALL)


def paired(response: Samples, **options: object) -> Fidelity:
    return fidelity(stimulus(), response, match=(ALL, ALL), search=NARROW, **options)  # type: ignore[arg-type]  # handed on


def late(delay: float = 0.00123, count: int = 11_000, step: float = 1e-4, **changed: np.ndarray) -> Samples:
    """A response with receive stamps alone, at its own rate, from before the stimulus until after it."""
    t = np.arange(count) * step - 0.01
    return Samples({**voltages(t - delay), **changed}, received=EPOCH + np.rint(t * 1e9).astype(np.int64))


def untouched(count: int = 11_000, step: float = 1e-4, delay: float = 0.00123) -> dict[str, np.ndarray]:
    return voltages(np.arange(count) * step - 0.01 - delay)


# --- pairs are known


def test_an_echo_is_exact_in_every_respect() -> None:
    result = paired(echo())
    assert (result.compared, result.total, result.extra) == (COUNT, COUNT, 0)
    for channel in result.values():
        assert channel.bit_exact()
        assert channel.allclose()
        assert channel.tube(dt=0)
        assert float(channel.nrmse) == 0
        assert channel.gain > 0.999999
        assert channel.gain < 1.000001
        assert channel.worst is None
        assert abs(float(channel.delay)) < 1
        assert abs(float(channel.drift_ppm)) < 0.01
    assert result.delay < 1000


def test_gain_and_offset_are_estimated_and_no_part_of_the_residual() -> None:
    channel = paired(echo(va=0.5 * phase(T, 0) + 7))["va"]
    assert float(channel.nrmse) < 1e-12
    assert float(channel.gain) == pytest.approx(0.5)
    assert float(channel.offset) == pytest.approx(7)
    assert (channel.gain > 0.9).outcome is Outcome.FAIL
    assert channel.allclose(atol=1).outcome is Outcome.FAIL


def test_nrmse_is_the_residual_over_what_remains_of_the_reference() -> None:
    noise = np.random.default_rng(1).normal(0, 3, COUNT)
    channel = paired(echo(va=2 * phase(T, 0) + noise))["va"]
    assert float(channel.nrmse) == pytest.approx(3 / (2 * phase(T, 0).std()), rel=0.02)
    assert channel.gain < 2.01
    assert channel.gain > 1.99


def test_a_time_of_a_waveform_is_text_or_counts_seconds_and_one_that_takes_in_all_of_it_is_refused() -> None:
    noise = np.random.default_rng(1).uniform(-320, 320, COUNT)
    channel = paired(echo(va=noise))["va"]
    for dt in ("1 ms", 0.001):
        verdict = channel.tube(rtol=0.01, dt=dt)
        assert verdict.outcome is Outcome.FAIL
        assert "dt 0.001 s" in str(verdict)
    with pytest.raises(ValueError, match=r"dt is 1e\+06 s, and the whole reference lasts 1 s: .* text such as '1 ms'"):
        channel.tube(rtol=0.01, dt=1 * ms)
    rising = Samples({"v": np.clip((T - 0.3) / 0.1, 0, 1)}, origin=STAMPS)
    climb = fidelity(rising, rising, match=(ALL, ALL), search=("-1 ms", "5 ms"))["v"]
    assert str(climb.step(at="250 ms", smoothing="2 ms").delay) == str(climb.step(at=0.25, smoothing=0.002).delay)
    with pytest.raises(ValueError, match="smoothing is 1e\\+06 s, and the record lasts 1 s"):
        climb.step(smoothing=1 * ms)


def test_the_worst_channel_comes_first_with_its_time() -> None:
    spike = phase(T, -2 * np.pi / 3).copy()
    spike[4321] += 100
    result = paired(echo(vb=spike, vc=phase(T, 2 * np.pi / 3) + np.random.default_rng(2).normal(0, 0.01, COUNT)))
    assert list(result) == ["vb", "vc", "va"]
    worst = result["vb"].worst
    assert worst is not None
    assert (worst.index, worst.time, worst.sequence) == (4321, EPOCH + 432_100_000, 4321)


@pytest.mark.parametrize(
    "broken",
    {
        "frozen": np.full(COUNT, 12.3),
        "frozen at zero": np.zeros(COUNT),
        "frozen halfway": np.where(T < 0.5, phase(T, 0), 0.0),
        "inverted": -phase(T, 0),
        "swapped": phase(T, -2 * np.pi / 3),
        "noise": np.random.default_rng(3).normal(0, 200, COUNT),
        "NaN": np.where(ALL == 5000, np.nan, phase(T, 0)),
        "all NaN": np.full(COUNT, np.nan),
        "infinite": np.where(ALL == 5000, np.inf, phase(T, 0)),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_broken_channel_never_passes(broken: tuple[str, np.ndarray]) -> None:
    for channel in (paired(echo(va=broken[1]))["va"], _late_with(broken[1])["va"]):
        assert (channel.nrmse < 0.3).outcome is Outcome.FAIL
        assert not channel.tube(atol=5)
        assert not channel.allclose(atol=5)
        assert not channel.bit_exact()


def _late_with(va: np.ndarray) -> Fidelity:
    """The same channel, unmatched: late by exactly 12 samples."""
    others = voltages(T)
    response = Samples({**others, "va": va}, received=STAMPS + 1_200_000)
    return fidelity(stimulus(), response, search=NARROW)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e300])
def test_the_size_of_the_numbers_does_not_matter(scale: float) -> None:
    big = {name: column / 400 * scale for name, column in voltages(T).items()}
    reference = Samples(big, origin=STAMPS)
    turned = Samples({**big, "va": -big["va"]}, received=STAMPS + 1_200_000)
    result = fidelity(reference, turned, search=NARROW)
    assert (result["va"].nrmse < 0.3).outcome is Outcome.FAIL
    assert result["vb"].nrmse < 0.001
    assert result["vb"].tube(rtol=0.01)
    assert float(result["vb"].gain) == pytest.approx(1, abs=1e-6)
    assert float(result.delay) == pytest.approx(1_200_000, abs=10)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_few_pairs_that_agree_by_chance_are_too_few(count: int) -> None:
    few = np.arange(count)
    channel = fidelity(stimulus()[:count], echo()[:count], match=(few, few))["va"]
    assert (channel.nrmse < 0.3).outcome is Outcome.INCONCLUSIVE
    assert "at least 8 are needed" in str(channel.nrmse < 0.3)
    assert channel.bit_exact()


def test_a_negative_gain_is_shown() -> None:
    for result in (paired(echo(va=-phase(T, 0))), _late_with(-phase(T, 0))):
        assert float(result["va"].gain) == pytest.approx(-1, abs=1e-4)
        assert math.isinf(float(result["va"].nrmse))


def test_a_response_of_nothing_but_frozen_or_inverted_channels_never_passes() -> None:
    for sign in (0.0, -1.0):
        columns = {name: sign * column for name, column in voltages(T).items()}
        result = fidelity(stimulus(), Samples(columns, received=STAMPS + 1_200_000), search=(-0.001, 0.018))
        for channel in result.values():
            assert not channel.nrmse < 0.3
            assert not channel.tube(atol=5)


def constant(level: float, response: np.ndarray) -> ChannelFidelity:
    flat = Samples({"va": np.full(COUNT, level)}, origin=STAMPS)
    return fidelity(flat, Samples({"va": response}, origin=STAMPS), match=(ALL, ALL))["va"]


@pytest.mark.parametrize("level", [325.0, 0.1, 0.0, -1e300])
def test_a_constant_reference_that_comes_back_has_no_residual_and_no_offset_and_tells_no_gain(level: float) -> None:
    in_32_bits = level if abs(level) > 1e38 else float(np.float32(level))
    for came in (np.full(COUNT, level), np.full(COUNT, in_32_bits)):
        channel = constant(level, came)
        assert channel.nrmse < 0.01
        assert abs(channel.offset) <= 1e-7 * abs(level)
        assert (channel.gain < 2).outcome is Outcome.INCONCLUSIVE
        assert "no gain" in (channel.gain_error < 2).why
        assert not channel.delay < 10**9


def test_a_response_that_moves_beside_a_constant_reference_is_told_by_absolute_errors_alone() -> None:
    channel = constant(325.0, 325 + 0.5 * np.sin(T))
    verdict = channel.nrmse < 1000
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "ask for offset, allclose or tube" in verdict.why
    assert channel.allclose(atol=0.51)
    assert channel.allclose(atol=0.4).outcome is Outcome.FAIL
    assert channel.tube(atol=0.51)
    assert channel.tube(atol=0.4).outcome is Outcome.FAIL


@pytest.mark.parametrize("came", [0.0, 326.0, 324.0])
def test_a_response_stuck_beside_a_constant_reference_fails_an_offset_and_passes_nothing(came: float) -> None:
    channel = constant(325.0, np.full(COUNT, came))
    assert (abs(channel.offset) < 0.9).outcome is Outcome.FAIL
    assert abs(channel.offset) < 325.1
    assert (channel.nrmse < 1e9).outcome is Outcome.INCONCLUSIVE
    assert channel.badness > 0.9, "and it is no good channel in the order of badness"


def test_noise_on_a_constant_widens_its_offset() -> None:
    noisy = 5 + np.random.default_rng(3).normal(0, 1, COUNT)
    channel = constant(5.0, noisy)
    assert abs(channel.offset) < 1
    assert (abs(channel.offset) < abs(float(noisy.mean()) - 5) * 1.001).outcome is Outcome.INCONCLUSIVE


def test_what_hardly_moves_is_constant_and_no_response_that_is_merely_near_equals_it() -> None:
    almost = Samples({"va": 1e9 + 0.5 * np.sin(T)}, origin=STAMPS)
    still = Samples({"va": np.full(COUNT, 1e9)}, origin=STAMPS)
    assert (fidelity(almost, still, match=(ALL, ALL))["va"].nrmse < 0.01).outcome is Outcome.INCONCLUSIVE


def test_a_nan_in_the_reference_leaves_the_verdict_open() -> None:
    reference = echo(va=np.where(ALL == 7, np.nan, phase(T, 0)))
    channel = fidelity(reference, stimulus(), match=(ALL, ALL), search=NARROW)["va"]
    assert (channel.nrmse < 0.01).outcome is Outcome.INCONCLUSIVE
    assert channel.allclose(atol=1).outcome is Outcome.FAIL


def test_a_nan_in_the_response_is_named() -> None:
    verdict = paired(echo(va=np.where(ALL == 5000, np.nan, phase(T, 0))))["va"].nrmse < 0.3
    assert "1 of 10000 values of the response are not finite: 5000" in str(verdict)


def test_lost_samples_are_counted_and_named_and_keep_a_pass_away() -> None:
    kept = np.delete(ALL, [17, 18, 400])
    result = fidelity(stimulus(), echo()[kept], match=(kept, np.arange(kept.size)), search=NARROW)
    assert (result.compared, result.total) == (COUNT - 3, COUNT)
    assert result.missing.tolist() == [17, 18, 400]
    channel = result["va"]
    for verdict in (channel.bit_exact(), channel.allclose(), channel.tube(atol=1)):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "9997 of 10000 samples of the reference compared, missing: 17-18, 400" in verdict.why
    for verdict in (channel.bit_exact(missing=3), channel.allclose(missing=3), channel.tube(atol=1, missing=3)):
        assert verdict
        assert "missing: 17-18, 400" in verdict.why
    assert "missing: 17-18, 400" in str(channel.nrmse < 0.01)
    assert result.delay < 10_000


def test_an_average_over_what_little_came_back_says_nothing() -> None:
    kept = ALL[: COUNT // 2]
    channel = fidelity(stimulus(), echo()[kept], match=(kept, kept), search=NARROW)["va"]
    assert (channel.nrmse < 0.01).outcome is Outcome.INCONCLUSIVE
    assert "incomplete" in str(channel.nrmse < 0.01)


def test_a_frequency_response_of_what_little_came_back_says_nothing() -> None:
    noise = np.random.default_rng(1).standard_normal(COUNT)
    sent = Samples({"v": noise}, origin=STAMPS)
    for count, outcome in ((COUNT // 2, Outcome.INCONCLUSIVE), (COUNT - 100, Outcome.PASS)):
        kept = ALL[:count]
        found = fidelity(sent, sent[kept], match=(kept, kept))["v"].bode(resolution=50)
        for verdict in (abs(found.gain_error_at(500)) < 0.05, abs(found.phase_at(500)) < 3):
            assert verdict.outcome is outcome
            assert ("incomplete: 5000 of 10000" in verdict.why) is (outcome is Outcome.INCONCLUSIVE)


def test_a_wrong_value_fails_even_where_samples_are_missing() -> None:
    kept = np.delete(ALL, [17])
    spoilt = phase(T, 0).copy()
    spoilt[9000] += 1
    channel = fidelity(stimulus(), echo(va=spoilt)[kept], match=(kept, np.arange(kept.size)), search=NARROW)["va"]
    assert channel.bit_exact().outcome is Outcome.FAIL
    assert "first at sample 9000" in channel.bit_exact().why


def mixed(length: np.ndarray | int) -> Samples:
    """A voltage, a switch and a counter, of which the samples carry so many; the others read as what stands for none."""
    length = np.broadcast_to(np.asarray(length), COUNT)
    columns = {"v": phase(T, 0), "on": T > 2, "k": np.zeros(COUNT, np.int64)}
    columns["v"] = np.where(length > 0, columns["v"], np.nan)
    return Samples(columns, origin=STAMPS, received=STAMPS + 200_000, length=length)


def test_a_value_that_no_response_carried_is_missing_even_where_its_reference_is_at_rest() -> None:
    result = fidelity(mixed(3), mixed(1), match=(ALL, ALL), search=NARROW)
    assert result["v"].bit_exact()
    assert result.compared == COUNT
    for name in ("on", "k"):
        for verdict in (result[name].bit_exact(missing=9), result[name].allclose(missing=9)):
            assert verdict.outcome is Outcome.INCONCLUSIVE
            assert "0 of 10000 samples of the reference compared" in verdict.why
    switch = result["on"].edges()
    assert (switch.extra == 0).outcome is Outcome.INCONCLUSIVE


def test_values_that_some_responses_did_not_carry_are_named_as_missing() -> None:
    short = np.where(np.isin(ALL, [17, 18, 400]), 1, 3)
    result = fidelity(mixed(3), mixed(short), match=(ALL, ALL), search=NARROW)
    assert result["v"].bit_exact()
    assert result["on"].bit_exact().outcome is Outcome.INCONCLUSIVE
    assert "missing: 17-18, 400" in result["k"].bit_exact().why
    assert result["k"].bit_exact(missing=3)
    none = fidelity(mixed(3), mixed(np.where(ALL == 400, 0, 3)), match=(ALL, ALL), search=NARROW)
    assert (none.compared, none["v"].bit_exact().outcome) == (COUNT - 1, Outcome.INCONCLUSIVE)
    assert none["v"].nrmse < 1e-9


def test_a_value_that_the_reference_does_not_carry_either_is_not_missing() -> None:
    short = np.where(ALL % 2, 1, 3)
    assert fidelity(mixed(short), mixed(short), match=(ALL, ALL), search=NARROW)["k"].bit_exact()


def test_pairs_may_come_in_any_order_and_answers_twice() -> None:
    shuffled = np.random.default_rng(4).permutation(COUNT)
    twice = np.concatenate([shuffled, [3]])
    result = fidelity(stimulus(), echo()[twice], match=(twice, np.arange(COUNT + 1)), search=NARROW)
    assert result["va"].bit_exact()
    spoilt = phase(T, 0)[twice]
    spoilt[-1] = 0
    wrong = Samples({"va": spoilt}, sequence=twice)
    assert fidelity(stimulus(), wrong, match=(twice, np.arange(COUNT + 1)), search=NARROW)["va"].bit_exact().estimate == 1


def test_a_delay_within_the_pairs_is_reported_and_not_taken_out() -> None:
    shifted = {name: np.concatenate([column[:1], column[:-1]]) for name, column in voltages(T).items()}
    result = paired(echo(**shifted))
    assert float(result.delay) == pytest.approx(100_000, abs=1000)
    assert float(result["va"].delay) == pytest.approx(100_000, abs=1000)
    assert float(result["va"].nrmse) > 0.03


def test_pairs_need_no_time_stamps_for_what_needs_no_time() -> None:
    bare = Samples(voltages(T), sequence=ALL)
    result = fidelity(bare, bare, match=(ALL, ALL))
    assert result["va"].bit_exact()
    assert result["va"].nrmse < 1e-9
    assert (result.delay < 10**9).outcome is Outcome.INCONCLUSIVE
    assert result["va"].tube(atol=1).outcome is Outcome.INCONCLUSIVE
    assert "no time stamp" in result["va"].tube(atol=1).why


def test_no_pairs_at_all_prove_nothing() -> None:
    none = np.zeros(0, np.int64)
    channel = fidelity(stimulus(), echo(), match=(none, none))["va"]
    for verdict in (channel.nrmse < 1, channel.bit_exact(), channel.allclose(atol=1e9), channel.tube(atol=1e9)):
        assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("match", "complaint"),
    [(([0, 1], [0]), "2 indices of the reference and 1"), (([COUNT], [0]), "indices 10000"), (([0.5], [0]), "integers")],
)
def test_pairs_that_do_not_fit_are_an_error(match: tuple[list[float], list[int]], complaint: str) -> None:
    with pytest.raises(SignalError, match=complaint):
        fidelity(stimulus(), echo(), match=match)


# --- types


def test_integers_and_booleans_are_compared_for_equality() -> None:
    columns = {"n": ALL * 2**40, "closed": T > 0.5}
    reference = Samples(columns, origin=STAMPS)
    result = fidelity(reference, reference, match=(ALL, ALL))
    wrong = fidelity(reference, Samples({"n": ALL * 2**40 + (ALL == 9), "closed": T > 0.6}), match=(ALL, ALL))
    for name in columns:
        assert result[name].bit_exact()
        assert result[name].allclose()
        assert wrong[name].bit_exact().outcome is Outcome.FAIL
        assert (result[name].nrmse < 1e9).outcome is Outcome.INCONCLUSIVE
        assert "equality" in str(result[name].nrmse < 1e9)
        assert result[name].tube(atol=1e9).outcome is Outcome.INCONCLUSIVE
    assert list(wrong) == ["closed", "n"]
    place = wrong["n"].worst
    assert place is not None
    assert place.index == 9


def test_complex_values_have_one_real_gain_so_that_a_turned_phase_is_an_error() -> None:
    z = (phase(T, 0) + 1j * phase(T, 1)).astype(np.complex64)
    reference = Samples({"z": z}, origin=STAMPS)

    def against(values: np.ndarray) -> Fidelity:
        return fidelity(reference, Samples({"z": values.astype(np.complex64)}), match=(ALL, ALL), search=NARROW)

    assert against(z)["z"].type is SignalType.COMPLEX
    assert against(z)["z"].bit_exact()
    assert against(3 * z + 5)["z"].nrmse < 1e-5
    assert float(against(3 * z + (3 + 4j))["z"].offset) == pytest.approx(5, rel=1e-3)
    assert float(against(-z)["z"].gain) == pytest.approx(-1)
    for angle in (np.pi / 2, np.pi):
        assert not against(np.exp(1j * angle) * z)["z"].nrmse < 0.5
        assert not against(np.exp(1j * angle) * z)["z"].tube(atol=10)
    assert against(z + 1)["z"].tube(atol=1.01, dt=0)
    assert against(z + 1j)["z"].tube(atol=0.9, dt=0).outcome is Outcome.FAIL


def test_types_that_differ_are_said_to_and_never_pass() -> None:
    reference = Samples({"v": ALL.astype(np.float64)}, origin=STAMPS)
    channel = fidelity(reference, Samples({"v": ALL}), match=(ALL, ALL))["v"]
    assert (channel.nrmse < 1).outcome is Outcome.INCONCLUSIVE
    assert "the reference is float, the response integer" in str(channel.nrmse < 1)
    assert channel.bit_exact().outcome is Outcome.FAIL
    assert channel.allclose()
    assert channel.tube(atol=1).outcome is Outcome.INCONCLUSIVE


# --- time stamps alone


@pytest.mark.parametrize("step", [1e-4, 1.3e-4, 4e-4, 0.7e-4])
def test_a_response_at_a_rate_of_its_own_is_aligned(step: float) -> None:
    count = int(1.1 / step)
    result = fidelity(stimulus(), late(count=count, step=step), search=NARROW)
    assert float(result.delay) == pytest.approx(1_230_000, abs=100)
    assert not result.missing.size
    for channel in result.values():
        assert channel.nrmse < 0.001
        assert channel.tube(atol=1)
        assert channel.gain < 1.0001
        assert channel.gain > 0.9999


def test_nanoseconds_since_the_epoch_lose_nothing() -> None:
    stamps = STAMPS + 37  # 37 ns: far below what a float64 of the epoch resolves (256 ns)
    result = fidelity(stimulus(), Samples(voltages(T), received=stamps), search=NARROW)
    assert float(result.delay) == pytest.approx(37, abs=4)
    assert result["va"].nrmse < 1e-4


def test_noise_and_jitter_widen_the_uncertainty_and_the_floor() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(11_000) * 1e-4 - 0.01  # sampled evenly, stamped with jitter
    stamps = EPOCH + np.rint(np.sort(truth + rng.normal(0, 20e-6, truth.size)) * 1e9).astype(np.int64)
    result = fidelity(stimulus(), Samples(voltages(truth - 0.00123), received=stamps), search=NARROW)
    assert abs(float(result.delay) - 1_230_000) < 2000
    verdict = result["va"].nrmse < 0.01
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no limit below" in verdict.why
    assert result["va"].nrmse < 0.05


def held_up(stamps: np.ndarray, held: int, apart: int) -> np.ndarray:
    """Every 1000 samples some wait until the next one, and come in one go with it."""
    out = stamps.copy()
    for first in range(700, out.size - 10, 1000):
        out[first : first + held] = out[first + held] - apart * np.arange(held, 0, -1)
    return out


@pytest.mark.parametrize("apart", [1, 40, 2_000, 9_000])
@pytest.mark.parametrize("held", [1, 5])
def test_samples_that_come_in_one_go_after_a_stall_do_not_bend_their_neighbours(held: int, apart: int) -> None:
    whole = late()
    for sent, received in (
        (STAMPS, held_up(whole.received, held, apart)),  # the rig stalled
        (held_up(STAMPS, held, apart), whole.received),  # we did
    ):
        result = fidelity(stimulus(), whole, times=(sent, received), search=NARROW)
        expected = 1_230_000 + float((received - whole.received).mean()) - float((sent - STAMPS).mean())
        assert float(result.delay) == pytest.approx(expected, abs=2_000)
        assert float(result["va"].nrmse) < 0.02
        assert result["va"].nrmse < 0.2
        assert (result["va"].gain < 0.9).outcome is Outcome.FAIL


def test_a_signal_that_jitter_makes_smaller_does_not_fail_for_its_gain() -> None:
    truth = np.arange(550) * 2e-3 - 0.01
    jittered = np.sort(truth + np.random.default_rng(3).normal(0, 0.9e-3, truth.size))
    response = Samples(voltages(truth - 0.00123), received=EPOCH + np.rint(jittered * 1e9).astype(np.int64))
    channel = fidelity(stimulus(), response, search=NARROW)["va"]
    assert float(channel.gain) < 0.975
    assert (channel.gain > 0.99).outcome is Outcome.INCONCLUSIVE
    assert (channel.gain > 1.2).outcome is Outcome.FAIL


def test_a_stream_in_bursts_does_not_tell_when_its_samples_were() -> None:
    whole = late()
    received = whole.received.reshape(-1, 5)[:, -1:] + np.arange(-4, 1)  # five a message
    result = fidelity(stimulus(), whole.replace(received=received.ravel()), search=NARROW)
    for verdict in (result["va"].nrmse < 0.5, result["va"].gain > 0.99, result["va"].tube(atol=1)):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "8800 of 11000 samples came in one go with the next one" in verdict.why


def test_dense_parts_of_a_recording_are_read_as_exactly_as_the_others() -> None:
    dense = np.concatenate([np.arange(0, 0.5, 1e-3), 0.5 + np.arange(0, 0.1, 2e-5), 0.6 + np.arange(0, 0.4, 1e-3)])
    stamps = EPOCH + np.rint(dense * 1e9).astype(np.int64)
    reference = Samples(voltages(dense), origin=stamps)
    response = late(step=1e-4)
    result = fidelity(reference, response, search=NARROW)
    assert float(result.delay) == pytest.approx(1_230_000, abs=5_000)
    assert result["va"].gain > 0.99
    assert result["va"].gain < 1.01


def test_a_limit_below_what_resampling_does_is_inconclusive() -> None:
    t = np.arange(2000) / 1000
    coarse = Samples({"v": np.sin(2 * np.pi * 150 * t) + np.sin(2 * np.pi * 11 * t)}, origin=EPOCH + np.arange(2000) * 10**6)
    moved = t - 0.0004
    response = Samples(
        {"v": np.sin(2 * np.pi * 150 * moved) + np.sin(2 * np.pi * 11 * moved)}, received=EPOCH + np.arange(2000) * 10**6
    )
    channel = fidelity(coarse, response, search=(-0.002, 0.002))["v"]
    assert float(channel.delay) == pytest.approx(400_000, rel=1e-3)
    assert (channel.nrmse < 1e-3).outcome is Outcome.INCONCLUSIVE
    assert channel.nrmse < 0.5


def test_lost_samples_of_a_stream_without_pairs_are_named() -> None:
    whole = late()
    response = whole[np.delete(np.arange(len(whole)), np.arange(3000, 3010))]
    result = fidelity(stimulus(), response, search=NARROW)
    assert 9 <= result.missing.size <= 11
    assert abs(result.missing[0] - 2888) <= 1
    assert result["va"].tube(atol=1).outcome is Outcome.INCONCLUSIVE
    assert result["va"].tube(atol=1, missing=11)
    assert "missing: 288" in str(result["va"].nrmse < 0.01)


def test_a_response_that_ends_early_is_incomplete() -> None:
    response = late(count=6000)
    result = fidelity(stimulus(), response, search=NARROW)
    assert result.missing.size > 4000
    assert (result["va"].nrmse < 0.01).outcome is Outcome.INCONCLUSIVE
    assert result["va"].tube(atol=1).outcome is Outcome.INCONCLUSIVE


def test_a_drift_of_the_clocks_is_reported_and_taken_out() -> None:
    t = np.arange(11_000) * 1e-4 - 0.01
    stamps = EPOCH + np.rint((t + 0.001 + 80e-6 * t) * 1e9).astype(np.int64)
    result = fidelity(stimulus(), Samples(voltages(t), received=stamps), search=NARROW)
    assert float(result.drift_ppm) == pytest.approx(80, abs=1)
    assert float(result["vb"].drift_ppm) == pytest.approx(80, abs=1)
    assert result["va"].nrmse < 1e-3
    assert (abs(result.drift_ppm) < 50).outcome is Outcome.FAIL


def test_a_steady_sine_over_many_cycles_is_ambiguous_and_judged_in_no_way() -> None:
    t = np.arange(COUNT) / RATE
    reference = Samples({"v": np.sin(2 * np.pi * 50 * t)}, origin=STAMPS)
    for sign in (1, -1):
        response = Samples({"v": sign * np.sin(2 * np.pi * 50 * (t - 0.003))}, received=STAMPS)
        channel = fidelity(reference, response)["v"]
        for verdict in (channel.nrmse < 1, channel.gain > -2, channel.delay < 10**9, channel.tube(atol=10)):
            assert verdict.outcome is Outcome.INCONCLUSIVE
            assert "ambiguous" in verdict.why


def test_exact_comparisons_need_pairs() -> None:
    channel = fidelity(stimulus(), late(), search=NARROW)["va"]
    for verdict in (channel.bit_exact(), channel.allclose(atol=1e9)):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "match by sequence or origin" in verdict.why


def test_stamps_that_are_no_time_axis_are_said_to_be_none() -> None:
    tied = STAMPS.copy()
    tied[1::2] = tied[::2]
    absent = STAMPS.copy()
    absent[5] = NO_TIME
    for stamps, reason in ((tied, "share their time stamp"), (absent, "1 of 10000 samples have no time stamp")):
        result = fidelity(stimulus(), Samples(voltages(T), received=stamps), search=NARROW)
        verdict = result["va"].nrmse < 1
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert reason in verdict.why
        assert not result["va"].tube(atol=1e9)


def test_stamps_out_of_order_are_sorted() -> None:
    order = ALL.copy()
    order[100:110] = order[100:110][::-1]
    response = Samples({name: column[order] for name, column in voltages(T).items()}, received=STAMPS[order] + 500_000)
    result = fidelity(stimulus(), response, search=NARROW)
    assert result["va"].nrmse < 0.001
    assert float(result.delay) == pytest.approx(500_000, abs=50)


def test_stamps_may_be_given() -> None:
    bare = Samples(voltages(T))
    result = fidelity(bare, bare, times=(STAMPS, STAMPS + 250_000), search=NARROW)
    assert float(result.delay) == pytest.approx(250_000, abs=50)
    with pytest.raises(SignalError, match="times of the response"):
        fidelity(bare, bare, times=(STAMPS, STAMPS[:-1]))


def test_clocks_far_apart_are_bridged_by_the_search_range() -> None:
    result = fidelity(stimulus(), Samples(voltages(T), received=STAMPS + 3600 * 10**9), search=(3599.99, 3600.01))
    assert float(result.delay) == pytest.approx(3600e9, abs=100)
    assert result["va"].nrmse < 0.001
    apart = fidelity(stimulus(), Samples(voltages(T), received=STAMPS + 3600 * 10**9), search=NARROW)
    assert (apart["va"].nrmse < 1).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_tiny_records_prove_nothing(count: int) -> None:
    result = fidelity(stimulus()[:count], echo()[:count])
    for channel in result.values():
        assert (channel.nrmse < 1).outcome is Outcome.INCONCLUSIVE
        assert not channel.tube(atol=1e9)
        assert not channel.bit_exact()
    assert fidelity(stimulus(), echo()[:0])["va"].nrmse.status != "ok"
    assert fidelity(stimulus()[:0], echo())["va"].nrmse.status != "ok"


# --- names


def test_channels_are_those_in_common_and_the_others_are_named() -> None:
    other = Samples({"va": phase(T, 0), "i": phase(T, 1)}, origin=STAMPS)
    result = fidelity(stimulus(), other, match=(ALL, ALL), search=NARROW)
    assert list(result) == ["va"]
    assert [signal.name for signal in result.unanswered] == ["vb", "vc"]
    assert result.unexpected == ("i",)
    with pytest.raises(KeyError, match="no channel 'vA', known are: va"):
        result["vA"]
    with pytest.raises(SignalError, match="the response has no signal 'vb'"):
        fidelity(stimulus(), other, channels=["vb"], match=(ALL, ALL))
    with pytest.raises(SignalError, match="no signal in common"):
        fidelity(stimulus(), Samples({"x": T}), match=(ALL, ALL))


def test_channels_that_were_asked_for_are_all_there_is() -> None:
    result = paired(echo(vb=np.zeros(COUNT)), channels=["va"])
    assert list(result) == ["va"]
    assert len(result) == 1
    assert (result.unanswered, result.unexpected) == ((), ())


def test_what_disagrees_with_a_doubtful_reference_is_inconclusive_and_what_agrees_passes() -> None:
    x = Samples({"v": np.sin(np.arange(100) / 5)}, origin=np.arange(100) * ms)
    y = Samples({"v": 1.5 * x["v"] + np.where(np.arange(100) == 50, 0.5, 0)}, origin=x.origin)
    pairs = (np.arange(100), np.arange(100))
    for response, outcome in ((x, Outcome.PASS), (y, Outcome.INCONCLUSIVE)):
        channel = fidelity(x, response, match=pairs, doubt="three steps are guessed")["v"]
        verdicts = [
            channel.nrmse < 0.001, abs(channel.gain) < 1.1, channel.bit_exact(), channel.allclose(atol=0.01), channel.tube(atol=0.01),
        ]  # fmt: skip
        assert [verdict.outcome for verdict in verdicts] == [outcome] * 5
        if outcome is Outcome.INCONCLUSIVE:
            assert all("three steps are guessed" in verdict.why for verdict in verdicts)
    assert (fidelity(x, y, match=pairs)["v"].nrmse < 0.001).outcome is Outcome.FAIL


def test_a_step_the_other_way_is_not_judged_by_its_shape() -> None:
    up = np.where(T < 0.3, 0.0, 1 - np.exp(-np.maximum(T - 0.3, 0) / 0.01))
    sent = Samples({"v": (T >= 0.3) * 1.0}, origin=STAMPS)
    for sign, offset, outcome in ((1, 0, Outcome.PASS), (1, 5, Outcome.PASS), (-1, 0, Outcome.INCONCLUSIVE)):
        found = fidelity(sent, Samples({"v": sign * up + offset}), match=(ALL, ALL))["v"].step()
        for verdict in (found.delay < 50 * ms, found.rise < 50 * ms, found.overshoot < 0.1, found.settling < 100 * ms):
            assert verdict.outcome is outcome
            assert ("the other way" in verdict.why) is (outcome is Outcome.INCONCLUSIVE)


def test_two_signals_of_one_name_are_an_error() -> None:
    twice = Samples([phase(T, 0), phase(T, 1)], [Signal("v"), Signal("v")], origin=STAMPS)
    once = Samples({"v": phase(T, 0)}, origin=STAMPS)
    for pair, side in (((twice, once), "reference"), ((once, twice), "response")):
        with pytest.raises(SignalError, match=f"the {side} has 2 signals 'v'"):
            fidelity(*pair, match=(ALL, ALL))
