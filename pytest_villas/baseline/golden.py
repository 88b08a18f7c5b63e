"""A golden response: what a rig answered to a stimulus when somebody found it right, and a tube around it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from pytest_villas import recordings
from pytest_villas.errors import ConfigError, VillasError
from pytest_villas.measure import Outcome, Verdict, allclose, tube
from pytest_villas.measure.waveforms.place import Places
from pytest_villas.replay.run import Run
from pytest_villas.samples import Samples, SignalType

_ENOUGH: Final = 0.9
"""Of the golden response that a new one has to have, lest it passes for what nobody saw."""


def response_of(run: Run) -> Samples:
    """Return what answered the stimulus, in its order.

    `origin` is when the sample that it answers was due, ns from the first of them; `sequence` is the index of that sample.
    """
    match = run.match
    order = np.argsort(match.stimulus[match.first], kind="stable")
    stimulus, response = match.stimulus[match.first][order], match.response[match.first][order]
    due = run.stimulus.origin - run.stimulus.origin[:1]
    return run.response[response].replace(origin=due[stimulus], sequence=stimulus)


def save(run: Run, path: Path) -> str:
    """Store the response of a run. Returns the SHA-256 of the file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        recordings.save(part, response_of(run))
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digest


def load(path: Path, digest: str) -> Samples:
    """Read a golden response; ConfigError where it is not there, damaged or not the one that was stored."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the golden response cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise ConfigError(f"{path}: is damaged, or not the golden response that was stored: its SHA-256 is another")
    try:
        return recordings.open(path)
    except VillasError as error:
        raise ConfigError(f"{path}: is damaged: {error}") from None


def judge(golden: Samples, run: Run, *, rtol: float) -> Iterator[Verdict]:
    """Hold each channel against the golden response: in a tube of one sample and `rtol` of its range, or equal.

    Both are laid out by when the stimulus was due, so that they need not answer the same samples of it.
    """
    now = response_of(run)
    steps = np.diff(run.stimulus.origin)
    period = float(np.median(steps)) / 1e9 if steps.size else 0.0
    for name in dict.fromkeys((*golden.names, *now.names)):
        what = f"golden {name} samples"
        if name not in golden.names or name not in now.names:
            where = "response" if name in golden.names else "golden response"
            yield Verdict(Outcome.INCONCLUSIVE, what, 0, "==", why=f"the {where} has no such channel")
            continue
        if len(now) < _ENOUGH * len(golden):
            why = f"{len(now)} samples were answered, and {len(golden)} when it was stored"
            yield Verdict(Outcome.INCONCLUSIVE, what, 0, "==", n=len(now), why=why)
            continue
        yield from _channel(golden, now, name, rtol, period)


def _channel(golden: Samples, now: Samples, name: str, rtol: float, period: float) -> Iterator[Verdict]:
    old, new = golden[name], now[name]
    what = f"golden {name} samples"
    if old.dtype != new.dtype:
        kinds = [SignalType.of(column.dtype).value for column in (old, new)]
        yield Verdict(Outcome.FAIL, what, 0, "==", n=new.size, why=f"was {kinds[0]} and is {kinds[1]}")
    elif old.dtype.kind in "fc":
        parts = ((np.real, " real"), (np.imag, " imaginary")) if old.dtype.kind == "c" else ((np.asarray, ""),)
        for part, suffix in parts:
            yield tube(
                golden.origin, part(old).astype(np.float64), now.origin, part(new).astype(np.float64),
                rtol=rtol, dt=period, places=_places(now), what=what + suffix,
            )  # fmt: skip
    else:
        _, first, second = np.intersect1d(golden.sequence, now.sequence, assume_unique=True, return_indices=True)
        yield allclose(old[first], new[second], places=_places(now[second]), what=what)


def _places(samples: Samples) -> Places:
    return Places(samples.sequence, samples.origin, samples.sequence)
