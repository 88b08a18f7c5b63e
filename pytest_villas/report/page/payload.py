"""What the charts of a run are drawn from: arrays, thinned out so that no extreme is lost, in one compressed string."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler, NaNMinMaxDownsampler

from pytest_villas.measure import Distribution
from pytest_villas.measure.timing.gate import LOST
from pytest_villas.replay.run import Run
from pytest_villas.report.traces import Floats, PhasorTrace, Timeline, Trace, exceedance, spectrum
from pytest_villas.samples import Int64s

DETAIL: Final = 40_000
"""Points of one channel that a report holds; charts show a few thousand of them, and more of a part that is zoomed into."""
MARKS: Final = 5_000
"""Places of one kind that are marked at most."""
_LINES: Final = 4_000
_ALIGNMENT: Final = 8
_EXTREMES: Final[Any] = MinMaxDownsampler()  # type: ignore[no-untyped-call]  # they have no annotations of their own
_GAPS: Final[Any] = NaNMinMaxDownsampler()  # type: ignore[no-untyped-call]


def payload(run: Run, traces: Iterable[Trace], line: Timeline) -> str:
    """Return all that the charts of a run need, compressed, as base64."""
    arrays: list[npt.NDArray[Any]] = []

    def keep(values: npt.NDArray[Any], kind: str) -> dict[str, Any]:
        arrays.append(np.ascontiguousarray(values, kind))
        return {"array": len(arrays) - 1}

    channels = [_channel(trace, keep) for trace in traces]
    picked = thinned(line.latency, DETAIL, line.lost[:MARKS])
    shown = {
        "t": keep(line.t[picked], "<f8"),
        "latency": keep(line.latency[picked] / 1e6, "<f4"),
        **{name: keep(line.t[getattr(line, name)[:MARKS]], "<f8") for name in ("lost", "reordered", "duplicates")},
        "total": int(line.t.size),
        "counts": {name: int(getattr(line, name).size) for name in ("lost", "reordered", "duplicates")},
        "first": line.first,
        "last": line.last,
    }
    curves = {"latency": run.latency, "send_lag": run.latency.send_lag}
    if run.floor.latency is not None:
        curves["floor"] = run.floor.latency
    tails = {name: _curve(of, keep) for name, of in curves.items()}
    return packed({"channels": channels, "timeline": shown, "tails": tails}, arrays)


def _channel(trace: Trace, keep: Any) -> dict[str, Any]:
    outside = trace.outside
    picked = thinned(trace.response, DETAIL, outside[:MARKS])
    picked = np.union1d(picked, thinned(trace.residual, DETAIL // 2))
    found: dict[str, Any] = {
        "name": trace.name,
        "unit": trace.unit,
        "step": trace.step,
        "total": int(trace.t.size),
        "t": keep(trace.t[picked], "<f8"),
        "reference": keep(trace.reference[picked], "<f8"),
        "response": keep(trace.response[picked], "<f8"),
        "outside": {"t": keep(trace.t[outside[:MARKS]], "<f8"), "y": keep(trace.response[outside[:MARKS]], "<f8")},
        "left": int(outside.size),
    }
    if trace.residual.size and np.isfinite(trace.residual).any():
        found["worst"] = float(trace.t[int(np.nanargmax(np.abs(trace.residual)))])
    if trace.tube is not None:
        found["tube"] = {
            "lower": keep(trace.tube.lower[picked], "<f8"),
            "upper": keep(trace.tube.upper[picked], "<f8"),
            "about": trace.tube.about,
        }
    if trace.phasors is not None:
        found["phasors"] = _phasors(trace.phasors, keep)
    found["spectrum"], found["unseen"] = {}, "it is no waveform" if trace.step else ""
    for name, values in (("reference", trace.reference), ("response", trace.response)):
        lines = spectrum(trace.t, values)
        if isinstance(lines, str):
            found["unseen"] = found["unseen"] or f"{name}: {lines}"
        elif not trace.step:
            found["spectrum"][name] = _lines(*lines, keep)
    return found


def _phasors(turning: PhasorTrace, keep: Any) -> dict[str, Any]:
    picked = thinned(turning.tve, DETAIL)
    series = {name: keep(getattr(turning, name)[picked], "<f8") for name in ("t", "reference", "response", "phase", "tve")}
    return {**series, "about": turning.about}


def _lines(frequency: Floats, size: Floats, keep: Any) -> dict[str, Any]:
    """Keep the greatest line of each band: a peak stays what it is."""
    width = -(-frequency.size // _LINES)
    starts = np.arange(0, frequency.size, width)
    greatest = np.array([start + int(np.argmax(size[start : start + width])) for start in starts])
    return {"f": keep(frequency[greatest], "<f4"), "a": keep(size[greatest], "<f4")}


def _curve(times: Distribution, keep: Any) -> dict[str, Any]:
    came = times.values[times.values != LOST]
    x, above = exceedance(came, int(times.values.size - came.size))
    return {
        "x": keep(x / 1e6, "<f8"),
        "y": keep(above, "<f8"),
        "n": int(times.values.size),
        "lost": int(times.values.size - came.size),
    }


def thinned(values: Floats, most: int, wanted: Int64s | None = None) -> Int64s:
    """Return ascending indices of about `most` values that show what all of them show, and of those that are wanted.

    The first and the last, and the least and the greatest of every stretch stay; so does a NaN where there is one. (LTTB, which
    picks by the area of triangles, draws nicer lines, but it does lose extremes.)
    """
    if values.size <= most:
        return np.arange(values.size)
    values, even = np.ascontiguousarray(values, np.float64), most // 2 * 2
    picked = [_EXTREMES.downsample(values, n_out=even), [0, values.size - 1], [] if wanted is None else wanted]
    if np.isnan(values).any():
        picked.append(_GAPS.downsample(values, n_out=even))
    return np.unique(np.concatenate(picked).astype(np.int64))


def packed(header: Mapping[str, Any], arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return a header and its arrays as one string: length of the header, header as JSON, arrays; gzip, base64.

    In the header, an array is ``{"array": number}``; ``arrays`` says type, place and length of each.
    """
    parts, table, at = [], [], 0
    for array in arrays:
        content = array.tobytes()
        table.append([array.dtype.str, at, int(array.size)])
        padded = content + bytes(-len(content) % _ALIGNMENT)
        parts.append(padded)
        at += len(padded)
    head = json.dumps({**header, "arrays": table}, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-(len(head) + 4) % _ALIGNMENT)
    return compressed(struct.pack("<I", len(head)) + head + b"".join(parts))


def compressed(content: bytes) -> str:
    """Return bytes as gzip in base64, the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
