"""The numbers that a rig with a clock of its own sends back."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_villas import Samples, Signal
from pytest_villas.replay.run import tags


@pytest.mark.parametrize(
    ("value", "tag"),
    [(0.0, 0), (-0.05, 0), (7.04, 7), (7.5, -1), (-1.0, -1), (2.0**62, 2**62)]
    + [(value, -1) for value in (2.0**63, 1e300, -1e300, np.inf, -np.inf, np.nan)],
)
def test_a_tag_is_a_whole_number_that_can_be_counted(value: float, tag: int) -> None:
    assert tags(Samples([np.array([value])], (Signal("k"),)), "k").tolist() == [tag]
