"""Hardware-in-the-loop tests for real-time simulators behind VILLASnode, as a pytest plugin.

What is named here is imported when it is first used: pytest loads this package in every session, also where no test
needs a rig, and NumPy and SciPy take their time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_villas import config, formats, measure, recordings
    from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType, generate
    from pytest_villas.units import ms, ns, s, us

__all__ = [
    "NO_SEQUENCE",
    "NO_TIME",
    "Samples",
    "Signal",
    "SignalType",
    "config",
    "formats",
    "generate",
    "measure",
    "ms",
    "ns",
    "recordings",
    "s",
    "us",
]

_SAMPLES = {"NO_SEQUENCE", "NO_TIME", "Samples", "Signal", "SignalType"}
_UNITS = {"ms", "ns", "s", "us"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _SAMPLES:
        return getattr(import_module("pytest_villas.samples"), name)
    if name in _UNITS:
        return getattr(import_module("pytest_villas.units"), name)
    return import_module(f"{__name__}.samples.generate" if name == "generate" else f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
