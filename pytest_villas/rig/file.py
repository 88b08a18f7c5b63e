"""A rig file: what a rig is, how to reach it, how to start it, and what it has to keep. TOML, validated whole."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from pytest_villas import limits
from pytest_villas.errors import ConfigError, nearest, wanted
from pytest_villas.rig.link_sections import (
    LINK,
    RESPONSE,
    STIMULUS,
    LinkSection,
    NanomsgSection,
    Section,
    SerialSection,
    SplitSection,
    ends,
    replaced,
)
from pytest_villas.units import duration

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_VARIABLE_PREFIX = "VILLAS_RIG_"
_WORD = re.compile(r"\{([a-z_.]+)\}")
_CODE = re.compile(r"[\s'\"]")
_OF_REFERENCE = ("python", "stimulus", "response")


class About(Section, frozen=True):
    """`[rig]`: what it is for people, what it inherits, and what `--rig-twin` runs instead."""

    description: str = ""
    extends: str | None = None
    twin: str | None = None
    provides: tuple[str, ...] = ()


class LaunchSection(Section, frozen=True):
    """`[launch]`: the process that is the rig. In `command`, `{python}` and `{config}` are replaced, and `{node}` of a nanomsg
    link, `{port}` and `{baudrate}` of a serial one; of a link with two ends they are `{stimulus.port}`, `{response.config}` and so on.

    `ready` is `sample` (the first message from the rig), or a regular expression for a line of its output. `timeout` is how
    long that may take, and then connecting: the `connect_timeout` of the link is not looked at. With `realtime`
    it is scheduled as SCHED_FIFO, where the operating system allows, and NumPy computes on one thread in it; its log says where not.
    """

    command: tuple[str, ...] = ()
    ready: str = "sample"
    timeout: str = "20 s"
    realtime: bool = False


class MatchSection(Section, frozen=True):
    """`[match]`: how a response is recognised as the answer to a stimulus.

    `by` is `sequence`, `origin` or `waveform`. A rig that steps by its own clock keeps neither stamp; where it passes
    a value through unchanged, `tag` names the signal that carries the stimulus' number there and back, and `step` the
    signal in which the rig counts its own steps. `history` names signals in which it repeats the numbers that it had
    taken one, two, ... steps before, so that a response that is lost does not hide what the rig took. `head` names a
    second signal that carries the number to the rig, for one that takes messages signal by signal: where it takes the head
    first and the tag last, and both are the same, it has the whole of one message.
    """

    by: Literal["sequence", "origin", "waveform"] = "sequence"
    bits: Literal[16, 32, 64] = 64
    tag: str | None = None
    step: str | None = None
    history: tuple[str, ...] = ()
    head: str | None = None
    late_after: str = "1 s"


class ClockSection(Section, frozen=True):
    """`[clock]`: how the rig's clock relates to ours, and the bound on its error."""

    relation: Literal["same", "ptp", "ntp", "unknown"] = "unknown"
    error: str = "0 us"


class ReplaySection(Section, frozen=True):
    """`[replay]`: `lead` is how long the rig gets its signals at rest before a stimulus begins."""

    lead: str = "0 s"
    warm_up: str = "500 ms"
    cool_down: str = "50 ms"


class ReferenceSection(Section, frozen=True):
    """`[reference]`: a program that computes the right response; without it the stimulus itself is the reference.

    In `command`, `{python}`, `{stimulus}` (an .npz recording to read) and `{response}` (one to write) are replaced.
    With `tag` and `step` in `[match]`, it gets the stimulus as the rig took it, one sample for each step of the rig.
    """

    command: tuple[str, ...] = ()
    timeout: str = "60 s"


class RigFile(Section, frozen=True):
    """A whole rig file; each attribute is the table of that name."""

    rig: About = About()
    link: LinkSection = NanomsgSection()
    launch: LaunchSection = LaunchSection()
    match: MatchSection = MatchSection()
    clock: ClockSection = ClockSection()
    replay: ReplaySection = ReplaySection()
    reference: ReferenceSection = ReferenceSection()
    limits: dict[str, Any] = msgspec.field(default_factory=dict)
    identity: dict[str, str] = msgspec.field(default_factory=dict)


_KINDS = {"nanomsg": NanomsgSection, "serial": SerialSection}
_ENDS = (STIMULUS, RESPONSE)
_DURATIONS = {
    "launch": ("timeout",),
    "match": ("late_after",),
    "clock": ("error",),
    "replay": ("lead", "warm_up", "cool_down"),
    "reference": ("timeout",),
}


