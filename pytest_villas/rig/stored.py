"""What the folder of a run says of itself: with it the run is measured again, or replayed again, without its test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from pytest_villas import recordings
from pytest_villas.errors import DecodeError, RigError, SignalError
from pytest_villas.formats import Rejection
from pytest_villas.impair import parse
from pytest_villas.measure.timing.clock import Clock
from pytest_villas.measure.waveforms.fidelity import Fidelity, fidelity
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.replay import RESPONSE, STIMULUS, Exchange
from pytest_villas.replay.run import Matching, Run, Timed, tags, timed
from pytest_villas.rig.file import ClockSection, MatchSection, ReplaySection, RigFile
from pytest_villas.rig.reference import REFERENCE, applied
from pytest_villas.samples import NO_TIME, Int64s, Samples
from pytest_villas.units import duration

FILE: Final = "replay.json"
"""Name of the file in the folder of a run."""
VERSION: Final = 1
"""Of its layout. A reader refuses a higher one."""

Model: TypeAlias = Callable[[Samples], Samples]
"""Computes the right response to a stimulus."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """How a run was made and is to be measured.

    Attributes:
        version: of this layout.
        rig: name of the rig.
        match, clock, replay: those tables of its rig file.
        reference: what the response is compared with: the `stimulus` itself, what the rig file's `model` made of it, or
            what was `given` by the test.
        limits: what the run is held against.
        about: the `test`, and by what the run is `impaired`, where it is.
        lead: how many samples of the stimulus come before the stimulus proper.
        resolution: to how many ns time stamps were cut off on the way.
        rejected: index and reason of each message that could not be decoded.
    """

    version: int = VERSION
    rig: str
    match: MatchSection
    clock: ClockSection
    replay: ReplaySection
    reference: Literal["stimulus", "model", "given"]
    limits: dict[str, Any]
    about: dict[str, str] = {}
    lead: int = 0
    resolution: int = 0
    rejected: list[tuple[int, str]] = []

    @classmethod
    def of(
        cls,
        file: RigFile,
        *,
        rig: str,
        limits: Mapping[str, Any],
        reference: Samples | None,
        about: Mapping[str, str],
        resolution: int = 0,
    ) -> Stored:
        """Take what counts from a rig file, and to how many ns its formats cut off time stamps."""
        kind: Literal["stimulus", "model", "given"] = "given" if reference is not None else "stimulus"
        if reference is None and file.reference.command:
            kind = "model"
        return cls(
            rig=rig, match=file.match, clock=file.clock, replay=file.replay, reference=kind,
            limits=dict(limits), about=dict(about), resolution=resolution,
        )  # fmt: skip

    def save(self, folder: Path, exchange: Exchange | None, reference: Samples | None) -> None:
        """Write this into the folder of the run, with what came of it, and the reference that the test gave.

        Where that is not possible (a full disk) the run has no description, and its verdict stands.
        """
        kept = self
        if exchange is not None:
            rejected = [(each.index, each.reason) for each in exchange.rejected]
            kept = msgspec.structs.replace(self, lead=exchange.lead, rejected=rejected)
        with contextlib.suppress(OSError):
            if reference is not None:
                recordings.save(folder / REFERENCE, reference)
            part = folder / f"{FILE}.part"
            part.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
            part.replace(folder / FILE)

    def matching(self) -> Matching:
        """Return how responses are matched, in numbers."""
        match = self.match
        return Matching(
            by=match.by,
            bits=min(match.bits, 63),
            tag=match.tag,
            step=match.step,
            history=match.history,
            late_after=duration(match.late_after),
            resolution=self.resolution,
            clock=Clock(self.clock.relation, duration(self.clock.error)),
            warm_up=duration(self.replay.warm_up),
            cool_down=duration(self.replay.cool_down),
        )


def read(folder: Path) -> Stored:
    """Read what a run folder says of itself; DecodeError with path and version where it is damaged or newer than this."""
    path = folder / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DecodeError(f"{path}: this is no folder of a run: {error.strerror}") from None
    try:
        version = msgspec.json.decode(content, type=_Versioned).version
        if not 1 <= version <= VERSION:
            raise DecodeError(f"{path}: its layout has version {version}, and this pytest-villas reads up to {VERSION}")
        return msgspec.json.decode(content, type=Stored)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{path}: is damaged: {error}") from None


class _Versioned(msgspec.Struct):
    version: int


def load(folder: Path) -> Run:
    """Measure a stored run again; DecodeError where a file of it is missing, damaged or of a newer version."""
    kept = read(folder)
    capture = Capture.load(folder)
    stimulus, response = _recording(folder / STIMULUS), _recording(folder / RESPONSE)
    sizes = {len(stimulus), capture.meant.size, capture.sent.size, capture.refused.size}
    if len(sizes) > 1 or not 0 <= kept.lead < len(stimulus):
        raise DecodeError(f"{folder}: stimulus, capture and {FILE} are not of one run: they have {sorted(sizes)} samples")
    rejected = tuple(Rejection(index, reason) for index, reason in kept.rejected)
    exchange = Exchange(stimulus, kept.lead, capture.sent, response, rejected, capture, folder)
    if "impaired" in kept.about:
        exchange = parse(kept.about["impaired"]).keeping(*kept.matching().carriers)(exchange)
    given = _recording(folder / REFERENCE) if kept.reference == "given" else None
    return measure(exchange, kept, Floor.load(folder), given, lambda _: _recording(folder / REFERENCE))


def measure(exchange: Exchange, kept: Stored, floor: Floor, reference: Samples | None, model: Model) -> Run:
    """Match an exchange, and measure delivery, latency and fidelity.

    Args:
        exchange: what went out and came back.
        kept: how it is to be measured.
        floor: what the harness takes by itself.
        reference: what the response should be, one sample for each of the stimulus; needed where that was `given`.
        model: computes it, where the rig file says how.

    Raises SignalError for a reference of another length, RigError for a model that gives one.
    """
    how = kept.matching()
    measured = timed(exchange, how, floor)
    if kept.reference == "model":
        similarity = _against_model(exchange, measured, how, model)
    else:
        if reference is not None and (unlike := differ(reference, measured.stimulus)):
            raise SignalError(unlike)
        similarity = _compared(measured.stimulus if reference is None else reference, measured)
    claims = kept.reference == "model" or reference is not None  # a stimulus does not say what comes back of it
    return Run(
        rig=kept.rig,
        stimulus=measured.stimulus,
        response=measured.response,
        match=measured.match,
        delivery=measured.delivery,
        latency=measured.latency,
        wire=measured.wire,
        fidelity=replace(
            similarity,
            unanswered=tuple(signal for signal in similarity.unanswered if claims and signal.name not in how.carriers),
            unexpected=tuple(name for name in similarity.unexpected if name not in how.carriers),
        ),
        capture=exchange.capture,
        floor=floor,
        folder=exchange.folder,
        limits=kept.limits,
        unstored=exchange.unstored,
    )


def _against_model(exchange: Exchange, measured: Timed, how: Matching, model: Model) -> Fidelity:
    """Hold the response against what the rig file's model makes of the stimulus."""
    sent, lead = exchange.stimulus, exchange.lead
    compute = partial(_of_length, model)
    if how.tag is None or how.step is None:
        return _compared(compute(sent)[lead:], measured)
    # the model starts with the lead, at rest; responses to what was sent before say nothing
    response = exchange.response
    taken, steps = tags(response, how.tag), tags(response, how.step)
    usable = np.flatnonzero((taken >= sent.sequence[0]) & (steps >= 0))
    _, first = np.unique(steps[usable], return_index=True)
    rows = usable[first]
    if not rows.size:  # nothing to compare, and nothing that a model could be given
        nothing = response[:0].select([name for name in response.names if name not in how.carriers])
        return fidelity(nothing, nothing, match=([], []))
    took = applied(sent, taken[rows], steps[rows], [tags(response, name)[rows] for name in how.history])
    reference = compute(took.inputs)
    # a step whose response was lost is a sample of the reference that nobody has seen
    proper = np.flatnonzero(took.taken >= sent.sequence[lead])
    begin = int(proper[0]) if proper.size else len(took.inputs)
    seen = took.rows >= begin
    steps, got = took.rows[seen] - begin, response[rows[seen]]
    expected = reference[begin:].replace(origin=_paced(len(took.inputs) - begin, steps, got.received))
    doubt = ""
    if took.guessed.size:
        doubt = (
            f"what the rig took is not known of {took.guessed.size} of its {len(took.inputs)} steps, whose responses were lost: "
            "the reference may be wrong there"
        )
    return fidelity(expected, got, match=(steps, np.arange(len(got))), doubt=doubt)


