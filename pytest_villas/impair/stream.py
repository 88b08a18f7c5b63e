"""The impairments as a stream has them: one message after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from pytest_villas.errors import ConfigError, nearest
from pytest_villas.formats import Codec
from pytest_villas.samples import Column
from pytest_villas.units import ms, us

Step = Callable[["Message"], Iterable["Message"]]
_EARLY: Final = 100
"""Messages within which begins what a run has somewhere in its middle."""
_HISTORY: Final = 10_000
"""Messages of which the values are kept, for those that come late."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: the how manieth it is, when it is due (monotonic ns), and its bytes."""

    number: int
    due: int
    payload: bytes


def delay(_: np.random.Generator, *, by: int = 100 * ms) -> Step:
    """Let every message come later."""
    return lambda message: [replace(message, due=message.due + by)]


def jitter(rng: np.random.Generator, *, by: int = 50 * ms) -> Step:
    """Let each come later by an amount of its own."""
    return lambda message: [replace(message, due=message.due + int(rng.integers(0, by + 1)))]


def loss(rng: np.random.Generator, *, share: float = 0.01) -> Step:
    """Lose a share."""
    return lambda message: [] if rng.random() < share else [message]


def burst_loss(rng: np.random.Generator, *, count: int = 20) -> Step:
    """Lose so many in a row."""
    first = int(rng.integers(1, _EARLY))
    return lambda message: [] if first <= message.number < first + count else [message]


def duplicate(rng: np.random.Generator, *, share: float = 0.01) -> Step:
    """Let a share come twice."""
    return lambda message: [message, replace(message, due=message.due + us)] if rng.random() < share else [message]


def reorder(rng: np.random.Generator, *, share: float = 0.01, extent: int = 3) -> Step:
    """Hold a share back until so many others have come."""
    held: list[tuple[int, Message]] = []

    def step(message: Message) -> Iterable[Message]:
        free = [replace(each, due=max(each.due, message.due + us)) for after, each in held if after <= message.number]
        held[:] = [(after, each) for after, each in held if after > message.number]
        if rng.random() < share:
            held.append((message.number + extent, message))
            return free
        return [message, *free]

    return step


def wrong_type(rng: np.random.Generator, *, share: float = 0.01) -> Step:
    """Let a share be text that no format takes for a message."""
    return lambda message: [replace(message, payload=b"impaired\xff")] if rng.random() < share else [message]


def stalled_sender(_: np.random.Generator, *, by: int = 200 * ms, stalls: int = 5) -> Step:
    """Stall so many times for so long, once in five times that, and let come at once what is due then."""
    began: list[int] = []

    def step(message: Message) -> Iterable[Message]:
        began.extend([message.due] if not began else [])
        turn, since = divmod(message.due - began[0] - by, 5 * by)
        stalled = 0 <= turn < stalls and since < by
        return [replace(message, due=message.due + by - since)] if stalled else [message]

    return step


MESSAGES: Final[Mapping[str, Callable[..., Step]]] = {
    each.__name__: each for each in (delay, jitter, loss, burst_loss, duplicate, reorder, wrong_type, stalled_sender)
}


