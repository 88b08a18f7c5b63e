"""Impairments from text: ``loss=1%+delay=5 ms+seed=7``.

A part is ``name``, ``name=value`` (its main setting) or ``name:key=value,key=value``; parts are joined by ``+`` and done
from left to right. ``seed=N`` is no impairment: it is what chance starts from, 0 by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.impair.catalogue import KINDS
from pytest_villas.replay.replay import Exchange
from pytest_villas.samples import Signal, signals_of

_CHANNELS = frozenset({"channel", "first", "second"})
"""Settings that name a channel."""
_JOIN = re.compile(r"\+(?=\s*[a-z])")  # and not the one in 1e+3


@dataclass(frozen=True, slots=True)
class Impairment:
    """What is done to an exchange.

    Attributes:
        text: as it was written.
        steps: names and settings, in order.
        seed: of all chance; every exchange is struck alike.
        kept: channels that carry no signal, whose values stay.
    """

    text: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    seed: int = 0
    kept: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def keeping(self, *names: str | None) -> Impairment:
        """Return the same for a rig with these channels that carry no signal: its `tag`, `step` and `history`."""
        return replace(self, kept=frozenset(filter(None, names)))

    def check(self, response: Sequence[Signal], rig: str) -> None:
        """Raise ConfigError where it names a channel that is none of the signals which come back from this rig."""
        if tuple(response) == signals_of(None):  # not declared: nobody knows what comes
            return
        names = [signal.name for signal in response]
        for name, settings in self.steps:
            for key in _CHANNELS & settings.keys():
                if settings[key] not in names:
                    wrong = f"rig {rig!r} sends no channel {settings[key]!r}"
                    raise ConfigError(f"impairment {name!r}: {key}: {wrong}{nearest(settings[key], names)}")

    def __call__(self, exchange: Exchange) -> Exchange:
        """Return the exchange impaired; ConfigError where its response has no channel that would show it."""
        for number, (name, settings) in enumerate(self.steps):
            rng = np.random.default_rng((self.seed, number))
            try:
                exchange = KINDS[name](exchange, settings, rng=rng, kept=self.kept)
            except ConfigError as error:
                raise ConfigError(f"impairment {name!r}: {error}") from None
        return exchange


def parse(text: str) -> Impairment:
    """Read an impairment; ConfigError names the nearest right one.

    >>> parse("loss=1%+reorder:share=2 %,extent=4+seed=7").steps
    (('loss', {'share': 0.01}), ('reorder', {'share': 0.02, 'extent': 4}))
    """
    steps, seed = [], 0
    for part in _JOIN.split(text):
        name, mark, rest = (word.strip() for word in re.fullmatch(r"([^:=]*)([:=]?)(.*)", part, re.DOTALL).groups())  # type: ignore[union-attr]  # it matches any text
        if name == "seed":
            seed = _seed(part, rest)
            continue
        if name not in KINDS:
            raise ConfigError(f"impairment {part.strip()!r}: no such impairment{nearest(name, [*KINDS, 'seed'])}")
        main = next(iter(KINDS[name].settings))
        pairs = rest.split(",") if mark == ":" else [f"{main}={rest}"] if mark else []
        steps.append((name, dict(_setting(name, pair) for pair in pairs)))
    if not steps:
        raise ConfigError(f"impairment {text!r}: nothing is impaired{nearest('', KINDS)}")
    return Impairment(text, tuple(steps), seed)


def _setting(name: str, pair: str) -> tuple[str, Any]:
    key, mark, value = (word.strip() for word in pair.partition("="))
    readers = KINDS[name].settings
    if key not in readers:
        raise ConfigError(f"impairment {name!r}: {key!r}: no such setting{nearest(key, readers)}")
    if not mark or not value:
        raise ConfigError(f"impairment {name!r}: {key} has no value, as in {name}:{key}=...")
    try:
        return key, readers[key](value)
    except ConfigError as error:
        raise ConfigError(f"impairment {name!r}: {key}: {error}") from None


def _seed(part: str, value: str) -> int:
    if not value.isdecimal():
        raise ConfigError(f"impairment {part.strip()!r}: a seed is a whole number of at least 0")
    return int(value)
