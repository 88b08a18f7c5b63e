"""A signal: one named, typed channel of a stream, in all the spellings that a VILLASnode config has for it."""

from __future__ import annotations

import enum
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

from pytest_villas.errors import SignalError, nearest

DEFAULT_COUNT = 64
"""How many float signals a VILLASnode node has that declares none."""
MOST: Final = 65_535
"""How many signals a declaration may ask for: the header of a VILLASnode message counts them in 16 bits."""


class SignalType(enum.Enum):
    """The four types of a VILLASnode signal; the value is the name in a config."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    COMPLEX = "complex"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of a column: float64, int64, bool or complex64 (VILLASnode's complex is two float32)."""
        return _DTYPES[self]

    @property
    def letter(self) -> str:
        """The letter in a signal string such as ``"2f1i"``."""
        return self.value[0]

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> SignalType:
        """Return the type that keeps columns of this NumPy type; SignalError where there is none."""
        kind = _KINDS.get(dtype.kind)
        if kind is None:
            raise SignalError(f"a column of {dtype} is no signal: float, integer, boolean or complex numbers are")
        return kind


_DTYPES = {
    SignalType.FLOAT: np.dtype(np.float64),
    SignalType.INTEGER: np.dtype(np.int64),
    SignalType.BOOLEAN: np.dtype(np.bool_),
    SignalType.COMPLEX: np.dtype(np.complex64),
}
_KINDS = {
    "f": SignalType.FLOAT,
    "i": SignalType.INTEGER,
    "u": SignalType.INTEGER,
    "b": SignalType.BOOLEAN,
    "c": SignalType.COMPLEX,
}
_LETTERS = {kind.letter: kind for kind in SignalType}


@dataclass(frozen=True, slots=True)
class Signal:
    """One channel: its name, its unit as free text, its type, and the value before the first sample (`init`)."""

    name: str = ""
    unit: str = ""
    type: SignalType = SignalType.FLOAT
    init: float | int | bool | complex | None = None

    def __str__(self) -> str:
        """Write ``name[unit]``, as the header of a VILLASnode file does."""
        return f"{self.name}[{self.unit}]" if self.unit else self.name


SignalSpec: TypeAlias = "str | Mapping[str, Any] | Iterable[Signal | Mapping[str, Any]] | None"
"""What a VILLASnode `signals` setting may be: ``"2f1i"``, ``{"count": 3, ...}``, a list, or nothing (64 floats)."""


def signals_of(spec: SignalSpec) -> tuple[Signal, ...]:
    """Read a `signals` setting in any of its spellings.

    >>> [s.name for s in signals_of("2f1b")]
    ['signal0', 'signal1', 'signal2']
    >>> [s.name for s in signals_of({"count": 2, "name": "x"})]
    ['x0', 'x1']
    """
    if spec is None:
        return _repeated({"count": DEFAULT_COUNT})
    if isinstance(spec, str):
        return _from_string(spec)
    if isinstance(spec, Mapping):
        return _repeated(spec) if "count" in spec else (_from_mapping(spec, 0),)
    if isinstance(spec, tuple) and all(isinstance(item, Signal) for item in spec):
        return spec
    return tuple(item if isinstance(item, Signal) else _from_mapping(item, i) for i, item in enumerate(spec))


@lru_cache(maxsize=64)
def _from_string(text: str) -> tuple[Signal, ...]:
    if not re.fullmatch(r"(?:\d*[fibc])+", text):
        raise SignalError(f"signals {text!r}: a count and a letter each, f float, i integer, b boolean, c complex, as in '2f1i'")
    runs = re.findall(r"(\d*)([fibc])", text)
    long = any(len(count) > len(str(MOST)) for count, _ in runs)  # first: text of thousands of digits is no int
    if long or sum(int(count or 1) for count, _ in runs) > MOST:
        raise SignalError(f"signals {reprlib.repr(text)}: {MOST} signals are the most")
    kinds = [_LETTERS[letter] for count, letter in runs for _ in range(int(count or 1))]
    return tuple(Signal(f"signal{i}", "", kind) for i, kind in enumerate(kinds))


def _repeated(spec: Mapping[str, Any]) -> tuple[Signal, ...]:
    count = spec["count"]
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise SignalError(f"signals.count is {count!r}: it has to be an integer of at least 0")
    if count > MOST:
        raise SignalError(f"signals.count is {count}: {MOST} signals are the most")
    one = _from_mapping({key: value for key, value in spec.items() if key != "count"}, 0, default="signal")
    return tuple(Signal(f"{one.name}{i}", one.unit, one.type, one.init) for i in range(count))


def _from_mapping(item: Any, index: int, default: str | None = None) -> Signal:
    if not isinstance(item, Mapping):
        raise SignalError(f'signals[{index}] is {item!r}: it has to be a group such as {{ name = "va", type = "float" }}')
    for key in item:
        # `enabled` is accepted by VILLASnode's parser and has no meaning for the layout
        if key not in ("name", "unit", "type", "init", "enabled"):
            raise SignalError(f"signals[{index}].{key}: unknown key{nearest(key, ('name', 'unit', 'type', 'init'))}")
    kind = item.get("type", "float")
    if kind not in {known.value for known in SignalType}:
        raise SignalError(f"signals[{index}].type is {kind!r}{nearest(str(kind), (known.value for known in SignalType))}")
    init = _init(item.get("init"), SignalType(kind), index)
    name = item.get("name", f"signal{index}" if default is None else default)
    return Signal(str(name), str(item.get("unit", "")), SignalType(kind), init)


def _init(value: Any, kind: SignalType, index: int) -> float | int | bool | complex | None:
    if kind is SignalType.COMPLEX and isinstance(value, Mapping) and set(value) == {"real", "imag"}:
        real, imag = value["real"], value["imag"]
        if _is_number(real) and _is_number(imag):
            return complex(real, imag)
    fits = {
        SignalType.FLOAT: _is_number(value),
        SignalType.INTEGER: isinstance(value, int) and not isinstance(value, bool),
        SignalType.BOOLEAN: isinstance(value, bool),
        SignalType.COMPLEX: isinstance(value, complex),
    }
    if value is None or fits[kind]:
        return value  # type: ignore[no-any-return]  # what it is has just been looked at
    wanted = "a group of two numbers, real and imag" if kind is SignalType.COMPLEX else f"a {kind.value} value"
    raise SignalError(f"signals[{index}].init is {value!r}: it has to be {wanted}, as the type says")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
