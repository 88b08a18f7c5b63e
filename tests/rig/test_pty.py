"""The device on a pty: it keeps the time of its baud rate, and every fault that it can have is survived and counted."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import standing_in, wait_until
from pty_bench import Bench, bench

from pytest_villas import Samples, ms
from pytest_villas.errors import LinkError
from pytest_villas.rig.registry import shipped

LINES = [
    {"framing": "fixed", "checksum": "crc16"},
    {"framing": "cobs", "checksum": "crc32"},
    {"framing": "line", "checksum": "crc16", "format": "csv"},
]


@pytest.mark.parametrize("settings", LINES, ids=lambda settings: settings["framing"])
def test_no_answer_is_sooner_than_its_line_could_carry_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    with bench(tmp_path, **settings) as device:
        answered = device.ask(50)
        assert [sequence for *_, sequence in answered] == list(range(1, 51))
        for before, received, sequence in answered:
            times = device.link.wire_times([stimulus(device, sequence)], [answer(device, sequence)])
            assert received - before >= times.sent[0] + times.received[0]


def stimulus(device: Bench, value: int) -> bytes:
    signals = device.parts.writer.signals
    columns = [np.array([float(value)])] * 3
    return device.parts.writer.encode(Samples([*columns, np.array([False])], signals, origin=[1], sequence=[value]))


def answer(device: Bench, sequence: int) -> bytes:
    """Return an answer that is no longer than the real one."""
    zeros = [np.zeros(1)] * 3
    return device.parts.reader.encode(Samples(zeros, device.parts.reader.signals, origin=[1], sequence=[sequence]))


def test_a_stream_is_no_faster_than_its_line(tmp_path: Path) -> None:
    with bench(tmp_path) as device:
        device.ask(1)
        payloads = [stimulus(device, value) for value in range(2, 102)]
        times = device.link.wire_times(payloads, []).sent
        before = time.monotonic_ns()
        for payload in payloads:
            device.link.send(payload)
        stamps = [message[0] for _ in payloads if (message := device.hear(5)) is not None]
        assert len(stamps) == len(payloads)
        passed = np.cumsum(times)
        assert np.all(np.array(stamps) - before >= passed), "each answer waits for its own sample and for those before it"


def test_another_baud_rate_shows_as_garbage_and_gives_no_message(tmp_path: Path) -> None:
    with bench(tmp_path, heard_at=9600) as device:
        assert device.ask(5, within=0.2) == []
        device.fault("noise 200")
        assert device.hear(0.3) is None
        faults = device.link.wire_faults()
        assert faults["garbage"] > 100
        assert faults["resyncs"] >= 1


@pytest.mark.parametrize("settings", LINES, ids=lambda settings: settings["framing"])
@pytest.mark.parametrize("words", ["noise 30", "lose 5", "reboot 0.2"])
def test_what_goes_wrong_on_the_way_back_is_counted_and_survived(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with bench(tmp_path, **settings) as device:
        assert len(device.ask(5)) == 5
        device.fault(words)
        time.sleep(0.3)
        device.ask(3, within=0.5)
        assert [sequence for *_, sequence in device.ask(5, within=0.5)] == list(range(9, 14))
        faults = device.link.wire_faults()
        assert faults["garbage"] > 0
        assert faults["resyncs"] + faults["checksum"] > 0


@pytest.mark.parametrize("words", ["noise-in 30", "lose-in 5", "stall 0.2"])
def test_a_device_finds_its_way_back_after_damage_on_the_way_there(tmp_path: Path, words: str) -> None:
    with bench(tmp_path) as device:
        assert len(device.ask(5)) == 5
        device.fault(words)
        time.sleep(0.1)
        device.ask(3, within=0.5)
        assert [sequence for *_, sequence in device.ask(5, within=0.5)] == list(range(9, 14))


def test_a_device_that_vanishes_is_told_and_serves_again_when_it_is_back(tmp_path: Path) -> None:
    with bench(tmp_path) as device:
        assert len(device.ask(5)) == 5
        device.fault("vanish 0.3")
        with pytest.raises(LinkError, match="went away while it was in use"):
            device.hear(5)
        device.link.wait_connected(5000 * ms)
        with contextlib.suppress(LinkError):
            device.link.receive()
        assert len(device.ask(5)) == 5


# as a user of pytest sees it


def mine(pytester: pytest.Pytester, text: str, test: str) -> None:
    folder = pytester.path / "rigs"
    folder.mkdir()
    (folder / "mine.toml").write_text(text)
    pytester.makepyfile(
        f"from pytest_villas import generate\nfrom pytest_villas.errors import EncodeError\nimport pytest\n\n{test}"
    )


FAULT = """
    [rig]
    extends = "pty"
    [launch]
    command = ["{{python}}", "{device}", "run", "{{config}}", "--fault", "{fault}"]
    [limits]
    loss = {loss}
