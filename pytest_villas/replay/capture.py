"""What a replay left: when each message was meant to leave and left, and what arrived when.

It lives in three files of the folder of its run. What arrives is written while it arrives, so that no memory limits it:
`messages.bin` holds the messages one after the other, and `arrivals.bin` two little-endian int64 for each, when it came (ns
of the monotonic clock) and how many bytes it has. `capture.npz` holds the rest.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import DecodeError
from pytest_villas.formats import Messages
from pytest_villas.samples import NO_TIME, Int64s

BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, LookupError, TypeError, ValueError, EOFError, OSError, RuntimeError)
"""What NumPy and `zipfile` raise for an `.npz` that is none."""
FILE: Final = "capture.npz"
MESSAGES: Final = "messages.bin"
ARRIVALS: Final = "arrivals.bin"
"""Names of the files in the folder of a run."""
ARRIVAL: Final = struct.Struct("<qq")
"""When a message came, and its size."""


@dataclass(frozen=True, slots=True)
class Capture:
    """The raw outcome of a replay. Times are int64 ns since the Unix epoch, from the monotonic clock.

    Attributes:
        meant: shape (n,), when each message was to be sent.
        sent: shape (n,), when it was handed to the link; `NO_TIME` where the replay ended before.
        refused: shape (n,) bool, the link's queue was full.
        received: shape (k,), the arrival of each message.
        offsets, blob: message i is `blob[offsets[i]:offsets[i + 1]]`, uint8; the file itself, mapped, where it was loaded.
        clock_step: how far the wall clock moved against the monotonic clock during the run, ns.
        send_queue, receive_queue: messages lost on our side, by place.
        complete: False where the replay was stopped before its end.
        scheduling: what the operating system granted to the sending process, for people.
        stamp: who stamped the arrivals, `user` or `kernel`.
        unstored: why it is not on the disk, if it is not.
        sent_wire, received_wire: ns that each message is on the wire, shapes (n,) and (k,); empty where that is not known.
        line: what makes these times, for people.
        wire_faults: what was wrong on the wire during the run, a count by name, as JSON.
    """

    meant: Int64s
    sent: Int64s
    refused: npt.NDArray[np.bool_]
    received: Int64s
    offsets: Int64s
    blob: npt.NDArray[np.uint8]
    clock_step: int = 0
    send_queue: int = 0
    receive_queue: int = 0
    complete: bool = True
    scheduling: str = ""
    stamp: str = "user"
    unstored: str = ""
    sent_wire: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    received_wire: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    line: str = ""
    wire_faults: str = "{}"

    def faults(self) -> dict[str, int]:
        """Return what was wrong on the wire during the run, without what was not."""
        counts: dict[str, int] = json.loads(self.wire_faults)
        return {name: count for name, count in counts.items() if count}

    def payloads(self) -> Messages:
        """Return the messages that arrived, in order."""
        return Messages(self.offsets, self.blob)

    def save(self, folder: Path) -> Path:
        """Write it as a replay does. Returns the main file."""
        (folder / MESSAGES).write_bytes(self.blob.tobytes())
        (folder / ARRIVALS).write_bytes(np.stack([self.received, np.diff(self.offsets)], axis=1).astype("<i8").tobytes())
        elsewhere = ("received", "offsets", "blob", "unstored")
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in elsewhere}
        return store(folder, values | {"epoch_offset": 0})

    @classmethod
    def load(cls, folder: Path) -> Capture:
        """Read what `store` and the two spools wrote; DecodeError where it is not there or damaged."""
        path = folder / FILE
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                values: dict[str, Any] = {name: stored[name] for name in stored.files}
            for name in ("clock_step", "send_queue", "receive_queue"):
                values[name] = int(values[name])
            values["complete"] = bool(values["complete"])
            values |= {name: str(values[name]) for name in ("scheduling", "stamp", "line", "wire_faults") if name in values}
            offset = int(values.pop("epoch_offset"))
            values |= arrived(_mapped(folder / ARRIVALS), _mapped(folder / MESSAGES), offset)
            return cls(**values)
        except BROKEN as error:
            raise DecodeError(f"{path}: no capture can be read from it: {error}") from error


def arrived(
    arrivals: bytes | npt.NDArray[np.uint8], messages: npt.NDArray[np.uint8], epoch_offset: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the fields of a capture that say what arrived, from what the two files hold; ValueError where they disagree."""
    records = np.frombuffer(arrivals, "<i8").reshape(-1, 2)
    offsets = np.zeros(len(records) + 1, np.int64)
    np.cumsum(records[:, 1], out=offsets[1:])
    if offsets[-1] != messages.size:
        raise ValueError(f"{MESSAGES} has {messages.size} bytes, and the messages have {offsets[-1]}")
    return {"received": to_epoch(records[:, 0], epoch_offset), "offsets": offsets, "blob": messages}


def store(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write what does not arrive: the other fields of a capture, and `epoch_offset`, which moves arrivals to the epoch.

    Waits until it is on the disk. Returns the file.
    """
    path = folder / FILE
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **{name: np.asarray(value) for name, value in values.items()})  # type: ignore[arg-type]  # its stub takes allow_pickle from any name
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)


def to_epoch(monotonic: npt.ArrayLike, offset: int) -> Int64s:
    """Move monotonic times to the epoch; 0, which no monotonic time is, stands for `NO_TIME`."""
    times = np.asarray(monotonic, np.int64)
    moved = np.asarray(times + offset)
    moved[times == 0] = NO_TIME
    return moved
