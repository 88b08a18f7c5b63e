"""A short fuzz of every codec; `python -m benchmarks.fuzz` tries a million payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import parts
import pytest
from formats.fuzzing import CASES, STAMPED, fuzz

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


class Faulty:
    """A codec that does one thing wrong."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.sound = formats.codec("villas.binary", "2f1i")
        self.name, self.signals = self.sound.name, self.sound.signals

    def encode(self, samples: Samples) -> bytes:
        return self.sound.encode(samples)

    def encode_many(self, samples: Samples, per_message: int = 1) -> list[bytes]:
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
