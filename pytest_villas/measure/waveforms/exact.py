"""Sample by sample: the same bits, or the same value within a tolerance."""

from __future__ import annotations

import math

import numpy as np

from pytest_villas.measure.verdict import Outcome, Verdict
from pytest_villas.measure.waveforms.place import ANYWHERE, Bools, Places
from pytest_villas.samples import Column


def bit_exact(reference: Column, response: Column, *, places: Places = ANYWHERE, what: str = "samples") -> Verdict:
    """Judge whether two columns of n matched values, shape (n,), have the same bits.

    The payload of a NaN and the sign of zero count. Columns of different types never have the same bits.
    Comparing nothing is INCONCLUSIVE. Raises ValueError for lengths that differ.
    """
    _check_lengths(reference, response)
    what = f"{what} that differ in their bits"
    if reference.dtype != response.dtype:
        why = f"the reference is {reference.dtype}, the response {response.dtype}"
        return Verdict(Outcome.FAIL, what, 0, "==", math.nan, n=reference.size, why=why)
    words = np.dtype(f"u{reference.dtype.itemsize}")
    wrong = np.ascontiguousarray(reference).view(words) != np.ascontiguousarray(response).view(words)
    return none_of(wrong, reference, response, places, what)


def allclose(
    reference: Column,
    response: Column,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    allow_nan: bool = False,
    places: Places = ANYWHERE,
    what: str = "samples",
) -> Verdict:
    """Judge ``abs(response - reference) <= atol + rtol * abs(reference)`` for n matched values, shape (n,).

    Complex numbers are compared by the modulus of the difference; integers exactly, in all 64 bits; booleans have to be
    equal. A NaN on either side is wrong, unless `allow_nan` and both are NaN. An infinite reference wants the same
    infinity. Raises ValueError for a tolerance that is negative or not finite, and for lengths that differ.
    """
    _check_lengths(reference, response)
    check_tolerances(rtol=rtol, atol=atol)
    what = f"{what} out of atol {atol:g}, rtol {rtol:g}"
    if (reference.dtype == np.bool_) != (response.dtype == np.bool_):
        why = f"the reference is {reference.dtype}, the response {response.dtype}"
        return Verdict(Outcome.INCONCLUSIVE, what, 0, "==", math.nan, n=reference.size, why=why)
    with np.errstate(invalid="ignore", over="ignore"):
        if reference.dtype == np.bool_:
            right = reference == response
        else:
            distance, size = _distance(reference, response), np.abs(_wide(reference))
            right = (distance <= atol + rtol * size) & np.isfinite(size)
            # an infinity is at no distance from itself; an integer of 64 bits is not equal to the float that it rounds to
            right |= (reference == response) & ~np.isfinite(size)
            if allow_nan:
                right |= _close_but_for_nan(reference, response, rtol, atol)
    return none_of(~right, reference, response, places, what)


def none_of(wrong: Bools, reference: Column, response: Column, places: Places, what: str) -> Verdict:
    """Turn a mask of wrong values into a verdict that names the first and the farthest of them."""
    count = int(np.count_nonzero(wrong))
    if not wrong.size:
        return Verdict(Outcome.INCONCLUSIVE, what, 0, "==", math.nan, why="there was nothing to compare")
    if not count:
        return Verdict(Outcome.PASS, what, 0, "==", 0.0, 0.0, 0.0, wrong.size)
    where = np.flatnonzero(wrong)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = _distance(reference[where], response[where])
    distance[np.isnan(distance)] = np.inf
    first, farthest = int(where[0]), int(where[np.argmax(distance)])
    why = f"first {_told(first, reference, response, places)}"
    if farthest != first:
        why += f"; worst {_told(farthest, reference, response, places)}"
    return Verdict(Outcome.FAIL, what, 0, "==", float(count), float(count), float(count), wrong.size, why=why)


def check_tolerances(**tolerances: float) -> None:
    """Raise ValueError for a tolerance that is negative, NaN or infinite."""
    for name, value in tolerances.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is {value!r}: it has to be finite and at least 0")


def _told(i: int, reference: Column, response: Column, places: Places) -> str:
    return f"at {places.at(i)}: {response[i].item()!r} instead of {reference[i].item()!r}"


def _wide(values: Column) -> Column:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def _close_but_for_nan(reference: Column, response: Column, rtol: float, atol: float) -> Bools:
    """Say where both sides have NaN, in the same parts of a complex number, whose other part is close."""
    one, other = (_wide(side) for side in (reference, response))
    if "c" in one.dtype.kind + other.dtype.kind:
        one, other = (side.astype(np.complex128).view(np.float64) for side in (one, other))
    width = max(one.size // max(reference.size, 1), 1)
    one, other = one.reshape(-1, width), other.reshape(-1, width)
    nan = np.isnan(one)
    alike = (nan == np.isnan(other)).all(axis=1) & nan.any(axis=1)
    apart = np.linalg.norm(np.where(nan | (one == other), 0.0, other - one), axis=1)
    size = np.linalg.norm(np.where(nan, 0.0, one), axis=1)
    return np.asarray(alike & ((apart == 0) | (apart <= atol + rtol * size) & np.isfinite(size)))


def _distance(reference: Column, response: Column) -> Column:
    kinds = reference.dtype.kind + response.dtype.kind
    if kinds == "ii":
        return _apart(reference, response)
    if kinds in {"if", "fi"}:
        whole, real = (reference, response) if kinds == "if" else (response, reference)
        inside = (real >= -(2.0**63)) & (real < 2.0**63)
        rounded = np.where(inside, np.rint(real), 0).astype(np.int64)
        apart = _apart(whole, rounded) * np.where(whole < rounded, -1, 1) + (rounded - real)
        return np.asarray(np.where(inside, np.abs(apart), np.maximum(np.abs(real - _wide(whole)), 1.0)))
    distance: Column = np.abs(_wide(response) - _wide(reference))
    return distance


def _apart(one: Column, other: Column) -> Column:
    """Return how far integers are apart: that needs 64 bits without a sign, and above 2**53 a float would round it away."""
    low, high = (pick(one, other).astype(np.int64) for pick in (np.minimum, np.maximum))
    return (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)


def _check_lengths(reference: Column, response: Column) -> None:
    if reference.shape != response.shape or reference.ndim != 1:
        raise ValueError(f"reference is {reference.shape} and response {response.shape}: matched values come in pairs")
