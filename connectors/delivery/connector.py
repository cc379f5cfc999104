"""The connector as a process: a member of a group that divides the outboxes, with what all its partitions share.

    connector = Connector(config, AGENCIES)
    await connector.run()     # until `stop` is called; raises what a person must see
    connector.url             # its pages, once `run` has begun (`pages.py`)

Several connectors divide the accounts among themselves: an account has one owner at any time, and a connector that is killed is replaced by
another, or by itself, from what stands on Kafka.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from connectors.delivery.accounts import Accounts
from connectors.delivery.agency import AccountConfig, OpenAgency
from connectors.delivery.calendar import Calendar
from connectors.delivery.config import ConnectorConfig, by_key, refuse_unusable
from connectors.delivery.debtors import Debtors
from connectors.delivery.erasing import Erasing
from connectors.delivery.errors import AgencyError
from connectors.delivery.metrics import Metrics
from connectors.delivery.owner import AccountOwner
from connectors.delivery.pages import Pages
from connectors.delivery.partition import INPUTS, Partition, Surroundings
from connectors.delivery.replies import moment
from connectors.delivery.texts import Texts
from connectors.delivery.upstreams import Upstream, Upstreams
from connectors.web import WebServer
from schemas import topics
from streams.engine.cluster import Cluster
from streams.engine.deadletter import of_exception
from streams.engine.errors import EngineError, Fenced, RecordTooLarge, Stopped, TransactionFailed, Undecided, Unreachable
from streams.engine.group import Group
from streams.engine.placing import partition_of

log = logging.getLogger(__name__)

AGAIN_S: Final = 0.5
AGAIN_S_MAX: Final = 10.0
FAILURES_MAX: Final = 3
FAILURES_WITHIN_S: Final = 600.0
"""After more unexpected exceptions than that, each soon after the one before, a partition stands still: the next would not go better."""

STUCK_AFTER_S: Final = 300.0
"""A command's tries, each with its wait for a turn and for an answer, are over long before; what takes longer is parked."""