def _paced(count: int, steps: Int64s, received: Int64s) -> Int64s:
    """Return when each of the rig's steps was, as far as its pace is known from when the samples of some arrived: int64 ns.

    Args:
        count: of the steps.
        steps: those whose sample arrived, ascending, shape (m,).
        received: when it did, shape (m,).
    """
    if not steps.size:
        return np.full(count, NO_TIME)
    apart = int(steps[-1] - steps[0])
    pace = float(received[-1] - received[0]) / apart if apart else 0.0
    paced: Int64s = received[0] + np.rint((np.arange(count) - steps[0]) * pace).astype(np.int64)
    return paced


def _compared(reference: Samples, measured: Timed) -> Fidelity:
    """Compare with a reference that has one sample for each of the stimulus; by waveform where there are no pairs."""
    match = measured.match
    # whenever it says that it was: it is the right response to what was sent then
    reference = reference.replace(origin=measured.stimulus.origin)
    if match.by == "waveform":
        return fidelity(reference, measured.response)
    pairs = match.stimulus[match.first], match.response[match.first]
    return fidelity(reference, measured.response, match=pairs, own_pace=match.by == "tag")


def _of_length(model: Model, stimulus: Samples) -> Samples:
    reference = model(stimulus)
    if unlike := differ(reference, stimulus):
        raise RigError(unlike)
    return reference


def differ(reference: Samples, stimulus: Samples) -> str:
    """Say so where a reference has not one sample for each of the stimulus; else nothing."""
    if len(reference) == len(stimulus):
        return ""
    return f"the reference has {len(reference)} samples for {len(stimulus)} of the stimulus: it has to have one for each"


def _recording(path: Path) -> Samples:
    try:
        return recordings.open(path)
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read: {error.strerror}") from None
