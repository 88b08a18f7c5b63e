"""Impairments of what comes back from a rig, to see whether its tests would notice.

Each is a small pure function of an `Exchange`, and by its seed it does the same every time. What is on disk stays as it
came: only what is measured from it is impaired.
"""

from pytest_villas.impair.catalogue import KINDS, Kind
from pytest_villas.impair.link import ImpairedLink
from pytest_villas.impair.spec import Impairment, parse

__all__ = ["KINDS", "ImpairedLink", "Impairment", "Kind", "parse"]
