"""A run as a picture: reference and response, what is between them, and the latency. SVG, light and dark, no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from pytest_villas.report.traces import Floats, Timeline, Trace
from pytest_villas.units import format_duration

WIDTH, _LEFT, _RIGHT, _TOP, _HEIGHT, _GAP = 960, 72, 16, 30, 128, 46
_INNER: Final = WIDTH - _LEFT - _RIGHT
STYLE: Final = """
.v-plot { --ink: #1d242b; --soft: #5d6873; --line: #d9dee3; --one: #8d99a5; --two: #0b62a8; --bad: #b3261e; --paper: #ffffff; }
@media (prefers-color-scheme: dark) {
  .v-plot { --ink: #e6eaee; --soft: #9aa5b0; --line: #38414a; --one: #7d8894; --two: #6fb3ee; --bad: #ff8a80; --paper: #14181c; }
}
.v-plot text { font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--soft); }
.v-plot text.v-title { font-weight: 600; fill: var(--ink); }
.v-plot path { fill: none; vector-effect: non-scaling-stroke; }
.v-plot .v-grid { stroke: var(--line); stroke-width: 1; }
.v-plot .v-one { stroke: var(--one); stroke-width: 3; opacity: 0.75; }
.v-plot .v-two { stroke: var(--two); stroke-width: 1.2; }
.v-plot .v-bad { stroke: var(--bad); stroke-width: 1.2; }
.v-plot .v-paper { fill: var(--paper); }
"""


def document(picture: str) -> str:
    """Return a picture as a file of its own."""
    return picture.replace(">", f"><style>{STYLE}</style>", 1) + "\n"


def picture(trace: Trace | None, line: Timeline, label: str) -> str:
    """Draw the worst channel and the latency of a run; `label` says to those who do not see it what it shows."""
    span = (0.0, max(float(line.t[-1]) if line.t.size else 0.0, 1e-9))
    parts: list[str] = []
    top = _TOP
    if trace is not None and trace.t.size:
        span = (min(span[0], float(trace.t[0])), max(span[1], float(trace.t[-1])))
        unit = f" in {trace.unit}" if trace.unit else ""
        both = np.concatenate([trace.reference, trace.response])
        parts += _panel(top, f"{trace.name}{unit}: reference (wide), response (narrow)", _extent(both), span)
        parts += [_curve(trace.t, trace.reference, _extent(both), span, top, "v-one")]
        parts += [_curve(trace.t, trace.response, _extent(both), span, top, "v-two")]
        top += _HEIGHT + _GAP
        residual = _extent(trace.residual)
        parts += _panel(top, f"response less reference{unit}", residual, span)
        parts += [_curve(trace.t, trace.residual, residual, span, top, "v-two")]
        top += _HEIGHT + _GAP
    lost = f", {line.lost.size} lost (marks at the top)" if line.lost.size else ""
    known = line.latency[np.isfinite(line.latency)]
    logarithms = np.log10(np.maximum(line.latency, 1.0))
    bounds = (math.floor(np.log10(max(known.min(), 1.0))), math.ceil(np.log10(max(known.max(), 10.0)))) if known.size else (0, 1)
    extent = (float(bounds[0]), float(max(bounds[1], bounds[0] + 1)))
    parts += _panel(top, f"latency of each sample{lost}", extent, span, logarithmic=True)
    parts += [_curve(line.t, logarithms, extent, span, top, "v-two")]
    places = _x(line.t[line.lost], span)
    parts += [f'<path class="v-bad" d="{"".join(f"M{x:.1f},{top}v10" for x in np.unique(places.round(1)))}"/>']
    height = top + _HEIGHT + 34
    parts += [f'<text x="{_LEFT + _INNER}" y="{height - 4}" text-anchor="end">seconds since the stimulus began</text>']
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="v-plot" role="img" viewBox="0 0 {WIDTH} {height}" width="100%">'
        f'<title>{escape(label)}</title><rect class="v-paper" width="{WIDTH}" height="{height}"/>{"".join(parts)}</svg>'
    )


def _panel(
    top: int, title: str, extent: tuple[float, float], span: tuple[float, float], *, logarithmic: bool = False
) -> list[str]:
    """Draw title, grid and numbers."""
    marks = list(range(int(extent[0]), int(extent[1]) + 1)) if logarithmic else _ticks(*extent, 5)
    texts = [format_duration(10.0**mark) if logarithmic else f"{mark:.6g}" for mark in marks]
    parts = [f'<text class="v-title" x="{_LEFT}" y="{top - 8}">{escape(title)}</text>']
    for mark, text in zip(marks, texts, strict=True):
        y = float(_y(np.array([float(mark)]), extent, top)[0])
        parts.append(f'<path class="v-grid" d="M{_LEFT},{y:.1f}h{_INNER}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for mark in _ticks(*span, 8):
        x = float(_x(np.array([mark]), span)[0])
        parts.append(f'<path class="v-grid" d="M{x:.1f},{top}v{_HEIGHT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + _HEIGHT + 15}" text-anchor="middle">{mark:.6g}</text>')
    return parts


def _curve(t: Floats, values: Floats, extent: tuple[float, float], span: tuple[float, float], top: int, kind: str) -> str:
    """Draw values over time: all of them where there is room, else from the least to the greatest in each column of dots."""
    x, y = _x(t, span), _y(values, extent, top)
    if t.size > 2 * _INNER:
        x, y = _columns(x, y)
    whole = np.isfinite(y)
    starts = whole & ~np.concatenate([[False], whole[:-1]])
    steps = ["M" if start else "L" for start in starts[whole]]
    points = [f"{step}{a:.1f},{b:.1f}" for step, a, b in zip(steps, x[whole], y[whole], strict=True)]
    return f'<path class="{kind}" d="{"".join(points)}"/>'


def _columns(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return two points for each column of dots, which hold its extremes."""
    known = np.isfinite(y)
    x, y = x[known], y[known]
    firsts = np.flatnonzero(np.diff(np.floor(x), prepend=-1))
    if not firsts.size:
        return x, y
    low, high = np.minimum.reduceat(y, firsts), np.maximum.reduceat(y, firsts)
    return np.repeat(x[firsts], 2), np.stack([low, high], axis=1).ravel()


def _x(t: Floats, span: tuple[float, float]) -> Floats:
    return np.asarray(_LEFT + (t - span[0]) / (span[1] - span[0]) * _INNER)


def _y(values: Floats, extent: tuple[float, float], top: int) -> Floats:
    return np.asarray(top + _HEIGHT * (1 - (values - extent[0]) / (extent[1] - extent[0])))


def _extent(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return what an axis shows: all finite values, and something where they are all the same."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if high - low > 1e-12 * max(abs(low), abs(high)):
        room = 0.04 * (high - low)
        return low - room, high + room
    room = abs(high) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, about: int) -> Sequence[float]:
    """Return round numbers between low and high."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]
