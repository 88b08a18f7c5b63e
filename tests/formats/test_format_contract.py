"""The suite for authors of formats: every format here passes it, one of an author too, and faulty ones do not."""

from __future__ import annotations

import pytest

from pytest_villas.testing import Format, FormatContract

STAMPED = ("origin", "sequence", "length")
FORMATS = {
    "json": Format("json", "1f1i1b1c", STAMPED),
    "json without stamps": Format({"type": "json", "ts_origin": False, "sequence": False}, "2f", ("length",)),
    "json.kafka": Format("json.kafka", "1f1i1b1c", ("sequence", "length")),
    "json.edgeflex": Format("json.edgeflex", "2f1i", ("length",)),
    "json.reserve": Format("json.reserve", "3f", ("sequence", "length")),
    "csv": Format("csv", "1f1i1b1c", STAMPED),
    "tsv": Format({"type": "tsv", "separator": "|"}, "2f1i", STAMPED),
    "villas.human": Format("villas.human", "1f1i1b1c", STAMPED),
    "value": Format("value", "1f", (), per_message=1),
    "iotagent_ul": Format("iotagent_ul", "2f", (), per_message=1, reads=False),
    "villas.binary": Format("villas.binary", "2f1i", STAMPED),
    "villas.web": Format({"type": "villas.web", "source_index": 3}, "1i2f", STAMPED),
    "opal.asyncip": Format("opal.asyncip", "1f1i1b", ("sequence", "length")),
    "raw": Format({"type": "raw", "bits": 64, "endianess": "big"}, "1f1i1b1c", ("length",), per_message=1, framed=False),
    "raw fake": Format({"type": "raw", "fake": True}, "1f1i1b1c", STAMPED, per_message=1, framed=False),
    "gtnet": Format("gtnet", "2f1i", ("length",), per_message=1, framed=False),
    "protobuf": Format("protobuf", "1f1i1b1c", STAMPED, framed=False),
}

AUTHOR = """
    import struct
    import numpy as np
    import pytest
    from dataclasses import dataclass
    from pytest_villas import Samples, formats
    from pytest_villas.errors import ConfigError, DecodeError
    from pytest_villas.formats import Batch, MessageCodec
    from pytest_villas.testing import Format, FormatContract


    @dataclass(frozen=True, slots=True)
    class Doubles(MessageCodec):
        '''A sequence number and doubles, in network order.'''

        def _write(self, samples, per_message):
            rows = np.column_stack([*samples]).astype(">f8")
            lines = [int(n).to_bytes(8, "big") + row.tobytes() for n, row in zip(samples.sequence, rows)]
            return [b"".join(lines[i : i + per_message]) for i in range(0, len(lines), per_message)]

        def _read(self, payloads):
            dtype = np.dtype([("n", ">i8"), ("v", ">f8", (len(self.signals),))])
            if any(len(payload) % dtype.itemsize for payload in payloads):
                raise DecodeError(f"{self.name}: the length is no multiple of {dtype.itemsize} bytes")
            rows = np.frombuffer(b"".join(payloads), dtype)
            if np.any(rows["n"] < 0):
                raise DecodeError(f"{self.name}: a sequence number is negative")
            return Batch(
                Samples(list(rows["v"].T.astype(float)), self.signals, sequence=rows["n"].astype(np.int64)),
                [len(payload) // dtype.itemsize for payload in payloads],
            )


    def make(signals, options):
        for key in options:
            raise ConfigError(f"format 'doubles': {key}: unknown option")
        return Doubles("doubles", signals)


    formats.register("doubles", make)


    class TestDoubles(FormatContract):
        @pytest.fixture
        def format(self):
            return Format("doubles", signals="3f", keeps=("sequence",))
"""


class TestShippedFormats(FormatContract):
    @pytest.fixture(params=FORMATS)
    def format(self, request: pytest.FixtureRequest) -> Format:
        if request.param == "protobuf":
            pytest.importorskip("google.protobuf")
        return FORMATS[request.param]


def outcomes(pytester: pytest.Pytester, text: str) -> tuple[dict[str, int], str]:
    pytester.makepyfile(text)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    return result.parseoutcomes(), result.stdout.str()


def test_a_format_of_an_author_passes(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester, AUTHOR)[0] == {"passed": 12}


@pytest.mark.parametrize(
    ("sound", "faulty", "failing"),
    [
        ("sequence=rows", "received=rows", "test_what_is_written_is_read"),
        ("if any(len(payload) %", "if False and any(len(payload) %", "test_a_payload_that_is_cut_is_refused"),
        ("if any(len(payload) %", "if False and any(len(payload) %", "test_a_garbled_payload_is_refused_or_means_one_thing"),
        ("for i in range(0, len(lines), per_message)]", "for i in range(0, 1)]", "test_many_are_written_as_one_by_one"),
        ("for key in options:", "for key in ():", "test_an_unknown_option_is_refused_by_name"),
        (".tobytes() for", ".tobytes()[::-1] for", "test_what_is_written_is_read"),
        (
            "rows = np.column_stack",
            "samples.sequence[:] = 0; rows = np.column_stack",
            "test_samples_are_not_changed_by_writing_them",
        ),
        ("return Doubles(", "Doubles.__reduce__ = None; return Doubles(", "test_it_travels_to_another_process"),
    ],
)
def test_a_faulty_format_fails(pytester: pytest.Pytester, sound: str, faulty: str, failing: str) -> None:
    assert sound in AUTHOR
    counts, said = outcomes(pytester, AUTHOR.replace(sound, faulty))
    assert counts["failed"] >= 1
    assert f"::{failing}" in said
