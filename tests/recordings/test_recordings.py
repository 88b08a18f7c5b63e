"""Recordings are opened as what they say, saved in VILLASnode's layouts, and refused where they are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.strategies import NUMBERS, assert_same, some_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType, recordings
from pytest_villas.errors import ConfigError, DecodeError, EncodeError, SignalError

F, I, B, C = SignalType.FLOAT, SignalType.INTEGER, SignalType.BOOLEAN, SignalType.COMPLEX  # noqa: E741 (the letters of "2f1i")
TENTHS = {
    **NUMBERS,
    F: st.integers(-(2**53), 2**53).map(lambda n: n / 1024),
    C: st.integers(-(2**23), 2**23).map(lambda n: n / 1024),
}
FIELDS = ("origin", "sequence", "length")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_bytes(text.encode())
    return folder / name


@pytest.mark.parametrize(
    ("suffix", "fields"),
    [
        ("csv", (*FIELDS, "received")),
        ("tsv", (*FIELDS, "received")),
        ("human", (*FIELDS, "new_frame")),
        ("jsonl", (*FIELDS, "received", "new_frame", "new_simulation")),
        ("npz", (*FIELDS, "received", "new_frame", "new_simulation")),
    ],
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_saved_is_opened(
    suffix: str, fields: tuple[str, ...], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recordings") / f"some.{suffix}"
    samples = data.draw(some_samples(received=True, numbers=TENTHS))
    recordings.save(path, samples)
    opened = recordings.open(path, signals=samples.signals)
    assert opened.signals == samples.signals
    assert_same(opened, samples, *fields)
    if suffix == "human":  # seven digits of the offset
        present = samples.received != NO_TIME
        assert np.array_equal(opened.received != NO_TIME, present)
        offset = (samples.received - samples.origin)[present]
        assert np.all(np.abs(opened.received[present] - samples.received[present]) <= 5.1e-7 * offset)
    recordings.save(path, opened)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@settings(max_examples=40, deadline=None)
@given(samples=some_samples(received=True, numbers=TENTHS, types=(F, I, C), shorter=False, least=1))
def test_names_units_and_types_are_told_from_the_file(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("recordings")
    for suffix in ("csv", "tsv", "human", "npz"):
        recordings.save(folder / f"some.{suffix}", samples)
        assert recordings.open(folder / f"some.{suffix}").signals == samples.signals
    recordings.save(folder / "some.json", samples)
    assert [s.type for s in recordings.open(folder / "some.json").signals] == [s.type for s in samples.signals]


def test_npz_keeps_everything(tmp_path: Path) -> None:
    signals = [Signal("a,b", "V[", F, 1.5), Signal("", "", I, 7), Signal("\n", "", B, init=True), Signal("z", "", C, 1 - 2j)]
    nan = np.array([0xFFF8_0000_0000_1234], np.uint64).view(np.float64)
    samples = Samples([nan, [2**63 - 1], [True], np.array([1e-30 - 5j], np.complex64)], signals, sequence=[2**62], received=[5])
    recordings.save(tmp_path / "x.npz", samples)
    opened = recordings.open(tmp_path / "x.npz")
    assert opened.signals == samples.signals
    assert [type(s.init) for s in opened.signals] == [float, int, bool, complex]
    for a, b in zip(opened, samples, strict=True):
        assert a.tobytes() == b.tobytes()
    assert_same(opened, samples, "origin", "received", "sequence", "new_frame", "new_simulation", "length")
    assert recordings.open(tmp_path / "x.npz", signals="1f1i1i1c").signals[2].type is I


@pytest.mark.parametrize(
    ("text", "received", "sequence"),
    [
        ("# secs,nsecs,offset,sequence,va[kV],n\n1,5,0.000000007,3,1.5,-2\n", 1_000_000_012, 3),
        ("# secs,nsecs,sequence,va[kV],n\n1,5,3,1.5,-2\n", NO_TIME, 3),
        ("secs,nsecs,sequence,va[kV],n\r\n1,5,3,1.5,-2\r\n", NO_TIME, 3),
        ("# made by hand\n\n# secs,nsecs,offset,sequence,va[kV],n\n1,5,nan,nan,1.5,-2\n", NO_TIME, NO_SEQUENCE),
    ],
)
def test_csv_with_a_header(text: str, received: int, sequence: int, tmp_path: Path) -> None:
    samples = recordings.open(written(tmp_path, "x.csv", text))
    assert samples.signals == (Signal("va", "kV", F), Signal("n", "", I))
    assert samples.origin.tolist() == [1_000_000_005]
    assert samples.received.tolist() == [received]
    assert samples.sequence.tolist() == [sequence]
    assert [column.tolist() for column in samples] == [[1.5], [-2]]


@pytest.mark.parametrize(
    ("text", "arguments", "received", "values"),
    [
        ("1,5,0.000000007,3,1.5\n", {}, 1_000_000_012, [1.5]),
        ("1,5,3,1.5\n", {}, NO_TIME, [1.5]),
        ("1,5,nan,3,1.5\n", {"signals": "1f"}, NO_TIME, [1.5]),
        ("1,5,nan,3,1.5\n", {"signals": "2f"}, NO_TIME, [3.0, 1.5]),
        ("1,5,nan,3,1.5\n", {"format": {"type": "csv", "offset": True}}, NO_TIME, [1.5]),
        ("1,5,nan,3,1.5\n", {"format": {"type": "csv", "offset": False}}, NO_TIME, [3, 1.5]),
        ("a,b\n1,5,3,1.5\n", {"format": {"type": "csv", "skip_first_line": True}}, NO_TIME, [1.5]),
    ],
)
def test_csv_without_a_header(text: str, arguments: dict[str, Any], received: int, values: list[float], tmp_path: Path) -> None:
    samples = recordings.open(written(tmp_path, "x.csv", text), **arguments)
    assert samples.received.tolist() == [received]
    assert [column[0] for column in samples] == values
    assert samples.names == tuple(f"signal{i}" for i in range(len(values)))


def test_csv_that_cannot_be_told_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r'x.csv:2: .*format=\{"type": "csv", "offset": True\}'):
        recordings.open(written(tmp_path, "x.csv", "# nothing\n1,5,nan,3,1.5\n"))


def test_types_are_told_from_values(tmp_path: Path) -> None:
    text = "1.5(0)\t1\t1\t1\tnan\t1-2i\t007\n1.6(1)\t2\t2.0\t1e3\t1\t0.5\t-3\n"
    samples = recordings.open(written(tmp_path, "x.human", text))
    assert [s.type for s in samples.signals] == [I, F, F, F, C, I]
    assert samples[4].tolist() == [1 - 2j, 0.5]
    json = '{"data": [1, 1, true, {"real": 1.0, "imag": 2.0}]}\n{"data": [2, 2.5, false]}'
    samples = recordings.open(written(tmp_path, "x.jsonl", json))
    assert [s.type for s in samples.signals] == [I, F, B, C]
    assert samples[1].tolist() == [1.0, 2.5]


def test_declared_types_keep_the_names_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "x.human", "# seconds.nanoseconds+offset(sequence)\tv[0]\tclosed[pu]\n1.5(0)\t1\t1\n")
    assert recordings.open(path).signals == (Signal("v[0]", "", I), Signal("closed", "pu", I))
    assert recordings.open(path, signals="1f1b").signals == (Signal("v[0]", "", F), Signal("closed", "pu", B))
    assert recordings.open(path, signals=[{"name": "x"}, {"name": "y"}]).names == ("x", "y")
    with pytest.raises(SignalError, match=r"x\.human: the header has 2 signals"):
        recordings.open(path, signals="3f")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.csv", "# secs,nsecs,sequence,va\n1,5,0,1.5\n\n# note\n1,6,1,oops\n", r"x.csv:5: signal 'va': 'oops' is no number"),
        ("x.csv", "# secs,nsecs,sequence,va\n1,5,0,1.5\n1,6,1,1.5,2\n", r"x.csv:3: 5 fields"),
        ("x.csv", "1,5,0,1.5\n1,6,1,1.", r"x.csv:2: the last line has no end"),
        ("x.human", "1.5(0)\t1.5\n1.5(x)\t1.5\n", r"x.human:2: '1.5\(x\)' is no head"),
        ("x.human", "1.5(0)\t1.5\n1.5(1)\t1.", r"x.human:2: the last line"),
        ("x.jsonl", '{"data": [1.5]}\n\n{"data": [1.5}\n', r"x.jsonl:3: json: "),
        ("x.jsonl", '{"data": [1.5]}\n{"data": [true]}\n', r"x.jsonl:2: .*declared float and got a boolean"),
        ("x.jsonl", '{"data": []}\n{"data": [], "ts": {"origin": [1, -1]}}\n', r"x.jsonl:2: .*no time stamp"),
        ("x.jsonl", '[{"data": []}]\n', r"x.jsonl:1"),
        ("x.npz", "PK", r"x\.npz: no recording"),
        ("x.npz", "", r"x\.npz: no recording"),
    ],
)
def test_a_broken_line_is_named(name: str, text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=reason):
        recordings.open(written(tmp_path, name, text))


def test_npz_of_somebody_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(DecodeError, match="no recording"):
        recordings.open(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", signals=np.array([{}], object))
    with pytest.raises(DecodeError, match="no recording"):
        recordings.open(tmp_path / "x.npz")


def test_suffixes_and_formats(tmp_path: Path) -> None:
    samples = Samples({"va": [1.5]}, sequence=[1], origin=[7])
    with pytest.raises(ConfigError, match=r"'.cvs' tells no format, did you mean '.csv'"):
        recordings.save(tmp_path / "x.cvs", samples)
    with pytest.raises(ConfigError, match=r"'villas\.binary' is none for recordings"):
        recordings.open(tmp_path / "x", format="villas.binary")
    with pytest.raises(ConfigError, match="unknown option"):
        recordings.save(tmp_path / "x.npz", samples, format={"type": "npz", "compact": True})
    with pytest.raises(ConfigError, match="an object a line"):
        recordings.save(tmp_path / "x.json", samples, format={"type": "json", "indent": 2})
    recordings.save(tmp_path / "x.dat", samples, format={"type": "csv", "separator": ";", "offset": False, "header": False})
    assert (tmp_path / "x.dat").read_bytes() == b"0;000000007;1;1.50000000000000000\n"
    with pytest.raises(OSError, match="nowhere"):
        recordings.open(tmp_path / "nowhere.csv")


def test_what_a_layout_cannot_say_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    received = Samples({"va": [1.5]}, received=[7])
    for name in ("x.csv", "x.human"):
        with pytest.raises(EncodeError, match="origin, which is absent"):
            recordings.save(tmp_path / name, received)
    with pytest.raises(EncodeError, match="separator"):
        recordings.save(tmp_path / "x.csv", Samples({"a,b": [1.5]}))
    with pytest.raises(EncodeError, match="nan"):
        recordings.save(tmp_path / "x.jsonl", Samples({"a": [np.nan]}))
    assert list(tmp_path.iterdir()) == []


def test_saving_replaces_and_an_empty_recording_stays_empty(tmp_path: Path) -> None:
    empty = Samples([np.empty(0), np.empty(0, np.int64)], [Signal("a", "V"), Signal("n", "", I)])
    for suffix in ("csv", "tsv", "human", "jsonl", "npz"):
        path = tmp_path / f"x.{suffix}"
        recordings.save(path, Samples({"a": [1.5]}, sequence=[1]))
        recordings.save(path, empty)
        opened = recordings.open(path, signals=empty.signals)
        assert (len(opened), opened.signals) == (0, empty.signals)


def test_offsets_are_exact_in_csv(tmp_path: Path) -> None:
    origin = np.array([0, 1_700_000_000_000_000_000, 5, 10**18 + 1], np.int64)
    received = np.array([1_700_000_000_123_456_789, 1_700_000_000_000_000_001, 3, 1], np.int64)
    recordings.save(tmp_path / "x.csv", Samples({"a": [0.0] * 4}, origin=origin, received=received))
    assert recordings.open(tmp_path / "x.csv").received.tolist() == received.tolist()
