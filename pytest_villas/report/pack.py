"""The acceptance pack: a session with its raw captures in one zip, and a list of hashes by which anybody can check it.

================  =======================================================================================
`report.html`     the page, `session.json` the same as data
`runs/NAME/`      each run: stimulus, response, raw capture, reference, floor, limits and verdicts
`pack.json`       format, version, when it was made and with what, and the size of each file
`SHA256SUMS`      the hash of each of these files; `sha256sum -c SHA256SUMS` checks them without this package
`ACCEPTANCE.txt`  what came out, the hash of `SHA256SUMS`, and the lines to sign
================  =======================================================================================
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Final, Literal

import msgspec

from pytest_villas.errors import ConfigError
from pytest_villas.report.page import html
from pytest_villas.report.record import Record, SessionRecord
from pytest_villas.report.table import verdict_of

VERSION: Final = 1
SUMS, ABOUT, SIGNED = "SHA256SUMS", "pack.json", "ACCEPTANCE.txt"
_LONGEST_LIST: Final = 16 << 20
_CHUNK: Final = 1 << 20
_LINE: Final = re.compile(r"([0-9a-f]{64})  (.+)")


class About(Record, frozen=True, kw_only=True):
    """What a pack says of itself; `files` holds the size of each file that is hashed, but for its own."""

    format: Literal["pytest-villas.pack"] = "pytest-villas.pack"
    version: int = VERSION
    made: int
    packages: dict[str, str]
    files: dict[str, int]


def build(session: SessionRecord, root: Path, path: Path) -> None:
    """Write a pack. `root` is what the folders of runs are relative to.

    Raises ConfigError where it would say what is not so: for a session that was impaired, for a run whose files are gone or are
    not those that were judged, and for a file that is there already. Raises OSError where it cannot be written.
    """
    if path.exists():
        raise ConfigError(f"{path}: is there already; a pack is not overwritten: choose another name")
    runs = [run for test in session.tests for run in test.runs]
    if session.impaired or any(run.impaired for run in runs):
        raise ConfigError("the session was impaired: no run of it speaks for its rig, so there is nothing to accept")
    if not runs:
        raise ConfigError("the session has no run: there is nothing to accept")
    contents: dict[str, Path | bytes] = {
        "report.html": html.render(session, root).encode(),
        "session.json": msgspec.json.format(msgspec.json.encode(session), indent=2),
    }
    for run in runs:
        contents |= {f"runs/{Path(run.folder).name}/{file.name}": file for file in _judged(root / run.folder, run.hashes)}
    sizes = {name: _size(source) for name, source in contents.items()}
    about = About(made=time.time_ns(), packages=session.environment.packages, files=sizes)
    contents[ABOUT] = msgspec.json.format(msgspec.json.encode(about), indent=2)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
                sums = "".join(f"{_stored(pack, name, source)}  {name}\n" for name, source in sorted(contents.items()))
                pack.writestr(SUMS, sums)
                pack.writestr(SIGNED, _to_sign(session, hashlib.sha256(sums.encode()).hexdigest()))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def verify(path: Path) -> list[str]:
    """Return what is wrong with a pack: a line for each file that is missing, extra, changed or cut, and for what it says.

    Nothing is unpacked, and no more of a file is read than its size in the list. Raises ConfigError, with path and version, for a
    file that is no pack, and for one of a later version.
    """
    try:
        with zipfile.ZipFile(path) as pack:
            return list(_problems(path, pack))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(f"{path}: is damaged, or no pack: {error}") from None


def _problems(path: Path, pack: zipfile.ZipFile) -> Iterator[str]:
    members = Counter(info.filename for info in pack.infolist())
    about = _about(path, pack)
    sums = _sums(path, pack)
    for name, count in members.items():
        if not _is_plain(name):
            yield f"{name!r}: is no name of a file in a pack"
        elif count > 1:
            yield f"{name}: is there {count} times"
        elif name not in sums and name not in {SUMS, SIGNED}:
            yield f"{name}: is not in {SUMS}: extra"
    for info in pack.infolist():
        if stat.S_ISLNK(info.external_attr >> 16):
            yield f"{info.filename}: is a link"
    for name in sorted(about.files.keys() - sums.keys()):
        yield f"{name}: is in {ABOUT} and not in {SUMS}"
    for name, wanted in sums.items():
        if members[name] == 0:
            yield f"{name}: missing"
        elif members[name] == 1:
            yield from _compared(pack, name, wanted, about.files.get(name, _LONGEST_LIST if name == ABOUT else None))
    whole = hashlib.sha256(_short(path, pack, SUMS)).hexdigest()
    if members[SIGNED] == 0:
        yield f"{SIGNED}: missing"
    elif whole not in _short(path, pack, SIGNED).decode(errors="replace"):
        yield f"{SIGNED}: names another hash than that of {SUMS}"


def _compared(pack: zipfile.ZipFile, name: str, wanted: str, size: int | None) -> Iterator[str]:
    if size is None:
        yield f"{name}: is in {SUMS} and not in {ABOUT}"
        return
    try:
        with pack.open(name) as file:
            digest, length = _digest(file, size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        yield f"{name}: damaged: {error}"
        return
    if name != ABOUT and length < size:
        yield f"{name}: cut: {length} of {size} bytes"
    elif length > size:
        yield f"{name}: longer than {size} bytes"
    elif digest != wanted:
        yield f"{name}: changed"


def _digest(file: IO[bytes], most: int) -> tuple[str, int]:
    """Return hash and length of a file, of which at most one byte more than `most` is read."""
    digest, length = hashlib.sha256(), 0
    while chunk := file.read(min(_CHUNK, most + 1 - length)):
        digest.update(chunk)
        length += len(chunk)
    return digest.hexdigest(), length


def _about(path: Path, pack: zipfile.ZipFile) -> About:
    content = _short(path, pack, ABOUT)
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.format != "pytest-villas.pack":
            raise ConfigError(f"{path}: is no pack: its format is {head.format!r}")
        if head.version > VERSION:
            raise ConfigError(f"{path}: is a pack of version {head.version}, and this pytest-villas reads up to {VERSION}")
        return msgspec.json.decode(content, type=About)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {ABOUT} is damaged: {error}") from None


class _Head(msgspec.Struct):
    format: str
    version: int


def _sums(path: Path, pack: zipfile.ZipFile) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(_short(path, pack, SUMS).decode(errors="replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise ConfigError(f"{path}: {SUMS}, line {number}: is no hash of a file, or one of a file that has one")
        found[match[2]] = match[1]
    return found


def _short(path: Path, pack: zipfile.ZipFile, name: str) -> bytes:
    """Read one of the files that say what is in the pack."""
    try:
        with pack.open(name) as file:
            content = file.read(_LONGEST_LIST + 1)
    except KeyError:
        raise ConfigError(f"{path}: is no pack: {name} is missing") from None
    if len(content) > _LONGEST_LIST:
        raise ConfigError(f"{path}: {name} is longer than {_LONGEST_LIST} bytes")
    return content


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and not re.match(r"[A-Za-z]:", name)
    )


def _judged(folder: Path, recorded: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files of a run; ConfigError where one is not what was hashed when the run was judged."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: the folder of a run is gone")
    for name, wanted in recorded.items():
        if not (folder / name).is_file():
            raise ConfigError(f"{folder / name}: is gone since the run was judged")
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise ConfigError(f"{folder / name}: was changed since the run was judged")
    yield from sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _stored(pack: zipfile.ZipFile, name: str, source: Path | bytes) -> str:
    """Put a file into the pack, and return the hash of what was put there."""
    digest = hashlib.sha256()
    with pack.open(name, "w", force_zip64=True) as target:
        if isinstance(source, bytes):
            digest.update(source)
            target.write(source)
        else:
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
    return digest.hexdigest()


def _to_sign(session: SessionRecord, whole: str) -> str:
    counts = Counter(verdict_of(run.verdicts) for test in session.tests for run in test.runs)
    rigs = [
        f"  {rig.name}: {', '.join(f'{key} {value}' for key, value in rig.identity.items()) or 'no identity'}"
        for rig in session.rigs
    ]
    tests = [f"  {verdict_of(run.verdicts):<13} {run.test}, run {run.number}" for test in session.tests for run in test.runs]
    without = [f"  {test.outcome:<13} {test.test}" for test in session.tests if not test.runs]
    lines = [
        "ACCEPTANCE",
        "",
        f"Session of {time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(session.started / 1e9))}, commit {session.environment.commit or 'unknown'}",
        f"Runs: {', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items()))}",
        *tests, *without,
        "Rigs:",
        *rigs,
        "",
        f"SHA-256 of {SUMS}, which holds the hash of every other file:",
        f"  {whole}",
        "",
        "Who signs here confirms to have checked that hash (villas-rig verify PACK prints it).",
        "A hash shows that files were changed, and not by whom: sign this text on paper, or with a signature of your own",
        "(gpg --detach-sign PACK, for example).",
        "",
        *(line for role in ("Tested by", "Accepted by") for line in (f"{role}:", "  Name       ______________________________", "  Date       ______________________________", "  Signature  ______________________________", "")),
    ]  # fmt: skip
    return "\n".join(lines)


def contents(path: Path) -> tuple[int, str]:
    """Return how many files a pack lists, and the hash of that list, which is what is signed."""
    with zipfile.ZipFile(path) as pack:
        return len(_sums(path, pack)), hashlib.sha256(_short(path, pack, SUMS)).hexdigest()
