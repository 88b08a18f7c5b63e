"""What a rig is like before anything is replayed to it: opened, listened to, probed where its file allows, and judged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from pytest_villas.errors import LinkError, RigError
from pytest_villas.formats import Codec
from pytest_villas.links import Link, SerialLink, SplitLink
from pytest_villas.links.waiting import readable
from pytest_villas.rig.face import Face, face
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.lease import Lease
from pytest_villas.rig.link_sections import LINK, EndSection, SerialSection, ends
from pytest_villas.rig.rig import CONFIG, launched
from pytest_villas.samples import Samples
from pytest_villas.units import duration, format_duration, ms, s

RATES: Final = (9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 2_000_000, 3_000_000)
"""Baud rates that are tried where what comes is garbage."""
_LISTEN_NS: Final = 1 * s
_TRY_NS: Final = 300 * ms
_LINE: Final = ("framing", "overruns", "parity", "breaks", "buffer_overruns")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is as it should be (`ok`), that is good to know (`note`), or that keeps the rig from working (`problem`)."""

    level: Literal["ok", "note", "problem"]
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Write one line, and the remedy on the next."""
        return f"{self.level}: {self.what}" + (f"\n    {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came over a link within some time."""

    messages: Sequence[bytes]
    faults: Mapping[str, int]
    span: int
    probed: bool = False

    @property
    def garbage(self) -> int:
        """Bytes that were no sound frame."""
        return self.faults.get("garbage", 0)

    def sound(self, reader: Codec) -> int:
        """Return how many messages are what the rig file says."""
        return len(self.messages) - len(reader.decode_many(self.messages).rejected)


def examine(name: str, file: RigFile, folder: Path) -> Iterator[Finding]:
    """Open a rig, listen, and say what there is. Raises ConfigError for a rig file or config that cannot be.

    Args:
        name: of the rig.
        file: its rig file.
        folder: for the log and the config of a rig that is started here.
    """
    with ExitStack() as stack:
        try:
            if file.link.shared:
                stack.callback(Lease(name, 0).release)
            ours = face(file.link, folder / CONFIG)
            stack.callback(ours.close)
            early = None if ours.comes_with_rig else stack.enter_context(_opened(ours.link))
            if (process := launched(name, file, ours, folder)) is not None:
                stack.callback(process.stop)
                yield Finding("ok", f"its process runs: {' '.join(file.launch.command)}")
            link = early or stack.enter_context(_opened(ours.link))
            link.wait_connected(duration(file.launch.timeout if process else file.link.connect_timeout))
        except (RigError, LinkError) as error:
            yield Finding("problem", str(error).rstrip())
            return
        yield Finding("ok", f"the link is open: {_link_of(file)}")
        yield from _timing(link)
        try:
            heard = _heard(link, ours, file)
        except LinkError as error:
            yield Finding("problem", str(error))
            return
        yield from _judged(heard, ours, file)
        if not heard.messages and heard.garbage and isinstance(_ends_of(link)[-1], SerialLink):
            link.close()
            yield from _other_rates(link, ours, file)


@contextmanager
def _opened(link: Link) -> Iterator[Link]:
    link.open()
    try:
        yield link
    finally:
        link.close()


def _ends_of(link: Link) -> tuple[Link, ...]:
    """Return a link, or the two ends of one: that of the stimulus, and that of the response."""
    return link.ends if isinstance(link, SplitLink) else (link,)


def _link_of(file: RigFile) -> str:
    return ", and ".join(
        f"{place.removeprefix(LINK).removeprefix('.')} {_end(end)}".strip() for place, end in ends(file.link).items()
    )


def _end(link: EndSection) -> str:
    if not isinstance(link, SerialSection):
        return f"node {link.node!r} of {link.config}, as {link.role}"
    return f"{link.port or 'the port that it made'} with {link.baudrate} baud, framing {link.framing}, checksum {link.checksum}"


def _timing(link: Link) -> Iterator[Finding]:
    for note in (note for end in _ends_of(link) if isinstance(end, SerialLink) for note in end.notes):
        remedy = ""
        if "latency timer" in note:
            remedy = 'as root: echo 1 > that file, or for good a udev rule with ATTR{latency_timer}="1"'
        elif "exclusive" in note:
            remedy = "make sure that nothing else opens the port"
        yield Finding("note", note, remedy)


def _heard(link: Link, ours: Face, file: RigFile) -> Heard:
    """Listen; where nothing comes by itself and the rig file allows, send a sample at rest and listen again."""
    heard = _listen(link, _LISTEN_NS)
    if heard.messages or heard.garbage or not _may_probe(file):
        return heard
    link.send(_probe(ours.writer))
    return replace(_listen(link, _LISTEN_NS), probed=True)


