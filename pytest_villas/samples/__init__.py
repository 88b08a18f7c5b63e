"""What flows: samples as columns, the signals that they belong to, and generators."""

from pytest_villas.samples.samples import NO_SEQUENCE, NO_TIME, Column, Int64s, Samples, empty_value
from pytest_villas.samples.signal import Signal, SignalSpec, SignalType, signals_of

__all__ = [
    "NO_SEQUENCE",
    "NO_TIME",
    "Column",
    "Int64s",
    "Samples",
    "Signal",
    "SignalSpec",
    "SignalType",
    "empty_value",
    "signals_of",
]
