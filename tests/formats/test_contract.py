"""What every codec promises."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from formats.strategies import FLOATS32, NUMBERS, assert_same, some_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_villas import Samples, SignalType, formats
from pytest_villas.errors import ConfigError, DecodeError, EncodeError

F, I, B, C = SignalType.FLOAT, SignalType.INTEGER, SignalType.BOOLEAN, SignalType.COMPLEX  # noqa: E741 (the letters of "2f1i")
STAMPED = ("origin", "sequence", "length")
NARROW = {F: FLOATS32, I: st.integers(-(2**31), 2**31 - 1), B: st.booleans(), C: NUMBERS[C]}
TENTHS = {
    **NUMBERS,
    F: st.integers(-(2**53), 2**53).map(lambda n: n / 1024),
    C: st.integers(-(2**23), 2**23).map(lambda n: n / 1024),
}
DOUBLES = {**NUMBERS, I: st.integers(-(2**53), 2**53)}

CASES: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "json": ("json", {}, (*STAMPED, "new_frame", "new_simulation")),
    "json compact": (
        {"type": "json", "compact": True, "sort_keys": True, "indent": 3},
        {},
        (*STAMPED, "new_frame", "new_simulation"),
    ),
    "villas.binary": ("villas.binary", {"types": (F, I), "numbers": NARROW, "absent": False}, STAMPED),
    "villas.web": ("villas.web", {"types": (F, I), "numbers": NARROW, "absent": False}, STAMPED),
    "villas.human": ("villas.human", {"numbers": TENTHS}, (*STAMPED, "new_frame")),
    "csv": ("csv", {"numbers": TENTHS}, STAMPED),
    "tsv": ({"type": "tsv", "delimiter": "$", "separator": "|"}, {"numbers": TENTHS}, STAMPED),
    "raw": ("raw", {"numbers": NARROW}, ("length",)),
    "raw 64 big fake": ({"type": "raw", "bits": 64, "endianess": "big", "fake": True}, {"absent": False}, STAMPED),
    "gtnet": ({"type": "gtnet", "fake": True}, {"numbers": NARROW, "absent": False}, STAMPED),
    "opal.asyncip": ("opal.asyncip", {"types": (F, I, B), "numbers": DOUBLES, "absent": False}, ("sequence", "length")),
    "protobuf": ("protobuf", {}, (*STAMPED, "new_frame")),
    "json.kafka": ("json.kafka", {}, ("sequence", "length")),
    "json.edgeflex": ("json.edgeflex", {"absent": False}, ("length",)),
    "json.reserve": ("json.reserve", {"types": (F,)}, ("sequence", "length")),
}
ONE_A_MESSAGE = ("raw", "gtnet", "value", "iotagent_ul")
NEEDS_VALUES = ("json.edgeflex", "json.reserve", "raw")


def ready(name: str) -> None:
    if name == "protobuf":
        pytest.importorskip("google.protobuf")


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(name: str, data: st.DataObject) -> None:
    ready(name)
    setting, options, fields = CASES[name]
    samples = data.draw(some_samples(**options))
    codec = formats.codec(setting, samples.signals)
    if codec.name in NEEDS_VALUES:
        samples = samples[samples.length > 0]
    per_message = 1 if codec.name in ONE_A_MESSAGE else data.draw(st.integers(1, 4))
    payloads = codec.encode_many(samples, per_message)
    pieces = [samples[i : i + per_message] for i in range(0, len(samples), per_message)]
    assert payloads == [codec.encode(piece) for piece in pieces]
    decoded = codec.decode_many([memoryview(bytearray(payload)) for payload in payloads])
    assert decoded.rejected == ()
    assert decoded.message.tolist() == [i // per_message for i in range(len(samples))]
    assert decoded.samples.signals == samples.signals
    assert_same(decoded.samples, samples, *fields)
    for payload, piece in zip(payloads, pieces, strict=True):
        assert_same(codec.decode(payload), piece, *fields)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_garbled_payloads_are_refused_or_read_never_raised(name: str, data: st.DataObject) -> None:
    ready(name)
    codec = formats.codec(CASES[name][0], "2f")
    good = codec.encode_many(Samples([[1.5, 2.5], [0.25, -4.0]], "2f", origin=[10**18, 10**18 + 1], sequence=[1, 2]))
    broken = bytearray(good[0])
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    junk = data.draw(st.binary(max_size=40))
    decoded = codec.decode_many([good[0], broken, good[1], junk, b""])
    assert {rejection.index for rejection in decoded.rejected} >= {4}
    assert all(rejection.reason for rejection in decoded.rejected)
    assert set(decoded.message.tolist()) >= {0, 2}
    assert {*decoded.message.tolist(), *(r.index for r in decoded.rejected)} <= set(range(5))
    for index in (1, 3):
        try:
            codec.decode(broken if index == 1 else junk)
        except DecodeError as error:
            assert [r.reason for r in decoded.rejected if r.index == index] == [str(error)]  # noqa: PT017 (either outcome is right)
        else:
            assert index not in {r.index for r in decoded.rejected}


@pytest.mark.parametrize("name", CASES)
def test_a_cut_payload_is_refused_or_honestly_shorter(name: str) -> None:
    ready(name)
    codec = formats.codec(CASES[name][0], "3f")
    payload = codec.encode(Samples([[1.5], [12.25], [-3.125]], "3f", origin=[10**18], sequence=[77]))
    for end in range(len(payload)):
        decoded = codec.decode_many([payload[:end]])
        if not decoded.rejected:  # raw without framing: whole values only
            assert codec.name in ("raw", "gtnet")
            kept = int(decoded.samples.length[0])
            assert [column[0] for column in decoded.samples][:kept] == [1.5, 12.25, -3.125][:kept]
    if codec.name != "protobuf":
        assert codec.decode_many([payload + b"\x00\xff"]).rejected, "stale bytes after the message"


@pytest.mark.parametrize("name", CASES)
def test_a_codec_travels_to_another_process(name: str) -> None:
    ready(name)
    codec = formats.codec(CASES[name][0], "2f")
    copy = pickle.loads(pickle.dumps(codec))
    samples = Samples([[1.5], [2.5]], "2f", origin=[10**18], sequence=[3])
    assert copy == codec
    assert copy.encode(samples) == codec.encode(samples)


@pytest.mark.parametrize("name", CASES)
def test_samples_of_other_signals_are_refused(name: str) -> None:
    ready(name)
    codec = formats.codec(CASES[name][0], [{"name": "va"}, {"name": "vb"}])
    stamps = {"origin": [0], "sequence": [0]}
    with pytest.raises(EncodeError, match=r"'vb' is declared float and the samples have integer.*Samples.cast"):
        codec.encode(Samples([[1.0], [2]], "1f1i", **stamps))
    with pytest.raises(EncodeError, match="3 signals where 2 are declared"):
        codec.encode(Samples([[1.0]] * 3, "3f", **stamps))
    with pytest.raises(EncodeError, match="1 signals where 2 are declared"):
        codec.encode(Samples([[1.0]], "1f", **stamps))
    with pytest.raises(EncodeError, match="length"):
        codec.encode(Samples([[1.0], [2.0]], "2f", length=[3], **stamps))
    assert codec.encode(Samples([[1.0], [2]], "1f1i", **stamps).cast(codec.signals))


@pytest.mark.parametrize("name", CASES)
def test_no_samples_and_no_payloads(name: str) -> None:
    ready(name)
    codec = formats.codec(CASES[name][0], "2f")
    nothing = Samples([np.empty(0), np.empty(0)], "2f")
    assert codec.encode_many(nothing) == []
    with pytest.raises(EncodeError, match="no samples"):
        codec.encode(nothing)
    decoded = codec.decode_many([])
    assert (len(decoded.samples), decoded.message.size, decoded.rejected) == (0, 0, ())
    assert decoded.samples.signals == codec.signals
    with pytest.raises(DecodeError, match="empty"):
        codec.decode(b"")


@pytest.mark.parametrize("name", CASES)
def test_more_values_than_signals_are_refused(name: str) -> None:
    ready(name)
    if name.startswith("json.") and name != "json":
        pytest.skip("names that are not declared are passed over")
    setting = CASES[name][0]
    payload = formats.codec(setting, "3f").encode(Samples([[1.5]] * 3, "3f", origin=[10**18], sequence=[3]))
    with pytest.raises(DecodeError):
        formats.codec(setting, "2f").decode(payload)


@pytest.mark.parametrize("name", ["json", "csv", "villas.human", "villas.binary"])
def test_many_broken_among_many_are_all_found(name: str) -> None:
    codec = formats.codec(name, "2f")
    count = 500
    samples = Samples([np.arange(count) * 0.5] * 2, "2f", origin=np.arange(count), sequence=np.arange(count))
    payloads = codec.encode_many(samples)
    bad = {0, 7, 8, 255, 256, 499}
    decoded = codec.decode_many([b"?" + p if i in bad else p for i, p in enumerate(payloads)])
    assert {r.index for r in decoded.rejected} == bad
    assert decoded.message.tolist() == decoded.samples.sequence.tolist() == [i for i in range(count) if i not in bad]


def test_unknown_names_options_and_values() -> None:
    with pytest.raises(ConfigError, match="did you mean 'json'"):
        formats.codec("jsno")
    with pytest.raises(ConfigError, match="compakt: unknown option, did you mean 'compact'"):
        formats.codec({"type": "json", "compakt": True})
    for setting in (
        {"type": "json", "real_precision": 32},
        {"type": "json", "indent": "2"},
        {"type": "json", "indent": 32},
        {"type": "json", "compact": 1},
        {"type": "villas.binary", "source_index": 256},
        {"type": "csv", "separator": ";;"},
        {"type": "csv", "separator": "."},
        {"type": "csv", "separator": "\n"},
        {"type": "villas.human", "delimiter": "\t"},
        {"type": "raw", "bits": 24},
        {"type": "raw", "bits": 8, "endianess": "big"},
        {"type": "raw", "endianess": "middle"},
        {"compact": True},
        5,
    ):
        with pytest.raises(ConfigError, match="format"):
            formats.codec(setting, "2i")  # type: ignore[arg-type]  # wrong on purpose


def test_signals_that_a_format_cannot_say() -> None:
    for name, signals in (
        ("villas.binary", "1b"),
        ("villas.web", "1c"),
        ({"type": "raw", "bits": 16}, "1f"),
        ("value", "2f"),
        ("opal.asyncip", "1c"),
        ("opal.asyncip", "65f"),
        ("json.reserve", "1i"),
        ("iotagent_ul", "1i"),
        ("json.kafka", [{"name": "a"}, {"name": "a"}]),
        ("json.edgeflex", [{"name": "created"}]),
    ):
        with pytest.raises(ConfigError):
            formats.codec(name, signals)


def test_names_and_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_villas.formats import registry  # noqa: PLC0415 (its table is put back afterwards)

    monkeypatch.setattr(registry, "_FACTORIES", dict(registry._FACTORIES))
    assert set(formats.names()) >= {"json", "villas.binary", "villas.web", "villas.human", "csv", "tsv", "raw", "gtnet", "value"}
    formats.register("mine", lambda signals, options: formats.codec({"type": "json", **options}, signals))
    assert formats.codec({"type": "mine", "compact": True}, "1f").encode(Samples([[1.0]], "1f")) == b'[{"data":[1.0]}]'
    with pytest.raises(ConfigError, match="exists"):
        formats.register("json", lambda signals, _: formats.codec("json", signals))


def test_messages_are_guarded_against_the_limit_of_the_receiver() -> None:
    codec = formats.codec("json", "80f")
    samples = Samples([np.full(3, np.pi)] * 80, "80f", sequence=[0, 1, 2])
    with pytest.raises(EncodeError, match=r"has \d+ bytes and the receiver takes 1500: (\d+) of 80 signals") as caught:
        formats.messages(codec, samples)
    fitting = int(str(caught.value).split(": ")[2].split(" of ")[0])
    assert len(codec.encode(samples[:1].replace(length=[fitting]))) <= 1500
    assert len(codec.encode(samples[:1].replace(length=[fitting + 1]))) > 1500
    small = formats.codec("villas.binary", "2f")
    many = Samples([np.zeros(100)] * 2, "2f", origin=np.zeros(100, np.int64), sequence=np.arange(100))
    assert len(formats.messages(small, many, per_message=62, max_bytes=24 * 62)) == 2
    with pytest.raises(EncodeError, match="or 62 of 63 samples a message"):
        formats.messages(small, many, per_message=63)
    with pytest.raises(EncodeError, match="at least 1"):
        formats.messages(small, many, per_message=0)