def _may_probe(file: RigFile) -> bool:
    there = next(iter(ends(file.link).values()))
    return isinstance(there, SerialSection) and there.probe


def _probe(writer: Codec) -> bytes:
    """Return one sample at rest: every signal at its `init`, else 0."""
    columns = [np.full(1, 0 if signal.init is None else signal.init, signal.type.dtype) for signal in writer.signals]
    return writer.encode(Samples(columns, writer.signals, origin=[time.time_ns()], sequence=[0]))


def _listen(link: Link, span: int) -> Heard:
    before, messages = link.wire_faults(), []
    end = time.monotonic_ns() + span
    while (left := end - time.monotonic_ns()) > 0:
        readable(link.fileno(), timeout=left / s)
        while (message := link.receive()) is not None and time.monotonic_ns() < end:
            messages.append(message[1])
    faults = {key: count - before.get(key, 0) for key, count in link.wire_faults().items()}
    return Heard(messages, faults, span)


def _judged(heard: Heard, ours: Face, file: RigFile) -> Iterator[Finding]:
    within = f"within {format_duration(heard.span)}" + (" after a sample at rest was sent" if heard.probed else "")
    line = {name: count for name in _LINE if (count := heard.faults.get(name, 0))}
    told = "".join(f", {count} {name.replace('_', ' ')} by the count of the driver" for name, count in line.items())
    if not heard.messages and not heard.garbage and not line:
        yield _silence(within, file, probed=heard.probed)
        return
    if not heard.messages:
        yield Finding(
            "problem",
            f"no sound frame came {within}, but {heard.garbage} bytes of garbage{told}: the baud rate is wrong, or the framing",
            f"compare {list(ends(file.link))[-1]}.baudrate, bytesize, parity and stopbits, then framing, header and checksum with the firmware",
        )
        return
    decoded = ours.reader.decode_many(heard.messages)
    if decoded.rejected:
        yield Finding(
            "problem",
            f"{len(decoded.rejected)} of {len(heard.messages)} messages {within} are no {ours.reader.name} of "
            f"{len(ours.reader.signals)} signals: {decoded.rejected[0].reason}",
            "compare format and signals (of `out`, for what the rig sends) with what the rig sends",
        )
    if count := len(heard.messages) - len(decoded.rejected):
        yield Finding("ok", f"{count} message{'s' if count > 1 else ''} came {within}, {count * s / heard.span:.4g} a second")
    if heard.garbage or line:
        yield Finding(
            "note",
            f"{heard.garbage} bytes between them were garbage, with {heard.faults.get('checksum', 0)} wrong checksums{told}",
            "a first frame cut in two is normal; more than that is noise, a ground that is missing, or a line that is too fast",
        )


def _silence(within: str, file: RigFile, *, probed: bool) -> Finding:
    place, there = next(iter(ends(file.link).items()))
    if not isinstance(there, SerialSection):
        return Finding("note", f"nothing came {within}", "that is right for a rig that only answers")
    if probed:
        return Finding(
            "problem",
            f"nothing came {within}",
            "is the board powered, its firmware running, TX connected to RX and RX to TX, and the ground connected?",
        )
    return Finding(
        "note",
        f"nothing came {within}",
        f"that is right for a rig that only answers: {place}.probe = true lets the doctor send a sample at rest, if that is safe",
    )


def _other_rates(link: Link, ours: Face, file: RigFile) -> Iterator[Finding]:
    """Listen with other baud rates, for one with which what comes is what the rig file says."""
    place, listens = list(ends(file.link))[-1], _ends_of(link)[-1]
    assert isinstance(listens, SerialLink)
    for rate in RATES:
        if rate == listens.line.baudrate:
            continue
        other: Link = SerialLink(replace(listens.line, baudrate=rate), listens.sending, listens.receiving)
        if isinstance(link, SplitLink):
            other = SplitLink(link.stimulus, other)
        try:
            with _opened(other):
                if _may_probe(file):
                    other.send(_probe(ours.writer))
                if _listen(other, _TRY_NS).sound(ours.reader):
                    yield Finding("note", f"with {rate} baud sound messages come", f"set {place}.baudrate = {rate}")
                    return
        except LinkError:  # a rate that the port does not have
            continue
    yield Finding(
        "note", "with no other usual baud rate sound messages come", "then it is framing, header, checksum, format or signals"
    )
