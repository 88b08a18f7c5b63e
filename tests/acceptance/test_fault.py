"""Acceptance tests for any rig that takes three voltages: `pytest --rig=dpsim tests/acceptance`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_villas import Samples, generate
from pytest_villas.rig.bench import Rig


def test_recorded_fault(rig: Rig, recording: Callable[[str], Samples]) -> None:
    """The recorded three-phase fault comes out as the rig's model says, in time."""
    rig.replay(recording("fault")).check()
