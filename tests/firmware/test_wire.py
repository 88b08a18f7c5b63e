"""The firmware's parser, compiled for this machine with every check that the compiler has, fed with what no device should send."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import parts
import pytest
from firmware.frames import LONGEST, accepted, framed, message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_villas.rig.registry import shipped

HERE = Path(__file__).parent
SOURCES = shipped("rigs") / "firmware"

payloads = st.builds(
    message,
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(width=32), max_size=4),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
    time=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
lying = st.builds(
    lambda payload, count: framed(payload[:2] + struct.pack(">H", count) + payload[4:]), payloads, st.integers(0, 65535)
)
other_kind = st.builds(lambda payload, kind: framed(bytes([kind]) + payload[1:]), payloads, st.integers(0, 255))
changed = st.builds(
    lambda frame, at, byte: frame[: at % len(frame)] + bytes([byte]) + frame[at % len(frame) + 1 :],
    payloads.map(framed), st.integers(0, LONGEST), st.integers(0, 255),
)  # fmt: skip
cut = st.builds(lambda frame, at: frame[: at % len(frame)], payloads.map(framed), st.integers(0, LONGEST))
long = st.builds(lambda byte, count: bytes([byte]) * count, st.integers(1, 255), st.integers(LONGEST - 3, 1000))
streams = st.lists(st.one_of(payloads.map(framed), lying, other_kind, changed, cut, long, st.binary().map(framed), st.binary()))


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = parts.program("gcc", "gcc")
    program = tmp_path_factory.mktemp("wire") / "wire"
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"]
    sources = [str(HERE / "wire_host.c"), str(SOURCES / "wire.c")]
    subprocess.run([compiler, "-g", "-O1", *checks, "-I", str(SOURCES), "-o", str(program), *sources], check=True)
    return program


def said(parser: Path, stream: bytes) -> tuple[bytes, int, int]:
    """Return the frames that it writes, and how many it accepted and rejected."""
    done = subprocess.run([parser], input=stream, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    yes, no = map(int, done.stderr.split())
    return done.stdout, yes, no


def without_source(payload: bytes) -> bytes:
    return payload[:1] + b"\0" + payload[2:]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(streams)
def test_of_any_stream_exactly_the_sound_frames_are_accepted(parser: Path, pieces: list[bytes]) -> None:
    stream = b"".join(pieces) + b"\0"
    expected = [framed(without_source(payload)) for payload in accepted(stream)]
    written, yes, no = said(parser, stream)
    assert written == b"".join(expected)
    assert yes == len(expected)
    assert yes + no == sum(bool(chunk) for chunk in stream.split(b"\0"))


def test_megabytes_of_noise_are_survived(parser: Path) -> None:
    noise = random.Random(0).randbytes(8_000_000)
    good = framed(message(7, [1.5], [-3]))
    written, yes, no = said(parser, noise + b"\0" + good)
    assert written == good
    assert yes == 1
    assert no > 20_000
