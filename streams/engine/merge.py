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

_Ranked: TypeAlias = tuple[int, int, Record]
"""(largest timestamp so far in its input, index of the input, record)"""
_rank = itemgetter(0, 1)


class Placed(NamedTuple):
    """Records in the order they are applied, and the index of the input of each."""

    records: Sequence[Record]
    inputs: Sequence[int]

    def first(self, count: int) -> "Placed":
        """The first `count` of them."""
        return Placed(self.records[:count], self.inputs[:count])


NONE_PLACED = Placed((), ())


class Source(NamedTuple):
    """Records of one input at hand, in order of offset. `complete`: the broker is not known to hold further ones."""

    records: Sequence[Record]
    complete: bool


def ordered(inputs: Sequence[Sequence[Record]]) -> list[Record]:
    """All records of a batch in the order they are applied; `inputs` in the order of the inputs."""
    return [record for _, _, record in _joined([(index, records) for index, records in enumerate(inputs) if records])]


def certain(sources: Sequence[Source], limit: int) -> Placed:
    """At most the first `limit` records of which it is certain that nothing unread comes before them.

    Empty if an input has records on the broker but none at hand: then fetch, and ask again.
    """
    bound: tuple[int, int] | None = None
    runs: list[tuple[int, Sequence[Record]]] = []
    for index, source in enumerate(sources):
        if source.records:
            run = source.records[:limit]
            runs.append((index, run))
            if not source.complete and len(source.records) <= limit:
                last = max([record.timestamp_ms for record in run]), index
                bound = last if bound is None else min(bound, last)
        elif not source.complete:
            return NONE_PLACED
    if len(runs) == 1:
        [(index, run)] = runs  # all of it: of the input that sets the bound everything at hand has a place up to it
        return Placed(run, [index] * len(run))
    ranked = _joined(runs)
    if bound is not None:
        del ranked[bisect_right(ranked, bound, key=_rank) :]  # the input that sets it comes last among equals of its index
    del ranked[limit:]
    return Placed([record for _, _, record in ranked], [index for _, index, _ in ranked])


def _joined(runs: Sequence[tuple[int, Sequence[Record]]]) -> list[_Ranked]:
    ranked = list(chain.from_iterable(_ranked(index, records) for index, records in runs))
    if len(runs) > 1:
        ranked.sort(key=_rank)  # stable: each run is in order already
    return ranked


def _ranked(index: int, records: Sequence[Record]) -> "zip[_Ranked]":
    latest = accumulate([record.timestamp_ms for record in records], max)
    return zip(latest, repeat(index), records, strict=False)
