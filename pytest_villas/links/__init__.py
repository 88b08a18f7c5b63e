"""Bytes to and from the wire: the `Link` protocol, and one module for each transport."""

from pytest_villas.links.choice import Engine, choose
from pytest_villas.links.link import Link, Losses, Stamp, WireTimes
from pytest_villas.links.looped import looped
from pytest_villas.links.nanomsg import NanomsgLink
from pytest_villas.links.serial import SerialLink
from pytest_villas.links.serial_line import SerialLine
from pytest_villas.links.sp import SpLink
from pytest_villas.links.split import SplitLink

__all__ = [
    "Engine",
    "Link",
    "Losses",
    "NanomsgLink",
    "SerialLine",
    "SerialLink",
    "SpLink",
    "SplitLink",
    "Stamp",
    "WireTimes",
    "choose",
    "looped",
]
