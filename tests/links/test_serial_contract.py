"""The serial link passes the contract over a pair of ptys, in every framing that carries any message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cable import Cable

from pytest_villas.links import SerialLine, SerialLink
from pytest_villas.links.framing import Checksum, Cobs
from pytest_villas.testing import LinkContract, Wire


class TestSerial(LinkContract):
    @pytest.fixture(params=["none", "crc32"])
    def wire(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wire]:
        checksum = Checksum(request.param)

        def link(end: Path) -> SerialLink:
            return SerialLink(SerialLine(str(end)), Cobs(checksum), Cobs(checksum))

        with Cable(tmp_path) as cable:
            sending, receiving = cable.ends
            yield Wire(str(sending), lambda: link(sending), lambda: link(receiving), knows_peers=False)
