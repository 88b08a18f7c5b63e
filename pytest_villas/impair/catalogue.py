"""Every impairment by its name, with its settings, the main one first. What a setting is by default, its function says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_villas.errors import ConfigError
from pytest_villas.impair import messages, values
from pytest_villas.replay.replay import Exchange
from pytest_villas.units import duration, ratio


@dataclass(frozen=True, slots=True)
class Kind:
    """One impairment.

    Attributes:
        function: takes an exchange, its settings by name and, where it has such parameters, `rng` and `kept`.
        settings: what reads each of its settings from text; ConfigError for what it cannot be.
    """

    function: Callable[..., Exchange]
    settings: Mapping[str, Callable[[str], Any]]

    def __call__(self, exchange: Exchange, settings: Mapping[str, Any], **given: Any) -> Exchange:
        """Return the exchange impaired; `given` are `rng` and `kept`."""
        wanted = inspect.signature(self.function).parameters
        return self.function(exchange, **settings, **{name: value for name, value in given.items() if name in wanted})

    @property
    def about(self) -> str:
        """What it does, in a sentence."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def _share(text: str) -> float:
    number = ratio(text)
    if not 0 < number <= 1:
        raise ConfigError(f"{text!r} is no share: it has to be above 0 and at most 1, as in '1 %'")
    return number


def _count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise ConfigError(f"{text!r} is no count: a whole number of at least 1")
    return int(text)


def _later(text: str) -> int:
    number = duration(text)
    if number <= 0:
        raise ConfigError(f"{text!r}: it has to be above 0, as in '5 ms'")
    return number


def _bits(text: str) -> int:
    number = _count(text)
    if number > 52:
        raise ConfigError(f"{text!r}: a float has 53 bits: fewer of them are a quantisation")
    return number


KINDS: Final[Mapping[str, Kind]] = {
    "delay": Kind(messages.delay, {"by": _later}),
    "jitter": Kind(messages.jitter, {"by": _later}),
    "loss": Kind(messages.loss, {"share": _share}),
    "burst_loss": Kind(messages.burst_loss, {"count": _count}),
    "duplicate": Kind(messages.duplicate, {"share": _share}),
    "reorder": Kind(messages.reorder, {"share": _share, "extent": _count}),
    "wrong_type": Kind(messages.wrong_type, {"share": _share}),
    "stalled_sender": Kind(messages.stalled_sender, {"by": _later, "stalls": _count}),
    "gain": Kind(values.gain, {"factor": ratio, "channel": str}),
    "offset": Kind(values.offset, {"share": ratio, "channel": str}),
    "noise": Kind(values.noise, {"share": _share, "channel": str}),
    "saturation": Kind(values.saturation, {"share": _share, "channel": str}),
    "quantisation": Kind(values.quantisation, {"bits": _bits, "channel": str}),
    "drift": Kind(values.drift, {"by": ratio, "channel": str}),
    "phase": Kind(values.phase, {"by": duration, "channel": str}),
    "frozen": Kind(values.frozen, {"channel": str, "after": _share}),
    "swapped": Kind(values.swapped, {"first": str, "second": str}),
    "sign": Kind(values.sign, {"channel": str}),
    "nan": Kind(values.nan, {"share": _share, "channel": str}),
}