class Values:
    """An impairment of values: it decodes, changes and encodes each message. What does not decode stays as it is."""

    def __init__(self, name: str, rng: np.random.Generator, codec: Codec, settings: Mapping[str, Any]) -> None:
        """Take the name of the impairment and its settings."""
        self._change = getattr(self, f"_{name}")
        self._one = name in {"frozen", "sign"}
        self._rng, self._codec, self._settings = rng, codec, dict(settings)
        self._peaks: dict[int, float] = {}
        self._past: dict[int, list[tuple[int, Any]]] = {}
        self._began: int | None = None
        names = [signal.name for signal in codec.signals]
        self._numeric = [i for i, signal in enumerate(codec.signals) if signal.type.value in {"float", "complex"}]
        for key in ("channel", "first", "second"):
            if self._settings.get(key, "") and self._settings[key] not in names:
                raise ConfigError(f"impairment {name!r}: no channel {self._settings[key]!r}{nearest(self._settings[key], names)}")
        self._names = names

    def __call__(self, message: Message) -> Iterable[Message]:
        """Return the message with other values."""
        try:
            samples = self._codec.decode(message.payload)
        except ValueError:
            return [message]
        self._began = message.due if self._began is None else self._began
        columns = list(samples.columns)
        for i in self._picked():
            sizes = np.abs(columns[i][np.isfinite(columns[i])])
            self._peaks[i] = max(self._peaks.get(i, 0.0), float(sizes.max(initial=0.0)))
        self._change(columns, message)
        fields = {name: getattr(samples, name) for name in ("origin", "sequence", "new_frame", "length")}
        return [replace(message, payload=self._codec.encode(type(samples)(columns, samples.signals, **fields)))]

    def _picked(self) -> list[int]:
        if self._settings.get("channel"):
            return [self._names.index(self._settings["channel"])]
        return self._numeric[:1] if self._one else self._numeric

    def _each(self, columns: list[Column], change: Callable[[Column, float], Column]) -> None:
        for i in self._picked():
            columns[i] = change(columns[i], self._peaks[i])

    def _gain(self, columns: list[Column], _: Message) -> None:
        self._each(columns, lambda column, _: column * self._settings.get("factor", 1.05))

    def _offset(self, columns: list[Column], _: Message) -> None:
        self._each(columns, lambda column, peak: column + self._settings.get("share", 0.05) * peak)

    def _noise(self, columns: list[Column], _: Message) -> None:
        self._each(
            columns, lambda column, peak: column + self._rng.normal(0, self._settings.get("share", 0.05) * peak, column.size)
        )

    def _saturation(self, columns: list[Column], _: Message) -> None:
        def clipped(column: Column, peak: float) -> Column:
            return np.asarray(
                column * np.minimum(1, self._settings.get("share", 0.7) * peak / np.maximum(np.abs(column), 1e-300))
            )

        self._each(columns, clipped)

    def _quantisation(self, columns: list[Column], _: Message) -> None:
        def rounded(column: Column, peak: float) -> Column:
            width = 2 * peak / 2 ** self._settings.get("bits", 5)
            return np.asarray(np.round(column / width) * width) if width else column

        self._each(columns, rounded)

    def _sign(self, columns: list[Column], _: Message) -> None:
        self._each(columns, lambda column, _: -column)

    def _nan(self, columns: list[Column], _: Message) -> None:
        if self._rng.random() < self._settings.get("share", 0.01):
            self._each(columns, lambda column, _: column * np.nan)

    def _frozen(self, columns: list[Column], message: Message) -> None:
        for i in self._picked():
            if message.number >= _EARLY * self._settings.get("after", 0.5):
                kept = self._past.setdefault(i, [(message.due, columns[i])])[0][1]
                columns[i] = np.resize(kept, columns[i].shape)

    def _swapped(self, columns: list[Column], _: Message) -> None:
        wanted = [self._settings.get(key, "") for key in ("first", "second")]
        free = [i for i in self._numeric if self._names[i] not in wanted]
        i, j = (self._names.index(name) if name else free.pop(0) for name in wanted)
        columns[i], columns[j] = columns[j], columns[i]

    def _phase(self, columns: list[Column], message: Message) -> None:
        self._later(columns, message, self._settings.get("by", ms))

    def _drift(self, columns: list[Column], message: Message) -> None:
        assert self._began is not None
        self._later(columns, message, (message.due - self._began) * self._settings.get("by", 1e-3))

    def _later(self, columns: list[Column], message: Message, lag: float) -> None:
        for i in self._picked():
            past = self._past.setdefault(i, [])
            past.append((message.due, columns[i][-1]))
            del past[:-_HISTORY]
            times, values = np.array([at for at, _ in past]), np.array([value for _, value in past])
            since = (times - message.due).astype(np.float64)
            columns[i] = np.full(columns[i].shape, np.interp(-lag, since, values), columns[i].dtype)
