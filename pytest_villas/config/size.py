"""How long a message gets, against what a VILLASnode nanomsg node can hold.

Binary formats have exact lengths. In text a number takes as many characters as it needs: what is assumed is a float with all
its digits, about two of them before the point, and a sign every other time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_villas.config.model import Direction
from pytest_villas.samples import SignalType

LONGEST_MESSAGE: Final = 1500
"""Bytes; longer ones are cut, dropped, or crash a VILLASnode. Its nanomsg node has buffers of that size."""

_JSON_SAMPLE: Final = len('{"ts": {"origin": [1795419350, 543587202]}, "sequence": 65536, "data": []}')
_KAFKA_SAMPLE: Final = len(
    '{"schema": {"type": "struct", "name": "villas-node.Value", "fields": [{"type": "int64", "optional": false, "field": "timestamp"}, '
    '{"type": "int64", "optional": false, "field": "sequence"}]}, "payload": {"timestamp": 1795419365911, "sequence": 65536}}'
)
_KAFKA_SIGNAL: Final = len(', {"type": "double", "optional": false, "field": ""}') + len(', "": ')
_CSV_SAMPLE: Final = len("1795419359,258150897,65536\n")
_HUMAN_SAMPLE: Final = len("1795416628.508777098(65536)\n")
_PROTOBUF_SAMPLE: Final = 25  # outer tag and length 3, type 2, sequence 4, stamp 14, flag 2
_PROTOBUF_VALUE: Final = {SignalType.FLOAT: 12, SignalType.INTEGER: 8, SignalType.BOOLEAN: 5, SignalType.COMPLEX: 15}
EXACT: Final = frozenset({"villas.binary", "villas.web", "raw", "gtnet", "opal.asyncip"})


def format_name(direction: Direction) -> str:
    """Return the name of a direction's format."""
    return direction.format if isinstance(direction.format, str) else str(direction.format["type"])


def message_size(direction: Direction) -> int | None:
    """Return the bytes of a full message, all signals of `vectorize` samples; None for a format without an estimate."""
    sample = _sample_size(direction)
    return None if sample is None else round(direction.vectorize * sample)


def _sample_size(direction: Direction) -> float | None:
    name = format_name(direction)
    options: Mapping[str, Any] = {} if isinstance(direction.format, str) else direction.format
    kinds = [signal.type for signal in direction.signals]
    words = sum(2 if kind is SignalType.COMPLEX else 1 for kind in kinds)
    precision = _option(options, "real_precision", 17) or (17 if name == "json" else 0)  # json takes 0 for "not set"
    significant, fixed = precision + 1.5, precision + 3.5
    # the widths of a float, an integer, a boolean and a complex number, with their separator
    if name == "json":
        return _JSON_SAMPLE + 2 + _text(kinds, significant + 2, 10, 7, 2 * significant + 22)
    if name == "json.kafka":
        labels = sum(_KAFKA_SIGNAL + 2 * len(signal.name) for signal in direction.signals)
        return _KAFKA_SAMPLE + 2 + labels + _text(kinds, significant, 8, 5, 2 * significant + 20)
    if name in ("csv", "tsv"):
        return _CSV_SAMPLE + _text(kinds, fixed + 1, 9, 2, 2 * fixed + 2)
    if name == "villas.human":
        return _HUMAN_SAMPLE + _text(kinds, fixed + 1, 9, 2, 2 * fixed + 2)
    if name in ("villas.binary", "villas.web"):
        return 16 + 4 * len(kinds)
    if name == "raw":
        return (words + (3 if options.get("fake") is True else 0)) * _option(options, "bits", 32) // 8
    if name == "gtnet":
        return (words + (3 if options.get("fake") is True else 0)) * 4
    if name == "opal.asyncip":
        return 8 + 8 * len(kinds)
    if name == "protobuf":
        return _PROTOBUF_SAMPLE + sum(_PROTOBUF_VALUE[kind] for kind in kinds)
    if name == "value":
        return _text(kinds, fixed + 1, 9, 2, 2 * fixed + 2)
    return None


def _text(kinds: list[SignalType], real: float, integer: float, boolean: float, pair: float) -> float:
    width = {SignalType.FLOAT: real, SignalType.INTEGER: integer, SignalType.BOOLEAN: boolean, SignalType.COMPLEX: pair}
    return sum(width[kind] for kind in kinds)


def _option(options: Mapping[str, Any], key: str, default: int) -> int:
    value = options.get(key, default)
    return value if isinstance(value, int) else default
