"""What the tests of delivery share: a tenant of a test's own on the shared broker, its commands, debtors and ticks, and the replies."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from connectors.agencies.atriga.client import Atriga
from connectors.agencies.registry import BY_FILES, SANDBOX_PATHS
from connectors.billing.registry import UPSTREAMS
from connectors.delivery import accounts as stored
from connectors.delivery.agency import AccountConfig, OpenAgency
from connectors.delivery.config import ConnectorConfig
from connectors.delivery.connector import Connector
from connectors.delivery.owner import Pace
from connectors.delivery.replies import milliseconds
from connectors.delivery.sealing import Keys
from connectors.sandbox.app import Sandbox
from schemas import codec, ids, topics
from schemas.accounts import AgencyAccount
from schemas.commands import CaseAnswer, CaseRecall, CaseRefresh, CaseReportPayment, CaseSendMessage, CaseSubmit, CommandEvent
from schemas.timers import ClockTicked
from streams.engine.cluster import Connection
from tests.engine.kit import Publisher, eventually, make_topics, unique

PARTITIONS = 4
NEEDED = (
    *(topics.COMMANDS, topics.REPLIES, topics.OUTBOX, topics.LEDGER, topics.DEBTORS, topics.TIMERS, topics.INBOX),
    topics.DEBTOR_KEYS,
    topics.dead_letters(topics.COMMANDS),
)
GROUP = "delivery-tests"
"""One group for all tests: each begins where the one before ended."""
BEGINNING = datetime(2025, 3, 3, 12, tzinfo=UTC)
PACE = Pace(feed_interval_s=0.1, again_s=0.2, closed_s=0.1, fresh=True)


async def need_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    missing = set(NEEDED) - set(await admin.list_topics())
    configured = topics.ACCOUNTS in await admin.list_topics()
    await admin.close()
    if not configured:
        await make_topics(bootstrap, [topics.ACCOUNTS], 1)
    if missing:
        await make_topics(bootstrap, sorted(missing), PARTITIONS, {"max.message.bytes": str(topics.WRITTEN_BYTES_MAX)})


async def need_billing(bootstrap: str) -> None:
    """Topics that upstreams' events go to."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    missing = set(topics.BILLING_INPUTS) - set(await admin.list_topics())
    await admin.close()
    if missing:
        await make_topics(bootstrap, sorted(missing), PARTITIONS)


def address_at(sandbox: Sandbox, agency: str) -> str:
    """Where an account of an agency is at the sandbox."""
    if agency in BY_FILES:
        assert sandbox.folder is not None
        return (sandbox.folder / agency).as_uri()
    return sandbox.url + SANDBOX_PATHS.get(agency, "")


