"""The order in which a partition's inputs are applied: by (timestamp, order of the inputs, offset), each input in order of offset.

At every step the earliest head of the inputs comes next. A record that is older than the one before it in the same log therefore comes
right behind that one, never before it: a position is a prefix. This is the same as sorting by the largest timestamp seen so far in
the input, which is how it is computed, since sorting is done in C.

What comes of a set of records depends on the set alone: a batch's input ranges determine the order within it (journal.py).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain, repeat
from operator import itemgetter
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
    runs = [_run(index, records) for index, records in enumerate(inputs) if records]
    return [record for _, _, record in _joined(runs)]


def certain(sources: Sequence[Source], limit: int) -> list[Placed]:
    """At most the first `limit` records of which it is certain that nothing unread comes before them.

    Empty if an input has records on the broker but none at hand: then fetch, and ask again.
    """
    bound: tuple[int, int] | None = None
    runs: list[list[Placed]] = []
    for index, source in enumerate(sources):
        if source.records:
            run = _run(index, source.records[:limit])
            runs.append(run)
            if not source.complete and len(source.records) <= limit:
                last = run[-1][:2]
                bound = last if bound is None else min(bound, last)
        elif not source.complete:
            return []
    placed = _joined(runs)
    if bound is not None:
        # Of the input that sets the bound everything at hand has a place up to it, and comes last among equals of its index.
        del placed[bisect_right(placed, bound, key=_rank) :]
    del placed[limit:]
    return placed


_rank = itemgetter(0, 1)


def _run(index: int, records: Sequence[Record]) -> list[Placed]:
    latest = accumulate([record.timestamp_ms for record in records], max)
    return list(zip(latest, repeat(index), records, strict=False))


def _joined(runs: Sequence[list[Placed]]) -> list[Placed]:
    if len(runs) == 1:
        return runs[0]
    placed = list(chain.from_iterable(runs))
    placed.sort(key=_rank)  # stable: each run is in order already
    return placed
