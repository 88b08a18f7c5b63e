"""Where a message begins and ends on a line that knows only bytes: the `Framing` protocol, and one module for each way.

=========  ==========================================================  ==================================================
framing    on the wire                                                 for
=========  ==========================================================  ==================================================
`line`     the line, ``*`` and the checksum in hex, newline            villas.human, csv, tsv, value, json, ...
`cobs`     COBS(payload and checksum), 0x00                            every format
`fixed`    header word, payload of a known size, checksum              raw, gtnet, villas.binary of a fixed count
=========  ==========================================================  ==================================================

Checksums: `crc16` is CRC-16/IBM-3740, also called CCITT-FALSE (polynomial 0x1021, initial value 0xFFFF, not reflected);
`crc32` is CRC-32/ISO-HDLC, that of zlib and Ethernet (polynomial 0x04C11DB7, reflected). Both go over the payload, in
`line` over the line without its newline. Bytes are big-endian, hex digits are upper-case.
"""

from pytest_villas.links.framing.checksum import CHECKSUMS, Checksum
from pytest_villas.links.framing.choice import Kind, make
from pytest_villas.links.framing.cobs import Cobs
from pytest_villas.links.framing.fixed import Fixed
from pytest_villas.links.framing.framing import FrameFaults, Framing
from pytest_villas.links.framing.line import Line

__all__ = ["CHECKSUMS", "Checksum", "Cobs", "Fixed", "FrameFaults", "Framing", "Kind", "Line", "make"]
