"""`.npz`: everything that `Samples` has, exactly, in NumPy's own container and without pickle."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_villas.errors import DecodeError
from pytest_villas.recordings.headers import cast, known_options
from pytest_villas.samples import Samples, Signal, SignalSpec, SignalType

_VERSION = 1
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, LookupError, TypeError, ValueError, EOFError, OSError, RuntimeError)
_FIELDS = ("origin", "received", "sequence", "new_frame", "new_simulation", "length")


def write(samples: Samples, name: str, options: Mapping[str, Any]) -> bytes:
    """Return the content of a file."""
    known_options(name, options)
    signals = [
        [s.name, s.unit, s.type.value, [s.init.real, s.init.imag] if isinstance(s.init, complex) else s.init]
        for s in samples.signals
    ]
    arrays: dict[str, Any] = {field: getattr(samples, field) for field in _FIELDS}
    arrays |= {f"column{i}": column for i, column in enumerate(samples.columns)}
    arrays["signals"] = np.frombuffer(json.dumps({"version": _VERSION, "signals": signals}).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def read(path: Path, content: bytes, name: str, options: Mapping[str, Any], signals: SignalSpec) -> Samples:
    """Read a file; `signals` casts what is in it."""
    known_options(name, options)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise DecodeError(f"{path}: no recording that was saved here: it is no zip archive, or cut off")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            described = json.loads(arrays["signals"].tobytes())
            if described["version"] != _VERSION:
                raise DecodeError(f"{path}: version {described['version']} of the layout: this one reads {_VERSION}")
            declared = [_signal(*entry) for entry in described["signals"]]
            columns = [arrays[f"column{i}"] for i in range(len(declared))]
            samples = Samples(columns, declared, **{field: arrays[field] for field in _FIELDS})
    except _BROKEN as error:
        if isinstance(error, DecodeError):
            raise
        # of Python objects NumPy says how they could be loaded all the same, which is unsafe
        why = "it has Python objects in it" if "pickle" in str(error) else str(error)
        raise DecodeError(f"{path}: no recording that was saved here: {why}") from None
    return cast(path, samples, signals)


def _signal(name: str, unit: str, kind: str, init: Any) -> Signal:
    return Signal(name, unit, SignalType(kind), complex(*init) if isinstance(init, list) else init)
