"""Pure functions on samples, and the verdict: was it in time, and is it the right signal?"""

from pytest_villas.measure.estimate import Count, Estimate, Limit, Measure
from pytest_villas.measure.timing.clock import Clock, offset, skew
from pytest_villas.measure.timing.deadline import DeadlineMiss, Share
from pytest_villas.measure.timing.delivery import Delivery, delivery
from pytest_villas.measure.timing.distribution import Distribution, Mean, Quantile
from pytest_villas.measure.timing.gate import Gate, gate, smallest_n
from pytest_villas.measure.timing.latency import Latency, latency
from pytest_villas.measure.timing.matching import Match, by_origin, by_sequence, by_tag, by_waveform
from pytest_villas.measure.verdict import Outcome, Verdict, worst
from pytest_villas.measure.waveforms.bode import Bode, bode
from pytest_villas.measure.waveforms.channel import ChannelFidelity
from pytest_villas.measure.waveforms.delay import Delay, estimate_delay
from pytest_villas.measure.waveforms.edges import Edges, edges
from pytest_villas.measure.waveforms.exact import allclose, bit_exact
from pytest_villas.measure.waveforms.fidelity import Fidelity, fidelity
from pytest_villas.measure.waveforms.phasor import phasors, vector_error
from pytest_villas.measure.waveforms.place import Place
from pytest_villas.measure.waveforms.sine import Sine, fit_sine, sine
from pytest_villas.measure.waveforms.step import Step, step
from pytest_villas.measure.waveforms.tube import tube

__all__ = [
    "Bode",
    "ChannelFidelity",
    "Clock",
    "Count",
    "DeadlineMiss",
    "Delay",
    "Delivery",
    "Distribution",
    "Edges",
    "Estimate",
    "Fidelity",
    "Gate",
    "Latency",
    "Limit",
    "Match",
    "Mean",
    "Measure",
    "Outcome",
    "Place",
    "Quantile",
    "Share",
    "Sine",
    "Step",
    "Verdict",
    "allclose",
    "bit_exact",
    "bode",
    "by_origin",
    "by_sequence",
    "by_tag",
    "by_waveform",
    "delivery",
    "edges",
    "estimate_delay",
    "fidelity",
    "fit_sine",
    "gate",
    "latency",
    "offset",
    "phasors",
    "sine",
    "skew",
    "smallest_n",
    "step",
    "tube",
    "vector_error",
    "worst",
]
