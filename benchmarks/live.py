"""Round trips, rates, lateness and stamps: what is measured while the clock runs, with nobody else on the machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import peers
from benchmarks.contest import Contest, Measurement, Peer
from pytest_villas import Samples, config, formats
from pytest_villas.links import Link, NanomsgLink, SpLink, Stamp
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.commands import Late, Replay
from pytest_villas.replay.floor import tagged, tags
from pytest_villas.replay.process import Worker
from pytest_villas.replay.shared import Follower
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import ms, s

_SKIPPED: Final = 0.1
"""Share of the messages at the start that do not count."""
_BEHIND: Final = 0.01
"""Share of a trial that the last message may be late."""
_LOWEST: Final = -9
"""The step of about 1 kHz, below which nobody is tried."""
_US: Final = 1e3
NANOMSG: Final = "libnanomsg in C: TCP_NODELAY, buffers of 4 MB, two threads, SCHED_FIFO, memory locked"
PYNNG: Final = "pynng in our replay process: queues of 8192, SCHED_FIFO, memory locked, no garbage collection"
LIMIT: Final = "plain sockets in C without a protocol (the limit): TCP_NODELAY, two threads, SCHED_FIFO, memory locked"
PLAIN: Final = "plain sockets, one thread awake 100 us before, TCP_NODELAY, SCHED_FIFO, memory locked"
SLEEP: Final = "time.sleep until each is due, in Python: sends nothing, SCHED_FIFO, memory locked, no garbage collection"
NANOSLEEP: Final = "clock_nanosleep(TIMER_ABSTIME) in C: sends nothing, SCHED_FIFO, memory locked"


class UserStamped(SpLink):
    """Our sockets without the stamps of the kernel."""

    @property
    def stamp(self) -> Stamp:
        """This program."""
        return Stamp.USER


def payloads(rate: float, seconds: float, signals: int = 3) -> list[bytes]:
    """Return the stimulus: floats as json, each message with its number in its first 8 bytes."""
    count = max(2, round(rate * seconds))
    time = np.arange(count) / rate
    phases = [325 * np.sin(2 * np.pi * (50 * time - k / max(signals, 3))) for k in range(signals)]
    samples = Samples(phases, f"{signals}f", origin=10**18 + np.round(time * 1e9).astype(np.int64), sequence=np.arange(count))
    return tagged(formats.codec("json", samples.signals).encode_many(samples))


def addresses(transport: str, folder: Path) -> list[str]:
    """Return two free addresses."""
    if transport == "ipc":
        return [f"ipc://{folder}/first", f"ipc://{folder}/second"]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write('nodes = { a = { type = "nanomsg", out = { endpoints = [ "tcp://*:1", "tcp://*:2" ] } } }')
        file.flush()
        return list(config.relocate(config.load(file.name), folder).nodes["a"].output.endpoints)


def replayed(link: Link, rate: float, duration: float, folder: Path, signals: int = 3) -> Capture:
    """Send the stimulus from our replay process, and take what comes."""
    messages = payloads(rate, duration, signals)
    due = np.round(np.arange(len(messages)) * (s / rate)).astype(np.int64)
    worker, head_start = Worker(folder / "worker.log"), 300 * ms
    try:
        worker.open(link)
        worker.wait_connected(10 * s)
        while True:
            start = time.monotonic_ns() + head_start
            outcome = worker.replay(
                messages, partial(Replay, due=due, start=start, epoch_offset=0, tail=s // 4, folder=folder), _watch
            )
            if not isinstance(outcome, Late):
                return outcome
            head_start *= 2
    finally:
        worker.close()


def _watch(_: Follower) -> None:
    """Look on."""


def trip_times(capture: Capture) -> tuple[Int64s, int]:
    """Return the times from sending to arrival of the messages that count, ns, and how many of these are lost."""
    count = len(capture.sent)
    numbers = tags(capture.payloads())
    received = np.full(count, NO_TIME)
    received[numbers[::-1]] = capture.received[::-1]
    counted = np.arange(count) >= _SKIPPED * count
    there = counted & (received != NO_TIME) & (capture.sent != NO_TIME)
    return received[there] - capture.sent[there], int(np.count_nonzero(counted) - np.count_nonzero(there))


def quantiles(times: Int64s) -> tuple[float, float]:
    """Return p50 and p99 in us."""
    return float(np.quantile(times, 0.5)) / _US, float(np.quantile(times, 0.99)) / _US


@dataclass(frozen=True, slots=True)
class Trial:
    """The round trip of one engine at one rate: p50 and p99 in us, how many were lost, and how late the last was sent, ns."""

    p50: float
    p99: float
    lost: int
    behind: float


Engine = Callable[[str, float, float], Trial]
"""Takes a transport, a rate in Hz and a duration in s."""


def in_python(kind: type[SpLink | NanomsgLink], transport: str, rate: float, duration: float) -> Trial:
    """Run one of our links through the echo."""
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        first, second = addresses(transport, Path(name))
        with peers.echo(first, second):
            capture = replayed(kind([first], [second]), rate, duration, Path(name))
            times, lost = trip_times(capture)
    return Trial(*quantiles(times), lost, float(capture.sent[-1] - capture.meant[-1]))


def in_c(program: str, transport: str, rate: float, duration: float) -> Trial:
    """Run a pinger in C through the same echo, which for the limit has no protocol either."""
    messages = payloads(rate, 1)
    size, skipped = int(np.median([len(message) for message in messages])), int(_SKIPPED * rate * duration)
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        first, second = addresses(transport, Path(name))
        with peers.echo(first, second) if program == "nanomsg_ping" else peers.echo(first):
            found = peers.run(program, first, second, rate, duration, size, skipped)
    return Trial(found.get("p50", np.inf) / _US, found.get("p99", np.inf) / _US, found["lost"], found["behind"])


ENGINES: Final[dict[str, Engine]] = {
    "ours": partial(in_python, SpLink),
    PYNNG: partial(in_python, NanomsgLink),
    NANOMSG: partial(in_c, "nanomsg_ping"),
    LIMIT: partial(in_c, "tcp_ping"),
}


def round_trip(engine: Engine, transport: str) -> Measurement:
    """Measure at 1 kHz."""
    found = engine(transport, 1000, 1.5)
    return {"p50": found.p50, "p99": found.p99}


@dataclass(slots=True)
class Held:
    """The highest rate that an engine holds for 10 s without loss and with p99 under 1 ms. It remembers where it was.

    The rates are steps of a quarter. In the first round it climbs in trials of 1 s; then the highest of them has to hold for
    3 and for 10 s, else the next below. A later round begins where the last one ended, and tries one step above.
    """

    name: str
    engine: Engine
    step: int | None = None

    def __call__(self) -> Measurement:
        """Find it. The rate is in kHz."""
        step = self.step
        if step is None:
            step = 0
            while self._holds(step + 2, 1):
                step += 2
        if self._holds(step + 1, 1):
            step += 1
        # in the first round what does not hold is mostly seen in 3 s
        durations = (10,) if self.step is not None else (3, 10)
        while step > _LOWEST and not all(self._holds(step, duration) for duration in durations):
            step -= 1
        self.step = step
        return {"": self.rate(step) / 1e3}

    def _holds(self, step: int, duration: float) -> bool:
        found = self.engine("tcp", self.rate(step), duration)
        said = f"{self.rate(step) / 1e3:g} kHz for {duration:g} s: {found.lost} lost, p99 {found.p99:.0f} us, {found.behind / 1e6:.1f} ms behind"
        print(f"          {self.name}, {said}", flush=True)
        # who cannot keep up sends later and later, at a lower rate than was asked for
        return found.lost == 0 and found.p99 < 1000 and found.behind < _BEHIND * duration * s

    @staticmethod
    def rate(step: int) -> float:
        """Return the rate of a step, Hz."""
        return float(round(8000 * 1.25**step, -2))


def lateness(rate: int) -> Measurement:
    """Return how late we send over ipc, p99, in us."""
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        address = addresses("ipc", Path(name))[0]
        capture = replayed(SpLink([address], [address]), rate, 1.5, Path(name))
    late = (capture.sent - capture.meant)[round(_SKIPPED * len(capture.sent)) :]
    return {"p99": float(np.quantile(late, 0.99)) / _US}


def one_way(kind: type[SpLink]) -> Measurement:
    """Return the one-way time over tcp to ourselves at 1 kHz, p99, in us."""
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        address = addresses("tcp", Path(name))[0]
        times, _ = trip_times(replayed(kind([address], [address]), 1000, 1.5, Path(name)))
    return {"p99": quantiles(times)[1]}


def one_way_in_c(stamp: str) -> Measurement:
    """Return the same of plain sockets in one thread, with stamps of the `kernel` or the `user`."""
    size = int(np.median([len(message) for message in payloads(1000, 1)]))
    with tempfile.TemporaryDirectory(prefix="villas-") as name:
        address = addresses("tcp", Path(name))[0].replace("*", "127.0.0.1")
        found = peers.run("one_way", address, 1000, 1.5, size, stamp, round(_SKIPPED * 1500))
    return {"p99": found["p99"] / _US}


_REACH: Final[dict[str, dict[str, float]]] = {NANOMSG: {"p50": 0.8}, PYNNG: {"p50": 0.4}, LIMIT: {"p50": 2.5}}


def trips() -> Iterator[Contest]:
    """Return round trips, lateness and stamps."""
    for transport in ("ipc", "tcp"):
        others = tuple(Peer(name, partial(round_trip, ENGINES[name], transport), reach) for name, reach in _REACH.items())
        figure = f"round trip through the same echo in C, 1 kHz, 3 floats json, {transport}"
        yield Contest(figure, "us", partial(round_trip, ENGINES["ours"], transport), others)
    for rate in (1000, 10_000):
        late = (
            Peer(SLEEP, partial(_sleep_late, rate), {"p99": 0.3}),
            Peer(NANOSLEEP, partial(_nanosleep_late, rate), {"p99": 2.0}),
        )
        yield Contest(f"lateness of sending, {rate // 1000} kHz, json over ipc", "us", partial(lateness, rate), late)
    user = Peer("ourselves with user stamps", partial(one_way, UserStamped), {"p99": 0.5})
    in_c = tuple(Peer(f"C with {stamp} stamps: {PLAIN}", partial(one_way_in_c, stamp)) for stamp in ("kernel", "user"))
    yield Contest("one-way floor over tcp with kernel stamps, 1 kHz", "us", partial(one_way, SpLink), (user, *in_c))


def rates() -> Iterator[Contest]:
    """Return the highest rates."""
    others = tuple(Peer(name, Held(name.partition(":")[0], ENGINES[name]), {} if name == LIMIT else {"": 2.0}) for name in _REACH)
    figure = "highest rate held for 10 s through the echo over tcp, no loss, p99 under 1 ms"
    yield Contest(figure, "kHz", Held("ours", ENGINES["ours"]), others, more_is_better=True)


def _sleep_late(rate: int) -> Measurement:
    found = peers.run_python("benchmarks.sleeping", rate, 1.5)
    return {"p99": found["p99"] / _US}


def _nanosleep_late(rate: int) -> Measurement:
    return {"p99": peers.run("lateness", rate, 1.5)["p99"] / _US}
