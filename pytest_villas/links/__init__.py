"""Bytes to and from the wire: the `Link` protocol, and one module for each transport."""

from pytest_villas.links.link import Link, Losses, Stamp
from pytest_villas.links.nanomsg import NanomsgLink

__all__ = ["Link", "Losses", "NanomsgLink", "Stamp"]
