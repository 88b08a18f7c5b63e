"""What a test holds in its hands: a rig to replay to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, overload

from pytest_villas.errors import ConfigError, RigError, SignalError, VillasError
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.live import State
from pytest_villas.replay.replay import Exchange
from pytest_villas.replay.run import Run
from pytest_villas.replay.runs import Runs, repeated, until_conclusive
from pytest_villas.rig.reference import compute
from pytest_villas.rig.rig import Progress, RigProcess
from pytest_villas.rig.stored import Stored, differ, measure
from pytest_villas.samples import Samples, Signal
from pytest_villas.units import duration

NOT_IMPAIRED: Final = "the response cannot be impaired so: "
"""How an error begins that says that an impairment of the session does not apply to a rig."""


def _silent(_: State) -> None:
    """Show nothing."""


def _check(stimulus: object, reference: Samples | None) -> None:
    if not isinstance(stimulus, Samples):
        made = "as of generate.sine(...), recordings.open(...) or Samples({'va': [...]}, origin=[...])"
        raise TypeError(f"rig.replay takes Samples, {made}, and no {type(stimulus).__name__}")
    if reference is not None and (unlike := differ(reference, stimulus)):
        raise SignalError(unlike)


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
        about: what is stored beside each run: the test, and how the run was impaired.
        impair: changes what came back before it is measured: see `--villas-impair`.
    """

    process: RigProcess
    limits: Mapping[str, Any]
    new_folder: Callable[[], Path]
    record: Callable[[Run], None]
    progress: Progress = field(default=_silent)
    about: Mapping[str, str] = field(default_factory=dict)
    impair: Callable[[Exchange], Exchange] = field(default=as_it_came)

    @property
    def name(self) -> str:
        """The name of the rig."""
        return self.process.name

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals that the rig takes; a stimulus gives some of them, by name."""
        return self.process.stimulus_signals

    @overload
    def replay(self, stimulus: Samples, *, reference: Samples | None = None) -> Run: ...
    @overload
    def replay(self, stimulus: Samples, *, reference: Samples | None = None, runs: int) -> Runs: ...
    @overload
    def replay(
        self,
        stimulus: Samples,
        *,
        reference: Samples | None = None,
        runs: int | None = None,
        until: Literal["conclusive"],
        within: str | float = "60 s",
    ) -> Runs: ...
    def replay(
        self,
        stimulus: Samples,
        *,
        reference: Samples | None = None,
        runs: int | None = None,
        until: Literal["conclusive"] | None = None,
        within: str | float = "60 s",
    ) -> Run | Runs:
        """Send the stimulus at the pace of its time stamps, capture what comes back, and measure.

        Args:
            stimulus: columns for some of `signals`, by name or, with other names, by position; only the differences of
                its origin stamps count.
            reference: what the response should be, one sample for each of the stimulus, whose origin stamps it gets; without
                it the rig file's `[reference]` computes it, and where there is none the stimulus itself is the reference.
            runs: replay so many times, and return all as `Runs`, which are judged together; with `until`, at least so many.
            until: `"conclusive"` replays until all declared limits are known to be kept, one of them is known to be
                broken, or more samples would not help.
            within: how long that may take, in ns or as text; the first run is always made.

        Raises, before anything is sent, EncodeError for what would harm the rig, and SignalError for a reference of another
        length; RigError where the rig dies or cannot be
        impaired as the session asks; ConfigError for a number of runs below 1, and for `until` where no limit is declared;
        TypeError for a stimulus that is no `Samples`.
        """
        _check(stimulus, reference)
        if runs is not None and runs < 1:
            raise ConfigError(f"runs={runs}: at least 1 is needed")
        if until is None:
            return self._once(stimulus, reference) if runs is None else repeated(lambda: self._once(stimulus, reference), runs)
        if until != "conclusive":
            raise ConfigError(f"until={until!r}: 'conclusive' is all there is")
        if not self.limits:
            raise ConfigError("until='conclusive': no limit is declared, in the rig file or by @pytest.mark.limits(...)")
        return until_conclusive(lambda: self._once(stimulus, reference), fewest=runs or 1, within=duration(within))

    def _once(self, stimulus: Samples, reference: Samples | None) -> Run:
        folder = self.new_folder()
        kept = Stored.of(
            self.process.file, rig=self.name, limits=self.limits, reference=reference, about=self.about,
            resolution=self.process.resolution,
        )  # fmt: skip
        try:
            came = self.process.exchange(stimulus, folder, self.progress, kept.matching())
        except RigError:
            self._salvage(folder, kept, reference)
            raise
        kept.save(folder, came, reference)
        floor = self.process.floor(came)
        floor.save(folder)
        try:
            exchange = self.impair(came)
        except ConfigError as error:  # the test has no part in it, and nothing of the device was seen
            raise RigError(f"{NOT_IMPAIRED}{error}") from None
        run = measure(exchange, kept, floor, reference, partial(self._model, exchange))
        self.record(run)
        return run

    def _salvage(self, folder: Path, kept: Stored, reference: Samples | None) -> None:
        """Leave in the folder what a rig sent before it died, so that it can be measured as any run."""
        came = self.process.salvage(folder)
        kept.save(folder, came, reference)
        if came is not None:
            with contextlib.suppress(VillasError):  # the death of the rig is what is told
                floor = Floor(None, "not measured: the rig broke")
                self.record(measure(self.impair(came), kept, floor, reference, partial(self._model, came)))

    def _model(self, exchange: Exchange, stimulus: Samples) -> Samples:
        settings = self.process.file.reference
        return compute(settings.command, stimulus, exchange.folder, duration(settings.timeout))
