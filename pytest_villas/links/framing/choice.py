"""From the words of a rig file to a framing."""

from __future__ import annotations

from typing import Literal

from pytest_villas.links.framing.checksum import Checksum, Name
from pytest_villas.links.framing.cobs import Cobs
from pytest_villas.links.framing.fixed import Fixed
from pytest_villas.links.framing.framing import LIMIT, Framing
from pytest_villas.links.framing.line import Line

Kind = Literal["line", "cobs", "fixed"]


def make(kind: Kind, *, checksum: Name = "none", header: bytes = b"\xaa\x55", size: int = 0, limit: int = LIMIT) -> Framing:
    """Return a framing for one direction.

    Args:
        kind: its name.
        checksum: its name.
        header: of `fixed`.
        size: of a payload of `fixed`, in bytes.
        limit: the longest frame of `line` and `cobs` that is waited for, in bytes.
    """
    if kind == "line":
        return Line(Checksum(checksum), limit)
    if kind == "cobs":
        return Cobs(Checksum(checksum), limit)
    return Fixed(size, header, Checksum(checksum))
