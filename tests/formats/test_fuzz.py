"""A short fuzz of every codec; `python -m benchmarks.fuzz` tries a million payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import parts
import pytest
from formats.fuzzing import CASES, STAMPED, fuzz, limited

from pytest_villas import Samples, formats
from pytest_villas.errors import EncodeError
from pytest_villas.formats import Decoded


def test_broken_payloads_are_refused_or_mean_one_thing() -> None:
    parts.module("google.protobuf", "protobuf")
    tallies = fuzz(10_000, seed=7)
    assert [fault for tally in tallies.values() for fault in tally.faults] == []
    for name, tally in tallies.items():
        assert tally.payloads == tally.accepted + tally.refused
        assert tally.refused > 100, name
        assert tally.accepted > 3 or name.startswith("iotagent_ul"), name


def test_every_format_is_among_them() -> None:
    assert {setting if isinstance(setting, str) else setting["type"] for setting, _, _ in CASES} >= set(formats.names())


@pytest.mark.parametrize(
    ("setting", "types"), [("value", "1c"), ("value", "1f"), ("value", "1i"), ("csv", "1c"), ("villas.human", "1c")]
)
@pytest.mark.parametrize(
    "text", [b"7" * 200_000, b"-" + b"7" * 200_000 + b"-", b"1." + b"7" * 200_000 + b"x", b"1e" + b"7" * 200_000 + b"+"]
)
def test_a_long_number_takes_no_time(setting: str, types: str, text: bytes) -> None:
    head = {"value": b"", "csv": b"1,2,3,", "villas.human": b"1.2(3)\t"}[setting]
    codec = formats.codec(setting, types)
    with limited(5):  # it took longer than anybody waited, at 5000 digits
        for payload in (head + text + b"\n", head + text + text + b"i\n"):
            codec.decode_many([payload])


@pytest.mark.parametrize("setting", ["villas.binary", "villas.web", "raw", "gtnet"])
def test_a_signalling_nan_is_a_nan(setting: str) -> None:
    codec = formats.codec(setting, "1f")
    quiet = codec.encode(Samples([[np.nan]], "1f", origin=[0], sequence=[0]))
    word = b"\x7f\xa0\x00\x01"
    decoded = codec.decode(quiet[:-4] + (word if setting in ("villas.binary", "gtnet") else word[::-1]))
    assert np.isnan(decoded[0]).tolist() == [True]
    signalling = np.array([0x7FF4_0000_0000_0001], np.uint64).view(np.float64)
    assert len(codec.encode(Samples([signalling], "1f", origin=[0], sequence=[0]))) == len(quiet)


class Faulty:
    """A codec that does one thing wrong."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.sound = formats.codec("villas.binary", "2f1i")
        self.name, self.signals = self.sound.name, self.sound.signals

    def encode(self, samples: Samples) -> bytes:
        return self.sound.encode(samples)

    def encode_many(self, samples: Samples, per_message: int = 1) -> Sequence[bytes]:
        if self.fault == "refuses what it accepted" and len(samples):
            raise EncodeError("no")
        return self.sound.encode_many(samples, per_message)

    def decode(self, payload: Any) -> Samples:
        if self.fault == "another exception" and len(payload) == 17:
            raise IndexError("17")
        return self.sound.decode(payload)

    def decode_many(self, payloads: Sequence[Any]) -> Decoded:
        many = self.sound.decode_many(payloads)
        if self.fault == "forgets a refusal":
            return Decoded(many.samples, many.message, many.rejected[1:])
        if self.fault == "another number" and len(many.samples):
            columns = [many.samples[0] + 1.0, *many.samples.columns[1:]]
            fields = {name: getattr(many.samples, name) for name in (*STAMPED, "received", "new_frame", "new_simulation")}
            return Decoded(Samples(columns, self.signals, **fields), many.message, many.rejected)
        return many


@pytest.mark.parametrize("fault", ["another exception", "refuses what it accepted", "forgets a refusal", "another number"])
def test_a_faulty_codec_is_found(fault: str) -> None:
    codec = Faulty(fault)
    assert fuzz(1_000, codecs=[("faulty", codec, STAMPED)])["faulty"].faults


def test_a_sound_codec_is_not() -> None:
    assert fuzz(1_000, codecs=[("sound", Faulty(""), STAMPED)])["sound"].faults == []
