"""Charts as SVG. Colours and line styles are classes of the style sheet, so that a page follows the reader's theme."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from ._scenes import PANELS, Block, Curve

Array = np.ndarray[Any, Any]
WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 26
TITLES = {"value": "Value", "gradient": "Gradient", "curvature": "Curvature"}


def limits(curves: Iterable[Array]) -> tuple[float, float]:
    """The range of a vertical axis: 0 and all there is, unless a few points would flatten everything else."""
    y = np.concatenate([c[np.isfinite(c)] for c in curves])
    if not y.size:
        return 0.0, 1.0
    low, high = float(y.min()), float(y.max())
    middle_low, middle_high = (float(v) for v in np.quantile(y, [0.1, 0.9]))
    room = middle_high - middle_low
    if room > 0:
        low, high = max(low, middle_low - room), min(high, middle_high + room)
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = -0.5, 0.5
    edge = 0.06 * (high - low)
    return low - edge, high + edge


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers inside a range."""
    size = (high - low) / most
    power = 10.0 ** math.floor(math.log10(size))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= size * 0.999)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def tick(number: float) -> str:
    return f"{number:.6g}".replace("-", "−") if abs(number) > 1e-12 else "0"


def simplified(x: Array, y: Array, tolerance: float = 0.08) -> list[int]:
    """The points that a line needs: all others are within the tolerance of it (Ramer 1972, Douglas & Peucker 1973)."""
    keep, stack = {0, len(x) - 1}, [(0, len(x) - 1)]
    while stack:
        a, b = stack.pop()
        if b - a < 2:
            continue
        dx, dy = x[b] - x[a], y[b] - y[a]
        off = np.abs(dx * (y[a + 1 : b] - y[a]) - dy * (x[a + 1 : b] - x[a])) / max(math.hypot(dx, dy), 1e-12)
        k = a + 1 + int(off.argmax())
        if off[k - a - 1] > tolerance:
            keep.add(k)
            stack += [(a, k), (k, b)]
    return sorted(keep)


class Frame:
    """From numbers to places on the chart."""

    def __init__(self, low: float, high: float, bottom: float, top: float, box: tuple[float, float, float, float]) -> None:
        self.domain, self.box = (low, high, bottom, top), box

    def x(self, value: Any) -> Any:
        left, _, width, _ = self.box
        return left + (value - self.domain[0]) / (self.domain[1] - self.domain[0]) * width

    def y(self, value: Any) -> Any:
        _, top, _, height = self.box
        return top + (self.domain[3] - value) / (self.domain[3] - self.domain[2]) * height

    def path(self, x: Array, y: Array) -> str:
        """A curve, broken where it is not finite and where it jumps."""
        px, py = self.x(x), self.y(y)
        _, top, _, height = self.box
        py = np.clip(py, top - 3 * height, top + 4 * height)  # far outside is outside
        breaks = np.flatnonzero((np.diff(x) < 1e-9 * (self.domain[1] - self.domain[0])) & (np.abs(np.diff(py)) > 1))
        parts, start = [], 0
        for end in [*(breaks + 1), len(x)]:
            good = np.isfinite(py[start:end])
            edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
            for a, b in zip(edges[::2] + start, edges[1::2] + start, strict=True):
                points = [f"{px[a + k]:.2f},{py[a + k]:.2f}" for k in simplified(px[a:b], py[a:b])]
                parts.append("M" + "L".join(points))
            start = end
        return "".join(parts)