class Replies:
    """Everything committed to `collection.replies` since it was opened."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
        # A question on the reader's connection would wait behind its long poll.
        self._asker = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
        self._events: list[Any] = []

    async def start(self) -> None:
        await self._asker.start()
        await self._consumer.start()
        parts = [TopicPartition(topics.REPLIES, number) for number in range(PARTITIONS)]
        self._consumer.assign(parts)
        await self._consumer.seek_to_end(*parts)

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._asker.stop()

    async def read(self) -> list[Any]:
        """All events up to the end the topic has now, by partition and offset within what was read at a time."""
        ends = await self._asker.end_offsets(self._consumer.assignment())
        while any([await self._consumer.position(part) < end for part, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=20)).values():
                self._events += [codec.decode(topics.REPLIES, record.value, key=record.key) for record in records]
        return self._events


@asynccontextmanager
async def tenant_at(bootstrap: str, sandbox: Sandbox) -> AsyncIterator["Tenant"]:
    """A new tenant, with the topics it needs."""
    await need_topics(bootstrap)
    replies = Replies(bootstrap)
    await replies.start()
    try:
        async with Publisher(bootstrap) as publisher:
            yield Tenant(bootstrap, sandbox, publisher, replies)
    finally:
        await replies.stop()


class Tenant:
    """A creditor of this test's own: what the processor and the upstream would write of it, and what the connector answers."""

    def __init__(self, bootstrap: str, sandbox: Sandbox, publisher: Publisher, replies: Replies) -> None:
        self._replies = replies
        self.bootstrap = bootstrap
        self.name = unique("acme")
        self.account = AccountConfig(self.name, "main", "atriga", "test", sandbox.url, "10001", "s3cret", per_second=1_000)
        self.sandbox = sandbox
        self._publisher = publisher

    def handover(self, contract: str, attempt: int = 1) -> str:
        return ids.handover_id(ids.contract_key(self.name, contract), 1, attempt)

    async def describe(self, contract: str, **address: str | None) -> None:
        where = {"street": "Hauptstr. 1", "postal_code": "60311", "city": "Frankfurt", "country": "DE", **address}
        data = {"kind": "consumer", "first_name": "Erika", "last_name": "Muster", "addresses": [where]}
        event = codec.event_classes(topics.DEBTORS)["debtor.described"].model_validate(
            {**self._envelope(contract), "type": "debtor.described", "data": data}, strict=False
        )
        await self._send(topics.DEBTORS, contract, codec.encode(event))

    async def erase(self, contract: str) -> None:
        await self._send(topics.DEBTORS, contract, None)

    async def submit(
        self, contract: str, *, account: str = "main", described: bool = True, headers: Sequence[tuple[str, bytes]] = ()
    ) -> str:
        """Order a handover of 40.00; returns its id."""
        if described:
            await self.describe(contract)
        claim = {"invoice_id": "i-1", "issued_on": date(2025, 1, 1), "due_on": date(2025, 1, 15), "amount": 4000, "open": 4000}
        data = {
            "attempt": 1,
            "agency_account": account,
            "claims": ({**claim, "costs": 0, "interest": 0},),
            "currency": "EUR",
            "open_amount": 4000,
            "costs": 0,
            "interest": 0,
        }
        return await self._command(CaseSubmit, contract, data, headers)

    async def recall(self, contract: str, reason: str = "ordered") -> str:
        return await self._command(CaseRecall, contract, {"reason": reason})

    async def report(self, contract: str, amount: int, payment_id: str = "p-1") -> str:
        return await self._command(
            CaseReportPayment, contract, {"payment_id": payment_id, "amount": amount, "value_date": date(2025, 3, 4)}
        )

    async def write(self, contract: str, message_id: str, text: str) -> str:
        return await self._command(CaseSendMessage, contract, {"message_id": message_id, "text": text})

    async def answer(self, contract: str, question_id: str, answer: str) -> str:
        return await self._command(CaseAnswer, contract, {"question_id": question_id, "answer": answer})

    async def refresh(self, contract: str) -> str:
        return await self._command(CaseRefresh, contract, {})

    async def poison(self, value: bytes) -> None:
        await self._send(topics.COMMANDS, "C-poison", value)

    async def tick(self, now: datetime) -> None:
        """What the clock writes, to partition 0, which the connector reads."""
        event = ClockTicked.model_validate({"id": unique("tick"), "source": "/mahnlauf/clock", "time": now, "data": {"now": now}})
        await self._publisher.send(topics.TIMERS, None, codec.encode(event), milliseconds(now), partition=0)

    async def replies(self) -> list[Any]:
        """All replies about this tenant; those about one contract in their order."""
        return [event for event in await self._replies.read() if event.tenant == self.name]

    async def told(self, contract: str) -> list[str]:
        """The types of the replies about a contract, in order."""
        return [event.type for event in await self.replies() if event.subject == contract]

    async def until_told(self, contract: str, *types: str) -> None:
        async def told() -> bool:
            return (await self.told(contract))[-len(types) :] == list(types)

        await eventually(told, f"{contract} told {types}")

    def cases(self) -> list[str]:
        """The handover of each case at the agency."""
        return [case.reference for _, case in self.sandbox.world.cases()]

    def sent(self) -> dict[str, int]:
        """How often each handover reached the agency, by id."""
        return {case.reference: case.submissions for _, case in self.sandbox.world.cases()}

    async def configure(self, account: AgencyAccount | None, name: str = "main") -> None:
        """What `mahnlauf accounts` would write of the tenant's account; None removes it."""
        value = None if account is None else stored.encode(account)
        await self._publisher.send(topics.ACCOUNTS, f"{self.name}/{name}".encode(), value, milliseconds(BEGINNING), partition=0)

    def sealed(self, keys: Keys, code: str = "s3cret", mode: Literal["test", "live"] = "test", **settings: str) -> AgencyAccount:
        """The tenant's account as it stands on the topic."""
        told = {stored.PER_SECOND: "1000", **settings}
        account = AgencyAccount(tenant=self.name, account="main", agency="atriga", mode=mode, customer_id="10001", settings=told)
        return stored.with_secrets(account, {stored.CODE: code}, keys)

    async def _command(self, event_class: type[Any], contract: str, data: dict[str, Any], headers: Sequence[tuple[str, bytes]] = ()) -> str:
        handover_id = self.handover(contract)
        envelope = {**self._envelope(contract), "data": {"handover_id": handover_id, **data}}
        event: CommandEvent = event_class.model_validate(envelope)
        await self._send(topics.COMMANDS, contract, codec.encode(event), headers)
        return handover_id

    def _envelope(self, contract: str) -> dict[str, Any]:
        return {"id": unique("e"), "source": "/test", "time": BEGINNING, "subject": contract, "tenant": self.name}

    async def _send(self, topic: str, contract: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        key = ids.contract_key(self.name, contract).encode()
        await self._publisher.send(topic, key, value, milliseconds(BEGINNING), headers=headers)


@asynccontextmanager
async def running(
    tenant: Tenant,
    *,
    accounts: tuple[AccountConfig, ...] | None = None,
    answer_s: float = 2.0,
    pace: Pace = PACE,
    agency: type[Atriga] = Atriga,
    agencies: Mapping[str, OpenAgency] | None = None,
    group: str = GROUP,
    ready: bool = True,
    keys: Keys | None = None,
) -> AsyncIterator[Connector]:
    """A connector in this process, ready, or only with its pages."""
    given = (tenant.account,) if accounts is None else accounts
    config = ConnectorConfig(Connection(tenant.bootstrap), given, keys or Keys(), url_of=lambda _: tenant.account.url, app=group, pace=pace)
    hasty: dict[str, OpenAgency] = {"atriga": lambda account: agency(account, answer_s=answer_s)}
    connector = Connector(config, hasty if agencies is None else agencies, UPSTREAMS)
    task = asyncio.create_task(connector.run())
    try:
        await eventually(lambda: _started(connector, task, ready), "the connector is ready")
        yield connector
    finally:
        connector.stop()
        async with asyncio.timeout(20):
            await task


async def _started(connector: Connector, task: asyncio.Task[None], ready: bool) -> bool:
    if task.done():
        task.result()
    return connector.ready if ready else not connector.url.endswith(":0")


async def idle(connector: Connector) -> None:
    """Wait until every command is finished or parked, as the broker sees it, and nothing of an upstream waits."""

    async def at_rest() -> bool:
        status = await connector.status()
        return not any(status["lag"].values()) and not status["unfinished"] and not status["waiting"]

    await eventually(at_rest, "the connector is idle")


def day(number: int) -> datetime:
    """`number` days after the beginning."""
    return BEGINNING + timedelta(days=number)


def paused(account: AccountConfig) -> AccountConfig:
    return replace(account, paused="paused")
