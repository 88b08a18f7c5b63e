"""A rig in use: started, leased, connected, and ready to be replayed to."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pytest_villas import config, formats
from pytest_villas.errors import DecodeError, LinkTimeout, RigError
from pytest_villas.links import choose
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.floor import Floor, Floors
from pytest_villas.replay.process import Worker
from pytest_villas.replay.replay import STIMULUS, Exchange, decode, replay, store
from pytest_villas.replay.stimulus import Stimulus, prepare
from pytest_villas.rig.file import RigFile
from pytest_villas.rig.launch import Process
from pytest_villas.rig.lease import Lease
from pytest_villas.rig.reference import substitute
from pytest_villas.samples import Samples
from pytest_villas.units import duration, format_duration, ms

Progress = Callable[[int, int, int], None]
"""Told four times a second of a replay: messages sent, messages received, messages in all."""
CONFIG, RIG_LOG, WORKER_LOG = "rig-config.json", "rig.log", "worker.log"
"""Names of the files in the folder of a rig: the VILLASnode config that it runs with, and what it and the worker say."""
_SLICE_NS = 250 * ms


class RigProcess:
    """The rig itself, from its file: its process where we start one, our node that faces it, and the worker."""

    def __init__(self, name: str, file: RigFile, *, folder: Path, wait: int = 0) -> None:
        """Take the lease, start what has to be started, and wait until the rig answers.

        Args:
            name: of the rig.
            file: its rig file.
            folder: where its log and its moved config are kept.
            wait: how long to wait for another session that uses the rig, ns.

        Raises RigError where the rig is in use, dies or does not get ready; ConfigError for a config without the node.
        """
        self.name, self.file, self.folder = name, file, folder
        self.broken = ""  # why the rig is of no use any more
        self._lease = Lease(name, wait) if not file.link.move else None
        self._sockets: Path | None = None
        self._process: Process | None = None
        self._worker: Worker | None = None
        self._number = 1
        self._sent: Stimulus | None = None
        try:
            node = self._node(folder)
            ours = node if file.link.role == "self" else node.mirror()
            self.stimulus_signals = ours.output.signals
            self._writer = formats.codec(ours.output.format, ours.output.signals)
            self._reader = formats.codec(ours.input.format, ours.input.signals)
            self._worker = Worker(folder / WORKER_LOG)
            link = choose(ours.output.endpoints, ours.input.endpoints, file.link.engine)
            self.scheduling = self._worker.open(link)
            self._floors = Floors(self._worker, link)
            self._launch(folder)
            self._connect()
        except BaseException:
            self.close()
            raise

    def _node(self, folder: Path) -> config.Node:
        """Read the node, moved to free ports and socket files where the rig file says so."""
        file = self.file
        loaded = config.load(Path(file.link.config))
        if file.link.move:
            self._sockets = Path(tempfile.mkdtemp(prefix="villas-"))
            self._sockets.chmod(0o755)  # a rig that we start as root gives its privileges up
            loaded = config.relocate(loaded, self._sockets)
        self._config = folder / CONFIG
        config.dump(loaded, self._config)
        return loaded.nodes[file.link.node]

    def _launch(self, folder: Path) -> None:
        launch = self.file.launch
        if not launch.command:
            return
        words = {"python": sys.executable, "config": str(self._config), "node": self.file.link.node}
        command = [substitute(word, words) for word in launch.command]
        self._process = Process(self.name, command, folder / RIG_LOG)
        if launch.ready != "sample":
            self._process.wait_for_line(launch.ready, duration(launch.timeout))

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
                    raise RigError(f"rig {self.name!r} does not answer within {format_duration(limit)}: {error}") from None
        while launched and self.file.launch.ready == "sample" and not self._worker.hear(_SLICE_NS):
            self.check()
            if time.monotonic_ns() > end:
                raise RigError(f"rig {self.name!r} is connected and sent no sample within {format_duration(limit)}")

    def check(self) -> None:
        """Raise RigError where the rig's process has died."""
        if self._process is not None:
            self._process.check()

    def exchange(self, stimulus: Samples, folder: Path, progress: Progress) -> Exchange:
        """Send a stimulus and take what comes back; RigError names the folder of the capture where the rig dies."""
        assert self._worker is not None
        self.check()
        match, settings = self.file.match, self.file.replay
        prepared = prepare(stimulus, self.stimulus_signals, first=self._number, tag=match.tag, lead=duration(settings.lead))
        self._number += len(prepared.due)
        self._sent = prepared

        def watch(sent: int, received: int, total: int) -> None:
            self.check()
            progress(sent, received, total)

        try:
            exchange = replay(
                self._worker, prepared, self._writer, self._reader,
                tail=duration(match.late_after), max_bytes=self.file.link.max_bytes, folder=folder, watch=watch,
            )  # fmt: skip
            self.check()
        except RigError as error:
            self.broken = f"{error}what was captured until then is in {folder}"
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
            capture = Capture.load(folder)
        except DecodeError:
            return None
        assert self._sent is not None
        samples = self._sent.samples.replace(origin=capture.meant)
        store(folder / STIMULUS, samples)
        return decode(samples, self._sent.lead, capture, self._reader, folder)

    def close(self) -> None:
        """Stop the worker and the rig's process, and give the rig back."""
        if self._worker is not None:
            self._worker.close()
        if self._process is not None:
            self._process.stop()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._lease is not None:
            self._lease.release()
