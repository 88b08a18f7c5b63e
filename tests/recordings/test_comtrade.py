"""COMTRADE recordings of all editions and layouts are opened as what they say, and refused where they are not whole."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import parts
import pytest

from pytest_villas import Samples, SignalType, recordings
from pytest_villas.errors import ConfigError, DecodeError, EncodeError

START = 1_704_191_696_123_456_000  # 2024-01-02 10:34:56.123456 UTC
RAW = [[100, -200, 32767], [-1, 0, 1]]
STATES = [[0, 1, 1], [1, 0, 1]]
CODES = {"BINARY": "h", "BINARY32": "i", "FLOAT32": "f"}


@pytest.fixture(autouse=True)
def library() -> None:
    parts.module("comtrade", "comtrade")


def config(
    layout: str = "ASCII",
    *,
    edition: str = ",1999",
    rates: str = "1\n1000,3",
    start: str = "02/01/2024,10:34:56.123456",
    tail: str = "1",
    analog: str = "1,VA,A,,kV,0.5,1,0,-32767,32767,110,0.1,P\n2,IA,A,,A,0.25,0,0,-32767,32767,600,5,S",
) -> str:
    count = len(analog.splitlines())
    return f"Station,Device{edition}\n{count + 2},{count}A,2D\n{analog}\n1,TRIP,,,0\n2,OPEN,,,1\n50\n{rates}\n{start}\n{start}\n{layout}\n{tail}\n"


def data(layout: str = "ASCII", stamps: tuple[int, ...] = (0, 1000, 2000)) -> bytes:
    rows = list(zip(stamps, *RAW, *STATES, strict=True))
    if layout == "ASCII":
        return "".join(",".join(map(str, (i, *row))) + "\r\n" for i, row in enumerate(rows, 1)).encode()
    code = f"<II2{CODES[layout]}H"
    return b"".join(struct.pack(code, i, stamp, a, b, c | d << 1) for i, (stamp, a, b, c, d) in enumerate(rows, 1))


def written(folder: Path, text: str, content: bytes, name: str = "fault.cfg") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="\r\n")
    (folder / name).with_suffix(".dat").write_bytes(content)
    return folder / name


def check(samples: Samples) -> None:
    assert samples["VA"].tolist() == [51.0, -99.0, 16384.5]
    assert samples["IA"].tolist() == [-0.25, 0.0, 0.25]
    assert samples["TRIP"].tolist() == [False, True, True]
    assert samples["OPEN"].tolist() == [True, False, True]
    assert [(s.unit, s.type) for s in samples.signals] == [
        ("kV", SignalType.FLOAT),
        ("A", SignalType.FLOAT),
        ("", SignalType.BOOLEAN),
        ("", SignalType.BOOLEAN),
    ]
    assert samples.sequence.tolist() == [1, 2, 3]


@pytest.mark.parametrize("layout", ["ASCII", *CODES])
def test_every_layout_gives_values_names_units_states_and_time(layout: str, tmp_path: Path) -> None:
    edition = ",2013" if layout in ("BINARY32", "FLOAT32") else ",1999"
    samples = recordings.open(written(tmp_path, config(layout, edition=edition), data(layout)))
    check(samples)
    assert samples.origin.tolist() == [START, START + 10**6, START + 2 * 10**6]


@pytest.mark.parametrize("layout", ["ASCII", *CODES])
@pytest.mark.parametrize("sized", [True, False])
def test_a_single_file_holds_all(layout: str, sized: bool, tmp_path: Path) -> None:
    content = data(layout).removesuffix(b"\r\n")  # the last line needs no end
    size = f": {len(content)}" if sized and layout != "ASCII" else ""
    head = f"--- file type: CFG ---\n{config(layout, edition=',2013')}--- file type: INF ---\n\n--- file type: HDR ---\nsome\n"
    path = tmp_path / "fault.CFF"
    path.write_bytes(head.replace("\n", "\r\n").encode() + f"--- file type: DAT {layout}{size} ---\r\n".encode() + content)
    check(recordings.open(path))


@pytest.mark.parametrize(
    ("edition", "start", "tail", "origin"),
    [
        (",1999", "02/01/2024,10:34:56.123456", "1", START),
        ("", "01/02/24,10:34:56.123456", "", START),
        ("", "01/02/2024,10:34:56.123456", "", START),
        ("", "06/15/95,00:00:00.5", "", 803_174_400_500_000_000),
        (",2013", "02/01/2024,10:34:56.123456789", "1\n0,0\n4,3", START + 789),
        (",2013", "02/01/2024,10:34:56.123456", "1\n-5h30,-5h30\nB,3", START + 19_800 * 10**9),
        (",2013", "02/01/2024,10:34:56.123456", "1\n+2,x\nB,3", START - 7_200 * 10**9),
        (",2013", "02/01/2024,10:34:56.123456", "1\nx,x\nB,3", START),
        (",1999", "02/01/2024,10:34:56", "1", START - 123_456_000),
        (",1999", "", "1", 0),
        (",1999", "00/00/0000,00:00:00.000000", "1", 0),
    ],
)
def test_the_start_is_kept(edition: str, start: str, tail: str, origin: int, tmp_path: Path) -> None:
    path = written(tmp_path, config(edition=edition, start=start, tail=tail), data())
    assert recordings.open(path).origin[0] == origin


def test_rates_follow_each_other(tmp_path: Path) -> None:
    path = written(tmp_path, config(rates="2\n1000,2\n3,3"), data())
    assert (recordings.open(path).origin - START).tolist() == [0, 1_000_000, 334_333_333]


@pytest.mark.parametrize("rates", ["0\n0,3", "1\n0,3"])
@pytest.mark.parametrize("layout", ["ASCII", "BINARY"])
def test_without_a_rate_the_stamps_count(rates: str, layout: str, tmp_path: Path) -> None:
    text = config(layout, rates=rates, tail="2.5")
    samples = recordings.open(written(tmp_path, text, data(layout, (40, 140, 1040))))
    assert (samples.origin - START).tolist() == [0, 250_000, 2_500_000]
    check(samples)
    nanoseconds = config(layout, rates=rates, start="02/01/2024,10:34:56.123456000")
    samples = recordings.open(written(tmp_path, nanoseconds, data(layout, (40, 140, 1040))))
    assert (samples.origin - START).tolist() == [0, 100, 1000]
    with pytest.raises(DecodeError, match="sample 2 has no time stamp"):
        recordings.open(written(tmp_path, text, data(layout, (0, 0xFFFF_FFFF, 5))))
    with pytest.raises(DecodeError, match="after sample 2 does not ascend"):
        recordings.open(written(tmp_path, text, data(layout, (0, 9, 5))))


def test_values_of_either_side_of_the_transformers(tmp_path: Path) -> None:
    path = written(tmp_path, config(), data())
    primary = recordings.open(path, format={"type": "comtrade", "values": "primary"})
    secondary = recordings.open(path, format={"type": "comtrade", "values": "secondary"})
    assert primary["VA"].tolist() == [51.0, -99.0, 16384.5]
    assert primary["IA"].tolist() == [-30.0, 0.0, 30.0]
    assert secondary["VA"] == pytest.approx([51 / 1100, -0.09, 16384.5 / 1100])
    assert secondary["IA"].tolist() == [-0.25, 0.0, 0.25]
    nameless = "1,VA,A,,kV,0.5,1,0,-32767,32767\n2,IA,A,,A,0.25,0,0,-32767,32767"
    with pytest.raises(DecodeError, match="'VA' does not say of which side"):
        recordings.open(written(tmp_path, config(analog=nameless), data()), format={"type": "comtrade", "values": "primary"})
    with pytest.raises(ConfigError, match="did you mean 'primary'"):
        recordings.open(path, format={"type": "comtrade", "values": "primry"})
    with pytest.raises(ConfigError, match="valeus: unknown option, did you mean 'values'"):
        recordings.open(path, format={"type": "comtrade", "valeus": "primary"})


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        ("ASCII", data().replace(b"-200", b" 99999")),
        ("ASCII", data().replace(b"-200", b"")),
        ("BINARY", data("BINARY").replace(struct.pack("<h", -200), struct.pack("<H", 0x8000))),
        ("BINARY32", data("BINARY32").replace(struct.pack("<i", -200), struct.pack("<I", 0x8000_0000))),
        ("FLOAT32", data("FLOAT32").replace(struct.pack("<f", -200), struct.pack("<I", 0xFF7F_FFFF))),
    ],
)
def test_a_missing_value_is_nan(layout: str, content: bytes, tmp_path: Path) -> None:
    samples = recordings.open(written(tmp_path, config(layout), content))
    assert np.isnan(samples["VA"]).tolist() == [False, True, False]
    assert samples["VA"][[0, 2]].tolist() == [51.0, 16384.5]


@pytest.mark.parametrize("layout", ["ASCII", *CODES])
def test_a_file_that_is_cut_off_is_refused(layout: str, tmp_path: Path) -> None:
    whole = data(layout)
    for end in range(len(whole) - 1):
        if whole[end:] != b"\r\n":
            with pytest.raises(DecodeError):
                recordings.open(written(tmp_path, config(layout), whole[:end]))
    extra = whole.splitlines(keepends=True)[0] if layout == "ASCII" else whole[: len(whole) // 3]
    with pytest.raises(DecodeError, match="4 samples in the data where the configuration has 3"):
        recordings.open(written(tmp_path, config(layout), whole + extra))


@pytest.mark.parametrize(
    ("text", "content", "reason"),
    [
        (config(), data().replace(b"2,1000", b"7,1000"), "samples are missing"),
        (config(), data().replace(b",1,0\r\n", b",1,2\r\n").replace(b"0,1\r\n", b"0,5\r\n"), "neither 0 nor 1"),
        (config(), data().replace(b"-200", b"-2OO"), "no data of COMTRADE"),
        (config(), data().replace(b"-200", b"-200,3"), "line 2 of the data has 7 columns"),
        (config("ASCI"), data(), "did you mean 'ASCII'"),
        (config(start="31/31/2024,10:34:56.1"), data(), "fault.cfg:10: '31/31/2024.*dd/mm/yyyy"),
        (config(start="02/01/2024 10:34:56"), data(), "fault.cfg:10: .* no date and time"),
        (config(edition=",2013", tail="1\nCET,0\nB,3"), data(), "time_code 'CET'"),
        (config(rates="2\n1000,3\n500,2"), data(), "have to ascend"),
        ("nothing", data(), "no configuration"),
        ("a,b,1999\n4,2A,2D\n", data(), "no configuration"),
    ],
)
def test_what_is_wrong_is_named(text: str, content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        recordings.open(written(tmp_path, text, content))
    assert "fault.cfg" in str(caught.value)


def test_names_of_older_recorders_and_those_that_are_there_twice(tmp_path: Path) -> None:
    analog = "1,U,A,,µV,0.5,1,0,-9,9,1,1,P\n2,U,B,,°,0.25,0,0,-9,9,1,1,P"
    path = tmp_path / "fault.cfg"
    path.write_bytes(config(analog=analog).encode("latin-1"))
    (tmp_path / "fault.DAT").write_bytes(data())
    samples = recordings.open(path)
    assert [(s.name, s.unit) for s in samples.signals[:2]] == [("U A", "µV"), ("U B", "°")]


def test_a_skew_is_told_of(tmp_path: Path) -> None:
    analog = "1,VA,A,,kV,0.5,1,12.5,-9,9,1,1,P\n2,IA,A,,A,0.25,0,0,-9,9,1,1,P"
    with pytest.warns(UserWarning, match=r"fault\.cfg: VA: the skew"):
        recordings.open(written(tmp_path, config(analog=analog), data()))


def test_it_is_read_only_and_needs_both_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"comtrade is read only; write one of .*csv.*npz"):
        recordings.save(tmp_path / "x.cfg", Samples({"a": [1.0]}))
    path = written(tmp_path, config(), data())
    path.with_suffix(".dat").unlink()
    with pytest.raises(DecodeError, match=r"no fault\.dat beside it"):
        recordings.open(path)


def test_what_is_opened_is_saved_in_other_layouts(tmp_path: Path) -> None:
    samples = recordings.open(written(tmp_path, config(), data()))
    for suffix in ("csv", "human", "npz", "jsonl"):
        recordings.save(tmp_path / f"x.{suffix}", samples)
        opened = recordings.open(tmp_path / f"x.{suffix}", signals="2f2b")
        assert [column.tolist() for column in opened] == [column.tolist() for column in samples]
        assert opened.origin.tolist() == samples.origin.tolist()
    with_gap = recordings.open(written(tmp_path, config(), data().replace(b"-200", b"")))
    with pytest.raises(EncodeError, match="nan"):
        recordings.save(tmp_path / "x.jsonl", with_gap)
