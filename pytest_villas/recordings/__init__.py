"""Recordings: files of samples, in the layouts of VILLASnode's file node and in NumPy's.

>>> from pytest_villas import recordings
>>> samples = recordings.open("fault.csv")  # doctest: +SKIP
>>> recordings.save("fault.npz", samples)  # doctest: +SKIP
"""

from pytest_villas.recordings.recording import open, save  # noqa: A004 (`recordings.open` is what a user writes)

__all__ = ["open", "save"]
