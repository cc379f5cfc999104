"""The transaction coordinator: who may write under a transactional id, and how what was written becomes visible or not.

As Kafka does it: the end of a transaction is decided at once and told by markers that come to each partition and group later; until the
last of them has come, whoever asks for the next step of that id is told to come again.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.simulation.kafka import errors
from tests.simulation.kafka.groups import Groups
from tests.simulation.kafka.log import Log

Place = tuple[str, int]


class Phase(Enum):
    IDLE = "idle"
    OPEN = "open"
    ENDING = "ending"


@dataclass
class Transaction:
    """What is known of one transactional id."""

    producer_id: int
    epoch: int
    timeout_s: float
    phase: Phase = Phase.IDLE
    ended_as: bool | None = None
    """How the last one ended: committed or not."""
    partitions: set[Place] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None


class Transactions:
    """`marker_delay_s` says how long each marker is under way."""

    def __init__(
        self, log: Callable[[str, int], Log], groups: Groups, now_ms: Callable[[], int], marker_delay_s: Callable[[], float]
    ) -> None:
        self._log = log
        self._groups = groups
        self._now_ms = now_ms
        self._marker_delay_s = marker_delay_s
        self._known: dict[str, Transaction] = {}
        self._last_producer_id = 0
        self._ending: set[asyncio.Task[None]] = set()
        self.fenced = 0
        """How often the holder of an id was put out while it had a transaction open."""

    @property
    def under_way(self) -> bool:
        """Whether anybody has a transaction open, or ending."""
        return any(known.phase is not Phase.IDLE for known in self._known.values())

    def new_producer(self) -> int:
        self._last_producer_id += 1
        return self._last_producer_id

    def begin(self, transactional_id: str, timeout_ms: int) -> tuple[int, int, int]:
        """InitProducerId: (error, producer id, epoch). An open transaction is ended first."""
        known = self._known.get(transactional_id)
        if known is None:
            known = self._known[transactional_id] = Transaction(self.new_producer(), 0, timeout_ms / 1000)
            return errors.NONE, known.producer_id, known.epoch
        if known.phase is Phase.OPEN:
            self.fenced += 1
            known.epoch += 1
            self._end(known, commit=False)
        if known.phase is Phase.ENDING:
            return errors.CONCURRENT_TRANSACTIONS, -1, -1
        known.epoch += 1
        known.ended_as = None
        known.timeout_s = timeout_ms / 1000
        return errors.NONE, known.producer_id, known.epoch

    def add(self, transactional_id: str, producer_id: int, epoch: int, places: Iterable[Place] = (), group: str | None = None) -> int:
        """AddPartitionsToTxn and AddOffsetsToTxn."""
        error, known = self._holder(transactional_id, producer_id, epoch)
        if known is None:
            return error
        if known.phase is Phase.ENDING:
            return errors.CONCURRENT_TRANSACTIONS
        if known.phase is Phase.IDLE:
            known.phase = Phase.OPEN
            known.timer = asyncio.get_running_loop().call_later(known.timeout_s, self._expired, known)
        known.partitions |= set(places)
        if group is not None:
            known.groups.add(group)
        return errors.NONE

    def end(self, transactional_id: str, producer_id: int, epoch: int, *, commit: bool) -> int:
        """EndTxn. Answered once it is decided, before the markers are written."""
        error, known = self._holder(transactional_id, producer_id, epoch)
        if known is None:
            return error
        if known.phase is Phase.ENDING:
            return errors.CONCURRENT_TRANSACTIONS if known.ended_as is commit else errors.INVALID_TXN_STATE
        if known.phase is Phase.IDLE:
            return errors.NONE if known.ended_as is commit else errors.INVALID_TXN_STATE
        self._end(known, commit=commit)
        return errors.NONE

    def may_write(self, transactional_id: str, producer_id: int, epoch: int, place: Place) -> int:
        """Whether a batch belongs to a transaction that is open (Kafka verifies it since 4.0)."""
        error, known = self._holder(transactional_id, producer_id, epoch)
        if known is None:
            return error
        return errors.NONE if known.phase is Phase.OPEN and place in known.partitions else errors.INVALID_TXN_STATE

    def may_commit(self, transactional_id: str, producer_id: int, epoch: int, group: str) -> int:
        error, known = self._holder(transactional_id, producer_id, epoch)
        if known is None:
            return error
        return errors.NONE if known.phase is Phase.OPEN and group in known.groups else errors.INVALID_TXN_STATE

    def _holder(self, transactional_id: str, producer_id: int, epoch: int) -> tuple[int, Transaction | None]:
        known = self._known.get(transactional_id)
        if known is None or known.producer_id != producer_id:
            return errors.INVALID_PRODUCER_ID_MAPPING, None
        return (errors.NONE, known) if known.epoch == epoch else (errors.INVALID_PRODUCER_EPOCH, None)

    def _expired(self, known: Transaction) -> None:
        if known.phase is Phase.OPEN:
            known.epoch += 1
            self._end(known, commit=False)

    def _end(self, known: Transaction, *, commit: bool) -> None:
        if known.timer is not None:
            known.timer.cancel()
        known.phase, known.ended_as = Phase.ENDING, commit
        task = asyncio.get_running_loop().create_task(self._write_markers(known, commit=commit))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _write_markers(self, known: Transaction, *, commit: bool) -> None:
        async def mark(place: Place) -> None:
            await asyncio.sleep(self._marker_delay_s())
            self._log(*place).mark(known.producer_id, known.epoch, self._now_ms(), commit=commit)

        async def settle(group: str) -> None:
            await asyncio.sleep(self._marker_delay_s())
            self._groups.settle(group, known.producer_id, commit=commit)

        waits: list[Any] = [mark(place) for place in sorted(known.partitions)]
        await asyncio.gather(*waits, *[settle(group) for group in sorted(known.groups)])
        known.partitions, known.groups, known.phase = set(), set(), Phase.IDLE
