"""How many contracts stand where, and how much of theirs is overdue: counted on `case-status`, one partition after another.

Neither the engine nor its state knows totals, and keeping them beside each state would cost every event. So the compacted topic of what
was told is read again and again, at a pace that costs a hundredth of a core: with 500,000 contracts a partition the figures are some
minutes old, with few contracts seconds. Each worker counts the partitions it holds, so sums over workers are the cluster's.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from schemas.topics import CASE_STATUS
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import EngineError
from streams.engine.fetch import Reader
from streams.engine.protocol import Record

log: Any = structlog.get_logger(__name__)

REST_S: Final = 10.0
"""Between two partitions."""
PACE: Final = 2_000
"""Records a second, each some microseconds of work."""


class _Data(msgspec.Struct):
    status: str
    overdue_amount: int = 0
    currency: str | None = None


class _Status(msgspec.Struct):
    """What is counted of a case-status; the rest of it is passed over unread."""

    data: _Data


_DECODER: Final = msgspec.json.Decoder(_Status)


class Standing(NamedTuple):
    """One contract. `overdue` in minor units of `currency` ("" before its first invoice)."""

    status: str
    currency: str
    overdue: int


class Totals(NamedTuple):
    """Of one or several partitions: contracts by status, overdue minor units by (status, currency)."""

    contracts: Mapping[str, int]
    overdue_minor: Mapping[tuple[str, str], int]


class Census:
    """The totals of the partitions that were counted and are still held."""

    def __init__(self) -> None:
        self._counted: dict[int, Totals] = {}

    def totals(self, held: Collection[int]) -> Totals:
        """Over the partitions of `held` that were counted."""
        contracts: Counter[str] = Counter()
        overdue: Counter[tuple[str, str]] = Counter()
        for number in self._counted.keys() & set(held):
            contracts.update(self._counted[number].contracts)
            overdue.update(self._counted[number].overdue_minor)
        return Totals(contracts, overdue)

    async def count(self, cluster: Cluster, held: Collection[int]) -> None:
        """Count the next partition: one that never was before others, else the one counted longest ago. Raises EngineError."""
        for gone in self._counted.keys() - set(held):
            del self._counted[gone]
        order = list(self._counted)
        number = min(held, key=lambda one: order.index(one) if one in self._counted else -1, default=None)
        if number is not None:
            totals = await _counted(cluster, number)
            self._counted.pop(number, None)
            self._counted[number] = totals


async def _counted(cluster: Cluster, number: int) -> Totals:
    """Read one partition of case-status, up to the end asked for now."""
    await cluster.watch([CASE_STATUS])
    end = (await cluster.high_watermarks([CASE_STATUS], number))[CASE_STATUS]
    reader = Reader(cluster, [CASE_STATUS], number)
    reader.seek(CASE_STATUS, (await cluster.log_starts([CASE_STATUS], number))[CASE_STATUS])
    standings: dict[bytes, Standing] = {}
    try:
        while reader.positions[CASE_STATUS] < end:
            for _, records in await reader.poll():
                standings |= _read(records)
                await asyncio.sleep(len(records) / PACE)
    finally:
        await reader.close()
    return added(standings.values())


def _read(records: Sequence[Record]) -> dict[bytes, Standing]:
    read = {}
    for record in records:
        with contextlib.suppress(msgspec.DecodeError):  # what a stranger wrote there is no contract of ours
            read[record.key or b""] = standing(record.value or b"")
    return read


def standing(value: bytes) -> Standing:
    """What a case-status says of its contract. Raises msgspec.DecodeError."""
    data = _DECODER.decode(value).data
    return Standing(data.status, data.currency or "", data.overdue_amount)


def added(standings: Collection[Standing]) -> Totals:
    """Totals of contracts."""
    overdue: Counter[tuple[str, str]] = Counter()
    for one in standings:
        if one.overdue:
            overdue[one.status, one.currency] += one.overdue
    return Totals(Counter(one.status for one in standings), overdue)


async def repeat(census: Census, connection: Connection, client_id: str, held: Callable[[], Collection[int]]) -> None:
    """Count on and on; `held` tells the partitions of the moment. Without Kafka the figures stay as they are."""
    while True:
        try:
            await _repeat(census, Cluster(connection, client_id), held)
        except EngineError as error:
            log.info("contracts can't be counted for now", reason=str(error))
        await asyncio.sleep(REST_S)


async def _repeat(census: Census, cluster: Cluster, held: Callable[[], Collection[int]]) -> None:
    await cluster.start()
    try:
        while True:
            await census.count(cluster, held())
            await asyncio.sleep(REST_S)
    finally:
        await cluster.stop()
