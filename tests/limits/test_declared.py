"""What may be declared, what is refused, and which declaration wins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.errors import ConfigError
from pytest_villas.limits import KINDS, PRESETS, check, merge


@pytest.mark.parametrize("name", KINDS)
def test_the_example_of_every_limit_can_be_declared(name: str) -> None:
    check({name: KINDS[name].example})
    if KINDS[name].of:
        check({"v_*": {name: KINDS[name].example}})


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency_p98": "2 ms"}, "limits.latency_p98: no such limit, did you mean 'latency_p9"),
        ({"latency_p99": "2 m"}, "limits.latency_p99: '2 m' is no duration"),
        ({"latency_p99": True}, "limits.latency_p99: True: it has to be a number, or text with a unit"),
        ({"latency_p99": None}, "limits.latency_p99: None: it has to be a number"),
        ({"latency_p99": float("nan")}, "limits.latency_p99: nan is no duration"),
        ({"latency_p99": ["2 ms"]}, r"limits.latency_p99: \['2 ms'\]: it has to be a number"),
        ({"nrmse": "1 ms"}, "limits.nrmse: '1 ms' is no ratio"),
        ({"nrmse": float("inf")}, "limits.nrmse: inf is no ratio"),
        ({"loss": 1.5}, "limits.loss: 1.5 is no count"),
        ({"loss": -1}, "limits.loss: -1 is no count"),
        ({"phase": "1 Hz"}, "limits.phase: '1 Hz' is no angle"),
        ({"offset": "5 mV"}, "limits.offset: '5 mV' is no number"),
        ({"tube": 5}, "limits.tube: it has to be a table, as in"),
        ({"tube": {"dt": "1 ms"}}, "limits.tube: needs one of atol, rtol, as in"),
        ({"tube": {"atoll": 1}}, "limits.tube: atoll: no such setting, did you mean 'atol'"),
        ({"tube": {"atol": "x"}}, "limits.tube: atol: 'x' is no number"),
        ({"deadline_miss": {"share": "1 %"}}, "limits.deadline_miss: needs deadline"),
        ({"deadline_miss": {"deadline": "1 ms"}}, "limits.deadline_miss: needs one of count, longest, share"),
        ({"bode": {"at": [], "phase": 1}}, "limits.bode: at: at least one frequency"),
        ({"bit_exact": 3}, "limits.bit_exact: 3 is neither true nor false"),
        ({"v_*": {"nrmsee": 1}}, r"limits.v_\*.nrmsee: no such limit, did you mean 'nrmse'"),
        ({"v_*": {"nrmse": "1 V"}}, r"limits.v_\*.nrmse: '1 V' is no ratio"),
        ({"v_*": {"loss": 0}}, r"limits.v_\*.loss: it is about the run, and no limit on a channel"),
        ({"v_*": {"i_*": {"nrmse": 1}}}, r"limits.v_\*.i_\*: no such limit"),
        ({"preset": "c37.118"}, "limits.preset: 'c37.118': no such preset, did you mean 'c37.118-m'"),
        ({"preset": 3}, "limits.preset: 3: no such preset, known are"),
        ({"v_*": {"preset": 3}}, r"limits.v_\*.preset: 3: no such preset"),
        ({"tve": {"limit": "1 %", "reports": 0}}, "limits.tve: reports: 0: it has to be above 0"),
        ({"phase": {"limit": 1, "frequency": "0 Hz"}}, "limits.phase: frequency: '0 Hz': it has to be above 0"),
        ({"v_*": {"preset": "iec61850-p1"}}, r"limits.v_\*.latency_max: it is about the run"),
    ],
)
def test_what_cannot_be_declared_is_refused_with_its_place(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(limits)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("phase", "0.5 deg", 0.5),
        ("phase", "100 mrad", 5.7295779513),
        ("phase", 2, 2.0),
        ("frequency_error", "5 mHz", 0.005),
        ("sinad", "60 dB", 60.0),
        ("enob", "10 bit", 10.0),
        ("drift", "20 ppm", 20.0),
        ("skew", "0.0001 %", 1.0),
        ("skew", 0, 0.0),
        ("latency_p99", "2 ms", 2_000_000),
        ("nrmse", "1 %", 0.01),
        ("loss", "3", 3),
    ],
)
def test_units_stand_in_the_text(name: str, value: object, read: float) -> None:
    assert KINDS[name].read(value)["limit"] == pytest.approx(read)


@pytest.mark.parametrize("name", ["skew", "drift"])
@pytest.mark.parametrize("value", [20, "20", 1e-6])
def test_how_fast_clocks_part_wants_a_unit(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match="has no unit: write '20 ppm'"):
        check({name: value})


def negative(value: Any) -> Any:
    """Return the example of a limit with what can be negative turned so."""
    if isinstance(value, (bool, list)):
        return value
    if isinstance(value, dict):
        return {name: negative(each) for name, each in value.items()}
    return -value if isinstance(value, int | float) else f"-{value}"


@pytest.mark.parametrize("name", [name for name in KINDS if name != "bit_exact"])
def test_a_limit_on_a_size_is_not_negative_and_one_with_a_sign_may_be(name: str) -> None:
    value = negative(KINDS[name].example) or -1
    if name.startswith(("owd_", "ipdv_")) or name == "sinad":
        check({name: value})
        return
    with pytest.raises(ConfigError, match=rf"limits.{name}: .*(is below 0, and it is about a size|is no count)"):
        check({name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1e999", "nan"])
@pytest.mark.parametrize("name", ["nrmse", "offset", "latency_p99", "phase", "sinad", "loss", "enob"])
def test_a_limit_is_a_finite_number(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"limits.{name}: "):
        check({name: value})


def test_the_nearest_declaration_wins() -> None:
    assert merge({"loss": 3, "nrmse": 0.1}, {"loss": 0}) == {"loss": 0, "nrmse": 0.1}


def test_a_nearer_limit_of_every_channel_wins_over_a_farther_one_of_some() -> None:
    far = {"nrmse": 0.1, "v_*": {"nrmse": 0.2, "phase": 1}, "i_*": {"nrmse": 0.3}}
    assert merge(far, {"nrmse": 0.01}) == {"nrmse": 0.01, "v_*": {"phase": 1}}


def test_nearer_limits_of_some_channels_are_added_and_come_last() -> None:
    far = {"v_a": {"nrmse": 0.2}, "v_*": {"phase": 1}}
    merged = merge(far, {"v_a": {"thd": 0.1}, "i_*": {"nrmse": 0.3}})
    assert merged == {"v_*": {"phase": 1}, "v_a": {"nrmse": 0.2, "thd": 0.1}, "i_*": {"nrmse": 0.3}}
    assert list(merged) == ["v_*", "v_a", "i_*"]


def test_a_preset_is_replaced_by_its_limits_and_what_stands_beside_it_wins() -> None:
    assert merge({}, {"preset": "c37.118-m", "tve": "3 %"}) == {"tve": "3 %", "frequency_error": "5 mHz"}
    assert merge({"preset": "iec61850-p1"}, {"preset": ["c37.118-m"]}).keys() == {"latency_max", "tve", "frequency_error"}
    assert merge({"tve": "9 %"}, {"preset": "c37.118-m"})["tve"] == "1 %", "it is the nearer one"
    assert merge({}, {"v": {"preset": "c37.118-m"}}) == {"v": {"tve": "1 %", "frequency_error": "5 mHz"}}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_declared_and_has_a_source(name: str) -> None:
    check({"preset": name})
    assert len(PRESETS[name].source) > 40


NAMES = st.sampled_from(["loss", "nrmse", "phase", "thd"])
CHANNELS = st.sampled_from(["nrmse", "phase", "thd"])
DECLARATIONS = st.builds(
    lambda flat, some: {**flat, **some},
    st.dictionaries(NAMES, st.integers(0, 9)),
    st.dictionaries(st.sampled_from(["v_*", "i_*", "v_a"]), st.dictionaries(CHANNELS, st.integers(0, 9), min_size=1)),
)


@given(DECLARATIONS, DECLARATIONS, DECLARATIONS)
def test_merging_does_not_depend_on_where_one_begins(far: Any, middle: Any, near: Any) -> None:
    assert merge(merge(far, middle), near) == merge(far, merge(middle, near))


@given(DECLARATIONS, DECLARATIONS)
def test_everything_that_the_nearer_declares_is_there(far: Any, near: Any) -> None:
    merged = merge(far, near)
    for name, value in near.items():
        if isinstance(value, dict):
            assert merged[name].items() >= value.items()
        else:
            assert merged[name] == value


@pytest.mark.parametrize("name", [*KINDS, *PRESETS])
def test_every_limit_and_preset_is_in_the_documentation(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
    stem, _, quantile = name.rpartition("_")
    assert f"`{name}`" in text or (f"`{stem}_Q`" in text and f" {quantile}" in text)


def test_names_are_checked_without_numpy() -> None:
    code = (
        "import sys; from pytest_villas.limits import check, KINDS; check({'tube': {'atol': 1}, 'v_*': {'phase': '1 deg'}}); "
        "sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