def load(path: Path, find: Any = None) -> RigFile:
    """Read a rig file with all that it extends. `find(name)` returns the path of another rig.

    Paths in a file are relative to that file. Raises ConfigError naming file, key, value and remedy.
    """
    merged = _merged(path, find, ())
    for place, link in _links(merged.setdefault(LINK, {}), path).items():
        kind = link.setdefault("kind", "nanomsg")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise ConfigError(f"{path}: {place}.kind is {kind!r}{nearest(str(kind), _KINDS)}")
    try:
        rig = msgspec.convert(merged, RigFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_readable(error, merged)}") from None
    for table in ("launch", "reference"):
        if table in merged and not getattr(rig, table).command:
            raise ConfigError(f"{path}: {table}.command: empty: name a program and its arguments, or leave [{table}] out")
    try:
        _check_durations(rig)
        limits.check(rig.limits)
        rig.link.check(" ".join(rig.launch.command))
        _check_words("launch.command", rig.launch.command, ("python", *replaced(rig.link)))
        _check_words("reference.command", rig.reference.command, _OF_REFERENCE)
        re.compile(rig.launch.ready)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except re.error as error:
        raise ConfigError(
            f"{path}: launch.ready is {rig.launch.ready!r}: {error}: it has to be 'sample', or a regular expression, in which "
            "a character such as ( is meant as such after a backslash"
        ) from None
    return rig


def _check_durations(rig: RigFile) -> None:
    durations = {f"{place}.connect_timeout": end.connect_timeout for place, end in ends(rig.link).items()}
    durations |= {f"{table}.{key}": getattr(getattr(rig, table), key) for table, keys in _DURATIONS.items() for key in keys}
    for place, text in durations.items():
        try:
            found = duration(text)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
        if found < 0:
            raise ConfigError(f"{place} is {text!r}: it has to be at least 0")


