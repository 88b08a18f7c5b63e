"""What samples have to fulfil before they become bytes, and how stamps become seconds and nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import ConfigError, DecodeError, EncodeError
from pytest_villas.samples import NO_SEQUENCE, NO_TIME, Int64s, Samples, Signal, SignalType

SECOND = 1_000_000_000
MOST_SECONDS = (2**63 - 1) // SECOND - 1
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_samples(name: str, samples: Samples, signals: tuple[Signal, ...]) -> None:
    """Refuse samples of other signals than declared: a real VILLASnode aborts, or merges them with old values."""
    got, declared = len(samples.signals), len(signals)
    if got > declared:
        raise EncodeError(f"{name}: {got} signals where {declared} are declared: the receiver would abort; see Samples.select()")
    if got < declared:
        raise EncodeError(f"{name}: {got} signals where {declared} are declared: the receiver would fill in old values")
    for given, signal in zip(samples.signals, signals, strict=True):
        if given.type is not signal.type:
            raise EncodeError(
                f"{name}: signal {signal.name!r} is declared {signal.type.value} and the samples have {given.type.value}: "
                f"convert them with Samples.cast(codec.signals)"
            )
    if not _within(samples.length, 0, declared):
        raise EncodeError(f"{name}: Samples.length has to be between 0 and {declared}")
    if len(samples) and samples.sequence.min() < NO_SEQUENCE:
        raise EncodeError(f"{name}: a sequence number is negative: {samples.sequence.min()}")


def check_types(name: str, signals: tuple[Signal, ...], *allowed: SignalType) -> None:
    """Refuse to build a codec for signals that its format cannot say."""
    for signal in signals:
        if signal.type not in allowed:
            kinds = " and ".join(kind.value for kind in allowed)
            raise ConfigError(f"format {name!r}: signal {signal.name!r} is {signal.type.value}: it can only say {kinds}")


def check_unique(name: str, signals: tuple[Signal, ...], *reserved: str) -> None:
    """Refuse signals whose names would collide where the format tells signals by name."""
    names = [*reserved, *(signal.name for signal in signals)]
    for signal_name in names:
        if names.count(signal_name) > 1:
            raise ConfigError(f"format {name!r}: signal name {signal_name!r} is used twice, and signals are told by name")


def refuse(name: str, samples: Samples, signal: int, bad: npt.NDArray[np.bool_], why: str) -> None:
    """Raise EncodeError for the first of the `bad` values that a sample really carries, if there is one."""
    bad = bad & (samples.length > signal)
    if np.any(bad):
        first = int(np.argmax(bad))
        value = samples.columns[signal][first]
        raise EncodeError(f"{name}: sample {first}: signal {samples.signals[signal].name!r} is {value}: {why}")


def check_finite(name: str, samples: Samples) -> None:
    """Refuse NaN and infinity where the format has no word for them."""
    for i, column in enumerate(samples.columns):
        if column.dtype.kind in "fc" and not np.isfinite(column).all():
            refuse(name, samples, i, ~np.isfinite(column), "JSON has no such number, and the receiver would shift the others")


def check_float32(name: str, samples: Samples, signal: int) -> None:
    """Refuse finite values that would become infinite in 32 bits."""
    column = samples.columns[signal]
    if _within(column, -_FLOAT32_MAX, _FLOAT32_MAX):
        return
    with np.errstate(invalid="ignore"):
        too_big = np.isfinite(column) & (np.abs(column) > _FLOAT32_MAX)
    # what rounds down to the largest float32 is none too big
    with np.errstate(over="ignore", invalid="ignore"):
        too_big &= np.isinf(column.astype(np.float32))
    refuse(name, samples, signal, too_big, "it does not fit into 32 bits")


def check_integer(name: str, samples: Samples, signal: int, bits: int) -> None:
    """Refuse integers that do not fit into `bits` bits with a sign."""
    column = samples.columns[signal]
    limit = 2 ** (bits - 1) - 1
    if not _within(column, -limit - 1, limit):
        refuse(name, samples, signal, (column > limit) | (column < -limit - 1), f"it does not fit into {bits} bits with a sign")


def _within(column: npt.NDArray[Any], least: float, most: float) -> bool:
    """Tell whether every value is between these two; a NaN never is."""
    return bool(not column.size or (column.min() >= least and column.max() <= most))


def need_stamps(name: str, samples: Samples) -> None:
    """Refuse samples without origin or sequence where the format always carries both."""
    if np.any(samples.origin == NO_TIME):
        raise EncodeError(f"{name}: a sample has no origin, and the format cannot leave it out: see Samples.replace(origin=...)")
    need_sequence(name, samples)


def need_sequence(name: str, samples: Samples) -> None:
    """Refuse samples without a sequence number where the format always carries one."""
    if np.any(samples.sequence == NO_SEQUENCE):
        raise EncodeError(
            f"{name}: a sample has no sequence, and the format cannot leave it out: see Samples.replace(sequence=...)"
        )


def unsigned_seconds(name: str, origin: Int64s, bits: int) -> tuple[Int64s, Int64s]:
    """Split stamps, none absent, into seconds and nanoseconds that have `bits` bits and no sign on the wire."""
    seconds, nanoseconds = split_time(origin)
    limit = 2**bits
    if not (_within(seconds, 0, limit - 1) and _within(nanoseconds, 0, limit - 1)):
        bad = origin[(seconds < 0) | (seconds >= limit) | (nanoseconds >= limit)][0]
        raise EncodeError(f"{name}: an origin of {bad} ns since 1970 does not fit into {bits} bits without a sign")
    return seconds, nanoseconds


def split_time(stamps: Int64s) -> tuple[Int64s, Int64s]:
    """Split ns since the epoch into whole seconds and the nanoseconds after them (0 to 999999999)."""
    seconds: Int64s = stamps // SECOND  # several times faster than np.divmod()
    return seconds, stamps - seconds * SECOND


def join_time(seconds: npt.NDArray[Any], nanoseconds: npt.NDArray[Any]) -> Int64s:
    """Join seconds and nanoseconds to ns since the epoch; DecodeError where they cannot be a time."""
    seconds, nanoseconds = seconds.astype(np.int64), nanoseconds.astype(np.int64)
    if not (_within(seconds, -MOST_SECONDS, MOST_SECONDS) and _within(nanoseconds, 0, SECOND - 1)):
        bad = (nanoseconds < 0) | (nanoseconds >= SECOND) | (seconds > MOST_SECONDS) | (seconds < -MOST_SECONDS)
        raise DecodeError(f"{seconds[bad][0]} s and {nanoseconds[bad][0]} ns are no time stamp")
    stamps: Int64s = seconds * SECOND + nanoseconds
    return stamps
