from __future__ import annotations

import doctest
from dataclasses import fields
from pathlib import Path

import pytest

from pytest_villas.measure import Delivery, Latency, Sine, Step
from pytest_villas.measure.timing.distribution import Distribution

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_examples_of_the_metrics_give_what_they_say() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 30
    assert found.failed == 0


@pytest.mark.parametrize(
    "name",
    [
        *(each.name for each in fields(Delivery) if each.name != "lost_at"),
        *sorted({each.name for each in fields(Latency)} - {each.name for each in fields(Distribution)} - {"note"}),
        *(each.name for each in fields(Sine)),
        *sorted({each.name for each in fields(Step)} - {"initial", "final"}),
    ],
)
def test_every_metric_is_on_the_page(name: str) -> None:
    text = PAGE.read_text()
    assert f"`{name}`" in text or f".{name}`" in text
