"""One partition number of the connector, from taking it to giving it up: commands to outboxes, and the accounts whose outbox it is.

Taking follows the engine's order: the producer first (it fences whoever had the number), then the committed offsets, then the ledger, then
reading. Any error gives the number up as it stands on Kafka; the next owner, often we ourselves, begins there.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from connectors.delivery.absent import Absent, absent_account
from connectors.delivery.accounts import FOR_A_PERSON, UNUSABLE, still_for
from connectors.delivery.agency import AccountConfig, Agency, OpenAgency
from connectors.delivery.aside import Aside
from connectors.delivery.book import Book, Clock, Contents, Entry, recovered
from connectors.delivery.debtors import Debtors
from connectors.delivery.discreet import Discreet
from connectors.delivery.dispatch import dispatched
from connectors.delivery.errors import AccountUnusable
from connectors.delivery.ledger import LedgerUnreadable
from connectors.delivery.metrics import Metrics
from connectors.delivery.owner import AccountOwner, Pace
from connectors.delivery.progress import Progress
from connectors.delivery.texts import Texts
from connectors.delivery.upstreams import Upstreams
from connectors.delivery.webhook import case_named, of_upstream
from schemas import codec, topics
from schemas.commands import CommandEvent
from schemas.ids import contract_key
from streams.engine import deadletter
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import Stopped
from streams.engine.fetch import Reader
from streams.engine.placing import partition_of
from streams.engine.protocol import Output, Record
from streams.engine.transaction import TransactionalWriter

log = logging.getLogger(__name__)

INPUTS: Final = (topics.COMMANDS, topics.OUTBOX, topics.INBOX)
IN_HAND_MAX: Final = 2_000
"""Commands read from an outbox and not finished: more would only fill memory, a lane is served one at a time."""
DISPATCHED_MAX: Final = 200
"""Commands that go to their outboxes in one transaction: what is under way waits for no more of them than that."""
_POLL_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all partitions of a connector share."""

    connection: Connection
    cluster: Cluster
    group_id: str
    client_id: str
    partitions: int
    accounts: Mapping[str, AccountConfig]
    agencies: Mapping[str, OpenAgency]
    debtors: Debtors
    texts: Texts
    calendar: Clock
    metrics: Metrics
    pace: Pace
    upstreams: Upstreams


