"""The options that VILLASnode's `format` mapping may carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from pytest_villas.errors import ConfigError, nearest, wanted


class FormatOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of every format [doc/openapi: format.yaml]; a binary format accepts and ignores them, as VILLASnode does.

    `ts_received` counts for no format on the wire, and `offset` only in files.
    """

    real_precision: Annotated[int, msgspec.Meta(ge=0, le=31)] = 17
    ts_origin: bool = True
    ts_received: bool = True
    sequence: bool = True
    data: bool = True
    offset: bool = True


class LineOptions(FormatOptions, frozen=True, kw_only=True):
    """Options of the formats with a line for each sample [line.yaml]; `header` and `skip_first_line` count in files only."""

    delimiter: str = "\n"
    header: bool = True
    skip_first_line: bool = False
    comment_prefix: str = "#"


_IDLE_DELIMITER = frozenset(
    ("iotagent_ul", "json.edgeflex", "json.kafka", "json.reserve", "protobuf", "value", "villas.binary", "villas.web")
)
"""Formats for which VILLASnode's documentation lists a `delimiter`, which it reads nowhere; nor is it used here."""

Options = TypeVar("Options", bound=FormatOptions)


def read_options(name: str, kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Validate the options of format `name`; ConfigError names the option and the nearest right one."""
    known = (*kind.__struct_fields__, *(("delimiter",) if name in _IDLE_DELIMITER else ()))
    for key in given:
        if key not in known:
            raise ConfigError(f"format {name!r}: {key}: unknown option{nearest(str(key), known)}")
    if "delimiter" in given and not isinstance(given["delimiter"], str):
        raise ConfigError(f"format {name!r}: delimiter: {given['delimiter']!r} has to be text")
    try:
        return msgspec.convert({key: value for key, value in given.items() if key in kind.__struct_fields__}, kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`").partition(".")[0]
        kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
        choices = get_args(kinds[key]) if get_origin(kinds[key]) is Literal else (words,)
        right = wanted(words) or f"one of {', '.join(map(str, choices))}"
        raise ConfigError(f"format {name!r}: {key}: {given[key]!r} has to be {right}") from None


def single_character(name: str, option: str, value: str) -> None:
    """Refuse what is no single byte, or could be part of a number."""
    if len(value) != 1 or not value.isascii():
        raise ConfigError(f"format {name!r}: {option}: {value!r} has to be a single ASCII character")
    if value in "0123456789+-.eEnaifj":
        raise ConfigError(f"format {name!r}: {option}: {value!r} can be part of a number")
