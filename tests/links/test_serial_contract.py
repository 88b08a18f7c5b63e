"""The serial link passes the contract over a pair of ptys, read by their descriptors and by threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cable import Cable

from pytest_villas.links import SerialLine, SerialLink
from pytest_villas.links.framing import Checksum, Cobs
from pytest_villas.testing import LinkContract, Wire


class TestSerial(LinkContract):
    @pytest.fixture(params=["descriptor", "thread"])
    def wire(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wire]:
        checksum = Checksum("crc32")
        # a URL of a pty is read by a thread, as any URL but socket://
        url = {"descriptor": "{}", "thread": "alt://{}?class=VTIMESerial"}[request.param]

        def link(end: Path) -> SerialLink:
            return SerialLink(SerialLine(url.format(end)), Cobs(checksum), Cobs(checksum))

        with Cable(tmp_path) as cable:
            sending, receiving = cable.ends
            yield Wire(url.format(sending), lambda: link(sending), lambda: link(receiving), knows_peers=False)
