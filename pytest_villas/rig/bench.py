"""What a test holds in its hands: a rig to replay to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pytest_villas.errors import RigError
from pytest_villas.measure.clock import Clock
from pytest_villas.measure.fidelity import Fidelity, fidelity
from pytest_villas.replay.replay import Exchange
from pytest_villas.replay.run import Matching, Run, Timed, tags, timed
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.reference import applied, compute
from pytest_villas.rig.rig import RigProcess
from pytest_villas.samples import Samples, Signal
from pytest_villas.units import duration


def _silent(sent: int, received: int, total: int) -> None:
    """Show nothing."""


def as_it_came(exchange: Exchange) -> Exchange:
    """Change nothing."""
    return exchange


@dataclass(frozen=True, slots=True)
class Rig:
    """A rig in the hands of one test.

    Attributes:
        process: the rig itself.
        limits: what `Run.check` holds the runs of this test against.
        new_folder: makes the folder of a run.
        record: is told of every run.
        progress: is told of a running replay.
        impair: changes what came back before it is measured: see `--villas-impair`.
    """

    process: RigProcess
    limits: Mapping[str, float | str]
    new_folder: Callable[[], Path]
    record: Callable[[Run], None]
    progress: Callable[[int, int, int], None] = field(default=_silent)
    impair: Callable[[Exchange], Exchange] = field(default=as_it_came)

    @property
    def name(self) -> str:
        """The name of the rig."""
        return self.process.name

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals that the rig takes; a stimulus gives some of them, by name."""
        return self.process.stimulus_signals

    def replay(self, stimulus: Samples, *, reference: Samples | None = None) -> Run:
        """Send the stimulus at the pace of its time stamps, capture what comes back, and measure.

        Args:
            stimulus: columns for some of `signals`, by name or, with other names, by position; only the differences of
                its origin stamps count.
            reference: what the response should be, one sample for each of the stimulus; without it the rig file's
                `[reference]` computes it, and where there is none the stimulus itself is the reference.

        Raises EncodeError, before anything is sent, for what would harm the rig; RigError where the rig dies.
        """
        folder = self.new_folder()
        exchange = self.process.exchange(stimulus, folder, self.progress)
        floor = self.process.floor(exchange)
        floor.save(folder)
        exchange = self.impair(exchange)
        how = _matching(self.process.file)
        measured = timed(exchange, how, floor)
        run = Run(
            rig=self.name,
            stimulus=measured.stimulus,
            response=measured.response,
            match=measured.match,
            delivery=measured.delivery,
            latency=measured.latency,
            fidelity=self._fidelity(exchange, measured, how, reference),
            capture=exchange.capture,
            floor=floor,
            folder=folder,
            limits=self.limits,
        )
        self.record(run)
        return run

    def _fidelity(self, exchange: Exchange, measured: Timed, how: Matching, reference: Samples | None) -> Fidelity:
        model = self.process.file.reference
        if reference is None and model.command:
            return _against_model(exchange, measured, how, model.command, duration(model.timeout))
        return _compared(measured.stimulus if reference is None else reference, measured)


def _matching(file: RigFile) -> Matching:
    match = file.match
    return Matching(
        by=match.by,
        bits=min(match.bits, 63),
        tag=match.tag,
        step=match.step,
        late_after=duration(match.late_after),
        clock=Clock(file.clock.relation, duration(file.clock.error)),
        warm_up=duration(file.replay.warm_up),
        cool_down=duration(file.replay.cool_down),
    )


def _against_model(exchange: Exchange, measured: Timed, how: Matching, command: tuple[str, ...], timeout: int) -> Fidelity:
    """Hold the response against what the rig file's model makes of the stimulus."""
    sent, lead = exchange.stimulus, exchange.lead
    if how.tag is None or how.step is None:
        reference = _computed(command, sent, exchange.folder, timeout)
        return _compared(reference[lead:], measured)
    # the model starts with the lead, at rest; responses to what was sent before say nothing
    response = exchange.response
    taken, steps = tags(response, how.tag), tags(response, how.step)
    usable = np.flatnonzero((taken >= sent.sequence[0]) & (steps >= 0))
    _, first = np.unique(steps[usable], return_index=True)
    rows = usable[first]
    inputs, places = applied(sent, taken[rows], steps[rows])
    reference = _computed(command, inputs, exchange.folder, timeout)
    proper = taken[rows] >= sent.sequence[lead]
    expected, got = reference[places[proper]], response[rows[proper]]
    return fidelity(expected, got, match=(np.arange(len(got)), np.arange(len(got))))


def _compared(reference: Samples, measured: Timed) -> Fidelity:
    """Compare with a reference that has one sample for each of the stimulus; by waveform where there are no pairs."""
    match = measured.match
    if match.by == "waveform":
        return fidelity(reference, measured.response)
    return fidelity(reference, measured.response, match=(match.stimulus[match.first], match.response[match.first]))


def _computed(command: tuple[str, ...], stimulus: Samples, folder: Path, timeout: int) -> Samples:
    reference = compute(command, stimulus, folder, timeout)
    if len(reference) != len(stimulus):
        raise RigError(f"the reference has {len(reference)} samples for {len(stimulus)} of the stimulus: {' '.join(command)}")
    return reference
