"""What a session came to, as data: the terminal, every kind of report and the baselines read this, and nothing else.

Times are int64 ns, but for `duration` (s) and `rate` (Hz). A number that may be infinite (what was lost is infinitely late) or
unknown is a `Number`, for JSON has no word for either. The JSON schema of `SessionRecord` is docs/report.schema.json.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from pytest_villas.errors import ConfigError

FORMAT: Final = "pytest-villas.report"
RUN_FORMAT: Final = "pytest-villas.run"
VERSION: Final = 1
RUN_FILE: Final = "run.json"
"""Name of the record of a run in its folder."""

Number: TypeAlias = int | float | Literal["inf", "-inf"] | None
"""A number, ``"inf"`` or ``"-inf"``, or null where it is not known."""

Outcome: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]
TestOutcome: TypeAlias = Literal[
    "passed", "failed", "error", "skipped", "xfailed", "xpassed", "rig broke", "inconclusive", "interrupted"
]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: fields that a newer version adds are ignored."""


class VerdictRecord(Record, frozen=True, kw_only=True):
    """A verdict that a test asked for; see `pytest_villas.measure.Verdict`.

    Attributes:
        outcome: PASS, FAIL, INCONCLUSIVE or INVALID.
        what, comparison, limit, unit: what was asked: ``latency p99 < 2000000 ns``.
        estimate, lower, upper: the best single value, and where the true one lies with `confidence`.
        n, effective: how many samples it rests on, and how many independent ones they are worth.
        why: what is missing, what makes it invalid, or what a reader should know.
        name: of the limit, as a rig file or a mark declares it; empty for a comparison in a test.
        margin: how much of the limit is left, as a share of it: 0.25 for 1.5 ms of 2 ms, below 0 where it is broken; null for a
            limit of 0.
        claim: the first line of the verdict, for people.
    """

    outcome: Outcome
    what: str
    comparison: str
    limit: Number
    unit: str = ""
    estimate: Number = None
    lower: Number = None
    upper: Number = None
    n: int = 0
    effective: Number = None
    confidence: float | None = None
    why: str = ""
    name: str = ""
    margin: Number = None
    claim: str = ""


class ChannelRecord(Record, frozen=True, kw_only=True):
    """How one channel of the response compares with the reference; `worst` says where it is farthest off."""

    name: str
    type: str
    nrmse: Number = None
    gain: Number = None
    offset: Number = None
    delay: Number = None
    drift_ppm: Number = None
    status: str = "ok"
    worst: str = ""


class RunRecord(Record, frozen=True, kw_only=True):
    """One replay.

    Attributes:
        id: of this run in its session; ``test`` is the node id of its test and `number` counts the runs in that, from 1.
        rig: its name.
        started: when the first sample was to be sent, ns since the Unix epoch; `duration` of the stimulus in s, `rate` in Hz.
        stimulus: a hash of the stimulus: runs with the same one can be compared.
        delivery: counts by name; null where nobody could count.
        times: for latency, send_lag, owd, pdv, gap_received and gap_sent the quantiles (ns) by name, p50 to p9999, min and max;
            where it is known how long messages are on the wire, also for `wire_stimulus`, `wire_response`, and `rig_alone`.
        unsaid: why there are none, by the same names, where the measurement failed or nobody can tell.
        line: what makes the times of the wire; `line_problem` says why the rest is not the rig's, if it is not.
        wire_faults: what was wrong on the wire: counts by name.
        floor: the same quantiles of the harness itself, measured without the rig; empty where it was not, `floor_note`
            says how it was measured, or why not.
        jitter: [RFC 3550], ns.
        channels: worst first.
        unanswered, unexpected: signals that the reference, or the response, has alone, so that nothing was compared.
        verdicts: what was asked of it.
        note: what was left out of the latency.
        stamp: who stamped the arrivals; `scheduling`: what the operating system granted.
        complete: false where the replay was stopped.
        impaired: what `--villas-impair` did to it.
        folder: with the raw capture, relative to the project where it is inside of it.
        unstored: why the capture could not be stored there; empty where it was.
        hashes: SHA-256 of the files in it, by name; only where a report was asked for.
    """

    id: str
    test: str
    number: int
    rig: str
    started: int = 0
    duration: float = 0.0
    rate: float | None = None
    stimulus: str = ""
    delivery: dict[str, int | None] = {}
    times: dict[str, dict[str, Number]] = {}
    unsaid: dict[str, str] = {}
    floor: dict[str, Number] = {}
    floor_note: str = ""
    line: str = ""
    line_problem: str = ""
    wire_faults: dict[str, int] = {}
    jitter: Number = None
    channels: list[ChannelRecord] = []
    unanswered: list[str] = []
    unexpected: list[str] = []
    verdicts: list[VerdictRecord] = []
    note: str = ""
    stamp: str = ""
    scheduling: str = ""
    complete: bool = True
    impaired: str = ""
    folder: str = ""
    unstored: str = ""
    hashes: dict[str, str] = {}


