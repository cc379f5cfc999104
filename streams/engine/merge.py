"""The order in which a partition's inputs are applied: by (timestamp, order of the inputs, offset), each input in order of offset.

At every step the earliest head of the inputs comes next. A record that is older than the one before it in the same log therefore comes
right behind that one, never before it: a position is a prefix. This is the same as sorting by the largest timestamp seen so far in
the input, which is how it is computed, since sorting is done in C.

What comes of a set of records depends on the set alone: a batch's input ranges determine the order within it (journal.py).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import NamedTuple, TypeAlias

from streams.engine.protocol import Record

Placed: TypeAlias = tuple[int, int, Record]
"""(largest timestamp so far in its input, index of the input, record)"""


class Source(NamedTuple):
    """Records of one input at hand, in order of offset. `complete`: the broker is not known to hold further ones."""

    records: Sequence[Record]
    complete: bool


def ordered(inputs: Sequence[Sequence[Record]]) -> list[Record]:
    """All records of a batch in the order they are applied; `inputs` in the order of the inputs."""
    return [record for _, _, record in _sorted(inputs)]


def certain(sources: Sequence[Source], limit: int) -> list[Placed]:
    """At most the first `limit` records of which it is certain that nothing unread comes before them.

    Empty if an input has records on the broker but none at hand: then fetch, and ask again.
    """
    bound: tuple[int, int] | None = None
    for index, source in enumerate(sources):
        if source.complete or len(source.records) > limit:
            continue
        if not source.records:
            return []
        last = (max(record.timestamp_ms for record in source.records), index)
        bound = last if bound is None else min(bound, last)
    placed = _sorted([source.records[:limit] for source in sources])
    if bound is not None:
        # Of the input that sets the bound everything at hand has a place up to it, and comes last among equals of its index.
        del placed[bisect_right(placed, bound, key=lambda item: item[:2]) :]
    return placed[:limit]


def _sorted(inputs: Sequence[Sequence[Record]]) -> list[Placed]:
    placed: list[Placed] = []
    for index, records in enumerate(inputs):
        latest = accumulate([record.timestamp_ms for record in records], max)
        placed += zip(latest, repeat(index), records, strict=False)
    placed.sort()
    return placed
