"""The data of a COMTRADE recording, checked before the library scales them.

The library (0.2.0) fills the samples that a cut file lacks with zeros, does not see that ` 99999` is a missing value or a
blank one is (1999 and later), looks for another missing FLOAT32 than the standard's, and takes any integer for a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import DecodeError
from pytest_villas.recordings.comtrade_files import text
from pytest_villas.samples import Int64s

WIDTHS = {"BINARY": 2, "BINARY32": 4, "FLOAT32": 4}
"""Bytes of an analog value in the binary layouts."""
NO_STAMP = 0xFFFF_FFFF
"""A time stamp that is not there."""
_NO_FLOAT32 = np.finfo(np.float32).min


@dataclass(frozen=True, slots=True)
class Data:
    """n samples of m analog channels.

    Attributes:
        numbers: shape (n,), the numbers of the samples.
        stamps: shape (n,), in units of the time base; `NO_STAMP` where absent.
        missing: shape (m, n), analog values that are not there, beside those that the library knows.
        content: what the library is to read.
    """

    numbers: Int64s
    stamps: npt.NDArray[np.float64]
    missing: npt.NDArray[np.bool_]
    content: str | bytes


def read_ascii(path: Path, content: bytes, config: Any) -> Data:
    """Read lines of numbers; DecodeError names the first wrong one."""
    analog, width = config.analog_count, 2 + config.analog_count + config.status_count
    blank = "" if config.rev_year == "1991" else "99999"
    rows: list[list[str]] = []
    for number, line in enumerate(text(content).split("\n"), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == width + 1 and not cells[-1]:
            cells.pop()
        if len(cells) != width:
            raise DecodeError(f"{path}: line {number} of the data has {len(cells)} columns, and the configuration wants {width}")
        if set(cells[2 + analog :]) - {"0", "1"}:
            raise DecodeError(f"{path}: line {number} of the data has a state that is neither 0 nor 1")
        cells[2 : 2 + analog] = [cell or blank for cell in cells[2 : 2 + analog]]
        rows.append(cells)
    try:
        numbers = np.array([int(row[0]) for row in rows], np.int64)
        stamps = np.array([float(row[1] or NO_STAMP) for row in rows], np.float64)
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"{path}: number or time stamp of a sample: {error}") from None
    return Data(numbers, stamps, np.zeros((analog, len(rows)), np.bool_), "\n".join(map(",".join, rows)))


def read_binary(path: Path, content: bytes, config: Any) -> Data:
    """Read records; DecodeError where the last one is cut."""
    layout, analog = config.ft.upper(), config.analog_count
    size = 8 + WIDTHS[layout] * analog + 2 * -(-config.status_count // 16)
    if len(content) % size:
        raise DecodeError(f"{path}: {len(content)} bytes of data are no whole samples of {size}: the data are cut off")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    missing = np.zeros((analog, len(records)), np.bool_)
    if layout == "FLOAT32":
        missing = (_field(records, 8, 4 * analog, "<f4") == _NO_FLOAT32).T
    numbers, stamps = _field(records, 0, 4, "<u4").ravel(), _field(records, 4, 4, "<u4").ravel()
    return Data(numbers.astype(np.int64), stamps.astype(np.float64), missing, content)


def _field(records: npt.NDArray[np.uint8], at: int, size: int, kind: str) -> npt.NDArray[Any]:
    return np.ascontiguousarray(records[:, at : at + size]).view(kind)
