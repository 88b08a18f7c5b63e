"""Arrays, frames and MATLAB files become samples with their names, units, types and times, or are refused by name."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pytest_villas import NO_TIME, Samples, Signal, SignalType, recordings
from pytest_villas.errors import ConfigError, DecodeError, SignalError

DAY = 1_704_067_200_000_000_000  # 2024-01-01 UTC
T = np.array([0.0, 0.001, 0.0025])
TICKS = [0, 1_000_000, 2_500_000]


def kinds(samples: Samples) -> str:
    return "".join(signal.type.letter for signal in samples.signals)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_gives_names_units_types_and_time(library: str) -> None:
    frames: Any = importlib.import_module(library)
    data = {"time": T, "va[kV]": [1.5, 2.5, 3.5], "n": [1, 2, 3], "closed": [True, False, True]}
    samples = recordings.of(frames.DataFrame(data))
    assert [str(signal) for signal in samples.signals] == ["va[kV]", "n", "closed"]
    assert kinds(samples) == "fib"
    assert samples.origin.tolist() == TICKS
    assert [column.tolist() for column in samples] == [[1.5, 2.5, 3.5], [1, 2, 3], [True, False, True]]
    dates = np.array(TICKS, "timedelta64[ns]") + np.datetime64(DAY, "ns")
    assert recordings.of(frames.DataFrame({**data, "time": dates})).origin.tolist() == [DAY + tick for tick in TICKS]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("column", [[1, None, 3], [True, None, False], ["a", "b", "c"]])
def test_a_frame_with_what_no_signal_has_is_refused(library: str, column: list[Any]) -> None:
    frames: Any = importlib.import_module(library)
    if library == "pandas":
        column = frames.array(column, dtype={int: "Int64", bool: "boolean", str: "str"}[type(column[0])])
    with pytest.raises(SignalError, match="column 'x' is"):
        recordings.of(frames.DataFrame({"t": T, "x": column}))


def test_a_missing_float_is_nan() -> None:
    polars: Any = importlib.import_module("polars")
    assert np.isnan(recordings.of(polars.DataFrame({"x": [1.0, None]}))["x"]).tolist() == [False, True]


def test_a_pandas_index_of_dates_with_a_zone_is_the_time() -> None:
    pandas: Any = importlib.import_module("pandas")
    index = pandas.date_range("2024-01-01 01:00", periods=3, freq="1ms", tz="Europe/Berlin")
    samples = recordings.of(pandas.DataFrame({"va": T}, index=index))
    assert samples.origin.tolist() == [DAY, DAY + 10**6, DAY + 2 * 10**6]
    frame = pandas.DataFrame({"va": T}, index=pandas.to_timedelta(T, unit="s"))
    assert recordings.of(frame, start=DAY).origin.tolist() == [DAY + tick for tick in TICKS]
    assert recordings.of(pandas.DataFrame({"va": T})).origin.tolist() == [NO_TIME] * 3
    with pytest.raises(SignalError, match="a name twice"):
        recordings.of(pandas.DataFrame([[1.0, 2.0]], columns=["a", "a"]))


def test_frames_are_read_without_their_library() -> None:
    class Frame:
        columns = ("t", "x")

        def __getitem__(self, name: str) -> Any:
            return {"t": T, "x": T * 2}[name]

    assert recordings.of(Frame())["x"].tolist() == (T * 2).tolist()


@pytest.mark.parametrize(
    ("data", "arguments", "names", "origin"),
    [
        (np.ones((3, 2)), {"rate": "1 kHz"}, ("signal0", "signal1"), [0, 10**6, 2 * 10**6]),
        (np.ones(3), {"rate": 3, "start": 7}, ("signal0",), [7, 333_333_340, 666_666_674]),
        (np.ones((3, 1)), {"time": T, "signals": [{"name": "x", "unit": "V"}]}, ("x",), TICKS),
        (np.zeros((0, 2)), {"rate": 10}, ("signal0", "signal1"), []),
        ({"x": [1, 2], "when": [5, 9]}, {"time": "when", "start": 1}, ("x",), [6, 10]),
        ({"x": [1, 2]}, {}, ("x",), [NO_TIME, NO_TIME]),
        (np.array([(1.5, 2)], [("time", "f8"), ("v[V]", "i4")]), {}, ("v",), [1_500_000_000]),
        ({"x": [1.0], "t": [-0.25]}, {}, ("x",), [-250_000_000]),
    ],
)
def test_arrays(data: Any, arguments: dict[str, Any], names: tuple[str, ...], origin: list[int]) -> None:
    samples = recordings.of(data, **arguments)
    assert samples.names == names
    assert samples.origin.tolist() == origin


def test_declared_types_keep_names_and_units() -> None:
    samples = recordings.of({"a[V]": [1.0, 2.0], "b": [0, 1]}, signals="1i1b")
    assert samples.signals == (Signal("a", "V", SignalType.INTEGER), Signal("b", "", SignalType.BOOLEAN))
    with pytest.raises(SignalError, match="'a'"):
        recordings.of({"a[V]": [1.5]}, signals="1i")


@pytest.mark.parametrize(
    ("data", "arguments", "reason"),
    [
        ([1.0, 2.0], {}, "list holds no samples"),
        (np.ones((2, 2, 2)), {}, r"shape \(2, 2, 2\)"),
        ({"x": [1.0], "y": [1.0, 2.0]}, {}, "one n"),
        ({"x": [1.0]}, {"time": "tme"}, "no column 'tme'"),
        ({"x": [1.0], "t": [np.nan]}, {}, "that is no time"),
        ({"x": [1.0], "t": [np.inf]}, {}, "that is no time"),
        ({"x": [1.0], "t": ["now"]}, {}, "dates, durations, seconds"),
        ({"x": [1.0], "t": np.array(["3000-01-01"], "datetime64[s]")}, {}, "beyond the years"),
        ({"x": [1.0], "t": np.array([2**63], np.uint64)}, {}, "uint64"),
        ({"x": np.array([2**63], np.uint64)}, {}, "64 bits"),
        ({"x": [1e300 + 0j]}, {}, "two 32-bit floats"),
        ({"x": np.ma.masked_array([1.0, 2.0], [False, True])}, {}, "masked"),
        ({"x": [1.0, 2.0], "t": np.ma.masked_array([1.0, 2.0], [False, True])}, {}, "masked"),
        ({"x": np.array(["2024"], "datetime64[s]")}, {}, "give it as time="),
    ],
)
def test_what_is_no_signal_or_no_time_is_refused(data: Any, arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(SignalError, match=reason):
        recordings.of(data, **arguments)


def test_two_times_are_refused() -> None:
    with pytest.raises(ConfigError, match="both given"):
        recordings.of({"x": [1.0]}, time=[0], rate=1)


def saved(folder: Path, content: dict[str, Any], **options: Any) -> Path:
    savemat(folder / "x.mat", content, **options)
    return folder / "x.mat"


VECTORS = {"va": np.array([1.5, 2.5, 3.5]), "n": np.array([1, 2, 3], np.int32), "closed": np.array([True, False, True])}


@pytest.mark.parametrize("options", [{}, {"do_compression": True}, {"oned_as": "column"}])
def test_matlab_vectors_with_a_time(options: dict[str, Any], tmp_path: Path) -> None:
    samples = recordings.open(saved(tmp_path, {"t": T, "Fs": 1000.0, "title": "fault", **VECTORS}, **options))
    assert (samples.names, kinds(samples)) == (("va", "n", "closed"), "fib")
    assert samples.origin.tolist() == TICKS
    assert [column.tolist() for column in samples] == [column.tolist() for column in VECTORS.values()]


@pytest.mark.parametrize("one", [False, True])
def test_matlab_complex_numbers_keep_their_imaginary_part(one: bool, tmp_path: Path) -> None:
    # SciPy drops it where it is asked for MATLAB's own types
    z = np.array([0.5 - 2j, 1, 2j])[: 1 if one else 3]
    table = {"time": T[: z.size], "z": z, "narrow": z.astype(np.complex64), "on": z.real > 0, "matrix": np.stack([z, -z], axis=1)}
    for content in (table, {"run": table}):
        samples = recordings.open(saved(tmp_path, content))
        assert kinds(samples) == "ccbcc"
        assert samples["z"].tolist() == samples["narrow"].tolist() == samples["matrix0"].tolist() == z.tolist()
        assert samples["matrix1"].tolist() == (-z).tolist()


def test_matlab_version_4(tmp_path: Path) -> None:
    samples = recordings.open(saved(tmp_path, {"time": T, "va": VECTORS["va"], "z": VECTORS["va"] * 1j}, format="4"))
    assert kinds(samples) == "fc"
    assert samples["z"].tolist() == [1.5j, 2.5j, 3.5j]


def test_matlab_matrices_structs_and_units(tmp_path: Path) -> None:
    table = {"time": T, "v": np.arange(6.0).reshape(3, 2), "i": VECTORS["va"], "units": {"v": "kV", "i": "A"}}
    samples = recordings.open(saved(tmp_path, {"run": table, "note": "x"}))
    assert [str(signal) for signal in samples.signals] == ["v0[kV]", "v1[kV]", "i[A]"]
    assert samples["v1"].tolist() == [1.0, 3.0, 5.0]
    assert recordings.open(tmp_path / "x.mat", signals="3f").names == ("v0", "v1", "i")
    path = saved(tmp_path, {"a": table, "b": {**table, "i": VECTORS["va"] * 2}})
    with pytest.raises(DecodeError, match=r"several structs have a time.*'a', 'b'"):
        recordings.open(path)
    assert recordings.open(path, format={"type": "matlab", "variable": "b"})["i"].tolist() == [3.0, 5.0, 7.0]
    with pytest.raises(ConfigError, match="no struct 'c'"):
        recordings.open(path, format={"type": "matlab", "variable": "c"})


def test_simulink_structure_with_time(tmp_path: Path) -> None:
    signals = np.empty(2, object)
    signals[0] = {"values": VECTORS["va"][:, np.newaxis], "dimensions": 1.0, "label": "va", "blockName": "grid/Scope"}
    signals[1] = {"values": np.arange(6.0).reshape(3, 2), "dimensions": 2.0, "label": "", "blockName": "grid/abc"}
    samples = recordings.open(saved(tmp_path, {"ScopeData": {"time": T[:, np.newaxis], "signals": signals, "blockName": "s"}}))
    assert samples.names == ("va", "abc0", "abc1")
    assert samples.origin.tolist() == TICKS


def test_matlab_arrays_that_do_not_fit_the_time_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {"t": T, "va": VECTORS["va"], "filter": np.ones(7)})
    with pytest.raises(DecodeError, match=r"x\.mat: 'filter' has shape \(7,\) and 't' \(3,\).*'names'"):
        recordings.open(path)
    assert recordings.open(path, format={"type": "matlab", "names": ["va"]}).names == ("va",)
    with pytest.raises(ConfigError, match="no array 'vb', known are: filter, t, va"):
        recordings.open(path, format={"type": "matlab", "names": ["vb"]})
    with pytest.raises(ConfigError, match="tme: unknown option, did you mean 'time'"):
        recordings.open(path, format={"type": "matlab", "tme": "t"})
    with pytest.raises(DecodeError, match="no vector of time among va, clock: it is called one of time, t"):
        recordings.open(saved(tmp_path, {"va": T, "clock": T}))
    assert recordings.open(tmp_path / "x.mat", format={"type": "matlab", "time": "clock"}).origin.tolist() == TICKS


def test_matlab_7_3_and_other_files_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DecodeError, match=r"version 7\.3.*save\(name, '-v7'\)"):
        recordings.open(path)
    with pytest.raises(ConfigError, match="matlab is read only"):
        recordings.save(path, Samples({"a": [1.0]}))


def test_a_broken_matlab_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"t": T, "va": VECTORS["va"]}, do_compression=True)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    for end in range(0, len(whole), 31):
        path.write_bytes(whole[:end])
        with pytest.raises(DecodeError, match=r"x\.mat"):
            recordings.open(path)
    for _ in range(60):  # each in a process of its own
        broken = bytearray(whole)
        broken[generator.integers(128, len(whole))] ^= 1 << generator.integers(8)
        path.write_bytes(broken)
        try:
            recordings.open(path)
        except (DecodeError, SignalError) as error:
            assert "x.mat" in str(error)  # noqa: PT017 (a flipped bit of padding harms nothing)


def test_what_is_not_needed_is_not_imported() -> None:
    code = "import sys, pytest_villas.recordings as r; r.of({'x': [1.0]}); print(*{'scipy', 'comtrade', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\n"
