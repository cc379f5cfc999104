"""The census counts contracts as `case-status` shows them, of the partitions that are held."""

import json

from schemas.topics import CASE_STATUS
from streams.engine.cluster import Cluster, Connection
from streams.worker.census import Census
from tests.engine.kit import Publisher, make_topics


def _status(status: str, overdue: int, currency: str | None = "EUR") -> bytes:
    data = {"status": status, "dunning_level": 1, "overdue_amount": overdue, "currency": currency, "holds": [{"kind": "manual"}]}
    return json.dumps({"id": "x", "type": "case_status.changed", "data": data}).encode()


async def _publish(bootstrap: str) -> None:
    await make_topics(bootstrap, [CASE_STATUS], 3, {"cleanup.policy": "compact"})
    async with Publisher(bootstrap) as publisher:
        for key, value, partition in [
            (b"acme/C-1", _status("Due", 500), 0),
            (b"acme/C-1", _status("Clear", 0), 0),  # only how it stands now counts
            (b"acme/C-2", _status("Due", 700), 0),
            (b"acme/C-3", _status("Due", 90, "CHF"), 1),
            (b"acme/C-4", _status("Clear", 0, None), 1),
            (b"acme/C-5", b"no status", 1),
        ]:
            await publisher.send(CASE_STATUS, key, value, partition=partition)


async def test_contracts_are_counted_partition_by_partition(own_kafka: str) -> None:
    await _publish(own_kafka)
    cluster = Cluster(Connection(own_kafka), "test")
    await cluster.start()
    census, held = Census(), {0, 1, 2}
    try:
        for _ in held:
            await census.count(cluster, held)
        totals = census.totals(held)
        assert totals.contracts == {"Due": 2, "Clear": 2}
        assert totals.overdue_minor == {("Due", "EUR"): 700, ("Due", "CHF"): 90}
        assert census.totals({1}).contracts == {"Due": 1, "Clear": 1}
        async with Publisher(own_kafka) as publisher:
            await publisher.send(CASE_STATUS, b"acme/C-2", _status("Passed", 700), partition=0)
        await census.count(cluster, held)  # partition 0: the one counted longest ago
        assert census.totals(held).contracts == {"Due": 1, "Clear": 2, "Passed": 1}
        await census.count(cluster, {1})  # 0 and 2 are another worker's now
        assert census.totals(held).contracts == {"Due": 1, "Clear": 1}
        await census.count(cluster, set())
        assert census.totals(held).contracts == {}
    finally:
        await cluster.stop()
