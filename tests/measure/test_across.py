from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_villas.measure import Count, Estimate, Latency, Outcome, by_sequence, delivery, fidelity, latency
from pytest_villas.measure.across import Each, Worst, across, gravest
from pytest_villas.measure.timing.distribution import Distribution, joined
from pytest_villas.measure.timing.gate import LOST, dependence
from pytest_villas.samples import NO_TIME, Samples
from pytest_villas.units import ms, s, us


def times(values: Any, **facts: Any) -> Distribution:
    return Distribution(what="latency", values=np.asarray(values, np.int64), **facts)


def lasting(answer: int = 300 * us, *, lag: int = 0, lost: int = 0, n: int = 1000) -> Latency:
    meant = np.arange(n) * ms + 10 * s
    received = meant + answer
    received[:lost] = NO_TIME
    return latency(meant, meant + lag, received, warm_up=0, cool_down=0)


def test_samples_of_several_runs_decide_together_what_none_of_them_can_alone() -> None:
    runs = [times(np.full(200, ms)) for _ in range(3)]
    assert all((run.p99 < 2 * ms).outcome is Outcome.INCONCLUSIVE for run in runs)
    verdict = across([run.p99 for run in runs]) < 2 * ms
    assert verdict.outcome is Outcome.PASS
    assert verdict.n == 600


def test_a_run_that_differs_from_the_others_is_not_so_many_independent_samples() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.random((2, 2000)) * ms, rng.random(2000) * ms + (rng.random(2000) < 0.2) * ms
    found = joined([times(good[0]), times(good[1]), times(bad)])
    assert dependence(found.values, ms, runs=found.runs) > 10
    verdict = found.p90 < ms
    assert 0.9 < np.mean(found.values <= ms) < 0.95, "all samples taken for independent ones would pass"
    assert (times(rng.permutation(found.values)).p90 < ms).outcome is Outcome.PASS
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.more


def test_runs_that_differ_far_below_the_limit_are_independent_all_the_same() -> None:
    rng = np.random.default_rng(4)
    parts = [times(rng.integers(0, ms, 200) + mood) for mood in (0, ms, 3 * ms)]
    assert joined(parts).p99 < 5 * ms


