"""A rig in use: started, leased, connected, and ready to be replayed to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pytest_villas import formats
from pytest_villas.errors import DecodeError, LinkError, LinkTimeout, RigError
from pytest_villas.replay import capacity, capture
from pytest_villas.replay.floor import Floor, Floors
from pytest_villas.replay.live import Live, State
from pytest_villas.replay.process import Watch, Worker
from pytest_villas.replay.replay import STIMULUS, Exchange, decode, replay, store
from pytest_villas.replay.run import Matching
from pytest_villas.replay.shared import Follower
from pytest_villas.replay.stimulus import Stimulus, prepare
from pytest_villas.rig.face import Face, face, one_size
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.launch import Process
from pytest_villas.rig.lease import Lease
from pytest_villas.rig.link_sections import words
from pytest_villas.rig.reference import substitute
from pytest_villas.samples import Samples
from pytest_villas.units import duration, format_duration, ms

Progress = Callable[[State], None]
"""Told four times a second how far a replay is."""
CONFIG, RIG_LOG, WORKER_LOG = "rig-config.json", "rig.log", "worker.log"
"""Names of the files in the folder of a rig: the config that it runs with, and what it and the worker say."""
_SLICE_NS = 250 * ms
_DEATH_NS = 500 * ms


def launched(name: str, file: RigFile, ours: Face, folder: Path) -> Process | None:
    """Start the process that is the rig, if its file says how, and wait until it is ready; RigError where it does not get so."""
    launch = file.launch
    if not launch.command:
        return None
    words = {"python": sys.executable, **ours.words}
    process = Process(name, [substitute(word, words) for word in launch.command], folder / RIG_LOG, realtime=launch.realtime)
    try:
        for port in ours.comes_with_rig:
            process.wait(port.exists, duration(launch.timeout), f"it made no port at {port}")
        if launch.ready != "sample":
            process.wait_for_line(launch.ready, duration(launch.timeout))
    except BaseException:
        process.stop()
        raise
    return process


def _kept(folder: Path) -> str:
    """Say what is left of a replay that broke: what came is with the process that replays until it ends one."""
    if (folder / capture.FILE).is_file():
        return f"what was captured until then is in {folder}"
    return f"nothing of what came until then could be kept in {folder}"


class RigProcess:
    """The rig itself, from its file: its process where we start one, our node that faces it, and the worker."""

    def __init__(self, name: str, file: RigFile, *, folder: Path, wait: int = 0) -> None:
        """Take the lease, start what has to be started, and wait until the rig answers.

        Args:
            name: of the rig.
            file: its rig file, as `face.check` lets it pass.
            folder: where its log and its moved config are kept.
            wait: how long to wait for another session that uses the rig, ns.

        Raises RigError where the rig is in use, dies or does not get ready; ConfigError for a config without the node.
        """
        self.name, self.file, self.folder = name, file, folder
        self.broken = ""  # why the rig is of no use any more
        self._lease = Lease(name, wait) if file.link.shared else None
        self._face: Face | None = None
        self._process: Process | None = None
        self._worker: Worker | None = None
        self._number = 1
        self._sent: Stimulus | None = None
        try:
            self._face = ours = face(file.link, folder / CONFIG)
            self.stimulus_signals = ours.writer.signals
            self._writer, self._reader = ours.writer, ours.reader
            self._worker = Worker(folder / WORKER_LOG)
            if ours.comes_with_rig:
                self._process = launched(name, file, ours, folder)
                self.scheduling = self._worker.open(ours.link)
            else:
                self.scheduling = self._worker.open(ours.link)
                self._process = launched(name, file, ours, folder)
            self._floors = Floors(self._worker, ours.link)
            self._connect()
        except LinkError as error:
            self.close()
            raise RigError(f"rig {name!r}: {error}") from error
        except BaseException:
            self.close()
            raise

    @property
    def provides(self) -> frozenset[str]:
        """What `@pytest.mark.needs` may ask for: what the rig file adds, the kinds of the link's ends, and their formats."""
        return frozenset({*self.file.rig.provides, *words(self.file.link, self._writer.name, self._reader.name)})

    @property
    def resolution(self) -> int:
        """To how many ns the formats of its link cut off time stamps; 0 where they do not."""
        return formats.resolution(self._writer, self._reader)

    def _connect(self) -> None:
        """Wait until the rig faces us in both directions and, where it sends by itself, has sent something."""
        assert self._worker is not None
        launched = self._process is not None
        limit = duration(self.file.launch.timeout if launched else self.file.link.connect_timeout)
        end = time.monotonic_ns() + limit
        while True:
            self.check()
            try:
                self._worker.wait_connected(_SLICE_NS)
                break
            except LinkTimeout as error:
                if time.monotonic_ns() > end:
                    why = f"rig {self.name!r} does not answer within {format_duration(limit)}: {error}"
                    raise RigError(why + self._last_words()) from None
        while launched and self.file.launch.ready == "sample" and not self._worker.hear(_SLICE_NS):
            self.check()
            if time.monotonic_ns() > end:
                why = f"rig {self.name!r} is connected and sent no sample within {format_duration(limit)}"
                raise RigError(why + self._last_words())

    def _last_words(self) -> str:
        return f"; the end of {self._process.log}:\n{self._process.last_lines()}" if self._process else ""

    def check(self) -> None:
        """Raise RigError where the rig's process has died."""
        if self._process is not None:
            self._process.check()

    def _death(self) -> RigError | None:
        """Return that the rig's process has died, with its last words, or does so in a moment: that is why its link broke, then."""
        end = time.monotonic_ns() + _DEATH_NS
        while self._process is not None and time.monotonic_ns() < end:
            try:
                self.check()
            except RigError as error:
                return error
            time.sleep(0.02)
        return None

    def exchange(self, stimulus: Samples, folder: Path, progress: Progress, how: Matching) -> Exchange:
        """Send a stimulus and take what comes back; RigError names the folder of the capture where the rig dies and left one."""
        assert self._worker is not None
        assert self._face is not None
        self.check()
        match, settings = self.file.match, self.file.replay
        prepared = prepare(
            stimulus,
            self.stimulus_signals,
            first=self._number,
            tags=tuple(filter(None, (match.head, match.tag))),
            lead=duration(settings.lead),
        )
        self._number += len(prepared.due)
        self._sent = prepared
        answered = match.tag is None and match.by != "waveform"
        fits = capacity.Capacity(self._face.link, one_size(self._reader) if answered else None)

        def watch(samples: Samples, epoch_offset: int) -> Watch:
            counted = int(np.searchsorted(prepared.due, prepared.due[prepared.lead] + how.warm_up))
            live = Live(samples, epoch_offset, first=counted, reader=self._reader, how=how)

            def look_on(follower: Follower) -> None:
                self.check()
                progress(live.state(follower.look()))

            return look_on

        try:
            exchange = replay(
                self._worker, prepared, self._writer, self._reader,
                tail=duration(match.late_after), max_bytes=self.file.link.max_bytes, folder=folder, watch=watch,
                fits=fits.check,
            )  # fmt: skip
            self.check()
        except LinkError as error:
            died = self._death()
            why = f"rig {self.name!r}: {error}; " if died is None else str(died)
            self.broken = why + _kept(folder)
            raise RigError(self.broken) from error
        except RigError as error:
            self.broken = f"{error}{_kept(folder)}"
            raise RigError(self.broken) from None
        return exchange

    def floor(self, exchange: Exchange) -> Floor:
        """Return what the harness takes by itself for such a stimulus."""
        settings = self.file.replay
        ends = duration(settings.warm_up) + duration(settings.cool_down)
        return self._floors.of(exchange, self._writer, max_bytes=self.file.link.max_bytes, not_counted=ends)

    def salvage(self, folder: Path) -> Exchange | None:
        """Decode what was captured until the rig died in the last exchange; None where there is nothing."""
        try:
            kept = capture.Capture.load(folder)
        except DecodeError:
            return None
        assert self._sent is not None
        samples = self._sent.samples.replace(origin=kept.meant)
        store(folder / STIMULUS, samples)
        return decode(samples, self._sent.lead, kept, self._reader, folder)

    def close(self) -> None:
        """Stop the worker and the rig's process, and give the rig back."""
        if self._worker is not None:
            self._worker.close()
        if self._process is not None:
            self._process.stop()
        if self._face is not None:
            self._face.close()
        if self._lease is not None:
            self._lease.release()