class TestRecord(Record, frozen=True, kw_only=True):
    """A test that used a rig.

    Attributes:
        test: its node id; `case` is that without the name of the rig, to find the same test with another one.
        outcome: what became of it; `message` says why, where it did not pass.
        duration: in s, with set-up and tear-down.
        verdicts: what was asked of no run in particular.
        problems: what went wrong beside the test, such as a baseline that could not be written.
    """

    __test__ = False  # pytest takes it for a test class

    test: str
    case: str
    rig: str
    outcome: TestOutcome = "passed"
    duration: float = 0.0
    message: str = ""
    runs: list[RunRecord] = []
    verdicts: list[VerdictRecord] = []
    problems: list[str] = []


class RigRecord(Record, frozen=True, kw_only=True):
    """A rig: what its file says of it, and how it was reached. Secrets are left out.

    Attributes:
        config: SHA-256 over what decides how it is reached and replayed to: its VILLASnode config, and the tables link, launch,
            match, clock and replay of its file.
        link: what its file says of the link, for people.
    """

    name: str
    description: str = ""
    file: str = ""
    config: str = ""
    link: str = ""
    scheduling: str = ""
    identity: dict[str, str] = {}
    limits: dict[str, Any] = {}
    clock: str = ""
    command: list[str] = []


class Environment(Record, frozen=True, kw_only=True):
    """The machine and the software that measured.

    Attributes:
        governor: of the CPU's frequency; several are joined by commas, ``none`` where the kernel has none.
        commit: of the project's git repository, with ``+`` behind it where files were changed since; empty without one.
        packages: versions of what has to do with the figures.
    """

    host: str = ""
    machine: str = ""
    cpu: str = ""
    cpus: int = 0
    kernel: str = ""
    governor: str = ""
    python: str = ""
    commit: str = ""
    packages: dict[str, str] = {}


class SessionRecord(Record, frozen=True, kw_only=True):
    """A whole session: everything that a report says. `status` is pytest's exit status, times are ns since the Unix epoch."""

    format: Literal["pytest-villas.report"] = "pytest-villas.report"
    version: int = VERSION
    started: int = 0
    finished: int = 0
    status: int = 0
    impaired: str = ""
    environment: Environment = msgspec.field(default_factory=Environment)
    rigs: list[RigRecord] = []
    tests: list[TestRecord] = []
    problems: list[str] = []


class RunFile(Record, frozen=True, kw_only=True):
    """What lies in the folder of a run: its test, with that run alone, the rig and the machine."""

    format: Literal["pytest-villas.run"] = "pytest-villas.run"
    version: int = VERSION
    test: TestRecord
    rig: RigRecord
    environment: Environment

    @property
    def run(self) -> RunRecord:
        """The run itself."""
        return self.test.runs[0]


def number(value: float | None) -> Number:
    """Return what JSON can say of a number: whole ones as such.

    >>> number(2.0), number(0.5), number(math.inf), number(math.nan)
    (2, 0.5, 'inf', None)
    """
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    whole = int(value)
    return whole if whole == value and abs(whole) < 2**53 else float(value)


def value_of(value: Number) -> float:
    """Return the float that a `Number` stands for: NaN where it is not known."""
    return math.nan if value is None else float(value)


def read(path: Path) -> SessionRecord:
    """Read a session from a JSON report; ConfigError names path and version where it is damaged or newer than this."""
    session: SessionRecord = decoded(path, SessionRecord, FORMAT, VERSION)
    return session


def read_run(folder: Path) -> RunFile:
    """Read the record of a run from its folder; ConfigError as for `read`."""
    found: RunFile = decoded(folder / RUN_FILE, RunFile, RUN_FORMAT, VERSION)
    if len(found.test.runs) != 1:
        raise ConfigError(f"{folder / RUN_FILE}: has {len(found.test.runs)} runs instead of one: is damaged")
    return found


def decoded(path: Path, kind: type[Any], format_name: str, version: int) -> Any:
    """Read a file of one of our formats; ConfigError, with path and version, for any other and for a newer version."""
    try:
        content = path.read_bytes()
        header = msgspec.json.decode(content, type=_Header)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is damaged, or no {format_name}: {error}") from None
    if header.format != format_name:
        raise ConfigError(f"{path}: is no {format_name}, its format is {header.format!r}")
    if header.version != version:
        raise ConfigError(
            f"{path}: is {format_name} version {header.version}, and this pytest-villas reads version {version}"
            f"{': a newer one wrote it' if header.version > version else ''}"
        )
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: version {header.version}, is damaged: {error}") from None


class _Header(msgspec.Struct):
    format: str
    version: int
