"""How a cost grows with a size: flat, linear, or worse."""

from collections.abc import Sequence
from typing import Final

from bench.contestant import Figures

FLAT: Final = 1.25
"""Up to here a cost counts as flat from the smallest size to the largest: so much is the machine's noise."""


def growth(measured: Sequence[Figures]) -> Figures:
    """`last_to_first`: what the largest costs to the smallest. `us_each`: microseconds that each one more costs (least squares);
    `straight`: the share of the differences that this line explains, 1 where the cost is linear."""
    xs, ys = ([float(one[name]) for one in measured] for name in ("size", "cpu_us"))
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)
    missed = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    spread = sum((y - mean_y) ** 2 for y in ys)
    ratio = ys[-1] / ys[0]
    return {"last_to_first": ratio, "flat": ratio <= FLAT, "us_each": slope, "straight": 1 - missed / spread if spread else 1.0}
