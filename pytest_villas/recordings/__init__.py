"""Recordings: files of samples, in the layouts of VILLASnode's file node, of NumPy, of COMTRADE and of MATLAB.

>>> from pytest_villas import recordings
>>> samples = recordings.open("fault.cfg")  # doctest: +SKIP
>>> recordings.save("fault.npz", samples)  # doctest: +SKIP
>>> recordings.of({"va[V]": [0.0, 1.5]}, rate=1000).origin.tolist()
[0, 1000000]
"""

from pytest_villas.recordings.arrays import of
from pytest_villas.recordings.recording import decode, encode, layouts, open, save, suffix_format  # noqa: A004 (`recordings.open` is what a user writes)
from pytest_villas.recordings.scheduling import schedule

__all__ = ["decode", "encode", "layouts", "of", "open", "save", "schedule", "suffix_format"]
