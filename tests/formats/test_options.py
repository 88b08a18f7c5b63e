"""With any options, types and number of samples, the bytes are those of a real VILLASnode, and mean what was put in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import parts
import pytest
from formats.real_node import STORED, capture, cases, samples_of

from pytest_villas import Samples, SignalType, formats
from pytest_villas.errors import ConfigError
from pytest_villas.samples import Column, signals_of

_NARROW = ("villas.binary", "villas.web", "raw", "gtnet")
_LINES = ("csv", "tsv", "villas.human", "value")
_WITHOUT_STAMPS = ("value", "opal.asyncip", "json.kafka", "json.edgeflex", "json.reserve")


@dataclass(frozen=True, slots=True)
class Case:
    format: dict[str, Any]
    signals: list[dict[str, str]]
    per_message: int
    payloads: list[bytes]

    def __str__(self) -> str:
        return f"{self.format}-{'_'.join(s['type'] for s in self.signals)}-{self.per_message}"

    @property
    def samples(self) -> Samples:
        return samples_of(signals_of(self.signals))


def stored() -> list[Case]:
    found = []
    for line in STORED.read_text().splitlines():
        case = json.loads(line)
        payloads = [base64.b64decode(text) for text in case["payloads"]]
        found.append(Case(case["format"], case["signals"], case["per_message"], payloads))
    return found


CASES = stored()


def codec_of(case: Case) -> formats.Codec:
    if case.format["type"] == "protobuf":
        pytest.importorskip("google.protobuf")
    return formats.codec(case.format, case.signals)


def test_every_format_that_can_be_read_is_here() -> None:
    assert {case.format["type"] for case in CASES} == {*formats.names()} - {"iotagent_ul"}  # the real node fails to send that
    assert len(CASES) > 200
    assert all(len(case.payloads) * case.per_message == len(case.samples) for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_bytes_are_written(case: Case) -> None:
    assert codec_of(case).encode_many(case.samples, case.per_message) == case.payloads


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_put_in_is_read(case: Case) -> None:
    decoded = codec_of(case).decode_many(case.payloads)
    assert decoded.rejected == ()
    assert decoded.message.tolist() == np.repeat(np.arange(len(case.payloads)), case.per_message).tolist()
    got, sent, setting = decoded.samples, case.samples, case.format
    assert len(got) == len(sent)
    framed = setting["type"] not in ("raw", "gtnet") or setting.get("fake")
    if framed and setting["type"] not in _WITHOUT_STAMPS and setting.get("ts_origin", True):
        assert got.origin.tolist() == sent.origin.tolist()
    if framed and setting["type"] not in ("value", "json.edgeflex") and setting.get("sequence", True):
        assert got.sequence.tolist() == sent.sequence.tolist()
    if not setting.get("data", True) and setting["type"] in ("json", *_LINES):
        assert not got.length.any()
        return
    assert got.length.tolist() == sent.length.tolist()
    for signal, a, b in zip(sent.signals, got, sent, strict=True):
        np.testing.assert_array_equal(a, as_said(setting, signal.type, b), err_msg=signal.name)


def as_said(setting: dict[str, Any], kind: SignalType, column: Column) -> Column:
    """Return the numbers as far as the format and its precision can say them."""
    if kind not in (SignalType.FLOAT, SignalType.COMPLEX):
        return column
    if setting["type"] in _NARROW and setting.get("bits", 32) == 32:
        return column.astype(np.complex64 if kind is SignalType.COMPLEX else np.float32).astype(column.dtype)
    digits = setting.get("real_precision", 17)
    if setting["type"] in _LINES:
        template = f"%.{digits}f"
    elif setting["type"].startswith("json") and digits:
        template = f"%.{digits}g"
    else:
        return column

    def said(values: Column) -> Column:
        return np.array([float(template % value) for value in values.tolist()])

    if kind is SignalType.FLOAT:
        return said(column)
    return (said(column.real) + 1j * said(column.imag)).astype(np.complex64)


@pytest.mark.parametrize("number", range(len(list(cases()))))
def test_the_villas_node_that_is_installed_sends_what_is_stored(number: int) -> None:
    program = parts.villas_node()
    signals, per_message, settings = list(cases())[number]
    known = {str(case): case.payloads for case in CASES}
    declared = [{"name": s.name, "unit": s.unit, "type": s.type.value} for s in signals]
    for setting, payloads in zip(settings, capture(program, signals, per_message, settings), strict=True):
        assert known[str(Case(setting, declared, per_message, []))] == payloads


_EVERY = {"real_precision": 17, "ts_origin": True, "ts_received": True, "sequence": True, "data": True, "offset": True}
_JSON = {"indent": 2, "compact": True, "ensure_ascii": True, "sort_keys": True, "escape_slash": True}
_LINE = {"delimiter": "\n", "header": True, "skip_first_line": False, "comment_prefix": "#"}
_DELIMITER = {"delimiter": "\n"}
_RAW = {"bits": 32, "endianess": "little", "fake": False}
# VILLASnode's doc/openapi/components/schemas/config/formats, and what its source reads beside
DOCUMENTED: dict[str, dict[str, Any]] = {
    "csv": _LINE | {"separator": ","},
    "gtnet": _RAW,
    "iotagent_ul": _DELIMITER,
    "json": _JSON,
    "json.edgeflex": _JSON | _DELIMITER,
    "json.kafka": _JSON | _DELIMITER | {"schema": {"type": "struct", "name": "mine"}},
    "json.reserve": _JSON | _DELIMITER,
    "opal.asyncip": {"dev_id": 3},
    "protobuf": _DELIMITER,
    "raw": _RAW,
    "tsv": _LINE | {"separator": "\t"},
    "value": _DELIMITER,
    "villas.binary": _DELIMITER | {"source_index": 3, "validate_source_index": True},
    "villas.human": _LINE,
    "villas.web": _DELIMITER | {"source_index": 3, "validate_source_index": True},
}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"type": "csv", "separator": 3}, "format 'csv': separator: 3 has to be text in quotes"),
        ({"type": "csv", "real_precision": 32}, "format 'csv': real_precision: 32 has to be a whole number, at most 31"),
        ({"type": "csv", "real_precision": 10**30}, "format 'csv': real_precision: 1000000000000000000000000000000 has to be "),
        ({"type": "csv", "header": "no"}, "format 'csv': header: 'no' has to be true or false"),
        ({"type": "raw", "bits": 7}, "format 'raw': bits: 7 has to be one of 8, 16, 32, 64"),
    ],
)
def test_an_option_that_cannot_be_is_told_with_its_value_and_what_is_right(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        formats.codec(setting, "1f")


@pytest.mark.parametrize("name", formats.names())
def test_every_documented_option_is_taken_and_a_misspelt_one_refused_with_the_right_one(name: str) -> None:
    if name == "protobuf":
        pytest.importorskip("google.protobuf")
    for option, value in (_EVERY | DOCUMENTED[name]).items():
        formats.codec({"type": name, option: value}, "1f")
        misspelt = f"{option[:-1]}_{option[-1]}"
        with pytest.raises(ConfigError, match=f"{misspelt}: unknown option, did you mean '{option}'"):
            formats.codec({"type": name, misspelt: value}, "1f")
    foreign = {option for options in DOCUMENTED.values() for option in options} - {*DOCUMENTED[name], *_EVERY}
    for option in foreign:
        with pytest.raises(ConfigError, match=f"{option}: unknown option"):
            formats.codec({"type": name, option: 1}, "1f")
