"""Pure functions on samples, and the verdict: was it in time, and is it the right signal?"""

from pytest_villas.measure.bode import Bode, bode
from pytest_villas.measure.channel import ChannelFidelity
from pytest_villas.measure.clock import Clock, offset, skew
from pytest_villas.measure.deadline import DeadlineMiss, Share
from pytest_villas.measure.delay import Delay, estimate_delay
from pytest_villas.measure.delivery import Delivery, delivery
from pytest_villas.measure.distribution import Distribution, Mean, Quantile
from pytest_villas.measure.edges import Edges, edges
from pytest_villas.measure.estimate import Count, Estimate, Limit, Measure
from pytest_villas.measure.exact import allclose, bit_exact
from pytest_villas.measure.fidelity import Fidelity, fidelity
from pytest_villas.measure.gate import Gate, gate, smallest_n
from pytest_villas.measure.latency import Latency, latency
from pytest_villas.measure.matching import Match, by_origin, by_sequence, by_tag, by_waveform
from pytest_villas.measure.phasor import phasors, vector_error
from pytest_villas.measure.place import Place
from pytest_villas.measure.sine import Sine, fit_sine, sine
from pytest_villas.measure.step import Step, step
from pytest_villas.measure.tube import tube
from pytest_villas.measure.verdict import Outcome, Verdict, worst

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
