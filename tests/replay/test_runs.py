from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from proof.loopback import START

from pytest_villas import Samples
from pytest_villas.errors import LimitsNotKept
from pytest_villas.measure import Latency, Outcome, by_sequence, delivery, fidelity, latency
from pytest_villas.measure.timing.gate import CONFIDENCE
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.run import Run
from pytest_villas.replay.runs import Runs, repeated, until_conclusive
from pytest_villas.units import ms, s, us


def run(answers: Any, *, limits: Any = None, lost: int = 0, gain: float = 1.0, lag: int = 0) -> Run:
    """A run at 1 kHz whose samples were answered after these times."""
    count = len(answers)
    meant = START + np.arange(count) * ms
    signal = Samples({"v": np.sin(np.arange(count) * 0.3)}, origin=meant, sequence=np.arange(count))
    kept = slice(lost, None)
    received = meant + np.asarray(answers, np.int64)
    response = Samples(
        {"v": gain * signal["v"][kept]}, origin=meant[kept], received=received[kept], sequence=np.arange(count)[kept]
    )
    match = by_sequence(signal.sequence, response.sequence)
    times: Latency = latency(meant, meant + lag, match.of_stimulus(response.received), warm_up=0, cool_down=0)
    capture: Any = None
    return Run(
        rig="made up", stimulus=signal, response=response, match=match, delivery=delivery(match), latency=times,
        fidelity=fidelity(signal, response, match=(match.stimulus, match.response)), capture=capture, floor=Floor(None, "made up"), folder=Path(),
        limits=limits or {},
    )  # fmt: skip


def steadily(answer: int = 300 * us, **facts: Any) -> Run:
    return run(np.full(100, answer), **facts)


def ticking(seconds: float) -> Callable[[], int]:
    """A clock that moves on by so much at every look."""
    ticks: Iterator[int] = iter(range(0, 10**18, int(seconds * s)))
    return lambda: next(ticks)


def test_several_runs_are_checked_like_one() -> None:
    runs = repeated(lambda: steadily(limits={"latency_p95": "1 ms", "loss": 0, "nrmse": "1 %"}), 3)
    assert len(runs) == 3
    runs.check()
    with pytest.raises(LimitsNotKept, match="0 of 300 samples exceed"):
        runs.check(latency_p99="1 ms")


def test_one_bad_run_breaks_the_limits_of_all() -> None:
    runs = Runs(runs=(steadily(), steadily(lost=2), steadily(gain=1.1)))
    with pytest.raises(LimitsNotKept) as caught:
        runs.check(loss=0, gain_error="1 %")
    text = str(caught.value)
    assert "lost <= 0" in text
    assert "run 2 of 3" in text
    assert "fidelity v gain error" in text
    assert "run 3 of 3" in text
    assert caught.value.failed
    assert runs.delivery.lost <= 2
    assert float(runs.fidelity["v"].gain) == pytest.approx(1.1)
    assert runs.fidelity["v"].allclose(atol=1.0).outcome is Outcome.INCONCLUSIVE, "two samples have no response"


def test_it_replays_until_the_gate_can_tell() -> None:
    runs = until_conclusive(lambda: steadily(limits={"latency_p99": "1 ms"}), within=3600 * s)
    assert all(runs.judge())
    # 530 samples pass at the first look's confidence, and more at that of a later one
    assert 6 <= len(runs) <= 12
    assert runs.confidence > CONFIDENCE


def test_a_broken_limit_ends_it() -> None:
    runs = until_conclusive(lambda: steadily(5 * ms, limits={"latency_p99": "1 ms"}), within=3600 * s)
    assert len(runs) == 1
    assert runs.judge()[0].outcome is Outcome.FAIL


def test_an_invalid_run_ends_it_since_more_would_not_heal_it() -> None:
    runs = until_conclusive(lambda: steadily(lag=900 * us, limits={"latency_p99": "1 ms"}), within=3600 * s)
    assert len(runs) == 1
    assert runs.judge()[0].outcome is Outcome.INVALID


def test_what_more_runs_cannot_tell_ends_it() -> None:
    runs = until_conclusive(lambda: steadily(lost=50, limits={"nrmse": "1 %"}), within=3600 * s)
    assert len(runs) == 1
    assert runs.judge()[0].outcome is Outcome.INCONCLUSIVE


def test_time_ends_it_and_the_verdict_says_what_is_missing() -> None:
    # a replay takes two looks at the clock, and so 2 s
    runs = until_conclusive(lambda: steadily(limits={"latency_p9999": "1 ms"}), within=20 * s, clock=ticking(1))
    assert 3 <= len(runs) <= 10
    with pytest.raises(LimitsNotKept, match=r"more \(\d+ such runs\) would decide") as caught:
        runs.check()
    assert not caught.value.failed


def test_the_first_run_is_made_whatever_time_there_is() -> None:
    assert len(until_conclusive(lambda: steadily(limits={"latency_p99": "1 ms"}), within=0)) == 1


def test_at_least_so_many_runs_are_made_before_anybody_looks() -> None:
    runs = until_conclusive(lambda: steadily(limits={"latency_p50": "1 ms"}), fewest=4, within=3600 * s)
    assert len(runs) == 4
    assert runs.confidence == pytest.approx(1 - (1 - CONFIDENCE) / 2)


def test_looking_again_and_again_does_not_find_a_pass_by_chance() -> None:
    rng = np.random.default_rng(5)
    passed = failed = 0
    for _ in range(80):
        # the limit is the true p90: whatever is said is wrong
        runs = until_conclusive(
            lambda: run(rng.integers(0, ms, 200), limits={"latency_p90": 900 * us}), within=12 * s, clock=ticking(1 / 3)
        )
        outcome = runs.judge()[0].outcome
        passed += outcome is Outcome.PASS
        failed += outcome is Outcome.FAIL
    assert passed <= 4
    assert failed <= 4
