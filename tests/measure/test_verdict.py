"""A comparison with a limit gives a verdict, and only PASS is true."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from pytest_villas.errors import ConfigError
from pytest_villas.measure import Count, Estimate, Measure, Outcome, Verdict, worst

NAN = math.nan


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(outcome, "latency p99", 2e6, "<")


def test_only_pass_is_true() -> None:
    assert [bool(verdict(outcome)) for outcome in Outcome] == [outcome is Outcome.PASS for outcome in Outcome]


def test_a_verdict_reads_as_one_line() -> None:
    failed = Verdict(Outcome.FAIL, "latency p99", 2e6, "<", 3.1e6, 2.9e6, 3.4e6, 5000, 0.99, "ns", effective=812.3)
    assert str(failed) == ("FAIL: latency p99 < 2 ms: estimate 3.1 ms, 99 % interval 2.9 .. 3.4 ms, n = 5000 (effective 812)")
    assert failed.lines() == [
        "FAIL: latency p99 < 2 ms",
        "  estimate 3.1 ms",
        "  99 % interval 2.9 .. 3.4 ms",
        "  n = 5000 (effective 812)",
    ]


def test_what_is_missing_ends_the_line() -> None:
    missing = Verdict(Outcome.INCONCLUSIVE, "nrmse", 0.01, "<", 0.0099, 0.009, 0.011, 80, 0.95, "1", "more samples")
    assert str(missing) == "INCONCLUSIVE: nrmse < 0.01: estimate 0.0099, 95 % interval 0.009 .. 0.011, n = 80: more samples"
    assert missing.lines()[-1] == "  more samples"


def test_values_that_differ_never_read_the_same() -> None:
    close = Verdict(Outcome.FAIL, "latency p99", 2e6, "<", 2_000_001.0, 2_000_001.0, 2_000_001.0, 9, None, "ns")
    assert str(close) == "FAIL: latency p99 < 2000000 ns: estimate 2000001 ns, n = 9"


@pytest.mark.parametrize(
    ("outcomes", "gravest"),
    [
        ([Outcome.PASS], Outcome.PASS),
        ([Outcome.PASS, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE),
        ([Outcome.INCONCLUSIVE, Outcome.INVALID, Outcome.PASS], Outcome.INVALID),
        (list(Outcome), Outcome.FAIL),
        ([], Outcome.INCONCLUSIVE),
    ],
)
def test_the_gravest_outcome_counts_and_nothing_judged_is_no_pass(outcomes: list[Outcome], gravest: Outcome) -> None:
    assert worst(verdict(outcome) for outcome in outcomes) is gravest


@pytest.mark.parametrize(
    ("comparison", "limit", "outcome"),
    [
        ("<", 12, "PASS"), ("<", 11, "INCONCLUSIVE"), ("<", 10, "INCONCLUSIVE"), ("<", 9, "FAIL"), ("<", 8, "FAIL"),
        ("<=", 11, "PASS"), ("<=", 9, "INCONCLUSIVE"), ("<=", 8.999, "FAIL"),
        (">", 8, "PASS"), (">", 9, "INCONCLUSIVE"), (">", 11, "FAIL"), (">", 12, "FAIL"),
        (">=", 9, "PASS"), (">=", 11, "INCONCLUSIVE"), (">=", 11.001, "FAIL"),
    ],
)  # fmt: skip
def test_an_interval_has_to_be_inside_to_pass_and_outside_to_fail(comparison: str, limit: float, outcome: str) -> None:
    assert Estimate("delay", 10, "ns", u=0.5, k=2).judge(comparison, limit).outcome.value == outcome


@pytest.mark.parametrize("value", [Estimate("x", NAN), Estimate("x", 1, u=NAN), Estimate("x", 1, interval=(NAN, 2))])
def test_nan_never_passes(value: Estimate) -> None:
    for found in (value < 5, value > 5, value <= math.inf, value >= -math.inf):
        assert found.outcome is Outcome.INCONCLUSIVE


def test_a_status_is_inconclusive_and_says_why() -> None:
    found = Estimate("delay", 1.0, "ns", status="ambiguous", why="a rival one period away") < 1000
    assert found.outcome is Outcome.INCONCLUSIVE
    assert str(found).endswith("ambiguous: a rival one period away")


def test_an_invalid_measurement_blames_nobody() -> None:
    assert (Estimate("offset", 1.0, "ns", invalid="a clock was stepped") > 1000).outcome is Outcome.INVALID


def test_a_limit_below_the_floor_cannot_be_judged() -> None:
    nrmse = Estimate("nrmse", 1e-5, floor=3e-4)
    assert (nrmse < 1e-4).outcome is Outcome.INCONCLUSIVE
    assert (nrmse > 1e-6).outcome is Outcome.INCONCLUSIVE
    assert (nrmse < 3e-4).outcome is Outcome.PASS


def test_limits_are_read_from_text_in_the_unit_of_the_measure() -> None:
    assert Estimate("delay", 1.9e6, "ns") < "2 ms"
    assert Estimate("nrmse", 0.009) < "1 %"
    assert Estimate("drift", 19.0, "ppm") < "20 ppm"
    assert Estimate("drift", 19.0, "ppm") < "0.01 %"
    assert Estimate("drift", 19.0, "ppm") < "20"
    assert Estimate("phase", 1.5, "deg") < "2 deg"
    assert Estimate("gain", 0.5) < Fraction(2, 3)  # type: ignore[operator]  # a number, though no float
    assert Count("lost", 2) <= "3"


@pytest.mark.parametrize("limit", ["2", "2 V", "", "nan ms", NAN, "inf s"])
def test_limits_that_are_none_are_refused(limit: float | str) -> None:
    with pytest.raises(ConfigError):
        assert Estimate("delay", 1.0, "ns") < limit


def test_an_estimate_is_not_compared_for_equality_nor_with_things() -> None:
    estimate = Estimate("delay", 1.0, "ns")
    with pytest.raises(TypeError, match="never exactly a number"):
        assert estimate == 1
    with pytest.raises(TypeError):
        assert estimate < None  # type: ignore[operator]  # that is the point
    with pytest.raises(TypeError):
        assert estimate < Estimate("delay", 2.0, "ns")  # type: ignore[operator]  # that is the point
    assert (estimate == None) is False  # noqa: E711 - the operator is under test


@pytest.mark.parametrize("measure", [Estimate("delay", 1.0), Count("lost", 1)])
def test_a_measure_is_no_dictionary_key(measure: Measure) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(measure)


def test_an_estimate_has_no_truth_of_its_own() -> None:
    with pytest.raises(TypeError, match="compare it with a limit"):
        assert Estimate("delay", 1.0)


def test_a_number_may_stand_on_either_side() -> None:
    estimate = Estimate("delay", 10.0, "ns")
    for number in (12, 12.0, np.float64(12), np.int64(12), np.float32(12)):
        assert isinstance(number > estimate, Verdict)
        assert number > estimate
        assert not (number < estimate)
    assert 5 < estimate < 20


def test_a_count_is_exact() -> None:
    lost = Count("lost", 3, n=10)
    assert lost == 3
    assert lost != 4
    assert np.int64(3) == lost
    assert bool(lost == 0) is False
    assert str(lost == 0) == "FAIL: lost == 0: is 3, n = 10"
    assert int(lost) == 3
    assert list(range(lost)) == [0, 1, 2]
    assert json.dumps(int(lost)) == "3"


def test_counts_compare_with_counts() -> None:
    assert Count("received", 10) == Count("sent", 10)
    assert (Count("received", 10) == Count("sent", None, "no clue")).outcome is Outcome.INCONCLUSIVE
    assert "no clue" in str(Count("received", 10) == Count("sent", None, "no clue"))


def test_a_count_of_which_not_all_was_seen_is_judged_as_far_as_it_goes() -> None:
    count = Count("extra", 2, "lost samples", most=4)
    for verdict, outcome in (
        (count <= 4, Outcome.PASS), (count <= 3, Outcome.INCONCLUSIVE), (count <= 1, Outcome.FAIL),
        (count >= 2, Outcome.PASS), (count >= 5, Outcome.FAIL),
        (count == 3, Outcome.INCONCLUSIVE), (count == 5, Outcome.FAIL), (count != 1, Outcome.PASS),
        (Count("other", 9) >= count, Outcome.INCONCLUSIVE),
        (Count("extra", 0, most=math.inf) == 0, Outcome.INCONCLUSIVE),
    ):  # fmt: skip
        assert verdict.outcome is outcome, str(verdict)
    assert str(count) == "at least 2"
    with pytest.raises(ValueError, match="extra is not known: lost samples"):
        int(count)


def test_a_count_beyond_floats_is_still_exact() -> None:
    assert (Count("sent", 2**53 + 1) == Count("sent", 2**53)).outcome is Outcome.FAIL


@pytest.mark.parametrize("comparison", ["==", "!=", "<", "<=", ">", ">="])
def test_a_count_that_nobody_knows_never_passes(comparison: str) -> None:
    unknown = Count("lost", None, "the rig has no sequence numbers")
    found = unknown.judge(comparison, 0)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "the rig has no sequence numbers" in str(found)
    with pytest.raises(ValueError, match="no sequence numbers"):
        int(unknown)
    with pytest.raises(ValueError, match="not known"):
        assert not unknown


def test_the_size_of_a_signed_estimate() -> None:
    offset = Estimate("offset", -30.0, "ns", u=5.0)
    assert (abs(offset).lower, float(abs(offset)), abs(offset).upper) == (20.0, 30.0, 40.0)
    around_zero = abs(Estimate("offset", -1.0, "ns", u=5.0))
    assert (around_zero.lower, around_zero.upper) == (0.0, 11.0)
    assert (abs(Estimate("offset", -5.0)) < 4).outcome is Outcome.FAIL


def test_measures_read_well() -> None:
    assert repr(Estimate("delay", 1.2e6, "ns", u=1e5)) == "<delay: 1.2 ms, 1 .. 1.4 ms>"
    assert repr(Count("lost", None, "no numbers")) == "<lost: unknown, no numbers>"
    assert f"{Estimate('nrmse', 0.0123):.3f} {Estimate('delay', 2e6, 'ns')} {Count('lost', 7)}" == "0.012 2 ms 7"


def test_a_measure_compared_with_text_is_judged_and_a_verdict_with_a_bool_is_refused() -> None:
    lost = Count("lost", 5)
    assert (lost != "5").outcome is (lost == "0").outcome is Outcome.FAIL
    assert (lost != "0").outcome is (lost == "5").outcome is Outcome.PASS
    with pytest.raises(TypeError, match="never exactly a number"):
        assert Estimate("delay", 1.0, "ns") != "2 ms"
    with pytest.raises(ConfigError, match="is no limit"):
        assert lost != "none"
    failed = lost == 0
    for value in (True, False):
        with pytest.raises(TypeError, match="a verdict is not"):
            assert failed != value
    assert failed != (lost == 5)
