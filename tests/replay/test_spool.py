"""What a spool takes is in its file, whole and in order, and its memory does not grow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.replay.spool import PIECE, Spool


def memory(pieces: int) -> memoryview:
    """Return the memory of so many pieces."""
    return memoryview(bytearray(pieces * PIECE))


SIZES = st.lists(st.one_of(st.integers(0, 200), st.integers(PIECE - 20, PIECE + 20), st.just(5 * PIECE)), max_size=60)


@given(SIZES)
def test_everything_is_in_the_file_in_order(sizes: list[int]) -> None:
    parts = [i.to_bytes(4, "big") * (size // 4) + b"x" * (size % 4) for i, size in enumerate(sizes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        spool = Spool(path, memory(2))
        for part in parts:
            spool.append(part)
        spool.close()
        assert path.read_bytes() == b"".join(parts)


def test_what_its_memory_holds_does_not_touch_the_file_and_the_rest_goes_there_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    spool = Spool(path, memory(4))
    written = []
    for _ in range(100):
        for _ in range(64):
            spool.append(bytes(PIECE // 64))
        written.append(path.stat().st_size)
    spool.close()
    assert written[:4] == [0, 0, 0, 0]
    assert all(0 <= (i + 1) * PIECE - size <= 4 * PIECE for i, size in enumerate(written))
    assert path.stat().st_size == 100 * PIECE


def test_where_it_cannot_be_written_it_is_kept_in_memory_and_the_reason_is_said(tmp_path: Path) -> None:
    part = bytes(range(256)) * 16
    for path, reason in ((Path("/dev/full"), "No space left on device"), (tmp_path / "nowhere" / "file", "No such file")):
        spool = Spool(path, memory(2))
        for _ in range(100):
            spool.append(part)
        spool.close()
        assert reason in spool.trouble
        assert spool.content() == part * 100


def test_its_content_is_what_is_in_the_file_where_there_was_no_trouble(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "file", memory(2))
    for i in range(10):
        spool.append(bytes([i]) * PIECE)
    spool.close()
    assert not spool.trouble
    assert spool.content() == (tmp_path / "file").read_bytes()
