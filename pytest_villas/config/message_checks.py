"""Checks of what travels: formats, signal types, lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_villas.config.finding import Finding
from pytest_villas.config.size import EXACT, LONGEST_MESSAGE, format_name, message_size
from pytest_villas.config.view import View
from pytest_villas.errors import nearest
from pytest_villas.samples import SignalType

_FORMATS: Final = (
    *("json", "json.kafka", "json.edgeflex", "json.reserve", "villas.binary", "villas.web", "villas.human", "csv", "tsv", "raw"),
    *("gtnet", "value", "protobuf", "opal.asyncip", "iotagent_ul"),
)
_NUMBERS_ONLY: Final = ("villas.binary", "villas.web")


def format_places(view: View) -> Iterator[Finding]:
    """A format that VILLASnode does not know, or does not read at its place."""
    for side in view.sides:
        place, name = side.given("format"), format_name(side.direction)
        if place is not None and name not in _FORMATS and (side.key == "in" or "format" in side.own):
            yield view.finding(
                place,
                "unknown-format",
                "warning",
                f"VILLASnode has no format {name!r}{nearest(name, _FORMATS)}: it refuses the node",
                "use one of its formats, unless yours has one more",
            )
        if "format" in side.own:
            yield view.finding(
                f"{side.place}.format",
                "direction-format",
                "error",
                f"VILLASnode's nanomsg node reads the format of the node only, here {side.shared.get('format', 'json')!r}: it ignores "
                f"that of '{side.key}'",
                f"write it in nodes.{side.node.name}; for two formats make two nodes",
            )


def format_types(view: View) -> Iterator[Finding]:
    """A signal that its format cannot carry."""
    for side in view.sides:
        name = format_name(side.direction)
        bad = [each for each in side.direction.signals if each.type in (SignalType.BOOLEAN, SignalType.COMPLEX)]
        if side.direction.endpoints and bad and name in _NUMBERS_ONLY:
            yield view.finding(
                side.given("signals") or side.place,
                "type-not-carried",
                "error",
                f"{name} carries floats and integers, and {bad[0].name!r} ({side.key}) is {bad[0].type.value}: its value is lost",
                "declare it as integer or as two floats, or use protobuf or json",
            )


def csv_readback(view: View) -> Iterator[Finding]:
    """A VILLASnode writes csv without the offset column that it expects when it reads."""
    for side in view.inputs:
        name = format_name(side.direction)
        if name not in ("csv", "tsv") or not side.direction.endpoints:
            continue
        writers = {each.node.name for _, endpoint in side.endpoints for each in view.publishers(endpoint)}
        yield view.finding(
            side.given("format") or side.place,
            "csv-readback",
            "error" if writers else "warning",
            f"a VILLASnode nanomsg node expects an offset column in the {name} that it reads, and writes none: it misreads what "
            f"{'node ' + repr(min(writers)) if writers else 'another VILLASnode'} sends to {side.node.name!r}",
            "use json, villas.binary or protobuf",
        )


def message_sizes(view: View) -> Iterator[Finding]:
    """A message that is longer than the buffers of the node."""
    for side in view.sides:
        size = message_size(side.direction)
        if not side.direction.endpoints or size is None or size <= LONGEST_MESSAGE:
            continue
        name = format_name(side.direction)
        declared = side.given("signals")
        each = "" if side.direction.vectorize == 1 else f" in each of {side.direction.vectorize} samples"
        count = len(side.direction.signals)
        yield view.finding(
            declared or side.place,
            "message-size",
            "error" if declared else "warning",
            f"{'' if name in EXACT else 'about '}{size} bytes for the {count} signals{' that are the default' * (not declared)}{each} "
            f"({side.key}, {name}), and a nanomsg node holds {LONGEST_MESSAGE}: longer messages are cut, dropped, or crash it",
            "lower vectorize, declare fewer signals, or use villas.binary, which holds 371 floats",
        )


def first_only(view: View) -> Iterator[Finding]:
    """A VILLASnode that takes one sample of a message which brings several."""
    for side in view.inputs:
        if side.direction.vectorize > 1:
            continue
        for place, endpoint in side.endpoints:
            for sender in view.publishers(endpoint):
                if sender.direction.vectorize > 1:
                    yield view.finding(
                        sender.given("vectorize") or sender.place,
                        "first-only",
                        "error",
                        f"node {sender.node.name!r} sends up to {sender.direction.vectorize} samples in a message, and of each message "
                        f"node {side.node.name!r} uses the first alone ({place}): its vectorize is 1",
                        f"set in.vectorize of node {side.node.name!r} to {sender.direction.vectorize} as well",
                    )
