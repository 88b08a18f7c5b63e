"""From the samples that a test wants to send to exactly what the rig's node takes, and when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from pytest_villas.errors import EncodeError, nearest
from pytest_villas.samples import NO_TIME, Column, Int64s, Samples, Signal, SignalType, signals_of

NUMBER_LIMIT = {SignalType.FLOAT: 2**53, SignalType.INTEGER: 2**63 - 1, SignalType.COMPLEX: 2**24, SignalType.BOOLEAN: 0}
"""The largest number that a tag signal of each type carries exactly."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What is sent: all messages, those of the lead included.

    Attributes:
        samples: in the signals of the receiving node, with `sequence` numbering them over the session; `origin` is set
            when the start is known.
        due: int64 ns, shape (n,): when each is sent, from the first on.
        lead: how many come before the stimulus proper.
    """

    samples: Samples
    due: Int64s
    lead: int

    def at(self, start: int) -> Samples:
        """Return the samples with their origin stamps, for a start at that epoch time in ns."""
        return self.samples.replace(origin=self.due + start)


def prepare(stimulus: Samples, signals: tuple[Signal, ...], *, first: int, tags: Collection[str] = (), lead: int = 0) -> Stimulus:
    """Fit a stimulus to the signals that the rig's node declares.

    Signals are found by name where the stimulus has a name of the node's, else they count by position. A signal that the
    stimulus lacks is held at its `init`. Floats are put into complex signals and booleans into integer ones; nothing
    else is converted.

    Args:
        stimulus: with origin stamps, of which only the differences count.
        signals: what the node takes.
        first: number of the first message; numbers go on over a session, since a VILLASnode takes a lower one for a restart.
        tags: the signals that carry the number to the rig.
        lead: for so many ns before the stimulus every signal is at rest: at its `init`, else 0.

    Raises EncodeError naming the signal, and what would be right.
    """
    if not len(stimulus):
        raise EncodeError("the stimulus has no samples")
    due, period = _schedule(stimulus)
    if signals == signals_of(None):
        return _undeclared(stimulus, due, first)
    before = -(-lead // period) if lead else 0
    count = before + len(stimulus)
    sequence = np.arange(first, first + count)
    columns = []
    for signal, given in zip(signals, _sources(stimulus, signals, tags), strict=True):
        if signal.name in tags:
            columns.append(_tag_column(signal, sequence))
            continue
        column = np.full(count, _rest(signal), signal.type.dtype)
        column[before:] = _rest(signal) if given is None else _fitted(given, signal)
        columns.append(column)
    head = np.arange(before, dtype=np.int64) * period
    samples = Samples(columns, signals, sequence=sequence)
    return Stimulus(samples, np.concatenate([head, due + before * period]), before)


def _undeclared(stimulus: Samples, due: Int64s, first: int) -> Stimulus:
    """Fit a stimulus to a node that declares no signals: it takes any number of floats, and has no values at rest."""
    numbered = stimulus.replace(sequence=np.arange(first, first + len(stimulus)))
    return Stimulus(numbered.padded(), due, 0)


def _schedule(stimulus: Samples) -> tuple[Int64s, int]:
    """Return when each sample is due from the first on, and the usual period, in ns."""
    if np.any(stimulus.origin == NO_TIME):
        raise EncodeError("the stimulus has samples without a time stamp: give them one with Samples.replace(origin=...)")
    due = stimulus.origin - stimulus.origin[0]
    steps = np.diff(due)
    if np.any(steps <= 0):
        at = int(np.argmax(steps <= 0)) + 1
        how = "stands still" if steps[at - 1] == 0 else "goes back"
        raise EncodeError(f"the stimulus {how} in time at sample {at}: its time stamps have to ascend")
    return due, int(np.median(steps)) if steps.size else 1_000_000


def _sources(stimulus: Samples, signals: tuple[Signal, ...], tags: Collection[str]) -> list[Column | None]:
    wanted = [signal.name for signal in signals if signal.name not in tags]
    if set(stimulus.names) & set(wanted):
        for name in stimulus.names:
            if name not in wanted:
                raise EncodeError(
                    f"the rig takes no signal {name!r}{nearest(name, wanted)}; leave it out with stimulus.select(...)"
                )
        found: dict[str, Column] = dict(zip(stimulus.names, stimulus.columns, strict=True))
    else:
        if len(stimulus.signals) > len(wanted):
            raise EncodeError(
                f"the stimulus has {len(stimulus.signals)} signals, the rig takes {len(wanted)}: {', '.join(wanted)}"
            )
        found = dict(zip(wanted, stimulus.columns, strict=False))
    return [found.get(signal.name) for signal in signals]


def _fitted(column: Column, signal: Signal) -> Column:
    given = SignalType.of(column.dtype)
    if given is signal.type:
        return column
    if given is SignalType.FLOAT and signal.type is SignalType.COMPLEX:
        return column.astype(np.complex64)
    if given is SignalType.BOOLEAN and signal.type is SignalType.INTEGER:  # for formats that have no booleans
        return column.astype(np.int64)
    raise EncodeError(
        f"signal {signal.name!r} is {signal.type.value} in the rig's node and {given.value} in the stimulus; a real VILLASnode "
        f"ends at once where it gets another type: convert with Samples.cast(...)"
    )


def _tag_column(signal: Signal, sequence: Int64s) -> Column:
    if sequence[-1] > NUMBER_LIMIT[signal.type]:
        raise EncodeError(f"the tag {signal.name!r} is {signal.type.value} and cannot carry the number {sequence[-1]} exactly")
    return sequence.astype(signal.type.dtype)


def _rest(signal: Signal) -> complex:
    return 0 if signal.init is None else signal.init
