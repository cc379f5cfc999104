"""Compaction of a log as Kafka's cleaner does it: of each key only the latest record stays, offsets stay as they are, so holes come about.

What may still be open is left alone, and so is the end of the log (the segment that is being written). Aborted records go. A batch of which
nothing is left stays as an empty one while it is its producer's last. Tombstones, and markers of transactions of which nothing is left, go
when they are older than `delete.retention.ms` would be.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.kafka import batches

if TYPE_CHECKING:
    from tests.simulation.kafka.log import Aborted, Log, Stored


def compact(log: "Log", written: int, forgotten_before: float) -> bool:
    """Clean all but the last `written` batches (at least one); `forgotten_before` is the world's time before which tombstones go.

    Returns whether anything went.
    """
    before = list(log.stored)
    upto = min(log.stable, log.stored[-max(written, 1)].base) if log.stored else 0
    gone = [batch for batch in log.stored if batch.base < upto and _aborted(log, batch)]
    cleaned = [batch for batch in log.stored if batch.base < upto and batch not in gone]
    latest = _latest(cleaned)
    last_of = {batches.head(batch.data).producer_id: batch.base for batch in log.stored if not batches.head(batch.data).control}
    kept: list[Stored] = []
    for batch in log.stored:
        if batch.base >= upto or batches.head(batch.data).control:
            kept.append(batch)
        else:
            left = (
                []
                if batch in gone
                else [record for record in batches.records(batch.data) if _stays(record, batch, latest, forgotten_before)]
            )
            if left or last_of[batches.head(batch.data).producer_id] == batch.base:
                kept.append(batch._replace(data=batches.with_only(batch.data, left)))
    log.stored[:] = _without_idle_markers(kept, upto, forgotten_before)
    log.aborted[:] = [one for one in log.aborted if any(batch.base == one.last for batch in log.stored)]
    return log.stored != before


def _aborted(log: "Log", batch: "Stored") -> bool:
    head = batches.head(batch.data)
    return head.transactional and not head.control and any(_belongs(head, one) for one in log.aborted)


def _belongs(head: batches.Head, gone: "Aborted") -> bool:
    return gone.producer_id == head.producer_id and gone.first <= head.base_offset < gone.last


def _latest(cleaned: "list[Stored]") -> Mapping[bytes, int]:
    """The offset of each key's latest record, among those that are cleaned."""
    data = [batch.data for batch in cleaned if not batches.head(batch.data).control]
    return {record.key: record.offset for one in data for record in batches.records(one)}


def _stays(record: Any, batch: "Stored", latest: Mapping[bytes, int], forgotten_before: float) -> bool:
    return latest[record.key] == record.offset and (record.value is not None or batch.at >= forgotten_before)


def _without_idle_markers(kept: "list[Stored]", upto: int, forgotten_before: float) -> "list[Stored]":
    """Without old markers behind which no batch of their producer stands any more."""
    found: list[Stored] = []
    with_data: set[int] = set()
    for batch in kept:
        head = batches.head(batch.data)
        old = batch.base < upto and batch.at < forgotten_before
        if head.control and old and head.producer_id not in with_data:
            continue
        if head.control:
            with_data.discard(head.producer_id)
        else:
            with_data.add(head.producer_id)
        found.append(batch)
    return found