def chart(block: Block, panel: str, about: str) -> str:
    """One chart of a block."""
    box = (float(LEFT), float(TOP), float(WIDTH - LEFT - RIGHT), float(HEIGHT - TOP - BOTTOM))
    shown = [c for c in block.curves if panel in c.values]
    uppers = [c for c in shown if panel == "curvature"] if has_upper(block) else []
    bottom, top = limits([c.values[panel] for c in shown] + [c.values["upper"] for c in uppers])
    frame = Frame(block.scene.low, block.scene.high, bottom, top, box)
    left, up, width, height = box
    lines = []
    for t in ticks(bottom, top, 5):
        y = frame.y(t)
        lines.append(f'<path class="{"zero" if abs(t) < 1e-12 else "grid"}" d="M{left:g},{y:.1f}h{width:g}"/>'
                     f'<text x="{left - 6:g}" y="{y + 4:.1f}" text-anchor="end">{tick(t)}</text>')
    for t in ticks(block.scene.low, block.scene.high, 6):
        x = frame.x(t)
        lines.append(f'<path class="{"zero" if abs(t) < 1e-12 else "grid"}" d="M{x:.1f},{up:g}v{height:g}"/>'
                     f'<text x="{x:.1f}" y="{up + height + 17:g}" text-anchor="middle">{tick(t)}</text>')
    order = sorted(shown, key=lambda c: c.shade == 0)  # the default on top
    curves = [f'<path class="upper s{c.shade}" d="{frame.path(c.x, c.values["upper"])}"/>' for c in uppers]
    curves += [f'<path class="line s{c.shade}" data-label="{escape(c.label)}" d="{frame.path(c.x, c.values[panel])}"/>'
               for c in order]
    domain = ",".join(f"{v:.10g}" for v in frame.domain)
    # the clip is a nested svg: no ids that pages would have to keep apart
    return (f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(about)}" data-box="{left:g},{up:g},{width:g},{height:g}" '
            f'data-domain="{domain}">{"".join(lines)}'
            f'<svg x="{left:g}" y="{up:g}" width="{width:g}" height="{height:g}" viewBox="{left:g} {up:g} {width:g} {height:g}">{"".join(curves)}</svg></svg>')


def differs(curve: Curve) -> bool:
    """Whether the upper curvature is worth a line of its own."""
    exact, upper = curve.values["curvature"], curve.values["upper"]
    size = float(np.nanmax(np.abs(np.where(np.isfinite(upper), upper, 0)), initial=0))
    return not np.allclose(exact, upper, rtol=1e-3, atol=2e-3 * size, equal_nan=True)


def has_upper(block: Block) -> bool:
    """Whether a block shows the upper curvature: it differs, and the lines are not too many already."""
    return len(block.curves) <= 3 and any("upper" in c.values and differs(c) for c in block.curves)


def key(style: str, text: str) -> str:
    """A line of the legend."""
    return f'<li><svg class="key" viewBox="0 0 26 10" aria-hidden="true"><path class="{style}" d="M1,5h24"/></svg><span>{text}</span></li>'


def figure(block: Block, title: str) -> str:
    """All charts of a block with their legend."""
    flat = all(not np.any(c.values.get("curvature", 1)) for c in block.curves) and not has_upper(block)
    panels = [p for p in PANELS if any(p in c.values for c in block.curves) and not (flat and p == "curvature")]
    items = [key(f"line s{c.shade}", escape(c.label)) for c in block.curves if c.label]
    if has_upper(block):
        items.append(key("upper plain", "curvature for Newton steps and boosting (<code>upper</code>)"))
    charts = ""
    for p in panels:
        charts += f"<div><h4>{TITLES[p]}</h4>{chart(block, p, f'{TITLES[p]} of {title}; horizontal: {block.scene.axis}')}</div>"
    heading = f"<h3>{block.title}</h3>" if block.title else ""
    legend = f'<ul class="legend">{"".join(items)}</ul>' if items else ""
    told = [f"Horizontal: {block.scene.axis}", block.scene.held, "the curvature is 0 wherever there is one" if flat else ""]
    caption = escape("; ".join(filter(None, told)))
    return f'<figure class="block">{heading}{legend}<div class="charts">{charts}</div><figcaption>{caption}.</figcaption></figure>'


def sparkline(block: Block) -> str:
    """The value alone, small and without axes."""
    box = (2.0, 4.0, 116.0, 52.0)
    bottom, top = limits([c.values["value"] for c in block.curves])
    frame = Frame(block.scene.low, block.scene.high, bottom, top, box)
    y = frame.y(0.0)
    lines = "".join(f'<path class="line s{c.shade}" d="{frame.path(c.x, c.values["value"])}"/>' for c in sorted(block.curves, key=lambda c: c.shade == 0))
    return f'<svg class="spark" viewBox="0 0 120 60" aria-hidden="true"><path class="grid" d="M2,{y:.1f}h116"/>{lines}</svg>'
