"""`Samples`: a stream of samples as columns. Nothing here holds one Python object for each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import SignalError, nearest
from pytest_villas.samples.signal import Signal, SignalSpec, SignalType, signals_of

NO_TIME: Final = int(np.iinfo(np.int64).min)
"""A time stamp that is not there: the bit pattern of NumPy's NaT."""
NO_SEQUENCE: Final = -1
"""A sequence number that is not there."""

_INT64: Final = np.dtype(np.int64)

Column: TypeAlias = npt.NDArray[Any]
Int64s: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_EMPTY = {SignalType.FLOAT: np.nan, SignalType.INTEGER: 0, SignalType.BOOLEAN: False, SignalType.COMPLEX: np.nan}


class Samples:
    """n samples of m signals, as m columns of n values, with what VILLASnode keeps for each sample.

    Attributes (all arrays have shape (n,) and are read-only):
        signals: tuple of m `Signal`.
        columns: tuple of m arrays: float64, int64, bool or complex64, as `Signal.type` says.
        origin: int64 ns since the Unix epoch when the sample was made; `NO_TIME` where absent.
        received: int64 ns since the Unix epoch when it arrived; `NO_TIME` where absent.
        sequence: int64; `NO_SEQUENCE` where absent.
        new_frame, new_simulation: bool, VILLASnode's two flags.
        length: int64, how many leading values each sample really carried (at most m); the values after them
            read as NaN, 0 or False.
    """

    __slots__ = ("columns", "length", "new_frame", "new_simulation", "origin", "received", "sequence", "signals")

    signals: tuple[Signal, ...]
    columns: tuple[Column, ...]
    origin: Int64s
    received: Int64s
    sequence: Int64s
    new_frame: Bools
    new_simulation: Bools
    length: Int64s

    def __init__(
        self,
        columns: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike],
        signals: SignalSpec = None,
        *,
        origin: npt.ArrayLike | None = None,
        received: npt.ArrayLike | None = None,
        sequence: npt.ArrayLike | None = None,
        new_frame: npt.ArrayLike | None = None,
        new_simulation: npt.ArrayLike | None = None,
        length: npt.ArrayLike | None = None,
    ) -> None:
        """Make samples from columns: a mapping of names to arrays, or a sequence of arrays with `signals`.

        Without `signals` the types follow from the arrays. An array has to have the type of its signal already:
        nothing is converted here but the width (float32 to float64, int32 to int64, complex128 to complex64).
        Raises SignalError where columns, signals or lengths do not fit.
        """
        arrays = [np.asarray(column) for column in (columns.values() if isinstance(columns, Mapping) else columns)]
        if signals is None:
            names = list(columns) if isinstance(columns, Mapping) else [f"signal{i}" for i in range(len(arrays))]
            declared = tuple(Signal(name, "", SignalType.of(a.dtype)) for name, a in zip(names, arrays, strict=True))
        else:
            declared = signals_of(signals)
        if len(declared) != len(arrays):
            raise SignalError(f"{len(arrays)} columns for {len(declared)} signals: there has to be one column a signal")
        count = _common_length([*arrays, origin, received, sequence, new_frame, new_simulation, length])
        self.signals = declared
        self.columns = tuple(_column(array, signal) for array, signal in zip(arrays, declared, strict=True))
        self.origin = _field(origin, count, np.int64, NO_TIME, "origin")
        self.received = _field(received, count, np.int64, NO_TIME, "received")
        self.sequence = _field(sequence, count, np.int64, NO_SEQUENCE, "sequence")
        self.new_frame = _field(new_frame, count, np.bool_, False, "new_frame")
        self.new_simulation = _field(new_simulation, count, np.bool_, False, "new_simulation")
        self.length = _field(length, count, np.int64, len(declared), "length")

    def __len__(self) -> int:
        """Return n."""
        return self.length.size

    def __iter__(self) -> Iterator[Column]:
        """Iterate over the columns."""
        return iter(self.columns)

    @overload
    def __getitem__(self, key: str | int) -> Column: ...
    @overload
    def __getitem__(self, key: slice | npt.NDArray[Any]) -> Samples: ...
    def __getitem__(self, key: str | int | slice | npt.NDArray[Any]) -> Column | Samples:
        """Return the column of a name or an index; or, for a slice, a mask or an index array, those samples."""
        if isinstance(key, str):
            return self.columns[self.index(key)]
        if isinstance(key, int):
            return self.columns[key]
        return Samples(
            [column[key] for column in self.columns],
            self.signals,
            **{name: getattr(self, name)[key] for name in _FIELDS},
        )

    def __repr__(self) -> str:
        """Say how many samples of which signals."""
        return f"Samples({len(self)} x {', '.join(f'{s}: {s.type.value}' for s in self.signals) or 'no signals'})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the signals."""
        return tuple(signal.name for signal in self.signals)

    def index(self, name: str) -> int:
        """Return the index of the signal of that name; KeyError with the nearest one where there is none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no signal {name!r}{nearest(name, self.names)}") from None

    def select(self, names: Iterable[str | int]) -> Samples:
        """Return the same samples with only these signals, in this order."""
        picks = [name if isinstance(name, int) else self.index(name) for name in names]
        fields = {name: getattr(self, name) for name in _FIELDS if name != "length"}
        return Samples([self.columns[i] for i in picks], [self.signals[i] for i in picks], **fields)

    def replace(self, **fields: npt.ArrayLike) -> Samples:
        """Return the same columns with other `origin`, `received`, `sequence`, `new_frame`, `new_simulation` or `length`."""
        for name in fields:
            if name not in _FIELDS:
                raise TypeError(f"replace() got {name!r}{nearest(name, _FIELDS)}")
        return Samples(self.columns, self.signals, **{name: fields.get(name, getattr(self, name)) for name in _FIELDS})

    def cast(self, signals: SignalSpec) -> Samples:
        """Return the same values in columns of other types, names and units.

        A value has to survive: 1.5 is refused for an integer signal, 2 for a boolean one, 1j for a float one.
        Only width may be lost: a float64 becomes the nearest float32 in a complex signal. Raises SignalError.
        """
        declared = signals_of(signals)
        if len(declared) != len(self.signals):
            raise SignalError(f"cannot cast {len(self.signals)} signals to {len(declared)}")
        columns = [_cast(column, new) for column, new in zip(self.columns, declared, strict=True)]
        return Samples(columns, declared, **{name: getattr(self, name) for name in _FIELDS})

    def padded(self, signals: SignalSpec = None) -> Samples:
        """Return the same samples in so many signals that what is missing at the end counts as not carried.

        For nodes that declare no signals: they have 64 floats, of which a message carries as many as it likes. Raises
        SignalError where there are more columns than signals, or other types.
        """
        declared = signals_of(signals)
        if len(self.signals) > len(declared):
            raise SignalError(f"{len(self.signals)} signals do not fit into {len(declared)}")
        blank = [np.broadcast_to(np.asarray(empty_value(s.type), s.type.dtype), len(self)) for s in declared[len(self.signals) :]]
        fields = {name: getattr(self, name) for name in _FIELDS}
        return Samples([*self.columns, *blank], declared, **fields)

    def trimmed(self) -> Samples:
        """Return the same samples without the last signals that none of them carried."""
        most = int(self.length.max(initial=0))
        return (
            self
            if most == len(self.signals)
            else Samples(self.columns[:most], self.signals[:most], **{name: getattr(self, name) for name in _FIELDS})
        )

    @classmethod
    def one(cls, signals: tuple[Signal, ...], numbers: bytes, integers: Sequence[int] = ()) -> Samples:
        """Return one sample out of its origin, sequence and values, 8 native bytes each: floats, but for the columns `integers`.

        For who reads samples as they come, at a tenth of the cost: nothing is checked.
        """
        cut, shared = _alone(len(signals))
        floats, wholes = np.frombuffer(numbers), np.frombuffer(numbers, _INT64)
        columns = cut(floats)
        if integers:
            mixed = list(columns)
            for i in integers:
                mixed[i] = wholes[i + 2 : i + 3]
            columns = tuple(mixed)
        one = object.__new__(cls)
        one.signals, one.columns = signals, columns
        one.origin, one.sequence = wholes[:1], wholes[1:2]
        one.received, one.new_frame, one.new_simulation, one.length = shared
        return one

    @classmethod
    def concat(cls, parts: Iterable[Samples]) -> Samples:
        """Join streams of the same signal types, one after the other; names and units are those of the first."""
        parts = list(parts)
        if not parts:
            raise SignalError("nothing to join")
        first = parts[0]
        for part in parts[1:]:
            if [signal.type for signal in part.signals] != [signal.type for signal in first.signals]:
                raise SignalError(f"cannot join {part!r} to {first!r}: the types differ")
        columns = [np.concatenate(column) for column in zip(*(part.columns for part in parts), strict=True)]
        fields = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS}
        return cls(columns, first.signals, **fields)


_FIELDS = ("origin", "received", "sequence", "new_frame", "new_simulation", "length")


@lru_cache(maxsize=64)
def _alone(count: int) -> tuple[Callable[[Column], tuple[Column, ...]], tuple[Any, ...]]:
    """Return what cuts `count` columns out of the numbers of one sample, and the fields that all such samples share.

    These are arrays that nobody can make writable.
    """
    cuts = [slice(i, i + 1) for i in range(2, count + 2)]
    cut = itemgetter(*cuts) if count > 1 else lambda numbers: tuple([numbers[each] for each in cuts])
    fields = (NO_TIME, np.int64), (False, np.bool_), (False, np.bool_), (count, np.int64)
    return cut, tuple([np.frombuffer(np.array(value, dtype).tobytes(), dtype) for value, dtype in fields])


def empty_value(kind: SignalType) -> Any:
    """Return what stands in a column for a value that a sample did not carry: NaN, 0 or False."""
    return _EMPTY[kind]


def _common_length(arrays: Iterable[npt.ArrayLike | None]) -> int:
    sizes = {np.shape(array) for array in arrays if array is not None}
    if len(sizes) > 1 or any(len(size) != 1 for size in sizes):
        raise SignalError(f"columns and stamps have shapes {sorted(sizes)}: all have to be (n,) with one n")
    return int(sizes.pop()[0]) if sizes else 0


def _column(array: Column, signal: Signal) -> Column:
    if array.dtype == signal.type.dtype:
        return _frozen(array)
    if array.size and SignalType.of(array.dtype) is not signal.type:
        raise SignalError(f"signal {signal.name!r} is {signal.type.value} and its column is {array.dtype}: see Samples.cast()")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise SignalError(f"signal {signal.name!r}: {array.max()} does not fit into 64 bits with a sign")
    with np.errstate(invalid="ignore"):  # a signalling NaN of 32 bits becomes a quiet one of 64
        return _frozen(array.astype(signal.type.dtype, copy=False))


def _field(values: npt.ArrayLike | None, count: int, dtype: Any, absent: Any, name: str) -> Any:
    if values is None:
        # one value for all, as np.broadcast_to() makes it, in a tenth of the time
        return _frozen(np.ndarray((count,), dtype, np.asarray(absent, dtype), 0, (0,)))
    array = np.asarray(values)
    if array.dtype == dtype:
        return _frozen(array)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise SignalError(f"{name}: {array.max()} does not fit into 64 bits with a sign")
    if array.size and array.dtype.kind not in ("b" if dtype is np.bool_ else "iuM"):
        raise SignalError(f"{name} is an array of {array.dtype}: it has to be {np.dtype(dtype)}")
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]").view(np.int64)
    return _frozen(array.astype(dtype, copy=False))


def _frozen(array: Column) -> Column:
    view = array.view()
    view.flags.writeable = False
    return view


def _cast(column: Column, signal: Signal) -> Column:
    old = SignalType.of(column.dtype)
    if old is signal.type:
        return column
    if old is SignalType.COMPLEX and np.any(column.imag != 0):
        raise SignalError(f"signal {signal.name!r}: a value with an imaginary part is no {signal.type.value}")
    values = column.real if old is SignalType.COMPLEX else column
    if signal.type in (SignalType.INTEGER, SignalType.BOOLEAN):
        with np.errstate(invalid="ignore"):
            cast = values.astype(signal.type.dtype)
        lost = cast.astype(values.dtype) != values
    elif old is SignalType.INTEGER:
        cast = values.astype(signal.type.dtype)
        limit = 2**24 if signal.type is SignalType.COMPLEX else 2**53
        lost = (values > limit) | (values < -limit)
    else:
        with np.errstate(over="ignore"):
            cast = values.astype(signal.type.dtype)
        lost = np.isfinite(values) & ~np.isfinite(cast)
    if np.any(lost):
        raise SignalError(f"signal {signal.name!r}: {values[lost][0]!r} is no {signal.type.value}")
    return cast