class Connector:
    """See the module's first lines. `agencies` makes adapters by agency name, `upstreams` are those whose
    webhooks become events. Raises ConfigError."""

    def __init__(
        self, config: ConnectorConfig, agencies: Mapping[str, OpenAgency], upstreams: Mapping[str, Upstream] | None = None
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self._agencies = agencies
        self._upstreams = upstreams or {}
        self._known = frozenset((*agencies, *self._upstreams))
        self._given = by_key(config.accounts, self._known)
        self._stale: asyncio.Queue[str] = asyncio.Queue()
        self._server = WebServer(Pages(self).app(), config.host, config.port)
        self._stopped = asyncio.Event()
        self._held: dict[int, tuple[Partition, asyncio.Task[None]]] = {}
        self._halted: dict[int, str] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._group: Group | None = None
        self._around: Surroundings | None = None
        self._calendar: Calendar | None = None
        self._debtors_read = False

    def stop(self) -> None:
        """Let `run` end: what is under way is finished, at most `stop_within_s` long."""
        self._stopped.set()

    async def run(self) -> None:
        """Deliver until stopped. Raises EngineError where nothing automatic is right any more."""
        await self._server.start()
        try:
            await self._connected()
        except ExceptionGroup as group:
            raise first_of(group) from None
        finally:
            await self._server.stop()

    async def _connected(self) -> None:
        cluster = Cluster(self.config.connection, self._client_id)
        await cluster.start()
        try:
            await self._informed(cluster)
        finally:
            await cluster.stop()

    async def _informed(self, cluster: Cluster) -> None:
        config = self.config
        erasing = Erasing(self._holds)
        debtors = Debtors(config.connection, self._client_id, await cluster.partitions(topics.DEBTORS), erasing.took)

        async def erased(contract: str) -> bool:
            await debtors.caught_up()
            return erasing.is_erased(contract)

        calendar = self._calendar = Calendar(cluster, self._day_moved)
        accounts = Accounts(cluster, self._given, config.keys, config.url_of, self._usable, self._stale.put_nowait)
        texts = Texts(config.connection, cluster, config.keys, erased)
        await debtors.start()
        try:
            await calendar.start()
            await accounts.start()
            self._around = await self._surroundings(cluster, debtors, calendar, accounts, texts)
            async with asyncio.TaskGroup() as tasks:
                following = [tasks.create_task(each) for each in (debtors.run(), calendar.run(), accounts.run(), self._reopen_stale())]
                await debtors.caught_up()
                self._debtors_read = True
                following.append(tasks.create_task(erasing.run(texts)))
                await self._take_part()
                for task in following:
                    task.cancel()
        finally:
            await texts.stop()
            await accounts.stop()
            await calendar.stop()
            await debtors.stop()

    @property
    def address(self) -> str:
        """host:port of the pages."""
        return f"{self._server.host}:{self._server.port}"

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def _client_id(self) -> str:
        return f"{self.config.app}@{self.address}"

    async def _surroundings(self, cluster: Cluster, debtors: Debtors, calendar: Calendar, accounts: Accounts, texts: Texts) -> Surroundings:
        config = self.config
        counts = {topic: await cluster.partitions(topic) for topic in (*INPUTS, topics.LEDGER, topics.REPLIES)}
        if len(set(counts.values())) > 1:
            raise EngineError(f"these topics must have the same number of partitions: {counts}")
        return Surroundings(
            connection=config.connection,
            cluster=cluster,
            group_id=config.app,
            client_id=self._client_id,
            partitions=counts[topics.OUTBOX],
            accounts=accounts.by_key,
            agencies=self._agencies,
            debtors=debtors,
            texts=texts,
            calendar=calendar,
            metrics=self.metrics,
            pace=config.pace,
            upstreams=Upstreams(self._upstreams, accounts.by_key, config.keys, self.metrics),
        )

    async def _take_part(self) -> None:
        config = self.config
        group = self._group = Group(
            config.connection,
            config.app,
            INPUTS,
            address=self.address,
            moved=self._moved,
            instance=config.instance,
            session_timeout_ms=config.session_timeout_ms,
        )
        stopped = asyncio.create_task(self._stopped.wait())
        ends: list[asyncio.Future[Any]] = [stopped, group.failed]
        try:
            await group.start()
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if group.failed.done():
                group.failed.result()
        finally:
            stopped.cancel()
            await self._give_up_all()
            await group.stop()

    async def _give_up_all(self) -> None:
        held, self._held = list(self._held.values()), {}
        try:
            async with asyncio.timeout(self.config.stop_within_s):
                await asyncio.gather(*(partition.drain() for partition, _ in held))
        except TimeoutError:
            log.info("what is under way is left; whoever takes over asks the agency about it")
        for _, task in held:
            task.cancel()
        await asyncio.gather(*(task for _, task in held), *self._closing, return_exceptions=True)

    def _moved(self, taken: frozenset[int], given_up: frozenset[int]) -> None:
        if self._stopped.is_set():
            return  # everything is being given up already
        for number in given_up:
            _, task = self._held.pop(number)
            self._halted.pop(number, None)
            task.cancel()
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        for number in taken:
            self._take(number)
        self.metrics.halted.set(len(self._halted))

    def _take(self, number: int) -> None:
        assert self._around is not None
        partition = Partition(number, self._around)
        task = asyncio.create_task(self._own(number, partition), name=f"partition {number}")
        self._held[number] = (partition, task)

    async def _reopen_stale(self) -> None:
        """Take the partition of each account that was changed again: what is under way is finished first, with what it began with."""
        while True:
            key = await self._stale.get()
            assert self._around is not None
            number = partition_of(key.encode(), self._around.partitions)
            if number in self._halted and number in self._held:
                self._free(number)
            elif number in self._held:
                await self._reopen(number)

    def _free(self, number: int) -> None:
        """Take a partition that stands still again: what it stood still for may have been mended with the account."""
        del self._halted[number]
        self.metrics.halted.set(len(self._halted))
        self._take(number)

    async def _reopen(self, number: int) -> None:
        partition, task = self._held[number]
        try:
            async with asyncio.timeout(self.config.stop_within_s):
                await partition.drain()
        except TimeoutError:
            log.info("partition %d: what is under way is left; its agency is asked about it", number)
        if self._still(number, task):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._still(number, task):
            self._take(number)

    def _holds(self, contract: str) -> bool:
        """Whether the contract's partition number is ours now; any other number it may have is another connector's."""
        return self._around is not None and partition_of(contract.encode(), self._around.partitions) in self._held

    def _still(self, number: int, task: asyncio.Task[None]) -> bool:
        """Whether the number is ours by this task: it may have been given up, or everything is being stopped."""
        return number in self._held and self._held[number][1] is task and not self._stopped.is_set()

    async def _own(self, number: int, partition: Partition) -> None:
        """Run the partition, and take it again from its committed state after what can pass."""
        failures = tries = 0
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await partition.run()
            except Exception as raised:  # whatever ended it, the partition is taken again from what is committed, or halted
                error = first_of(raised)
                failures = 0 if clock() - began > FAILURES_WITHIN_S else failures
                failures += not isinstance(error, Fenced | TransactionFailed | Undecided | Unreachable)
                self.metrics.transactions.labels("fenced" if isinstance(error, Fenced) else "aborted").inc()
                if isinstance(error, Stopped | RecordTooLarge) or failures > FAILURES_MAX:
                    self._halt(number, error)
                    return
                log.warning("partition %d: %s; it is taken again", number, _told(error))
            tries = 0 if partition.taken else min(tries + 1, 10)
            await asyncio.sleep(min(AGAIN_S * 2**tries, AGAIN_S_MAX))
            await self._confirmed(number)
            if number not in self._held:
                return  # given up while stopping
            partition = self._renewed(number)

    def _renewed(self, number: int) -> Partition:
        assert self._around is not None
        partition = Partition(number, self._around)
        _, task = self._held[number]
        self._held[number] = (partition, task)
        return partition

    async def _confirmed(self, number: int) -> None:
        """Returns when the group has the number as ours: a paused process must not fence the rightful owner."""
        assert self._group is not None
        while True:
            try:
                if await self._group.confirmed(number):
                    return
            except EngineError as error:
                log.warning("partition %d: the group can't be asked: %s", number, error)
            await asyncio.sleep(AGAIN_S)

    def _halt(self, number: int, error: Exception) -> None:
        self._halted[number] = _told(error)
        self.metrics.halted.set(len(self._halted))
        log.critical("partition %d stands still: %s", number, _told(error))

    def _usable(self, account: AccountConfig) -> None:
        refuse_unusable(account, self._known)

    def _day_moved(self) -> None:
        for owner in self.owners:
            owner.feed.look_now()

    @property
    def owners(self) -> list[AccountOwner]:
        """The accounts this connector owns now."""
        return [owner for partition, _ in self._held.values() for owner in partition.owners.values()]

    @property
    def ready(self) -> bool:
        """Whether everything is read that is needed to deliver, and the partitions that were given are taken."""
        joined = self._group is not None and self._group.joined
        return joined and self._debtors_read and not self._halted and all(partition.running for partition, _ in self._held.values())

    @property
    def unfinished(self) -> int:
        """Commands read and neither finished nor parked."""
        return sum(partition.unfinished for partition, _ in self._held.values())

    @property
    def waiting(self) -> dict[str, int]:
        """Deliveries of upstreams that wait to be translated, by account."""
        return {key: count for partition, _ in self._held.values() for key, count in partition.waiting.items()}

    @property
    def stuck(self) -> list[str]:
        """Why a restart would help; empty where it would not. A partition that stands still for a person to act is in `standing`."""
        held = {number: partition.stuck_for_s for number, (partition, _) in self._held.items()}
        return [f"partition {number}: nothing has moved for {for_s:.0f} s" for number, for_s in held.items() if for_s > STUCK_AFTER_S]

    async def status(self) -> dict[str, Any]:
        """`standing`, and the lag: commands not finished, as the broker sees it now; 0 and `unfinished` 0 is idle. Raises EngineError."""
        # In this order: what has left the first input by now stands on the second.
        lag = {topic: await self._lag(topic) for topic in INPUTS}
        return {**self.standing(), "lag": lag}

    def standing(self) -> dict[str, Any]:
        """What a person or a script wants to know, as far as this process knows it by itself."""
        now_ms = self._calendar.now_ms if self._calendar else 0
        return {
            "ready": self.ready,
            "calendar": moment(now_ms).isoformat() if now_ms else None,
            "partitions": sorted(self._held),
            "halted": {str(number): reason for number, reason in self._halted.items()},
            "unfinished": self.unfinished,
            "parked": sum(owner.parked for owner in self.owners),
            "waiting": self.waiting,
            "accounts": {owner.key: owner.status() for owner in self.owners},
        }

    async def _lag(self, topic: str) -> int:
        running = [partition for partition, _ in self._held.values() if partition.running]
        return sum(await asyncio.gather(*(partition.lag(topic) for partition in running)))

    async def read_feeds(self) -> dict[str, str]:
        """Look at every feed now; returns when the replies they brought are committed. By account: the cursor, or why not."""
        return {owner.key: await _read_feed(owner) for owner in self.owners if owner.has_feed}


async def _read_feed(owner: AccountOwner) -> str:
    if owner.gate.reason:
        return owner.gate.reason
    try:
        await owner.feed.read()
    except AgencyError as error:
        return error.reason
    return owner.feed.cursor or ""


def _told(error: Exception) -> str:
    """What an error says to a person; of an unexpected one only its class and place, since its message may hold anything."""
    return str(error) if isinstance(error, EngineError) else of_exception(error).detail


def first_of(error: Exception) -> Exception:
    """The error that counts, of those that ended a group of tasks."""
    while isinstance(error, ExceptionGroup):
        error = next((each for each in error.exceptions if isinstance(each, EngineError)), error.exceptions[0])
    return error