def _check_words(place: str, command: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for a `{word}` that nothing replaces. In what has blanks or quotes, braces may be code."""
    for argument in command:
        for name in () if _CODE.search(argument) else _WORD.findall(argument):
            if name not in known:
                raise ConfigError(
                    f"{place}: {{{name}}} in {argument!r}: nothing is put there{nearest(name, known)} "
                    f"(braces that are meant as such have a blank beside them, {{ {name} }})"
                )


def _links(link: Any, path: Path) -> dict[str, dict[str, Any]]:
    """Return the tables that each describe one link, by their places; a link with two ends is marked as such."""
    if not isinstance(link, dict):
        return {}
    if not any(name in link for name in _ENDS):
        return {LINK: link}
    for name in _ENDS:
        if name not in link:
            raise ConfigError(
                f"{path}: {LINK}.{name}: missing: of a link with two ends both are needed, where the stimulus goes to "
                f"([{LINK}.{STIMULUS}]) and where the response comes from ([{LINK}.{RESPONSE}])"
            )
    if beside := [key for key in link if key not in _ENDS]:
        raise ConfigError(
            f"{path}: {LINK}.{beside[0]}: this link has two ends, and each has keys of its own: move it into "
            f"[{LINK}.{STIMULUS}] or [{LINK}.{RESPONSE}]"
        )
    link["kind"] = SplitSection.kind
    return {f"{LINK}.{name}": link[name] for name in _ENDS if isinstance(link[name], dict)}


def _merged(path: Path, find: Any, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise ConfigError(f"{path}: rig.extends: {' -> '.join(p.stem for p in (*seen, path))} never ends")
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows write the mark
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of the encoding, of TOML, and of an integer of thousands of digits
        raise ConfigError(f"{path}: is no TOML: {error}") from None
    table = {key: _expanded(value, path, key) for key, value in table.items()}
    _anchor(table, path.parent.resolve())
    if isinstance(table.get("limits"), dict):
        try:
            table["limits"] = limits.merge({}, table["limits"])
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    base = table.get("rig", {}).get("extends") if isinstance(table.get("rig"), dict) else None
    if base is None:
        return table
    if not isinstance(base, str):
        raise ConfigError(f'{path}: rig.extends is {base!r}: it has to be the name of one rig, as in "loopback"')
    if find is None:
        raise ConfigError(f"{path}: rig.extends: {base!r} cannot be looked up here")
    try:
        far = find(base)
    except ConfigError as error:
        raise ConfigError(f"{path}: rig.extends: {error}") from None
    return _merge(_merged(far, find, (*seen, path)), table)


def _merge(far: dict[str, Any], near: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merge(far[key], near[key])
        for key in far.keys() & near.keys()
        if isinstance(far[key], dict) and isinstance(near[key], dict)
    }
    merged = far | near | both
    if "limits" in both:
        merged["limits"] = limits.merge(far["limits"], near["limits"])
    return merged


def _expanded(value: Any, path: Path, place: str) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, path, f"{place}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, path, f"{place}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ConfigError(f"{path}: {place}: {value!r} has a null character in it: no name and no argument of a program can")

    def expand(match: re.Match[str]) -> str:
        name = match[1]
        if not name.startswith(_VARIABLE_PREFIX):
            raise ConfigError(f"{path}: {place}: ${{{name}}}: only variables that start with {_VARIABLE_PREFIX} are replaced")
        if name not in os.environ:
            raise ConfigError(f"{path}: {place}: ${{{name}}}: the variable is not set")
        return os.environ[name]

    return _VARIABLE.sub(expand, value)


def _anchor(table: dict[str, Any], folder: Path) -> None:
    """Make paths absolute, while it is known in which file they were written."""
    link = table.get(LINK)
    for section in (link, *(link.get(name) for name in _ENDS)) if isinstance(link, dict) else ():
        if isinstance(section, dict) and isinstance(section.get("config"), str):
            section["config"] = str((folder / section["config"]).resolve())
    for name in ("launch", "reference"):
        section = table.get(name)
        if isinstance(section, dict) and isinstance(section.get("command"), list):
            section["command"] = [_anchored(word, folder) for word in section["command"]]


def _anchored(word: Any, folder: Path) -> Any:
    """Return the absolute path of a word that names a file beside the rig file, else the word."""
    if not isinstance(word, str) or not word or word.startswith(("-", "{")):
        return word
    if os.path.isfile(folder / word):  # noqa: PTH113 - Path.is_file() raises for a word too long to be a name
        return str((folder / word).resolve())
    return word


def _readable(error: msgspec.ValidationError, merged: dict[str, Any]) -> str:
    """Turn msgspec's words into `link.baudrat: unknown key, did you mean 'baudrate'?`."""
    text, _, place = str(error).partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    if place == "identity[...]":
        return _readable_identity(merged["identity"])
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text):
        known = _fields(filter(None, place.split(".")), merged)
        return f"{'.'.join(filter(None, (place, unknown[1])))}: unknown key{nearest(unknown[1], known)}"
    *tables, key = place.split(".")
    if wrong := re.fullmatch(r"Invalid enum value '?(.*?)'?", text):
        return f"{place} is {wrong[1]!r}{nearest(wrong[1], map(str, get_args(_fields(tables, merged)[key].type)))}"
    if right := wanted(text):
        return f"{place} is {_value_at(place, merged)!r}: it has to be {right}{_example(_fields(tables, merged), key)}"
    return f"{place or 'the file'}: {text[:1].lower()}{text[1:]}"


_EXAMPLES = {"command": ["{python}", "plant.py"]}


def _readable_identity(identity: dict[str, Any]) -> str:
    key, value = next((key, value) for key, value in identity.items() if not isinstance(value, str))
    # a number would be another text than the one that was written: 1.10 is 1.1, and 0x1F is 31
    return f'identity.{key} is {value}: it has to be text in quotes, as in {key} = "{"..." if isinstance(value, dict | list) else value}"'


def _value_at(place: str, merged: dict[str, Any]) -> Any:
    value: Any = merged
    for part in filter(None, re.split(r"[.\[\]]", place)):
        value = value[int(part) if isinstance(value, list) else part]
    return value


def _example(fields: dict[str, Any], key: str) -> str:
    """Return what a key may be: what it is by default, if that says anything."""
    value = _EXAMPLES.get(key) or (fields[key].default if key in fields else None)
    told = isinstance(value, list | str | int | float) and value
    return f", as in {json.dumps(value)}" if told else ""


def _fields(tables: Iterable[str], merged: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a table of the rig file, with what they are to msgspec."""
    table: Any = RigFile
    content: Any = merged
    for part in tables:
        table, content = _fields_of(table)[part].type, content[part]
        if isinstance(content, dict) and content.get("kind") in _KINDS:
            table = _KINDS[content["kind"]]
        elif part == LINK:
            table = SplitSection
    return _fields_of(table)


def _fields_of(table: Any) -> dict[str, Any]:
    return {field.encode_name: field for field in msgspec.structs.fields(table)}
