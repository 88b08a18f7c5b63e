"""The files of a COMTRADE recording as text and bytes, and what is read from them here instead of by the library.

The library (0.2.0) keeps a start to the microsecond only, takes `95` for the year 95, ignores the zone of the 2013 edition,
fills samples that a cut file lacks with zeros, and drops the last line of a `.cff` that has no end.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from pytest_villas.errors import DecodeError

_SECTION = re.compile(
    rb"^--- *file type: *([A-Za-z]+)(?: +([A-Za-z0-9]+))?(?: *: *(\d+))? *---[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE
)
_STAMP = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2}) *, *(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,12}))?")
_ZONE = re.compile(r"([-+]?)(\d{1,2})(?:h(\d{1,2}))?t?", re.IGNORECASE)
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_PIVOT = 70


def split(path: Path, content: bytes) -> tuple[str, bytes]:
    """Return the text of the configuration and the bytes of the data, from a `.cff`, or a `.cfg` with its `.dat`."""
    if _SECTION.match(content.lstrip()):
        return _sections(path, content)
    beside = [each for each in path.parent.glob("*") if each.stem == path.stem and each.suffix.lower() == ".dat"]
    if not beside:
        raise DecodeError(f"{path}: no {path.stem}.dat beside it, which has the values")
    return text(content), beside[0].read_bytes()


def text(content: bytes) -> str:
    """Decode UTF-8, and what older recorders write; ends of lines and of files are made one."""
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        decoded = content.decode("latin-1")
    return decoded.replace("\r\n", "\n").replace("\r", "\n").replace("\x1a", "")


def _sections(path: Path, content: bytes) -> tuple[str, bytes]:
    config: bytes | None = None
    position = 0
    while header := _SECTION.search(content, position):
        kind, layout, size = header[1].upper(), (header[2] or b"").upper(), header[3]
        following = _SECTION.search(content, header.end())
        end = following.start() if following else len(content)
        if kind == b"CFG":
            config = content[header.end() : end]
        elif kind == b"DAT":
            if config is None:
                raise DecodeError(f"{path}: the data come before the configuration")
            if layout != b"ASCII":
                end = len(content) if size is None else header.end() + int(size)
            if end > len(content):
                raise DecodeError(f"{path}: cut off: the data are {size.decode()} bytes, and {len(content) - header.end()} are there")
            return text(config), content[header.end() : end]
        position = header.end()
    raise DecodeError(f"{path}: no section with {'data' if config is not None else 'a configuration'}")


def start_ns(path: Path, line: str, number: int, *, american: bool, zone: str) -> int:
    """Return the time of the first sample in ns since the Unix epoch; 0 where the date is left blank.

    The 1991 edition (`american`) has mm/dd/yy, the others dd/mm/yyyy. `zone` is the time_code of the 2013 edition, such as
    `-5h30`: the offset of the stamp from UTC. Without one the stamp counts as UTC.
    """
    stamp = line.strip()
    if not stamp.strip(", ") or re.match(r"0+/0+/0+", stamp):
        return 0
    match = _STAMP.fullmatch(stamp)
    try:
        if match is None:
            raise ValueError("is no date and time")
        first, second, year, hour, minute = (int(match[i]) for i in range(1, 6))
        month, day = (first, second) if american else (second, first)
        if len(match[3]) == 2:
            year += 1900 if year >= _PIVOT else 2000
        days = datetime.date(year, month, day).toordinal() - _EPOCH
        if hour > 23 or minute > 59 or int(match[6]) > 60:
            raise ValueError("is no time of day")
    except ValueError as error:
        order = "mm/dd/yyyy" if american else "dd/mm/yyyy"
        raise DecodeError(f"{path}:{number}: {stamp!r}: {error}; it has to be {order},hh:mm:ss.ssssss") from None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + int(match[6]) - _zone_seconds(path, zone)
    nanoseconds = seconds * 1_000_000_000 + int((match[7] or "")[:9].ljust(9, "0"))
    if abs(nanoseconds) >= 2**62:
        raise DecodeError(f"{path}:{number}: {stamp!r} is too far from 1970")
    return nanoseconds


def _zone_seconds(path: Path, zone: str) -> int:
    if not zone or zone.lower() == "x":
        return 0
    match = _ZONE.fullmatch(zone)
    if match is None:
        raise DecodeError(f"{path}: time_code {zone!r} is no offset from UTC such as -5 or +5h30")
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return -seconds if match[1] == "-" else seconds


def table(path: Path, data: bytes, analog: int, status: int, missing: str) -> tuple[list[list[str]], list[int]]:
    """Return the cells of ASCII data, blank analog values marked as `missing`, and the number of each line."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    width = 2 + analog + status
    for number, line in enumerate(text(data).split("\n"), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == width + 1 and not cells[-1]:
            cells.pop()
        if len(cells) != width:
            raise DecodeError(f"{_dat(path)}:{number}: {len(cells)} columns: a number, a time, {analog} values and {status} bits are {width}")
        _check_bits(path, cells[2 + analog :], number)
        cells[2 : 2 + analog] = [cell or missing for cell in cells[2 : 2 + analog]]
        rows.append(cells)
        numbers.append(number)
    return rows, numbers


def _check_bits(path: Path, cells: Sequence[str], number: int) -> None:
    for cell in cells:
        if cell not in ("0", "1"):
            raise DecodeError(f"{_dat(path)}:{number}: {cell!r} is no state: 0 or 1")


def _dat(path: Path) -> Path:
    return path if path.suffix.lower() == ".cff" else path.with_suffix(".dat")
