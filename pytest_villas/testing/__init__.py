"""For authors of formats and links: a suite that each of them has to pass, and what helps to test one."""

from pytest_villas.impair import ImpairedLink
from pytest_villas.testing.formats import Format, FormatContract
from pytest_villas.testing.links import LinkContract, Wire, lossless, meet, opened, take

__all__ = ["Format", "FormatContract", "ImpairedLink", "LinkContract", "Wire", "lossless", "meet", "opened", "take"]
