"""A spec says what is impaired, and a wrong one says what would be right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from impair.exchanges import exchange

from pytest_villas.errors import ConfigError
from pytest_villas.impair import KINDS, parse
from pytest_villas.units import ms


def test_a_spec_is_read_from_left_to_right() -> None:
    found = parse("loss=1%+delay=5 ms+seed=7")
    assert found.steps == (("loss", {"share": 0.01}), ("delay", {"by": 5 * ms}))
    assert found.seed == 7
    assert str(found) == "loss=1%+delay=5 ms+seed=7"


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        ("gain=1e+3", (("gain", {"factor": 1000.0}),)),
        (" noise = 2 % + sign : channel = vb ", (("noise", {"share": 0.02}), ("sign", {"channel": "vb"}))),
        ("stalled_sender:by=1 s,stalls=2", (("stalled_sender", {"by": 1000 * ms, "stalls": 2}),)),
        ("drift=20 ppm", (("drift", {"by": pytest.approx(20e-6)}),)),
        ("sign", (("sign", {}),)),
        ("seed=3+phase=-1 ms", (("phase", {"by": -1 * ms}),)),
    ],
)
def test_specs(spec: str, steps: object) -> None:
    assert parse(spec).steps == steps


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lss=1%", "impairment 'lss=1%': no such impairment, did you mean 'loss'"),
        ("loss=1%+jiter", "impairment 'jiter': no such impairment, did you mean 'jitter'"),
        ("reorder:extend=3", "impairment 'reorder': 'extend': no such setting, did you mean 'extent'"),
        ("loss=5 ms", "impairment 'loss': share: '5 ms' is no ratio"),
        ("loss=0", "above 0 and at most 1, as in '1 %'"),
        ("loss=150 %", "above 0 and at most 1"),
        ("delay=5", "impairment 'delay': by: '5' is no duration"),
        ("delay=-5 ms", "above 0, as in '5 ms'"),
        ("delay=", "by has no value, as in delay:by=..."),
        ("reorder:extent", "extent has no value"),
        ("quantisation=60", "fewer of them"),
        ("burst_loss=1.5", "a whole number of at least 1"),
        ("seed=-1+loss", "a seed is a whole number"),
        ("seed=4", "nothing is impaired"),
        ("", "no such impairment"),
        ("loss=1%+", "is no ratio"),
    ],
)
def test_a_wrong_spec_names_what_is_wrong_and_what_would_be_right(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(spec)


@given(st.text(max_size=30))
def test_any_text_is_a_spec_or_an_error_of_the_config(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError:
        return
    assert found.steps


@pytest.mark.parametrize("name", KINDS)
def test_every_impairment_changes_something_by_default_and_says_what_it_does(name: str) -> None:
    before, after = exchange().response, parse(name)(exchange()).response
    assert not np.array_equal(after.received, before.received) or any(
        (x != y).any() for x, y in zip(before.columns, after.columns, strict=True)
    )
    assert KINDS[name].about.endswith(".")
