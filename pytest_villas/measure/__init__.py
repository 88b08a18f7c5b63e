"""Pure functions on samples, and the verdict: was it in time, and is it the right signal?"""

from pytest_villas.measure.clock import Clock, offset, skew
from pytest_villas.measure.deadline import DeadlineMiss, Share
from pytest_villas.measure.delivery import Delivery, delivery
from pytest_villas.measure.distribution import Distribution, Mean, Quantile
from pytest_villas.measure.gate import Gate, gate, smallest_n
from pytest_villas.measure.latency import Latency, latency
from pytest_villas.measure.matching import Match, by_origin, by_sequence, by_tag, by_waveform
from pytest_villas.measure.verdict import Count, Estimate, Limit, Measure, Outcome, Verdict, worst

__all__ = [
    "Clock",
    "Count",
    "DeadlineMiss",
    "Delivery",
    "Distribution",
    "Estimate",
    "Gate",
    "Latency",
    "Limit",
    "Match",
    "Mean",
    "Measure",
    "Outcome",
    "Quantile",
    "Share",
    "Verdict",
    "by_origin",
    "by_sequence",
    "by_tag",
    "by_waveform",
    "delivery",
    "gate",
    "latency",
    "offset",
    "skew",
    "smallest_n",
    "worst",
]
