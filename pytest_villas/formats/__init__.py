"""Samples to bytes and back, one module for each VILLASnode format.

>>> from pytest_villas import Samples
>>> codec = codec("json", signals="2f")
>>> codec.encode(Samples({"va": [1.5], "vb": [-2.0]}, sequence=[7]))
b'[{"sequence": 7, "data": [1.5, -2.0]}]'
"""

from pytest_villas.formats.codec import Batch, Codec, Decoded, MessageCodec, Rejection
from pytest_villas.formats.messages import Messages, Payload
from pytest_villas.formats.registry import Factory, codec, messages, names, register, resolution

__all__ = [
    "Batch",
    "Codec",
    "Decoded",
    "Factory",
    "MessageCodec",
    "Messages",
    "Payload",
    "Rejection",
    "codec",
    "messages",
    "names",
    "register",
    "resolution",
]
