"""Hardware-in-the-loop tests for real-time simulators behind VILLASnode, as a pytest plugin."""

from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Samples, Signal, SignalType
from pytest_villas.units import ms, ns, s, us

__all__ = ["NO_SEQUENCE", "NO_TIME", "Samples", "Signal", "SignalType", "ms", "ns", "s", "us"]
