"""The rig `loopback` without its wire: its file, its node, its formats and its limits, and a network that is made up.

What is proven with it is proven of the measures and the limits; how good the harness is at sending is measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from pytest_villas import Samples, config, formats, recordings
from pytest_villas.impair import parse
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor
from pytest_villas.replay.replay import STIMULUS, Exchange, decode
from pytest_villas.replay.run import Run
from pytest_villas.replay.stimulus import prepare
from pytest_villas.rig.bench import Rig, as_it_came
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.link_sections import NanomsgSection
from pytest_villas.rig.registry import Registry
from pytest_villas.units import s, us

START = 1_795_419_350 * s


@dataclass(frozen=True)
class Wireless:
    """What `Rig` wants of a rig's process: it answers every message after 80 to 120 us, and was sent to on time."""

    name: str
    file: RigFile
    resolution: int = 0

    @property
    def stimulus_signals(self) -> Any:
        return self._node.output.signals

    @property
    def _node(self) -> config.Node:
        link = self.file.link
        assert isinstance(link, NanomsgSection)
        return config.load(Path(link.config)).nodes[link.node]

    def exchange(self, stimulus: Samples, folder: Path, _: object, _how: object) -> Exchange:
        """Encode, carry over and decode as a replay does."""
        rng = np.random.default_rng(1)
        codec = formats.codec(self._node.output.format, self.stimulus_signals)
        prepared = prepare(stimulus, self.stimulus_signals, first=1)
        samples = prepared.at(START)
        payloads = formats.messages(codec, samples)
        meant = prepared.due + START
        sent = meant + rng.integers(0, 20 * us, len(payloads))
        received = sent + rng.integers(80 * us, 120 * us, len(payloads))
        capture = Capture(meant, sent, np.zeros(len(payloads), np.bool_), received, payloads.offsets, payloads.blob)
        capture.save(folder)
        recordings.save(folder / STIMULUS, samples)
        return decode(samples, prepared.lead, capture, codec, folder)

    def floor(self, _: Exchange) -> Floor:
        return Floor(None, "not measured: there is no wire")


def replayed(stimulus: Samples, folder: Path, spec: str | None = None) -> Run:
    """Replay to the rig, impaired or as it is, with the limits of its file."""
    file = Registry.of(Path()).load("loopback")
    process: Any = Wireless("loopback", file)
    impair = cast("Callable[[Exchange], Exchange]", parse(spec).keeping(file.match.tag, file.match.step)) if spec else as_it_came
    about = {"impaired": spec} if spec else {}
    return Rig(process, file.limits, new_folder=lambda: folder, record=lambda _: None, impair=impair, about=about).replay(
        stimulus
    )


def let_through(stimulus: Samples, folder: Path, specs: Iterable[str]) -> list[str]:
    """Return the impairments under which every limit is kept; AssertionError where not all are without any."""
    replayed(stimulus, folder).check()
    return [spec for spec in specs if all(replayed(stimulus, folder, spec).judge())]
