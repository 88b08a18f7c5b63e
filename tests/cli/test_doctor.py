"""`villas-rig doctor` says of each thing that keeps a rig from working what it is, and what to do about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import parts
import pytest
from cable import Cable
from cli.commands import Done, villas_rig
from pty_bench import device

from pytest_villas.rig.doctor import Finding, Heard
from pytest_villas.rig.link_sections import DirectionSection, SerialSection


def rig_file(folder: Path, section: SerialSection, **settings: Any) -> Path:
    """Write the rig file of a device, with other settings than it has."""
    link = msgspec.to_builtins(msgspec.structs.replace(section, **settings))
    path = folder / "mine.toml"
    path.write_bytes(msgspec.toml.encode({"rig": {"description": "a device"}, "link": without_none(link)}))
    return path


def without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: without_none(item) if isinstance(item, dict) else item for key, item in table.items() if item is not None}


def lines(done: Done) -> str:
    return done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("name", ["loopback", "sim", "pty"])
def test_a_shipped_rig_works(tmp_path: Path, name: str) -> None:
    done = villas_rig(tmp_path, "doctor", name)
    assert done.returncode == 0, lines(done)
    assert "ok: the link is open" in lines(done)
    assert "problem" not in lines(done)


def test_a_device_that_answers_the_probe_is_heard(tmp_path: Path) -> None:
    with device(tmp_path) as section:
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, section))
    assert done.returncode == 0
    assert "ok: 1 message came within 1 s after a sample at rest was sent" in lines(done)
    assert "note: no low-latency mode in this driver" in lines(done)


def test_no_probe_is_sent_where_the_file_does_not_allow_it(tmp_path: Path) -> None:
    with device(tmp_path) as section:
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, section, probe=False))
    assert done.returncode == 0
    assert "note: nothing came within 1 s\n    that is right for a rig that only answers: link.probe = true lets" in lines(done)


def test_a_wrong_baud_rate_is_garbage_and_the_right_one_is_found(tmp_path: Path) -> None:
    with device(tmp_path, "--chatter") as section:
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, section, baudrate=57_600))
    assert done.returncode == 1
    assert "problem: no sound frame came within 1 s, but" in lines(done)
    assert "the baud rate is wrong, or the framing" in lines(done)
    assert "set link.baudrate = 115200" in lines(done)


def test_messages_that_are_not_what_the_file_says_are_told(tmp_path: Path) -> None:
    with device(tmp_path, "--chatter", framing="cobs") as section:
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, section, output=DirectionSection(signals="2f")))
    assert done.returncode == 1
    assert "messages within 1 s are no raw of 2 signals: raw: 24 bytes" in lines(done)
    assert "compare format and signals (of `out`" in lines(done)


def test_nothing_at_the_other_end_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        section = SerialSection(port=str(cable.ends[0]), signals="3f", probe=True)
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, section))
    assert done.returncode == 1
    assert "problem: nothing came within 1 s after a sample at rest was sent" in lines(done)
    assert "is the board powered, its firmware running, TX connected to RX" in lines(done)


def test_a_port_that_is_missing_or_busy_is_told(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, SerialSection(port="/dev/ttyNOWHERE", signals="3f")))
    assert done.returncode == 1
    assert "problem: /dev/ttyNOWHERE: no such port" in lines(done)
    with Cable(tmp_path) as cable:
        holder = subprocess.Popen(
            [sys.executable, "-c", f"import serial; s = serial.Serial({str(cable.ends[0])!r}, exclusive=True); print(1, flush=True); input()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        done = villas_rig(tmp_path, "doctor", rig_file(tmp_path, SerialSection(port=str(cable.ends[0]), signals="3f")))
        holder.communicate(b"\n")
    assert done.returncode == 1
    assert f"is in use by process {holder.pid}" in lines(done)


def test_a_rig_that_dies_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    folder = tmp_path / "rigs"
    folder.mkdir()
    (folder / "mine.toml").write_text(
        '[rig]\nextends = "pty"\n[launch]\ncommand = ["sh", "-c", "echo no licence found; exit 7", "{port}"]'
    )
    done = villas_rig(tmp_path, "doctor", "mine")
    assert done.returncode == 1
    assert "problem: rig 'mine': its process ended with status 7" in lines(done)
    assert "no licence found" in lines(done)


def test_a_publisher_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text(
        f'nodes = {{ a = {{ type = "nanomsg", out = {{ endpoints = "tcp://127.0.0.1:{parts.free_port()}" }}, in = {{ endpoints = [] }} }} }}'
    )
    path = tmp_path / "mine.toml"
    path.write_text('[link]\nconfig = "one.conf"\nnode = "a"\nconnect_timeout = "100 ms"')
    done = villas_rig(tmp_path, "doctor", path)
    assert done.returncode == 1
    assert "problem: 0 of 1 publishers answered" in lines(done)


def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    done = villas_rig(tmp_path, "doctor", "nobody")
    assert done.returncode == 2
    assert b"no rig 'nobody'" in done.stderr
    (tmp_path / "mine.toml").write_text("[rig]\nextends = 3\n")
    done = villas_rig(tmp_path, "doctor", tmp_path / "mine.toml")
    assert done.returncode == 2
    assert b"rig.extends is 3" in done.stderr


def test_what_the_driver_counts_is_told() -> None:
    from pytest_villas.rig.doctor import _judged  # noqa: PLC0415 - a pty has no driver that counts
    from pytest_villas.rig.face import face  # noqa: PLC0415
    from pytest_villas.rig.file import RigFile  # noqa: PLC0415

    file = RigFile(link=SerialSection(port="/dev/ttyUSB0", signals="3f"))
    ours = face(file.link, Path("/dev/null"))
    findings: list[Finding] = list(_judged(Heard([], {"garbage": 40, "framing": 17}, 10**9), ours, file))
    assert "40 bytes of garbage, 17 framing by the count of the driver: the baud rate is wrong" in findings[0].what
