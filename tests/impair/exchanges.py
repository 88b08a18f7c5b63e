"""An exchange with a rig that answers every sample after 300 us, made without a rig."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_villas import Samples, Signal, SignalType, generate
from pytest_villas.measure.timing.delivery import Delivery, delivery
from pytest_villas.measure.timing.matching import by_sequence
from pytest_villas.replay.capture import Capture
from pytest_villas.replay.replay import Exchange
from pytest_villas.units import ms, s, us

START = 1_795_419_350 * s
LATENCY = 300 * us


def exchange(count: int = 1000, lead: int = 0) -> Exchange:
    """Return an exchange of 1 kHz: three phases, a state, a tag that counts, and a phasor."""
    phases = generate.three_phase(magnitude=325, rate=1000, count=max(count, 1))[:count]
    number = np.arange(count)
    columns = [*phases.columns, number >= count // 3, number, np.exp(1j * number / 50).astype(np.complex64)]
    signals = [*phases.signals, Signal("state", "", SignalType.BOOLEAN), Signal("tag", "", SignalType.INTEGER)]
    signals.append(Signal("phasor", "V", SignalType.COMPLEX))
    meant = START + number * ms
    stimulus = Samples(columns, signals, sequence=number, origin=meant)
    return answered(stimulus, lead, meant, meant + 10 * us)


def answered(stimulus: Samples, lead: int, meant: np.ndarray, sent: np.ndarray) -> Exchange:
    """Return the exchange with a rig that gives back what it gets."""
    received = sent + LATENCY
    capture = Capture(
        meant=meant,
        sent=sent,
        refused=np.zeros(len(stimulus), np.bool_),
        received=received,
        offsets=np.zeros(len(stimulus) + 1, np.int64),
        blob=np.zeros(0, np.uint8),
    )
    return Exchange(stimulus, lead, sent, stimulus.replace(received=received), (), capture, Path())


def account(of: Exchange) -> Delivery:
    """Count what became of the samples."""
    match = by_sequence(of.stimulus.sequence, of.response.sequence)
    return delivery(match, of.sent, of.response.received, rejected=len(of.rejected))
