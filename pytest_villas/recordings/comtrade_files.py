"""The files of a COMTRADE recording, and when it starts.

The library (0.2.0) keeps a start to the microsecond only, takes `95` for the year 95, passes over the offset from UTC of the
2013 edition, wants a fraction of the seconds and UTF-8, takes no rate of 0, and drops the last line of a `.cff` that has no end.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from pytest_villas.errors import DecodeError

_SECTION = re.compile(
    rb"^--- *file type: *([A-Za-z]+)(?: +([A-Za-z0-9]+))?(?: *: *(\d+))? *---[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE
)
_STAMP = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2}) *, *(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,12}))?")
_ZONE = re.compile(r"([-+]?)(\d{1,2})(?:h(\d{1,2}))?t?", re.IGNORECASE)
_PIVOT = 70
_ANY_DATE = "01/01/2000,00:00:00.000000"
_MOST_SECONDS = 4_000_000_000


def split(path: Path, content: bytes) -> tuple[str, bytes]:
    """Return the text of the configuration and the bytes of the data, from a `.cff`, or a `.cfg` with its `.dat`."""
    if _SECTION.match(content.lstrip()):
        return _sections(path, content)
    beside = [each for each in path.parent.glob("*") if each.stem == path.stem and each.suffix.lower() == ".dat"]
    if not beside and path.suffix.lower() == ".cff":
        raise DecodeError(f"{path}: no section of COMTRADE in it: a .cff begins with a line such as '--- file type: CFG ---'")
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
                raise DecodeError(
                    f"{path}: cut off: the data are {size.decode()} bytes, and {len(content) - header.end()} are there"
                )
            return text(config), content[header.end() : end]
        position = header.end()
    raise DecodeError(f"{path}: no section with {'data' if config is not None else 'a configuration'}")


@dataclass(frozen=True, slots=True)
class Config:
    """The text of a configuration.

    Attributes:
        start: time of the first sample, ns since the Unix epoch; 0 where the date is left blank.
        tick: the unit of time stamps, ns.
        text: what the library is to read: with other dates, and without rates that are 0.
    """

    start: int
    tick: int
    text: str


def read_config(path: Path, text: str) -> Config:
    """Find the dates in a configuration; DecodeError where it has none."""
    lines = text.split("\n")
    try:
        analog, status = (int(cell.strip()[:-1]) for cell in lines[1].split(",")[1:3])
        rates = 3 + analog + status  # after station, counts, channels and frequency
        first = rates + 1 + max(int(lines[rates]), 1)
        stamped = any(float(line.split(",")[0]) == 0 for line in lines[rates + 1 : first])
        edition = [*lines[0].split(","), "", ""][2].strip() or "1991"
        # after start, trigger, type of the data and multiplier of the stamps
        zone = lines[first + 4].partition(",")[0].strip() if edition == "2013" and len(lines) > first + 4 else ""
        start, trigger = lines[first : first + 2]
    except (ValueError, IndexError):
        raise DecodeError(f"{path}: no configuration of COMTRADE: {_lacking(lines)}") from None
    american = edition == "1991"
    origin = _start_ns(path, start.strip(), first + 1, american=american) - _zone_seconds(path, zone) * 1_000_000_000
    tick = 1 if any(len(stamp.strip().partition(".")[2]) > 6 for stamp in (start, trigger)) else 1000
    lines[first : first + 2] = [_ANY_DATE, _ANY_DATE]
    if stamped:
        lines[rates:first] = ["0", lines[first - 1]]
    return Config(origin, tick, "\n".join(lines))


def _lacking(lines: list[str]) -> str:
    """Say which line before the dates is not what it has to be, or that lines are missing."""
    counts = [cell.strip()[:-1] for cell in lines[1].split(",")] if len(lines) > 1 else []
    if len(counts) < 3 or not all(cell.isdecimal() for cell in counts[1:3]):
        return "line 2 has to be the number of channels, of analog and of status ones, as in 6,4A,2D"
    return (
        f"after its {counts[1]} analog and {counts[2]} status channels there have to be the frequency, the number of rates, "
        "a line with two numbers for each rate, and two dates: a line is missing, or wrong"
    )


def _start_ns(path: Path, stamp: str, number: int, *, american: bool) -> int:
    """Read a date: mm/dd/yy in the 1991 edition (`american`), dd/mm/yyyy in the others. 0 where it is left blank."""
    if not stamp.strip(", ") or re.match(r"0+/0+/0+", stamp):
        return 0
    order = "mm/dd/yyyy" if american else "dd/mm/yyyy"
    match = _STAMP.fullmatch(stamp)
    if match is None:
        raise DecodeError(f"{path}:{number}: {stamp!r} is no date and time {order},hh:mm:ss.ssssss")
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    if len(match[3]) == 2:
        year += 1900 if year >= _PIVOT else 2000
    month, day = (first, second) if american else (second, first)
    try:
        moment = dt.datetime(year, month, day, int(match[4]), int(match[5]), int(match[6]), tzinfo=dt.UTC)
    except ValueError as error:
        raise DecodeError(f"{path}:{number}: {stamp!r}: {error}; it has to be {order},hh:mm:ss.ssssss") from None
    seconds = int(moment.timestamp())
    if abs(seconds) >= _MOST_SECONDS:
        raise DecodeError(f"{path}:{number}: {stamp!r} is too far from 1970")
    return seconds * 1_000_000_000 + int((match[7] or "")[:9].ljust(9, "0"))


def _zone_seconds(path: Path, zone: str) -> int:
    """Read the time_code of the 2013 edition, the offset of its dates from UTC; without one they count as UTC."""
    if not zone or zone.lower() == "x":
        return 0
    match = _ZONE.fullmatch(zone)
    if match is None:
        raise DecodeError(f"{path}: time_code {zone!r} is no offset from UTC such as -5 or +5h30")
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return -seconds if match[1] == "-" else seconds
