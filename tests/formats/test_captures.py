"""What a real VILLASnode sent is read as what it meant, and written back to the same bytes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from formats.captures import FOLDER, Case, cases

from pytest_villas import formats, recordings
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, signals_of

CASES = cases()
FLOAT32 = ("villas.binary", "villas.web", "raw", "gtnet")
FIXED_POINT = ("csv", "tsv", "villas.human", "value")


def codec_of(case: Case) -> formats.Codec:
    if case.name.startswith("protobuf"):
        pytest.importorskip("google.protobuf")
    return formats.codec(case.format, case.signals)


def value_of(cell: Any, name: str) -> Any:
    """Return a reference value as precisely as the format can say it."""
    if isinstance(cell, dict):
        return np.complex64(complex(cell["real"], cell["imag"]))
    if isinstance(cell, float) and name in FLOAT32:
        return float(np.float32(cell))
    return float(f"{cell:.17f}") if isinstance(cell, float) and name in FIXED_POINT else cell


def test_every_case_is_here() -> None:
    assert len(CASES) == 23
    assert {case.name for case in CASES} >= {
        "json",
        "csv-types",
        "villas.human",
        "villas.web",
        "protobuf-types",
        "pipe-vec4-json",
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_written_back_to_the_same_bytes(case: Case) -> None:
    codec = codec_of(case)
    decoded = codec.decode_many(case.payloads)
    assert decoded.rejected == ()
    per_message = len(decoded.samples) // len(case.payloads)
    assert codec.encode_many(decoded.samples, per_message) == case.payloads
    for payload in case.payloads:
        assert codec.encode(codec.decode(payload)) == payload


@pytest.mark.parametrize("case", [case for case in CASES if case.reference.exists()], ids=lambda case: case.name)
def test_read_as_what_the_file_node_wrote(case: Case) -> None:
    codec = codec_of(case)
    samples = codec.decode_many(case.payloads).samples
    reference = {line["sequence"]: line for line in map(json.loads, case.reference.read_text().splitlines())}
    compared = 0
    for i in range(len(samples)):
        got = [column[i].item() for column in samples]
        if samples.sequence[i] == NO_SEQUENCE:  # a format without stamps: found by its values
            matching = [ref for ref in reference.values() if [value_of(v, codec.name) for v in ref["data"]] == got]
            assert len(matching) == 1
        else:
            line = reference[int(samples.sequence[i])]
            assert got == [value_of(cell, codec.name) for cell in line["data"]]
            if samples.origin[i] != NO_TIME:
                seconds, nanoseconds = line["ts"]["origin"]
                tick = 1_000_000 if codec.name == "json.kafka" else 1
                assert samples.origin[i] // tick == (seconds * 1_000_000_000 + nanoseconds) // tick
        compared += 1
    assert compared == len(case.payloads)


def test_hard_numbers_from_a_pipe() -> None:
    payload = (FOLDER / "pipe-vec4-json-0.bin").read_bytes()
    samples = formats.codec("json", signals="3f").decode(payload)
    assert samples.length.tolist() == [3, 3, 3, 0]
    assert samples.sequence.tolist() == [100, 101, 102, 4294967297]
    assert samples[1].tolist()[1:3] == [1e-300, 1e39]
    assert np.signbit(samples[2][2])
    assert np.isnan(samples[0][3])


@pytest.mark.parametrize("suffix", ["human", "jsonl"])
@pytest.mark.parametrize("name", [case.name for case in CASES if case.reference.exists()])
def test_recordings_of_the_file_node_are_saved_as_they_were(name: str, suffix: str, tmp_path: Any) -> None:
    original = FOLDER / f"{name}.ref.{suffix}"
    recordings.save(tmp_path / f"copy.{suffix}", recordings.open(original))
    assert (tmp_path / f"copy.{suffix}").read_bytes() == original.read_bytes()


def test_both_references_of_a_case_say_the_same() -> None:
    for case in CASES:
        if not case.reference.exists():
            continue
        lines = recordings.open(case.reference, signals=signals_of(case.signals))
        human = recordings.open(FOLDER / f"{case.name}.ref.human", signals=signals_of(case.signals))
        assert np.array_equal(lines.origin, human.origin)
        assert np.array_equal(lines.sequence, human.sequence)
        for a, b in zip(lines, human, strict=True):
            assert np.allclose(a, b, rtol=0, atol=1e-16)
