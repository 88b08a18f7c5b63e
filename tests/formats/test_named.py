"""Formats that tell signals by name: `json.kafka`, `json.edgeflex`, `json.reserve`, `iotagent_ul`; and `protobuf`."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from pytest_villas import NO_TIME, Samples, Signal, formats
from pytest_villas.errors import ConfigError, DecodeError, EncodeError

SIGNALS = [Signal("a/é\t", "k%"), Signal("b")]
STAMPS: dict[str, Any] = {"origin": [1_700_000_000_123_500_000], "sequence": [9]}


def both(**fields: Any) -> Samples:
    return Samples([[1.5], [-2.0]], SIGNALS, **{**STAMPS, **fields})


def test_edgeflex() -> None:
    codec = formats.codec("json.edgeflex", SIGNALS)
    payload = codec.encode(both())
    assert payload.decode() == '[{"a/é\\t": 1.5, "b": -2.0, "created": 1700000000123}]'
    assert codec.decode(payload).origin.tolist() == [1_700_000_000_123_000_000]
    assert codec.decode(b'[{"signal_1": 5, "signal_0": 2.5, "other": 7, "created": 1}]')[1].tolist() == [5.0]
    for missing in ({"origin": [NO_TIME]}, {"length": [0]}):
        with pytest.raises(EncodeError, match="needs an origin"):
            codec.encode(both(**missing))
    for wrong in (
        '{"b": 1.0, "created": 1}',
        '{"a/é\\t": 1.0}',
        '{"a/é\\t": true, "created": 1}',
        '{"created": "x"}',
        '{"created": -1}',
    ):
        with pytest.raises(DecodeError):
            codec.decode(f"[{wrong}]".encode())


def test_reserve() -> None:
    codec = formats.codec({"type": "json.reserve", "escape_slash": True, "ensure_ascii": True}, SIGNALS)
    payload = codec.encode(both())
    first, second = json.loads(payload)[0]["measurements"]
    assert payload.startswith(
        b'[{"measurements": [{"name": "a\\/\\u00E9\\t", "value": 1.5, "unit": "k%", "created": 1700000000123'
    )
    assert first == {"name": "a/é\t", "value": 1.5, "unit": "k%", "created": 1700000000123, "sequence": 9}
    assert second == {"name": "b", "value": -2.0, "created": 1700000000123, "sequence": 9}
    assert codec.decode(payload).sequence.tolist() == [9]
    assert codec.decode(payload.replace(b"measurements", b"setpoints"))[1].tolist() == [-2.0]
    for wrong in (
        b"[{}]",
        payload.replace(b'"b"', b'"a\\/\\u00E9\\t"'),
        payload.replace(b"9}]", b"8}]"),
        payload.replace(b"-2.0", b'"-2"'),
    ):
        with pytest.raises(DecodeError):
            codec.decode(wrong)


def test_kafka() -> None:
    codec = formats.codec({"type": "json.kafka", "schema": {"type": "struct", "name": "mine"}}, "1f1i1b")
    samples = Samples([[1.5], [-7], [True]], "1f1i1b", **STAMPS)
    (message,) = json.loads(codec.encode(samples))
    assert message["schema"]["name"] == "mine"
    assert [field["type"] for field in message["schema"]["fields"]] == ["int64", "int64", "double", "int64", "boolean"]
    assert message["payload"] == {"timestamp": 1700000000123, "sequence": 9, "signal0": 1.5, "signal1": -7, "signal2": True}
    back = codec.decode(b'[{"payload": {"signal0": 1, "signal1": 2}}]')
    assert (back.length.tolist(), back.origin.tolist(), back[0].tolist()) == ([2], [NO_TIME], [1.0])
    for wrong in (
        '{"signal1": 2}',
        '{"signal0": 1.5, "signal1": 2.0}',
        '{"timestamp": 1e30}',
        '{"sequence": -4}',
        '{"sequence": "1"}',
    ):
        with pytest.raises(DecodeError):
            codec.decode(f'[{{"payload": {wrong}}}]'.encode())


def test_ultralight_is_written_only() -> None:
    codec = formats.codec("iotagent_ul", [{"name": "va"}, {"name": ""}])
    samples = Samples([[1.5], [-2.0]], codec.signals)
    assert codec.encode(samples) == b"va|1.500000|signal_1|-2.000000"
    assert "never read" in codec.decode_many([b"va|1.5"]).rejected[0].reason


def test_protobuf_refuses_what_is_none() -> None:
    pytest.importorskip("google.protobuf")
    codec = formats.codec("protobuf", "1f1i")
    payload = codec.encode(Samples([[1.5], [-7]], "1f1i", **STAMPS))
    for wrong, reason in (
        (payload[:-1], "."),
        (b"\x0a\x00", "."),
        (b"\x12\x01a", "no samples"),
        (b"\x0a\x02\x08\x02", "type 2"),
        (formats.codec("protobuf", "2i").encode(Samples([[1], [2]], "2i")), "'signal0' is declared float and got integer"),
        (formats.codec("protobuf", "3f").encode(Samples([[1.0]] * 3, "3f")), "3 values"),
    ):
        with pytest.raises(DecodeError, match=reason):
            codec.decode(wrong)


def test_protobuf_names_its_extra_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_villas.formats import protobuf  # noqa: PLC0415 (its cache is emptied around the test)

    protobuf._message_class.cache_clear()
    monkeypatch.setitem(sys.modules, "google.protobuf.descriptor_pb2", None)
    with pytest.raises(ConfigError, match=r"pip install pytest-villas\[protobuf\]"):
        formats.codec("protobuf", "1f")
    protobuf._message_class.cache_clear()