"""
REPLAYS = """
def test_it(rig):
    run = rig.replay(generate.three_phase(rate=500, duration=2))
    assert len(run.wire.rig) > 0
    run.check()

def test_next(rig):
    assert rig.replay(generate.three_phase(rate=500, duration=1)).delivery.received > 400
"""


def faulty(fault: str, loss: int = 0) -> str:
    return FAULT.format(device=shipped("rigs") / "pty_device.py", fault=fault, loss=loss)


def test_a_device_that_is_unplugged_in_the_middle_breaks_the_rig_and_keeps_the_capture(pytester: pytest.Pytester) -> None:
    mine(pytester, faulty("0.7 vanish 60"), REPLAYS)
    result = pytester.runpytest_subprocess("--rig=mine", "-rs")
    assert result.ret == 10
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*rig 'mine': */port went away while it was in use*was it unplugged*what was captured until then is in *"]
    )
    assert any(pytester.path.glob(".villas/runs/*test_it*/capture.npz"))
    assert wait_until(lambda: standing_in(pytester.path) == {}, 10)


def test_noise_is_reported_where_it_was_and_fails_no_more_than_what_it_hit(pytester: pytest.Pytester) -> None:
    mine(pytester, faulty("0.7 noise 20", loss=2), REPLAYS)
    result = pytester.runpytest_subprocess("--rig=mine")
    result.stdout.fnmatch_lines(
        ["*  wire      p50 * to the rig, * back, at 460800 baud 8N1*", "*  rig alone p50 *", "*  on wire   *bytes of garbage*"]
    )
    result.assert_outcomes(passed=2)


def test_a_device_that_reboots_in_the_middle_costs_what_it_missed(pytester: pytest.Pytester) -> None:
    mine(pytester, faulty("0.7 reboot 0.1"), REPLAYS)
    result = pytester.runpytest_subprocess("--rig=mine")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAIL: lost <= 0*"])


def test_a_stimulus_that_does_not_fit_is_refused_with_the_rate_that_does(pytester: pytest.Pytester) -> None:
    mine(
        pytester,
        '[rig]\nextends = "pty"\n[link]\nbaudrate = 115200',
        """
def test_it(rig):
    with pytest.raises(EncodeError, match=r"at 1000 Hz it has 1 ms for each sample, and each of its frames takes 2.78 ms "
                       r".115200 baud 8N1.; the highest rate that fits is 360 Hz"):
        rig.replay(generate.three_phase(rate=1000, duration=1))
    assert rig.replay(generate.three_phase(rate=360, duration=1)).delivery.received > 300
""",
    )
    pytester.runpytest_subprocess("--rig=mine").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("/dev/ttyNOWHERE", "*rig 'mine': /dev/ttyNOWHERE: no such port*villas-rig scan lists the ports*"),
        ("socket://127.0.0.1:1", "*rig 'mine': socket://127.0.0.1:1 cannot be opened*is the server running*"),
    ],
)
def test_a_port_that_is_not_there_is_a_broken_rig(pytester: pytest.Pytester, port: str, message: str) -> None:
    mine(pytester, f"[link]\nkind = 'serial'\nport = '{port}'\nsignals = '3f'", REPLAYS)
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == 10
    result.stdout.fnmatch_lines([message])


def test_formats_that_do_not_fit_are_a_usage_error(pytester: pytest.Pytester) -> None:
    mine(pytester, "[link]\nkind = 'serial'\nport = '/dev/ttyS0'\nformat = 'raw'\nsignals = '3f'", REPLAYS)
    result = pytester.runpytest_subprocess("--rig=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mine.toml: link.framing: 'line' cannot carry raw*"])
