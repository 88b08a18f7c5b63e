"""A broken recording is refused by an error that names the file, whatever is broken in it, or read without a warning."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import parts
import pytest
from formats.fuzzing import limited, mutate
from scipy.io import savemat

from pytest_villas import Samples, Signal, SignalType, recordings
from pytest_villas.errors import ConfigError, DecodeError, SignalError

TIMES = 400
SLOW = {"mat": 15}  # each in a process of its own
SAMPLES = Samples(
    [np.array([1.5, -2.25, 3e9]), np.array([1, -2, 3]), np.array([0.5 - 2j, 1, 2j], np.complex64)],
    [Signal("va", "V"), Signal("n", "", SignalType.INTEGER), Signal("z", "", SignalType.COMPLEX)],
    origin=np.array([0, 1, 2]) + 1_700_000_000_000_000_000,
    received=np.array([5, 6, 7]) + 1_700_000_000_000_000_000,
    sequence=[1, 2, 3],
    new_frame=[True, False, False],
)


def saved(suffix: str) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        recordings.save(folder / f"good.{suffix}", SAMPLES)
        return (folder / f"good.{suffix}").read_bytes()

    return make


def matlab(folder: Path) -> bytes:
    savemat(folder / "good.mat", {"t": np.arange(3) / 8, "va": SAMPLES[0], "run": {"time": np.arange(3.0), "z": SAMPLES[2]}})
    return (folder / "good.mat").read_bytes()


def comtrade(_folder: Path) -> bytes:
    parts.module("comtrade", "comtrade")
    return (
        b"--- file type: CFG ---\r\nS,D,2013\r\n3,2A,1D\r\n1,VA,A,,kV,0.5,1,0,-9,9,110,0.1,P\r\n2,IA,A,,A,0.25,0,0,-9,9,5,1,S\r\n"
        b"1,T,,,0\r\n50\r\n2\r\n1000,2\r\n500,3\r\n02/01/2024,10:34:56.123456\r\n02/01/2024,10:34:56.2\r\nASCII\r\n1\r\n-5h30,0\r\n4,3\r\n"
        b"--- file type: DAT ASCII ---\r\n1,0,5,-7,1\r\n2,1000,6,,0\r\n3,3000,7,9,1\r\n"
    )


def comtrade_binary(_folder: Path) -> bytes:
    text = comtrade(_folder).replace(b"ASCII\r\n1", b"FLOAT32\r\n1").partition(b"--- file type: DAT")[0]
    rows = np.zeros(3, [("n", "<u4"), ("t", "<u4"), ("v", "<f4", (2,)), ("s", "<u2")])
    rows["n"] = [1, 2, 3]
    return text + b"--- file type: DAT FLOAT32: 54 ---\r\n" + rows.tobytes()


MAKERS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    **{suffix: (suffix, saved(suffix)) for suffix in ("csv", "tsv", "human", "jsonl", "npz")},
    "mat": ("mat", matlab),
    "comtrade": ("cff", comtrade),
    "comtrade binary": ("cff", comtrade_binary),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_broken_file_is_refused_by_name_or_read(kind: str, tmp_path: Path) -> None:
    suffix, make = MAKERS[kind]
    good = make(tmp_path)
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(good)
    assert len(recordings.open(path)) == 3
    generator = random.Random(kind)
    refused, times = 0, SLOW.get(kind, TIMES)
    for _ in range(times):
        content = bytearray(good)
        mutate(content, [good], generator)
        path.write_bytes(content)
        try:
            with limited(20):
                recordings.open(path)
        except (DecodeError, SignalError, ConfigError) as error:
            refused += 1
            assert f"broken.{suffix}" in str(error), content  # noqa: PT017 (either outcome is right)
    assert times > refused > times // 10


@pytest.mark.parametrize("suffix", ["csv", "tsv", "human", "jsonl"])
def test_a_byte_order_mark_is_skipped(suffix: str, tmp_path: Path) -> None:
    good = saved(suffix)(tmp_path)
    (tmp_path / f"marked.{suffix}").write_bytes(b"\xef\xbb\xbf" + good)
    plain, marked = (recordings.open(tmp_path / f"{name}.{suffix}") for name in ("good", "marked"))
    assert marked.names == plain.names
    assert all(np.array_equal(one, other) for one, other in zip(plain.columns, marked.columns, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("junk.npz", b"junk", "junk.npz: no recording that was saved here: it is no zip archive"),
        ("junk.npz", pickle.dumps([1, 2]), "junk.npz: no recording that was saved here: it is no zip archive"),
        ("junk.cff", b"junk", "junk.cff: no section of COMTRADE in it: a .cff begins with a line such as '--- file type: CFG"),
        ("junk.cfg", b"junk", "junk.cfg: no configuration of COMTRADE: line 2 has to be the number of channels"),
        ("junk.cfg", b"a\n1,1A,x\n", "line 2 has to be the number of channels, of analog and of status ones, as in 6,4A,2D"),
        ("junk.cfg", b"a,b,1999\n1,1A,0D\n1,x\n50\n", "after its 1 analog and 0 status channels there have to be the frequency"),
    ],
)
def test_what_is_no_recording_is_told_as_that(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    if name.startswith("junk.c"):
        parts.module("comtrade", "comtrade")
    (tmp_path / "junk.dat").write_bytes(b"") if name == "junk.cfg" else None
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        recordings.open(tmp_path / name)
    assert message in str(caught.value)


def test_python_objects_are_not_loaded_and_nobody_is_told_how(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", signals=np.array([{}], object))
    with pytest.raises(DecodeError, match=r"objects.npz: .*: it has Python objects in it") as caught:
        recordings.open(tmp_path / "objects.npz")
    assert "allow_pickle" not in str(caught.value)


def test_a_matlab_file_that_kills_its_reader_is_refused(tmp_path: Path) -> None:
    good = matlab(tmp_path)
    doubles, unknown = b"\x09\0\0\0\x18\0\0\0", b"\x19\0\0\0\x18\0\0\0"  # a type of data that MATLAB has not
    (tmp_path / "broken.mat").write_bytes(good.replace(doubles, unknown))
    with pytest.raises(DecodeError, match=r"broken.mat: no MATLAB file that can be read: "):
        recordings.open(tmp_path / "broken.mat")


def test_what_kills_the_reader_of_matlab_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scipy").mkdir()
    (tmp_path / "scipy" / "__init__.py").write_text("import os; os.abort()")
    monkeypatch.syspath_prepend(tmp_path)
    matlab(tmp_path)
    with pytest.raises(DecodeError, match=r"good.mat: .* SciPy dies of it \(SIGABRT\)"):
        recordings.open(tmp_path / "good.mat")
