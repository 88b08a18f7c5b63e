"""Limits that standards ask for. They hold for nobody who does not ask for them by name: ``preset = "c37.118-m"``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Preset:
    """Some limits with their source.

    Attributes:
        source: where the figures come from, and what of the source they leave out.
        limits: as in a rig file.
    """

    source: str
    limits: Mapping[str, Any]


PRESETS: Final[Mapping[str, Preset]] = {
    "c37.118-m": Preset(
        "IEEE C37.118.1-2011 with amendment C37.118.1a-2014, steady state at nominal frequency: TVE 1 %, frequency error "
        "5 mHz. Not its dynamic tests, and not its filters of class M: phasors are those of `measure.phasors`",
        {"tve": "1 %", "frequency_error": "5 mHz"},
    ),
    "iec61850-p1": Preset(
        "IEC 61850-5 edition 2, performance class P1 of trips and blockings: transfer time class TT6, 3 ms. The transfer "
        "time is one way, from application to application; here the whole way to the rig and back has to keep it",
        {"latency_max": "3 ms"},
    ),
}
