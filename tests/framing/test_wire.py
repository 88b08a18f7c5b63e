"""The bytes of each framing, written down here by hand: both ends have to agree on them."""

from __future__ import annotations

import pytest

from pytest_villas.errors import ConfigError, EncodeError
from pytest_villas.links.framing import Checksum, Cobs, Fixed, Framing, Line

CHECK = b"123456789"  # for which every catalogue of CRCs gives the value


@pytest.mark.parametrize(("name", "value"), [("none", b""), ("crc16", b"\x29\xb1"), ("crc32", b"\xcb\xf4\x39\x26")])
def test_checksums_are_those_of_the_catalogue(name: str, value: bytes) -> None:
    assert Checksum(name).of(CHECK) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("framing", "payload", "wire"),
    [
        (Cobs(), b"\x11\x00\x22", b"\x02\x11\x02\x22\x00"),
        (Cobs(), b"", b"\x01\x00"),
        (Cobs(Checksum("crc16")), CHECK, b"\x0c123456789\x29\xb1\x00"),
        (Line(), b"1.5\n", b"1.5\n"),
        (Line(), b"1.5", b"1.5\n"),
        (Line(Checksum("crc16")), CHECK + b"\n", b"123456789*29B1\n"),
        (Line(Checksum("crc32")), CHECK, b"123456789*CBF43926\n"),
        (Fixed(9), CHECK, b"\xaa\x55123456789"),
        (Fixed(9, b"\x7e", Checksum("crc32")), CHECK, b"\x7e123456789\xcb\xf4\x39\x26"),
        (Fixed(9, b"", Checksum("crc16")), CHECK, b"123456789\x29\xb1"),
    ],
)
def test_a_frame_is_these_bytes(framing: Framing, payload: bytes, wire: bytes) -> None:
    assert framing.wrap(payload) == wire


def test_a_line_may_end_as_on_windows_have_small_digits_and_follow_empty_lines() -> None:
    assert Line(Checksum("crc16")).feed(b"\r\n\n123456789*29b1\r\n") == [CHECK + b"\n"]


def test_what_a_console_makes_of_newlines_is_ignored() -> None:
    assert Line().feed(b"\r\r\n1.5\r\r\n\r\n") == [b"1.5\n"]
    assert Line(Checksum("crc16")).feed(b"\r\r\n123456789*29B1\r\r\n") == [CHECK + b"\n"]
    assert Line().wrap(b"1.5\r\r\n") == b"1.5\n"
    with pytest.raises(EncodeError, match="empty"):
        Line().wrap(b"\r\r\n")


@pytest.mark.parametrize("line", [b"123456789\n", b"123456789*29B2\n", b"123456789*\n", b"*FFFF\n", b"*\n"])
def test_a_line_without_its_checksum_is_refused(line: bytes) -> None:
    framing = Line(Checksum("crc16"))
    assert framing.feed(line) == []
    assert framing.faults.checksum == 1
    assert framing.faults.garbage == len(line)


def test_what_a_framing_cannot_carry_is_refused_with_what_would_do() -> None:
    with pytest.raises(EncodeError, match=r"2 lines .* use framing 'cobs'"):
        Line().wrap(b"a\nb\n")
    with pytest.raises(EncodeError, match="empty"):
        Line().wrap(b"\n")
    with pytest.raises(EncodeError, match="3 bytes, and every frame carries 4"):
        Fixed(4).wrap(b"abc")
    with pytest.raises(ConfigError, match="header or a checksum"):
        Fixed(4, b"")


def test_a_header_inside_of_a_payload_does_no_harm_while_the_reader_is_in_step() -> None:
    framing = Fixed(4)
    payloads = [b"\xaa\x55\xaa\x55", b"\xaa\xaa\x55\xaa"]
    assert framing.feed(b"".join(map(framing.wrap, payloads))) == payloads
