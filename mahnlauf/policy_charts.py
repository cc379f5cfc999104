"""Plots as inline SVG: bars side by side for a few series over the same labels. No script, no font, nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Final

COLOURS: Final = ("#1b6ca8", "#d1761f")
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 760, 260, 64, 12, 64
_LABELS_MAX: Final = 24
_GRID: Final = 4


def bars(title: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> str:
    """An SVG element. `series` are (name, a value for each label)."""
    largest = max((value for _, values in series for value in values), default=0) or 1
    slot = (_WIDTH - _LEFT) / max(1, len(labels))
    width = slot * 0.8 / max(1, len(series))
    parts = [_grid(largest)]
    for number, (name, values) in enumerate(series):
        for place, value in enumerate(values):
            left = _LEFT + slot * (place + 0.1) + width * number
            parts.append(_bar(left, width, value / largest, COLOURS[number % len(COLOURS)], f"{labels[place]}, {name}: {value:,}"))
    parts += [_label(_LEFT + slot * (place + 0.5), labels[place]) for place in range(0, len(labels), -(-len(labels) // _LABELS_MAX) or 1)]
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">'
    return head + "".join(parts) + "</svg>"


def _grid(largest: int) -> str:
    floor = _HEIGHT - _BOTTOM
    lines = []
    for step in range(_GRID + 1):
        y = floor - (floor - _TOP) * step / _GRID
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{largest * step // _GRID:,}</text>')
    return "".join(lines)


def _bar(left: float, width: float, share: float, colour: str, told: str) -> str:
    floor = _HEIGHT - _BOTTOM
    height = (floor - _TOP) * share
    place = f'x="{left:.1f}" y="{floor - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{colour}"><title>{escape(told)}</title></rect>'


def _label(x: float, text: str) -> str:
    y = _HEIGHT - _BOTTOM + 14
    return f'<text x="{x:.1f}" y="{y}" text-anchor="end" transform="rotate(-35 {x:.1f} {y})">{escape(text)}</text>'
