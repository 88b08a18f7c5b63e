"""Records of what was measured: everything that needs NumPy, so that reading a record does not."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from pytest_villas.measure import ChannelFidelity, Distribution, Estimate, Verdict
from pytest_villas.measure.timing.gate import LOST, rank
from pytest_villas.replay.run import Run
from pytest_villas.report.record import ChannelRecord, Number, RunRecord, VerdictRecord, number
from pytest_villas.samples import Samples

QUANTILES: Final[Mapping[str, float]] = {
    "min": 0.0, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999, "max": 1.0,
}  # fmt: skip
_TIMES: Final = ("send_lag", "owd", "pdv", "gap_received", "gap_sent")
_COUNTS: Final = (
    "sent", "received", "lost", "late", "loss_periods", "longest_loss", "duplicates", "reordered", "reorder_extent", "rejected",
    "unmatched",
)  # fmt: skip


def verdict_record(verdict: Verdict, name: str = "") -> VerdictRecord:
    """Record a verdict; `name` is that of its limit."""
    return VerdictRecord(
        outcome=verdict.outcome.value,
        what=verdict.what,
        comparison=verdict.comparison,
        limit=number(verdict.limit),
        unit=verdict.unit,
        estimate=number(verdict.estimate),
        lower=number(verdict.lower),
        upper=number(verdict.upper),
        n=verdict.n,
        effective=number(verdict.effective),
        confidence=verdict.confidence,
        why=verdict.why,
        name=name,
        margin=margin(verdict),
        claim=verdict.lines()[0],
    )


def margin(verdict: Verdict) -> Number:
    """Return how much of the limit the estimate leaves, as a share of it; below 0 where it is broken, None where 0 is the limit."""
    if verdict.comparison in {"==", "!="} or not verdict.limit:
        return None
    left = verdict.limit - verdict.estimate
    return number((left if verdict.comparison in {"<", "<="} else -left) / abs(verdict.limit))


def run_record(run: Run, *, test: str, number_in_test: int, identity: str, root: Path, impaired: str) -> RunRecord:
    """Record a run, as yet without verdicts."""
    meant = run.capture.meant[-len(run.stimulus) :] if len(run.stimulus) else run.capture.meant[:0]
    span = float(meant[-1] - meant[0]) / 1e9 if meant.size > 1 else 0.0
    latency, floor = run.latency, run.latency.floor
    alone = quantiles(floor) if isinstance(floor, Distribution) else {} if floor is None else dict.fromkeys(QUANTILES, floor)
    times = {"latency": latency, **{name: getattr(latency, name) for name in _TIMES}, **_wire(run)}
    counts = {name: getattr(run.delivery, name) for name in _COUNTS}
    return RunRecord(
        id=identity,
        test=test,
        number=number_in_test,
        rig=run.rig,
        started=int(meant[0]) if meant.size else 0,
        duration=span,
        rate=(meant.size - 1) / span if span else None,
        stimulus=fingerprint(run.stimulus),
        delivery={name: count.value if count.most is None else None for name, count in counts.items()},
        times={name: quantiles(each) for name, each in times.items()},
        unsaid={name: why for name, each in times.items() if (why := each.invalid or each.inconclusive)},
        line="" if run.wire is None else run.wire.line,
        line_problem="" if run.wire is None else run.wire.rig.invalid,
        wire_faults=run.capture.faults(),
        floor=dict(alone),
        floor_note=run.floor.note,
        jitter=_sure(latency.jitter),
        channels=[_channel(channel) for channel in run.fidelity.channels],
        unanswered=[signal.name for signal in run.fidelity.unanswered],
        unexpected=list(run.fidelity.unexpected),
        note=latency.note,
        stamp=run.capture.stamp,
        scheduling=run.capture.scheduling,
        complete=run.capture.complete,
        impaired=impaired,
        folder=_short(run.folder, root),
        unstored=run.unstored,
    )


def _wire(run: Run) -> dict[str, Distribution]:
    wire = run.wire
    return {} if wire is None else {"wire_stimulus": wire.stimulus, "wire_response": wire.response, "rig_alone": wire.rig}


def quantiles(times: Distribution) -> dict[str, Number]:
    """Return all quantiles of a distribution in ns, exact order statistics; none where it has no samples or says nothing."""
    values = times.values
    if not values.size or times.invalid or times.inconclusive:
        return {}
    ranks = {name: rank(q, values.size) for name, q in QUANTILES.items()}
    ordered = np.partition(values, sorted(set(ranks.values())))
    return {name: "inf" if ordered[place] == LOST else int(ordered[place]) for name, place in ranks.items()}


def fingerprint(stimulus: Samples) -> str:
    """Return a hash of the values, names and spacing of a stimulus: what makes two runs repetitions of each other."""
    digest = hashlib.sha256()
    for signal in stimulus.signals:
        digest.update(f"{signal.name}\0{signal.type.value}\0".encode())
        digest.update(np.ascontiguousarray(stimulus[signal.name]).tobytes())
    digest.update(np.ascontiguousarray(stimulus.origin - stimulus.origin[:1]).tobytes())
    return digest.hexdigest()[:16]


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by name."""
    found = {}
    with contextlib.suppress(OSError):  # what is not there has no hash, and the run says why it was not stored
        for entry in sorted(folder.iterdir()):
            if entry.is_file():
                with entry.open("rb") as file:
                    found[entry.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _sure(estimate: Estimate) -> Number:
    """Return an estimate that is one: a delay that may be a period more or less is none, nor is what stepped clocks made."""
    return number(float(estimate)) if estimate.status == "ok" and not estimate.invalid else None


def _channel(channel: ChannelFidelity) -> ChannelRecord:
    return ChannelRecord(
        name=channel.name,
        type=channel.type.value,
        nrmse=number(float(channel.nrmse)),
        gain=number(float(channel.gain)),
        offset=number(float(channel.offset)),
        delay=_sure(channel.delay),
        drift_ppm=_sure(channel.drift_ppm),
        status=channel.nrmse.status,
        worst="" if channel.worst is None else str(channel.worst),
    )


def _short(path: Path, root: Path) -> str:
    try:
        return str(path.relative_to(root))
    except ValueError:
        return str(path)
