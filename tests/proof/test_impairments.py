"""The limits of the shipped rig `loopback` against every impairment that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from proof.loopback import let_through, replayed

from pytest_villas import Samples, recordings
from pytest_villas.errors import LimitsNotKept
from pytest_villas.impair import KINDS
from pytest_villas.rig.registry import find_recording


@pytest.fixture(scope="module")
def fault() -> Samples:
    return recordings.open(find_recording("fault", Path()))


@pytest.mark.parametrize("name", KINDS)
def test_no_impairment_keeps_every_limit(fault: Samples, tmp_path: Path, name: str) -> None:
    with pytest.raises(LimitsNotKept):
        replayed(fault, tmp_path, name).check()


def test_without_an_impairment_every_limit_is_kept(fault: Samples, tmp_path: Path) -> None:
    replayed(fault, tmp_path).check()


def test_what_is_let_through_is_named(fault: Samples, tmp_path: Path) -> None:
    assert let_through(fault, tmp_path, ["gain:factor=1.0000000001", "gain", "delay=1 us"]) == [
        "gain:factor=1.0000000001",
        "delay=1 us",
    ]
