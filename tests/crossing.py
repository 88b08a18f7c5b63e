"""A rig with two ends: a first-order filter that takes samples at a nanomsg node and answers on a pty, or the other way round.

python crossing.py CONFIG NODE LINK.json nanomsg|serial        the last word: where samples come from

CONFIG is a VILLASnode config, LINK.json a serial link as JSON, whose port is made.
"""

from __future__ import annotations

import os
import select
import sys
import tty
from pathlib import Path

import msgspec
import numpy as np

from pytest_villas import Samples, config, formats
from pytest_villas.links import SpLink
from pytest_villas.rig.face import serial_parts
from pytest_villas.rig.link_sections import SerialSection

SHARE = 0.25


def filtered(samples: Samples, state: float) -> tuple[Samples, float]:
    values = []
    for value in samples["v"].tolist():
        state += SHARE * (value - state)
        values.append(state)
    return Samples({"u": np.array(values)}, origin=samples.origin, sequence=samples.sequence), state


def main(path: Path, name: str, described: Path, source: str) -> None:
    node, section = config.load(path).nodes[name], msgspec.json.decode(described.read_bytes(), type=SerialSection)
    parts, state = serial_parts(section), 0.0
    link = SpLink(node.output.endpoints, node.input.endpoints).open()
    reads = formats.codec(node.input.format, node.input.signals)
    writes = formats.codec(node.output.format, node.output.signals)
    master, slave = os.openpty()  # held open, lest the master reads an error while nobody has the port
    tty.setraw(slave)
    os.set_blocking(master, False)
    Path(section.port).symlink_to(os.ttyname(slave))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        readable = select.select([master, link.fileno()], (), ())[0]
        heard = parts.sending.feed(os.read(master, 65536)) if master in readable else []
        told = []
        while (message := link.receive()) is not None:
            told.append(message[1])
        if source == "nanomsg" and told:
            answer, state = filtered(reads.decode_many(told).samples, state)
            for payload in parts.reader.encode_many(answer):
                os.write(master, parts.receiving.wrap(payload))
        elif source == "serial" and heard:
            answer, state = filtered(parts.writer.decode_many(heard).samples, state)
            for payload in writes.encode_many(answer):
                link.send(payload)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