class Partition:
    """`run` works until it is cancelled. Raises what the engine raises, and Stopped for a ledger that can't be read.

    `taken`: whether it ever came to work; `running`: whether it does now.
    """

    def __init__(self, number: int, around: Surroundings) -> None:
        self.number = number
        self.owners: dict[str, AccountOwner] = {}
        self.progress: dict[str, Progress] = {}
        self.running = False
        self.taken = False
        self._around = around
        self._draining = False
        self._reads: Reader | None = None
        self._moved_at = 0.0
        self._aside: Aside | None = None

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many deliveries of upstreams wait, by account."""
        return {} if self._aside is None else self._aside.waiting

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            self.running = False

    async def _run(self) -> None:
        around = self._around
        async with AsyncExitStack() as stack:
            writer = TransactionalWriter(around.connection, f"{around.group_id}-{self.number}", client_id=around.client_id)
            stack.push_async_callback(writer.stop)
            await writer.start()
            reader = self._reads = await self._reader()
            stack.push_async_callback(reader.close)
            book = self._book(await self._contents(), writer)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(book.run(), name=f"ledger of partition {self.number}")
                self._aside = Aside(self.number, around.cluster, around.upstreams, book, tasks)
                self._aside.begin()
                for account in self._accounts_here():
                    self._own(account, book, tasks, stack)
                for key in {f"{known.tenant}/{known.account}" for known in book.contents.handovers.values() if known.parked}:
                    self._owner(key, book, tasks, stack)
                self.running = self.taken = True
                log.info("partition %d: taken; %d handovers known", self.number, len(book.contents.handovers))
                await self._read(reader, book, tasks, stack)

    async def drain(self) -> None:
        """Read nothing more; returns when what was read is finished."""
        self._draining = True
        while any(at.unfinished for at in self.progress.values()):
            await asyncio.sleep(0.02)

    @property
    def unfinished(self) -> int:
        return sum(at.unfinished for at in self.progress.values())

    @property
    def stuck_for_s(self) -> float:
        """How long nothing has been written although commands are in hand and Kafka answers; 0 where all is well."""
        silent = self._reads is not None and self._reads.unreachable_since is not None
        if not self.running or silent or not self.unfinished:
            return 0.0
        return asyncio.get_running_loop().time() - self._moved_at

    async def lag(self, topic: str) -> int:
        """Offsets of an input that are not committed as finished, as the broker sees it now."""
        ends = await self._around.cluster.high_watermarks([topic], self.number)
        return ends[topic] - self.progress[topic].committed

    async def _reader(self) -> Reader:
        cluster = self._around.cluster
        committed = await cluster.committed(self._around.group_id, INPUTS, self.number)
        starts = await cluster.log_starts(INPUTS, self.number)
        reader = Reader(cluster, INPUTS, self.number)
        for topic in INPUTS:
            reader.seek(topic, committed.get(topic, starts[topic]))
            self.progress[topic] = Progress(reader.positions[topic])
        return reader

    async def _contents(self) -> Contents:
        try:
            return await recovered(self._around.cluster, self.number)
        except LedgerUnreadable as error:
            raise Stopped(f"{topics.LEDGER}-{self.number}: {error}") from None

    def _book(self, contents: Contents, writer: TransactionalWriter) -> Book:
        around = self._around
        return Book(self.number, contents, writer, around.calendar, self._agency_of, self.progress, around.group_id, self._wrote)

    def _agency_of(self, key: str) -> str:
        known = self._around.accounts.get(key)
        return known.agency if known else Absent.capabilities.agency

    def _wrote(self, outputs: Iterable[Output]) -> None:
        self._moved_at = asyncio.get_running_loop().time()
        self._around.metrics.transactions.labels("committed").inc()
        for output in outputs:
            self._around.metrics.written.labels(output.topic).inc()
            if output.topic.endswith(topics.DEAD_LETTERS_SUFFIX):
                self._around.metrics.dead_letters.labels(deadletter.reason_of(output)).inc()

    def _accounts_here(self) -> list[AccountConfig]:
        around = self._around
        return [account for key, account in around.accounts.items() if partition_of(key.encode(), around.partitions) == self.number]

    def _owner(self, key: str, book: Book, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> AccountOwner:
        return self.owners.get(key) or self._own(absent_account(key), book, tasks, stack)

    def _own(self, account: AccountConfig, book: Book, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> AccountOwner:
        around = self._around
        account, agency = self._opened(account)
        stack.push_async_callback(agency.close)
        around.metrics.account_unusable.labels(account.key).set(account.paused in FOR_A_PERSON)

        def contract_of(handover_id: str) -> str | None:
            known = book.handover(handover_id)
            return None if known is None else contract_key(known.tenant, known.contract)

        owner = AccountOwner(account, Discreet(agency, around.texts, contract_of), book, around.debtors, around.metrics, tasks, around.pace)
        self.owners[account.key] = owner
        owner.start()
        return owner

    def _opened(self, account: AccountConfig) -> tuple[AccountConfig, Agency]:
        """The account with its adapter. One that can't be made stands still: what is meant for it waits, and nothing else does."""
        if account.agency not in self._around.agencies:
            return account, Absent()
        try:
            return account, self._around.agencies[account.agency](account)
        except AccountUnusable as error:
            log.error("account %s: it can't be used: %s; mahnlauf accounts rotate or add --replace mends it", account.key, error)
        except Exception as error:  # of its message nothing is told: it may hold what is secret
            self._around.metrics.errors.labels(type(error).__name__).inc()
            log.error("account %s: its adapter can't be made: %s", account.key, deadletter.of_exception(error).detail)
        return still_for(account, UNUSABLE), Absent()

    async def _read(self, reader: Reader, book: Book, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        while not self._draining:
            found = await reader.poll(self._wanted(), max_wait_ms=_POLL_MS)
            if self._draining:
                break  # read again by the next owner
            for topic, records in found:
                self._begin(topic, records)
            for topic, at in self.progress.items():
                at.position = reader.positions[topic]
            for topic, records in found:
                if topic == topics.COMMANDS:
                    for some in _slices(records):
                        await book.write(dispatched(some, book.contents.routes))
                elif topic == topics.INBOX:
                    await self._hear(records, book, tasks, stack)
                else:
                    await self._hand_over(records, book, tasks, stack)
            if not any(records for _, records in found) and any(at.done != at.committed for at in self.progress.values()):
                await book.write(Entry())  # transaction markers alone have moved the position: no lag is left behind

    def _wanted(self) -> tuple[str, ...]:
        return tuple(topic for topic in INPUTS if topic == topics.COMMANDS or self.progress[topic].unfinished < IN_HAND_MAX)

    def _begin(self, topic: str, records: list[Record]) -> None:
        if not self.unfinished:
            self._moved_at = asyncio.get_running_loop().time()
        for record in records:
            self.progress[topic].begin(record.offset)

    async def _hear(self, records: list[Record], book: Book, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        """Webhooks of agencies and upstreams; what else stands there was written by us, for a person to read."""
        passed, aside = [], self._aside
        assert aside is not None
        for record in records:
            if of_upstream(record.headers):
                tasks.create_task(aside.take(record))
                continue
            case_id = case_named(record.value, record.headers)
            if case_id is None:
                passed.append((topics.INBOX, record.offset))
            else:
                self._owner((record.key or b"").decode(), book, tasks, stack).hear(case_id, record.offset)
        if passed:
            await book.write(Entry(finished=tuple(passed)))

    async def _hand_over(self, records: list[Record], book: Book, tasks: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        for record in records:
            try:
                command: CommandEvent = codec.decode(topics.OUTBOX, record.value, record.headers)
            except codec.Unreadable as error:
                # Only a connector writes here, and only what it could read; another release's command waits for that release.
                raise Stopped(f"{topics.OUTBOX}-{self.number} offset {record.offset}: {error}") from None
            self._owner((record.key or b"").decode(), book, tasks, stack).take(command, record.offset)


def _slices(records: list[Record]) -> Iterable[list[Record]]:
    return (records[start : start + DISPATCHED_MAX] for start in range(0, len(records), DISPATCHED_MAX))
