"""`villas-rig convert` says in one format what another one said, all of it, or says why it cannot."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.commands import program, villas_rig
from formats.strategies import assert_same

from pytest_villas import Samples, Signal, SignalType, recordings
from pytest_villas.cli import convert

F, I, B, C = SignalType  # noqa: E741 (the letters of "2f1i")
START = 1_700_000_000_000_000_000
COUNT = 5

# which types a format has, whether it has stamps, and whether a sequence
FORMATS: dict[str, tuple[str, bool, bool]] = {
    "csv": ("fibc", True, True),
    "tsv": ("fibc", True, True),
    "villas.human": ("fibc", True, True),
    "json": ("fibc", True, True),
    "npz": ("fibc", True, True),
    "villas.binary": ("fi", True, True),
    "villas.web": ("fi", True, True),
    "protobuf": ("fibc", True, True),
    "raw": ("fibc", False, False),
    '{"type": "raw", "bits": 64, "fake": true}': ("fibc", True, True),
    '{"type": "gtnet", "fake": true}': ("fibc", True, True),
    "gtnet": ("fibc", False, False),
    "opal.asyncip": ("fib", False, True),
    "json.kafka": ("fibc", True, True),
    "json.edgeflex": ("fibc", True, False),
    "json.reserve": ("f", True, True),
}
# which always carry stamps, and which always a sequence
STAMPED = ("villas.binary", "villas.web", "json.edgeflex", *(name for name in FORMATS if "fake" in name))
NUMBERED = ("villas.binary", "villas.web", "opal.asyncip", *(name for name in FORMATS if "fake" in name))
PAIRS = [
    (first, second)
    for first, second in itertools.product(FORMATS, repeat=2)
    if (FORMATS[first][1] or second not in STAMPED) and (FORMATS[first][2] or second not in NUMBERED)
]


def samples_of(kinds: str) -> Samples:
    """Values and stamps that every format has room for: 24 bits, whole milliseconds."""
    columns = {
        "f": np.arange(COUNT) * 0.25 - 1,
        "i": np.arange(COUNT) * 7 - 3,
        "b": np.arange(COUNT) % 2 == 1,
        "c": (np.arange(COUNT) * 0.5 - 1j).astype(np.complex64),
    }
    signals = [Signal(f"s{kind}", "V", {k.letter: k for k in SignalType}[kind]) for kind in kinds]
    origin = START + np.arange(COUNT) * 1_000_000_000
    return Samples([columns[kind] for kind in kinds], signals, origin=origin, sequence=np.arange(COUNT) + 7)


def run(*arguments: str | Path) -> None:
    assert convert.main([str(argument) for argument in arguments]) == 0


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_every_pair_of_formats_gives_back_what_it_was_given(first: str, second: str, tmp_path: Path) -> None:
    if "protobuf" in (first, second):
        pytest.importorskip("google.protobuf")
    kinds = "".join(kind for kind in FORMATS[first][0] if kind in FORMATS[second][0])
    samples = samples_of(kinds)
    types = json.dumps([{"name": s.name, "unit": s.unit, "type": s.type.value} for s in samples.signals])
    recordings.save(tmp_path / "a.npz", samples)
    run(tmp_path / "a.npz", tmp_path / "b", "-o", first)
    run(tmp_path / "b", tmp_path / "c", "-t", types, "-i", first, "-o", second)
    run(tmp_path / "c", tmp_path / "d.npz", "-i", second, "-t", types)
    opened = recordings.open(tmp_path / "d.npz")
    assert opened.signals == samples.signals
    stamps = (["origin"] if FORMATS[first][1] and FORMATS[second][1] else []) + (
        ["sequence"] if FORMATS[first][2] and FORMATS[second][2] else []
    )
    assert_same(opened, samples, "length", *stamps)


HUMAN = b"# seconds.nanoseconds+offset(sequence)\tva[V]\tn\n1700000000.000000005(7)\t1.50000000000000000\t-2\n"


def test_standard_input_becomes_standard_output(tmp_path: Path) -> None:
    done = program(tmp_path, "convert", "-o", "csv", stdin=HUMAN)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"# secs,nsecs,offset,sequence,va[V],n\n1700000000,000000005,nan,7,1.50000000000000000,-2\n"
    assert program(tmp_path, "convert", "-i", "csv", stdin=done.stdout).stdout == HUMAN
    assert list(tmp_path.iterdir()) == []


def test_npz_goes_through_a_pipe(tmp_path: Path) -> None:
    packed = program(tmp_path, "convert", "-o", "npz", stdin=HUMAN)
    assert program(tmp_path, "convert", "-i", "npz", stdin=packed.stdout).stdout == HUMAN


def test_files_are_known_by_their_suffix_wherever_options_stand(tmp_path: Path) -> None:
    (tmp_path / "a.human").write_bytes(HUMAN)
    (tmp_path / "a.dat").write_bytes(HUMAN)  # as VILLASnode's own examples call it
    assert villas_rig(tmp_path, "convert", "a.human", "a.csv").returncode == 0
    assert villas_rig(tmp_path, "convert", "a.dat", "-o", '{"type": "csv", "separator": ";"}', "b.csv").returncode == 0
    assert (tmp_path / "a.csv").read_bytes().replace(b",", b";") == (tmp_path / "b.csv").read_bytes()
    recordings.save(tmp_path / "x.npz", recordings.open(tmp_path / "a.human"))
    assert villas_rig(tmp_path, "convert", "x.npz", "-").stdout == HUMAN


def test_binary_input_is_not_cut(tmp_path: Path) -> None:
    count = 20_000
    numbers = np.arange(count)
    samples = Samples([numbers * 0.5], [Signal("va")], origin=START + numbers, sequence=numbers)
    recordings.save(tmp_path / "a.npz", samples)
    for setting in ("villas.binary", "opal.asyncip", "protobuf", "raw", "value"):
        if setting == "protobuf":
            pytest.importorskip("google.protobuf")
        run(tmp_path / "a.npz", tmp_path / "b", "-o", setting)
        run(tmp_path / "b", tmp_path / "c.npz", "-i", setting, "-t", "1f")
        assert np.array_equal(recordings.open(tmp_path / "c.npz")[0], samples["va"]), setting


def test_without_types_there_are_64_floats_of_which_those_are_kept_that_came(tmp_path: Path) -> None:
    samples = Samples([[1.5], [2.5]], "2f", origin=[START], sequence=[3])
    recordings.save(tmp_path / "a.npz", samples)
    packed = villas_rig(tmp_path, "convert", "a.npz", "-o", "villas.binary").stdout
    done = villas_rig(tmp_path, "convert", "-i", "villas.binary", "-o", "csv", stdin=packed)
    assert done.stdout.splitlines()[0] == b"# secs,nsecs,offset,sequence,signal0,signal1"


def test_an_empty_input_stays_empty(tmp_path: Path) -> None:
    for setting in ("villas.human", "csv", "json", "villas.binary", "json.kafka"):
        done = villas_rig(tmp_path, "convert", "-i", setting, "-o", "json")
        assert (done.returncode, done.stdout) == (0, b""), setting
        assert done.stderr == b"villas-rig convert: stdin: has no samples\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (("-i", "raw"), b"1234", b"stdin: raw does not say where a sample ends: give the types of its values with -t"),
        (("-i", "raw", "-t", "2f"), b"123456", b"stdin: raw: 6 bytes are no whole samples of 8"),
        (("-i", "csv"), b"# secs,nsecs,sequence,a\n1,2,3,x\n", b"stdin:2: signal 'a': 'x' is no number"),
        (("-i", "villas.binary"), b"\x20\x00\x00", b"stdin: villas.binary: 3 bytes"),
        (("-i", "json.kafka", "-t", "1f"), b'[{"payload": {}}]\n[{"payload": 1}]\n', b"stdin: line 2: json.kafka: "),
        (("-i", "json.kafka"), b'[{"payload": {"va": 1.5}}]', b"none of its names is one of signal0"),
        (("-i", "jsn"), b"", b"'jsn': unknown, did you mean 'json'?"),
        (("-i", '{"type": "csv"'), b"", b"is no JSON"),
        (("-t", "2x"), HUMAN, b"signals '2x'"),
        (("-t", "99999999999f"), HUMAN, b"signals '99999999999f': 65535 signals are the most"),
        (("-o", "villas.binary", "-i", "json"), b'{"data": [1.5]}\n', b"no origin"),
        (("-o", "raw", "-i", "json"), b'{"data": [1.5, 2.5]}\n{"data": [1.5]}\n', b"raw: sample 1 has 1 of 2 values"),
        (("-o", "matlab"), HUMAN, b"stdout: matlab is read only; write one of csv"),
        (("-", "x.cfg"), HUMAN, b"x.cfg: comtrade is read only"),
        (("nowhere.csv",), b"", b"villas-rig convert: nowhere.csv: No such file"),
        ((".",), b"", b".: is a folder, and not a recording"),
        (("-x",), b"", b"usage: villas-rig convert"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], stdin: bytes, reason: bytes, tmp_path: Path
) -> None:
    done = villas_rig(tmp_path, "convert", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_signals_may_be_given_as_json(tmp_path: Path) -> None:
    content = b'[{"payload": {"timestamp": 1700000000000, "sequence": 3, "va": 1.5}}]\n'
    done = villas_rig(tmp_path, "convert", "-i", "json.kafka", "-t", '[{"name": "va", "unit": "V"}]', stdin=content)
    assert done.stdout == (b"# seconds.nanoseconds+offset(sequence)\tva[V]\n1700000000.000000000(3)\t1.50000000000000000\n")


def test_messages_of_a_wire_are_json_too(tmp_path: Path) -> None:
    lines = b'{"sequence": 1, "data": [1.5]}\n{"sequence": 2, "data": [2.5]}\n'
    for content in (
        b'[{"sequence": 1, "data": [1.5]}, {"sequence": 2, "data": [2.5]}]',
        b"[%s]\n[%s]\n" % tuple(lines.splitlines()),
    ):
        done = villas_rig(tmp_path, "convert", "-i", "json", "-o", "json", stdin=content)
        assert (done.returncode, done.stdout) == (0, lines)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    numbers = np.arange(50_000)
    recordings.save(tmp_path / "a.npz", Samples([numbers * 0.5], origin=numbers, sequence=numbers))
    path = Path(sys.executable).with_name("villas-rig")
    with subprocess.Popen([path, "convert", "a.npz"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.read(10)
        done.stdout.close()
        assert done.stderr.read() == b""
    assert done.returncode == 141
