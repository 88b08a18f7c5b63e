"""The rig file of docs/attach-a-board.md, with the smallest firmware behind it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from firmware.emulated import LAUNCHER, required

from pytest_villas import Samples
from pytest_villas.replay.run import Matching
from pytest_villas.rig.registry import Registry
from pytest_villas.rig.rig import RigProcess

PAGE = Path(__file__).parents[2] / "docs" / "attach-a-board.md"


def test_the_board_of_the_docs_answers_each_sample_with_what_it_got(tmp_path: Path) -> None:
    required()
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    here = re.sub(r"^port = .*\n", "", found[1], flags=re.MULTILINE)
    command = f'["{{python}}", "{LAUNCHER}", "run", "echo", "--port", "{{port}}"]'
    (tmp_path / "board.toml").write_text(f'{here}\n[launch]\ncommand = {command}\nready = "redirected"\ntimeout = "60 s"\n')
    rig = RigProcess("board", Registry((tmp_path,)).load("board"), folder=tmp_path)
    try:
        count = 400
        volts = np.sin(np.arange(count) / 9).astype(np.float32).astype(float)
        stimulus = Samples({"va": volts, "vc": -volts}, origin=np.arange(count) * 5_000_000)
        exchange = rig.exchange(stimulus, tmp_path, lambda *_: None, Matching())  # the first one: QEMU hears from the beginning
    finally:
        rig.close()
    answered, rows = np.unique(exchange.response.sequence, return_index=True)
    assert answered.tolist() == exchange.stimulus.sequence.tolist()
    assert exchange.response["va"][rows].tolist() == volts.tolist()
    assert exchange.response["vc"][rows].tolist() == (-volts).tolist()
    assert not exchange.rejected


@pytest.mark.parametrize("name", ["echo.c", "controller.c"])
def test_the_docs_name_what_is_there(name: str) -> None:
    assert (LAUNCHER.parent / "firmware" / name).is_file()
    assert f"rigs/firmware/{name}" in PAGE.read_text()
