"""When the samples of a recording are due, in the terms of VILLASnode's `file` node [doc/openapi: nodes/file.yaml]."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from pytest_villas.errors import ConfigError, SignalError, nearest
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s, Samples
from pytest_villas.units import duration
from pytest_villas.units import rate as read_rate

_SECOND = 1_000_000_000
_MODES = ("direct", "wait", "relative", "absolute", "original")


def schedule(
    samples: Samples,
    *,
    epoch_mode: Literal["direct", "wait", "relative", "absolute", "original"] = "original",
    epoch: str | float = 0,
    now: int = 0,
    rate: str | float | None = None,
    skip: int = 0,
    speed: float = 1.0,
    repeat: int = 1,
) -> Samples:
    """Return the samples with origin stamps that say when each is to be sent; without times of reception.

    ============================ ==========================================================================================
    setting of the file node     here
    ============================ ==========================================================================================
    `epoch_mode`, `epoch`        the same: `direct` starts at now + epoch, `wait` at now + first + epoch, `relative` at
                                 first + epoch, `absolute` at epoch, `original` keeps the stamps; `epoch` in ns or as text
    `rate`                       the same: samples come 1 / rate apart, from the start on, whatever their stamps say; not with
                                 `original`, where VILLASnode does not look at it
    `skip`                       the same: `first` is the stamp of the first sample in the file all the same, so that the
                                 pause that the skipped ones leave is kept, unless there is a `rate`
    `eof = "stop"`               ``repeat=1``
    `eof = "rewind"`             ``repeat=n``, from the beginning of the file, as `skip` counts for the first round only. A round
                                 begins one usual period after the one before, where VILLASnode begins it at once, and its
                                 sequence numbers go on, where VILLASnode's begin anew
    `eof = "wait"`               nothing: a recording that is opened does not grow
    (none)                       `speed`: 2 halves all distances between stamps, counted from the first
    ============================ ==========================================================================================

    Args:
        samples: a recording.
        epoch_mode: where the start lies; VILLASnode's default is `direct`.
        epoch: ns, or text as ``"2 s"``; the file node's own setting counts seconds.
        now: int64 ns since the Unix epoch, for `direct` and `wait`.
        rate: Hz, or text as ``"10 kHz"``.
        skip: how many samples to leave out at the beginning.
        speed: above 0.
        repeat: how many rounds, at least 1.

    Raises ConfigError for settings that cannot be, SignalError for samples without the stamps that are needed.
    """
    _check(epoch_mode, rate, skip, speed, repeat)
    if not len(samples):
        return samples
    if rate is not None:
        period = _SECOND / read_rate(rate)
        count = repeat * len(samples) - min(skip, len(samples))
        first = 0 if samples.origin[0] == NO_TIME else int(samples.origin[0])
        due = np.rint(np.arange(count) * period).astype(np.int64)
    else:
        first, once, round_length = _paced(samples, speed, repeat)
        due = (once + np.arange(repeat)[:, np.newaxis] * round_length).ravel()[skip:]
    order = np.tile(np.arange(len(samples)), repeat)[skip:]
    start = {
        "direct": now + duration(epoch),
        "wait": now + first + duration(epoch),
        "relative": first + duration(epoch),
        "absolute": duration(epoch),
        "original": first,
    }[epoch_mode]
    picked = samples[order]
    return picked.replace(
        origin=start + due,
        received=np.full(len(picked), NO_TIME),
        sequence=_numbered(samples, repeat)[skip:],
    )


def _check(epoch_mode: str, rate: str | float | None, skip: int, speed: float, repeat: int) -> None:
    if epoch_mode not in _MODES:
        raise ConfigError(f"epoch_mode is {epoch_mode!r}{nearest(epoch_mode, _MODES)}")
    if rate is not None and (epoch_mode == "original" or speed != 1):
        raise ConfigError("rate overrides the recorded pace: it goes neither with speed nor with epoch_mode 'original'")
    if skip < 0 or repeat < 1:
        raise ConfigError(f"skip is {skip} and repeat {repeat}: they are at least 0 and 1")
    if not (math.isfinite(speed) and speed > 0):
        raise ConfigError(f"speed is {speed!r}: it has to be finite and above 0")


def _paced(samples: Samples, speed: float, repeat: int) -> tuple[int, Int64s, int]:
    """Return the first stamp, when each sample is due after it, and how long a round takes; all in ns."""
    if np.any(samples.origin == NO_TIME):
        at = int(np.argmax(samples.origin == NO_TIME))
        raise SignalError(f"sample {at} has no time stamp: give a rate, or stamps with Samples.replace(origin=...)")
    due = samples.origin - samples.origin[0]
    if speed != 1:
        due = np.rint(due / speed).astype(np.int64)
    if repeat == 1:
        return int(samples.origin[0]), due, 0
    if len(samples) == 1:
        raise SignalError("a single sample has no period at which it could be repeated: give a rate")
    return int(samples.origin[0]), due, int(due[-1]) + int(np.median(np.diff(due)))


def _numbered(samples: Samples, repeat: int) -> Int64s:
    present = samples.sequence != NO_SEQUENCE
    numbers = samples.sequence[present]
    span = int(numbers.max() - numbers.min()) + 1 if numbers.size else 0
    rounds = samples.sequence + np.arange(repeat)[:, np.newaxis] * span
    return np.where(present, rounds, NO_SEQUENCE).ravel()
