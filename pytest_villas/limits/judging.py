"""A run, or several, held against what is declared. What cannot be measured is not passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_villas.errors import LimitsNotKept, SignalError, nearest
from pytest_villas.limits.catalogue import KINDS
from pytest_villas.limits.declared import check, is_pattern, merge

if TYPE_CHECKING:  # the names are checked in sessions that measure nothing
    from pytest_villas.measure.timing.delivery import Delivery
    from pytest_villas.measure.timing.latency import Latency
    from pytest_villas.measure.verdict import Verdict
    from pytest_villas.measure.waveforms.fidelity import Fidelity


class Measured(Protocol):
    """What can be held against limits: one run, or several."""

    @property
    def delivery(self) -> Delivery:
        """What was lost, duplicated, reordered."""

    @property
    def latency(self) -> Latency:
        """Latency and other times."""

    @property
    def fidelity(self) -> Fidelity:
        """How the response compares, by channel."""

    @property
    def runs(self) -> Sequence[Measured]:
        """Each of them."""

    @property
    def limits(self) -> Mapping[str, Any]:
        """What it has to keep."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the runs are stored."""


def judge_all(run: Measured, limits: Mapping[str, Any]) -> list[Verdict]:
    """Hold it against its own limits and these, which win. ConfigError for a limit that there is not."""
    from pytest_villas.measure.verdict import heard_by, nobody, told  # noqa: PLC0415 - as above

    declared = merge(run.limits, limits)
    check(declared)  # also those of a stored run: they may be of a version that read them otherwise
    with heard_by(nobody):  # what is asked of a run is told below, with the name of its limit
        verdicts = list(_verdicts(run, declared))
    return [told(run, verdict, name) for name, verdict in verdicts]


def require_all(run: Measured, limits: Mapping[str, Any]) -> None:
    """Raise LimitsNotKept with every limit that is not known to hold, if there is one, and where there is no limit at all."""
    verdicts = judge_all(run, limits)
    if not verdicts:
        remedy = "declare some in the rig file, by @pytest.mark.limits(...) or in the call"
        raise LimitsNotKept(f"no limit is declared, so nothing was judged: {remedy}", failed=False)
    bad = [verdict for verdict in verdicts if verdict.outcome.name != "PASS"]
    if bad:
        lines = [line for verdict in bad for line in verdict.lines()]
        held = f"{len(verdicts) - len(bad)} of {len(verdicts)} limits are kept"
        text = "\n".join([held, *lines, *(f"capture: {folder}" for folder in run.folders)])
        raise LimitsNotKept(text, failed=any(verdict.outcome.name == "FAIL" for verdict in bad))


def _verdicts(run: Measured, limits: Mapping[str, Any]) -> Iterator[tuple[str, Verdict]]:
    channels = {name: run.fidelity[name] for name in run.fidelity}
    applied: dict[tuple[str, str], bool] = {}  # by pattern and limit: whether there was a channel for it
    for name, value in limits.items():
        if is_pattern(name, value):
            applied |= {(name, limit): False for limit, each in value.items() if each is not False}
        elif value is not False and KINDS[name].of:
            applied["", name] = False
        elif value is not False:
            yield from ((name, verdict) for verdict in _held(name, run, value, name))
    for channel, fidelity in channels.items():
        for limit, (pattern, value) in _of_channel(limits, channel, applied).items():
            if value is False or (fidelity.type.value not in KINDS[limit].of and pattern != channel):
                continue
            applied[pattern, limit] = True
            yield from ((limit, verdict) for verdict in _held(limit, fidelity, value, f"fidelity {channel} {limit}"))
    unanswered = {signal.name: signal for each in run.runs for signal in each.fidelity.unanswered}
    for signal in unanswered.values():
        for limit, (pattern, value) in _of_channel(limits, signal.name, {}).items():
            if value is False or (signal.type.value not in KINDS[limit].of and pattern != signal.name):
                continue
            applied[pattern, limit] = True
            yield limit, _unmeasured(f"fidelity {signal.name} {limit}", _why_unanswered(signal.name, limit, channels))
    for (pattern, limit), found in applied.items():
        if not found:
            yield limit, _unmeasured(f"{pattern} {limit}".strip(), _why_nothing(pattern, limit, channels))


def _of_channel(limits: Mapping[str, Any], channel: str, applied: dict[tuple[str, str], bool]) -> dict[str, tuple[str, Any]]:
    """Return the limits of one channel, with the pattern of each, after marking those that a nearer one replaces."""
    found = {name: ("", value) for name, value in limits.items() if not is_pattern(name, value) and KINDS[name].of}
    for pattern, table in limits.items():
        if is_pattern(pattern, table) and fnmatchcase(channel, pattern):
            for name, value in table.items():
                if (replaced := found.get(name)) is not None and replaced[1] is not False:
                    applied[replaced[0], name] = True
                found[name] = (pattern, value)
    return found


def _held(limit: str, subject: Any, value: object, what: str) -> Iterable[Verdict]:
    kind = KINDS[limit]
    if kind.of and subject.type.value not in kind.of:
        return [_unmeasured(what, f"it is {subject.type.value}, and this is a limit on {' and '.join(sorted(kind.of))} channels")]
    try:
        return list(kind.judge(subject, kind.read(value)))
    except (SignalError, ValueError) as error:
        return [_unmeasured(what, str(error))]


def _unmeasured(what: str, why: str) -> Verdict:
    from pytest_villas.measure.verdict import Outcome, Verdict  # noqa: PLC0415 - as above

    return Verdict(Outcome.INCONCLUSIVE, f"limit {what}", 0, "<=", why=f"it could not be measured: {why}")


def _why_unanswered(name: str, limit: str, channels: Mapping[str, Any]) -> str:
    return (
        f"the reference has {name!r} and the response has not{nearest(name, channels)}: leave it out of the reference, or say "
        f"`{limit} = false` in [limits.{name!r}]"
    )


def _why_nothing(pattern: str, limit: str, channels: Mapping[str, Any]) -> str:
    matching = [name for name in channels if not pattern or fnmatchcase(name, pattern)]
    if not matching:
        return f"no channel {pattern!r}{nearest(pattern, channels)}" if pattern else "the response has no channels"
    return f"none of {', '.join(matching)} is {' or '.join(sorted(KINDS[limit].of))}"
