"""A signalling NaN on the wire is a NaN, and no warning."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pytest_villas import formats


@pytest.mark.parametrize("name", ["raw", "gtnet", "villas.binary", "villas.web"])
def test_a_signalling_nan_decodes_to_nan(name: str) -> None:
    order = "<" if name in {"raw", "villas.web"} else ">"
    word = struct.pack(f"{order}I", 0x7FA00000)
    head = b"\x20\x00" + struct.pack(f"{order}H", 1) + bytes(12) if name.startswith("villas") else b""
    samples = formats.codec(name, "1f").decode(head + word)
    assert np.isnan(samples[0]).all()