def test_each_run_has_its_own_dependence() -> None:
    rng = np.random.default_rng(2)
    sticky = np.repeat(rng.random(100), 50)
    free = rng.random(5000)
    parts = [np.asarray(part * ms, np.int64) for part in (sticky, free)]
    together = dependence(np.concatenate(parts), ms // 2, runs=[5000, 5000])
    assert dependence(parts[1], ms // 2) == 1
    assert together > 1.5, "100 and 5000 independent samples are not worth 10000"


@pytest.mark.parametrize(
    ("broken", "outcome", "why"),
    [
        (times([], inconclusive=""), Outcome.INCONCLUSIVE, "run 2 of 3: there are no samples"),
        (times([ms], invalid="the clock was set back"), Outcome.INVALID, "run 2 of 3: the clock was set back"),
        (times([ms] * 1000, floor=3 * ms), Outcome.INVALID, "run 2 of 3: the harness itself takes 3 ms"),
        (times([ms] * 1000, lag=times([2 * ms])), Outcome.INVALID, "run 2 of 3: the stimulus was not sent on time"),
    ],
)
def test_what_forbids_a_verdict_on_one_run_forbids_it_on_all(broken: Distribution, outcome: Outcome, why: str) -> None:
    fine = times(np.full(1000, ms))
    verdict = joined([fine, broken, fine]).p99 < 2 * ms
    assert verdict.outcome is outcome
    assert verdict.why.startswith(why)


def test_a_pass_of_tails_says_what_it_speaks_for_until_there_are_3_runs_and_10_s() -> None:
    one = times(np.full(2000, ms), span=20 * s)
    assert (one.p99 < 2 * ms).why == "speaks for one run of 20 s, p99 wants 10 s and 3 runs"
    short = times(np.full(2000, ms), span=2 * s)
    assert (joined([short, short]).p99 < 2 * ms).why == "speaks for 2 runs of 4 s together, p99 wants 10 s and 3 runs"
    assert (joined([one, one, one]).p99 < 2 * ms).why == ""
    assert (one.p90 < 2 * ms).why == ""


def test_an_undecided_verdict_says_how_many_more_samples_and_runs_would_decide() -> None:
    verdict = joined([times(np.full(100, ms))] * 2).p99 < 2 * ms
    assert verdict.more == 259
    assert verdict.why == "0 of 200 samples exceed the limit, about 259 more (3 such runs) would decide at this rate"


def test_a_limit_has_to_hold_in_every_run() -> None:
    lost = across([Count("lost", 0), Count("lost", 3), Count("lost", 1)])
    verdict = lost == 0
    assert verdict.outcome is Outcome.FAIL
    assert verdict.estimate == 3
    assert verdict.why == "run 2 of 3, and 1 more like it"
    assert lost <= 3
    assert not lost >= 1
    assert int(lost) == 3
    assert str(across([Count("lost", 2)]) == 2).startswith("PASS")


def test_what_is_not_known_in_one_run_is_not_known_and_what_is_broken_in_another_is() -> None:
    unknown = Count("lost", None, "nobody counted")
    assert (across([Count("lost", 0), unknown]) == 0).outcome is Outcome.INCONCLUSIVE
    assert (across([unknown, Count("lost", 1)]) == 0).outcome is Outcome.FAIL
    assert np.isnan(float(across([unknown, Count("lost", 1)])))


def test_measures_of_the_same_runs_are_compared_run_by_run() -> None:
    sent, received = Worst((Count("sent", 5), Count("sent", 7))), Worst((Count("received", 5), Count("received", 7)))
    assert received == sent
    assert (received == Worst((Count("sent", 7), Count("sent", 5)))).outcome is Outcome.FAIL
    assert (received == Count("sent", 5)).outcome is Outcome.FAIL


def test_the_size_of_an_estimate_is_that_in_each_run() -> None:
    offset = across([Estimate("offset", -2.0), Estimate("offset", 1.0)])
    assert (abs(offset) < 1.5).outcome is Outcome.FAIL
    assert offset < 1.5


def test_an_account_of_several_runs_reads_like_that_of_one() -> None:
    sent = np.arange(10)
    accounts = Each([delivery(by_sequence(sent, np.delete(sent, gone))) for gone in ([], [3], [3, 4, 8])])
    assert float(accounts.lost) == 3
    assert (accounts.loss_periods <= 1).outcome is Outcome.FAIL
    assert accounts.where["unknown"] <= 3
    assert (accounts.duplicates == 0).outcome is Outcome.PASS


def test_times_of_several_runs_read_like_those_of_one() -> None:
    found = Each([lasting(), lasting(), lasting(900 * us)])
    assert float(found.max) == 900 * us
    assert found.quantile(0.2) <= 1 * ms
    assert (found.p50 <= 300 * us).outcome is Outcome.INCONCLUSIVE, "one run in three says otherwise"
    assert len(found.send_lag) == 3000
    assert (found.owd.p50 < ms).n == 3000
    missed = found.deadline_miss("500 us")
    assert int(missed.count) == 1000
    assert float(missed.share) == pytest.approx(1 / 3)
    assert missed.share <= 1.0
    assert found.jitter <= "1 us"
    assert found.note == "1000 of 1000 samples count, warm-up 0 ns and cool-down 0 ns left out"
    assert float(Each([lasting(), lasting(lost=1)]).max) == np.inf


def test_a_stimulus_sent_late_in_one_run_is_not_diluted_by_the_others() -> None:
    found = Each([lasting(), lasting(lag=200 * us), *(lasting() for _ in range(200))])
    verdict = found.p99 < "350 us"
    assert verdict.outcome is Outcome.INVALID
    assert verdict.why.startswith("run 2 of 202: the stimulus was not sent on time")


def test_the_gravest_of_verdicts_is_the_first_of_its_kind_and_names_its_run() -> None:
    verdicts = [Count("lost", value) == 0 for value in (0, None, 2, 5)]
    found = gravest(verdicts)
    assert found.outcome is Outcome.FAIL
    assert found.estimate == 2
    assert found.why.startswith("run 3 of 4, and 1 more like it")


def test_lost_samples_of_any_run_count_in_the_tail() -> None:
    parts = [times(np.full(1000, ms)), times([*[ms] * 900, *[LOST] * 100])]
    assert (joined(parts).p99 < "1 s").outcome is not Outcome.PASS


def test_what_differs_between_runs_has_no_length_truth_or_elements_in_common() -> None:
    sent = np.arange(100)
    whole, half = (delivery(by_sequence(sent, sent[:count])) for count in (100, 50))
    lost = Each([whole, half]).lost_at
    asked: tuple[Callable[[Any], Any], ...] = (len, list, lambda part: 70 in part)
    for ask in asked:
        with pytest.raises(TypeError, match=r"the runs have no common answer: .* look at each run by itself"):
            ask(lost)
    alike = Each([half, half]).lost_at
    assert len(alike) == 50
    assert list(alike) == list(range(50, 100))
    assert 70 in alike
    none = Each([whole, whole]).lost_at
    assert (len(none), bool(len(none)), list(none)) == (0, False, [])


def test_channels_that_not_all_runs_have_are_said_to_be_missing() -> None:
    t, x = np.arange(200) * ms, np.sin(np.arange(200) / 9)
    reference = Samples({"a": x, "b": x}, origin=t)
    pairs = np.arange(200)
    good, inverted, lacking = (
        fidelity(reference, Samples(columns, received=t), match=(pairs, pairs))
        for columns in ({"a": x, "b": x}, {"a": -x, "b": x}, {"a": x})
    )
    assert set(Each([good, inverted])) == {"a", "b"}
    with pytest.raises(TypeError, match="elements: "):
        list(Each([lacking, good]))
    with pytest.raises(TypeError, match="truth: "):
        bool(Each([lacking, good]).unanswered)
    with pytest.raises(TypeError, match="whether 'b' is there: False, True"):
        assert "b" in Each([lacking, good])
