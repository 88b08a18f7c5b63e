"""What the measures claim, tried out on data whose truth is known: `python -m benchmarks.truth`.

Every figure is measured here and now, from fixed seeds; it takes some minutes. The exit status is 1 where a claim fails.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))  # the tests prove the same with fewer trials

from measure.test_delay import cases  # noqa: E402 - found on the path just added
from measure.test_tube import brute_bounds  # noqa: E402 - as above
from proof.loopback import let_through  # noqa: E402 - as above
from proof.trials import (  # noqa: E402 - as above
    PROCESSES,
    bursty,
    cycles,
    delay_errors,
    funnel_differences,
    gate_outcomes,
    same_against_same,
    stalled,
    tube_differences,
)

from pytest_villas import recordings  # noqa: E402 - as above
from pytest_villas.impair import KINDS  # noqa: E402 - as above
from pytest_villas.measure import Outcome  # noqa: E402 - as above
from pytest_villas.units import ms  # noqa: E402 - as above


@dataclass(frozen=True, slots=True)
class Row:
    """One claim: what was tried, what came of it, what is claimed, and whether that holds; None where nothing is claimed."""

    tried: str
    found: str
    claim: str
    holds: bool | None


def gates(trials: int) -> Iterator[Row]:
    """Hold p99, and p90, against a limit that is exactly the true one, so that every PASS and every FAIL is false."""
    for n in (5000, 50_000):
        for name, process in {**PROCESSES, "bursts of 20": bursty(20)}.items():
            bursts = n / 100 / int(name.split()[-1]) if name.startswith("bursts") else math.inf
            # of bursts that the record has hardly any of, nobody can know: said, and not claimed
            share = 0.01 if bursts >= 25 else 0.05 if bursts >= 10 else math.nan
            found = gate_outcomes(process, trials, n)
            passed, failed = found[Outcome.PASS], found[Outcome.FAIL]
            few = f", {bursts:g} bursts a record" if math.isfinite(bursts) else ""
            yield Row(
                f"p99 gate, limit at the true p99, {name}{few}, n = {n}, {trials} trials",
                f"false PASS {100 * passed / trials:.2f} %, false FAIL {100 * failed / trials:.2f} %",
                f"at most {share:.0%} each, give or take chance" if share > 0 else "none: the record knows too few bursts",
                max(passed, failed) <= trials * share + 3 * (trials * share) ** 0.5 if share > 0 else None,
            )

    # at p90 the dependence below a limit that is far away is left out: that of some ten samples' worth shows in no other way
    for n, share in ((1000, 0.05), (2000, 0.05), (5000, 0.01)):
        found = gate_outcomes(PROCESSES["AR(.99)"], trials, n, 0.9)
        passed, failed = found[Outcome.PASS], found[Outcome.FAIL]
        yield Row(
            f"p90 gate, limit at the true p90, AR(.99), n = {n}, {trials} trials",
            f"false PASS {100 * passed / trials:.2f} %, false FAIL {100 * failed / trials:.2f} %",
            f"at most {share:.0%} each, give or take chance",
            max(passed, failed) <= trials * share + 3 * (trials * share) ** 0.5,
        )


def halves(trials: int) -> Iterator[Row]:
    """Hold the second half of a record against what the first is sure to keep."""
    for name, n in (("iid", 5000), ("AR(.9)", 20_000), ("AR(.99)", 100_000), ("bursts of 5", 20_000)):
        found = same_against_same(PROCESSES[name], trials, n)
        passed, failed = found[Outcome.PASS], found[Outcome.FAIL]
        tried = f"p99 gate, the same against the same, {name}, n = {n}, {found.total()} trials"
        yield Row(tried, f"{failed} FAIL, {passed} PASS", "0 FAIL", failed == 0 and found.total() == trials)


def waveforms(trials: int) -> Iterator[Row]:
    """Delays, cycles, tubes."""
    errors, stated = delay_errors(trials)
    covered = float(np.mean(np.abs(errors) < 2 * stated))
    rms = float(np.sqrt(np.mean(errors**2)))
    tried = f"delay of three phases, 50 Hz at 10 kHz, 1 s, 40 dB, {trials} trials"
    yield Row(tried, f"error within 2 u in {100 * covered:.1f} %", "at least 88 %", covered >= 0.88)
    yield Row(tried, f"{rms:.5f} samples rms, u {stated.mean():.5f} on average", "at most 0.0025 rms", rms <= 0.0025)
    seen, wrong = cycles(cases(6, 660))
    said = ", ".join(f"{count} {status}" for status, count in seen.most_common())
    yield Row(f"delay of periodic signals, {seen.total()} cases: {said}", f"{wrong} wrong cycles called ok", "0", wrong == 0)
    apart = tube_differences(500, brute_bounds)
    yield Row("bounds of the tube against those found one by one, 500 data sets", f"{apart:.3g} apart", "1e-9", apart < 1e-9)
    funnel = funnel_differences(100)
    if funnel is None:
        yield Row("verdicts of the tube against pyfunnel's", "skipped: pyfunnel is not installed", "all equal", None)
    else:
        differ, failed = funnel
        tried = f"verdicts of the tube against pyfunnel's, 100 data sets, {failed} of which fail"
        yield Row(tried, f"{differ} differ", "all equal", differ == 0)


def stalls() -> Iterator[Row]:
    """Five stalls of 200 ms of a sender of 1 kHz."""
    after = stalled()
    verdict = after.p99 < 50 * ms
    yield Row(
        "latency of a sender that stalls five times for 200 ms, every answer after 300 us",
        f"p99 {after.p99} from when samples were meant to be sent, {after.owd.p99} from when they were: {verdict.outcome.value}",
        "seen, and INVALID",
        float(after.p99) > 100 * ms and verdict.outcome is Outcome.INVALID,
    )


def impairments() -> Iterator[Row]:
    """Every impairment against the limits of the rig `loopback`."""
    stimulus = recordings.open(ROOT / "fixtures" / "recordings" / "fault.csv")
    with tempfile.TemporaryDirectory() as folder:
        missed = let_through(stimulus, Path(folder), KINDS)
    found = f"{len(KINDS) - len(missed)} of {len(KINDS)} caught" + (f", not {', '.join(missed)}" if missed else "")
    yield Row("impairments of loopback, limits of the rig file", found, "all", not missed)


def main(trials: int) -> int:
    """Print the table row by row."""
    failed = 0
    for rows in (gates(5 * trials), halves(trials), waveforms(trials), stalls(), impairments()):
        for row in rows:
            failed += row.holds is False
            state = {True: "holds", False: "FAILS", None: "note"}[row.holds]
            print(f"{state:<6}{row.tried}\n      {row.found} (claim: {row.claim})", flush=True)
    print(f"{failed} claims fail" if failed else "every claim holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
