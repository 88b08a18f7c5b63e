"""What goes wrong with messages: they come late, never, twice, out of order or unreadable, or the sender stalls.

Every sample counts as a message of its own, as a node without `vectorize` sends them. Those that are struck are among the
answers to the stimulus proper, as far as their time tells: before it nothing is measured.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pytest_villas.formats import Rejection
from pytest_villas.replay.replay import Exchange
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import ms, us

_JUST_AFTER = 1 * us


def delay(exchange: Exchange, *, by: int = 100 * ms) -> Exchange:
    """Let every message arrive `by` ns later."""
    return _arriving(exchange, exchange.response.received + by)


def jitter(exchange: Exchange, rng: np.random.Generator, *, by: int = 50 * ms) -> Exchange:
    """Let every message arrive up to `by` ns later, each by an amount of its own; beyond a period that reorders."""
    return _arriving(exchange, exchange.response.received + rng.integers(0, by + 1, len(exchange.response)))


def loss(exchange: Exchange, rng: np.random.Generator, *, share: float = 0.01) -> Exchange:
    """Lose a share of the messages, here and there."""
    return _without(exchange, struck(answers(exchange), rng, share))


def burst_loss(exchange: Exchange, rng: np.random.Generator, *, count: int = 20) -> Exchange:
    """Lose so many messages in a row."""
    rows = answers(exchange)
    first = int(rng.integers(0, max(rows.size - count, 0) + 1))
    return _without(exchange, rows[first : first + count])


def duplicate(exchange: Exchange, rng: np.random.Generator, *, share: float = 0.01) -> Exchange:
    """Let a share of the messages arrive again, a microsecond later."""
    again, received = struck(answers(exchange), rng, share), exchange.response.received
    rows = np.concatenate([np.arange(received.size), again])
    return _arriving(exchange, np.concatenate([received, received[again] + _JUST_AFTER]), rows)


def reorder(exchange: Exchange, rng: np.random.Generator, *, share: float = 0.01, extent: int = 3) -> Exchange:
    """Let a share of the messages be late, so that the next `extent` ones overtake them."""
    received = exchange.response.received.copy()
    # the last ones have nobody behind them who could
    late = struck(answers(exchange)[:-extent], rng, share)
    received[late] = exchange.response.received[late + extent] + _JUST_AFTER
    return _arriving(exchange, received)


def wrong_type(exchange: Exchange, rng: np.random.Generator, *, share: float = 0.01) -> Exchange:
    """Let a share of the messages be what does not decode: text where a number is declared."""
    rows = struck(answers(exchange), rng, share)
    rejected = [Rejection(row, "impaired: a value of another type than declared") for row in rows.tolist()]
    return replace(_without(exchange, rows), rejected=(*exchange.rejected, *rejected))


def stalled_sender(exchange: Exchange, *, by: int = 200 * ms, stalls: int = 5) -> Exchange:
    """Let the sender stall `stalls` times, evenly spread, for `by` ns each, and then send at once what is due.

    A response moves with the last sample that was sent before it came, and none overtakes another: measured from when
    samples were sent, nothing happened; measured from when they were meant to be sent, everything did [coordinated
    omission].
    """
    meant, sent, received = exchange.capture.meant, exchange.sent, exchange.response.received
    first, last = int(meant[exchange.lead]), int(meant[-1])
    late = sent.copy()
    for begin in (first + (last - first) * (2 * np.arange(stalls) + 1) // (2 * stalls)).tolist():
        late[(late >= begin) & (late < begin + by)] = begin + by
    known = np.flatnonzero(sent != NO_TIME)
    moved = received
    if known.size and received.size:
        cause = np.searchsorted(sent[known], received, side="right") - 1
        shift = np.where(cause < 0, 0, (late - sent)[known][cause])
        moved = np.maximum.accumulate(received + shift)
    return replace(_arriving(exchange, moved), sent=late, capture=replace(exchange.capture, sent=late))


def answers(exchange: Exchange) -> Int64s:
    """Return the rows of the response from the beginning of the stimulus proper on.

    A rig that sends by itself goes on after the end: as many rows as there were samples, or more where they came by then.
    """
    received, meant = exchange.response.received, exchange.capture.meant[exchange.lead :]
    rows = np.flatnonzero(received >= meant[0])
    return rows[: max(meant.size, int(np.count_nonzero(received[rows] <= meant[-1])))]


def struck(rows: Int64s, rng: np.random.Generator, share: float) -> Int64s:
    """Choose a share of the rows, at least one of them where there are any; ascending."""
    chosen: npt.NDArray[np.int64] = rng.choice(rows, min(math.ceil(share * rows.size), rows.size), replace=False)
    return np.sort(chosen)


def _without(exchange: Exchange, rows: Int64s) -> Exchange:
    return replace(exchange, response=exchange.response[np.setdiff1d(np.arange(len(exchange.response)), rows)])


def _arriving(exchange: Exchange, received: Int64s, rows: Int64s | None = None) -> Exchange:
    """Return the exchange with these times of arrival, for all rows or for those given, and in their order."""
    order = np.argsort(received, kind="stable")
    response = exchange.response[order if rows is None else rows[order]]
    return replace(exchange, response=response.replace(received=received[order]))
