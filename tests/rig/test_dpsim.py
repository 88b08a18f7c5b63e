"""DPsim's VILLASnode node as peer: it takes what we send, and is spared what would end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import parts
import pytest

from pytest_villas import Samples, generate
from pytest_villas.errors import EncodeError
from pytest_villas.replay.replay import Exchange
from pytest_villas.replay.run import Matching
from pytest_villas.rig.registry import Registry
from pytest_villas.rig.rig import RigProcess

LIMIT = 240
"""Enough for a message with short numbers, too little for one with long ones."""


@pytest.fixture(scope="module")
def dpsim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    parts.module("dpsim", "dpsim")
    file = Registry.of(Path("/nowhere")).load("dpsim")
    file = msgspec.structs.replace(file, link=msgspec.structs.replace(file.link, max_bytes=LIMIT))
    rig = RigProcess("dpsim", file, folder=tmp_path_factory.mktemp("dpsim"))
    yield rig
    rig.close()


def send(rig: RigProcess, stimulus: Samples, folder: Path) -> Exchange:
    return rig.exchange(stimulus, folder, lambda *_: None, Matching())


def harmless(volts: float) -> Samples:
    return generate.constant(amplitude=volts, rate=1000, count=300, name="va")


def test_a_voltage_comes_out_as_the_circuit_says(dpsim: RigProcess, tmp_path: Path) -> None:
    exchange = send(dpsim, harmless(100), tmp_path)
    taken = exchange.response[exchange.response["tag"] == exchange.stimulus.sequence[-1]]
    # 20 ohm of load behind 0.5 ohm of line, steady after 300 ms
    np.testing.assert_allclose(taken["ua"][-1], 100 * 20 / 20.5, rtol=1e-3)
    np.testing.assert_allclose(abs(taken["ia"][-1]), 100 / 20.5, rtol=1e-3)
    assert abs(taken["ub"][-1]) < 1e-9


def test_a_message_that_is_too_long_is_refused_with_what_would_fit_and_the_rig_still_answers(
    dpsim: RigProcess, tmp_path: Path
) -> None:
    with pytest.raises(EncodeError, match=rf"bytes and the receiver takes {LIMIT}: \d of 6 signals would fit"):
        send(dpsim, generate.three_phase(magnitude=1 / 3, rate=1000, count=300), tmp_path)
    after = send(dpsim, harmless(1), tmp_path)
    assert np.isin(after.response["tag"], after.stimulus.sequence).sum() > 100


def test_numbers_go_on_from_run_to_run_so_that_the_node_sees_no_restart(dpsim: RigProcess, tmp_path: Path) -> None:
    first, second = (send(dpsim, harmless(1), tmp_path) for _ in range(2))
    assert second.stimulus.sequence[0] == first.stimulus.sequence[-1] + 1


def test_the_rigs_process_has_no_privileges(dpsim: RigProcess) -> None:
    assert dpsim._process is not None
    supervisor = dpsim._process._process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    status = Path(f"/proc/{children[0]}/status").read_text()
    assert "CapEff:\t0000000000000000" in status
