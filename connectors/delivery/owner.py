"""The owner of one agency account: the only one who sends on it and reads its feed.

Commands of one contract go in their order, many contracts at once. What cannot go now is parked and taken up again by itself: when the
gate opens one goes first, to see whether the agency is back, and then the others.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from connectors.delivery import ledger
from connectors.delivery.agency import AccountConfig, Agency
from connectors.delivery.book import Book, Edit, Entry, Step
from connectors.delivery.debtors import Debtors
from connectors.delivery.feed import Feed
from connectors.delivery.gate import CLOSED_S, Gate
from connectors.delivery.lanes import Lanes
from connectors.delivery.ledger import Handover, Parked
from connectors.delivery.metrics import Metrics
from connectors.delivery.plan import Plan, plan, plan_alone
from connectors.delivery.replies import milliseconds
from connectors.delivery.sender import UNDER_WAY_S, NotNow, Result, Sender
from schemas import codec, topics
from schemas.commands import CaseRefresh, CommandEvent
from streams.engine.deadletter import of_exception

log = logging.getLogger(__name__)

LANES_MAX: Final = 64
"""Contracts at once on one account: enough that some send while others wait for the ledger."""
AGAIN_S: Final = 2.0
AGAIN_S_MAX: Final = 600.0
"""How long a parked command waits before it is taken up again, doubled with each time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Wall-clock seconds: between two looks at a feed; until parked commands are taken up again at first; how long an agency that seems
    to be away is left alone at first; how long a request may reach the agency after its sender has given up.

    `fresh`: nobody sent on the accounts just before they were taken, as a test knows of its own.
    """

    feed_interval_s: float = 60.0
    again_s: float = AGAIN_S
    closed_s: float = CLOSED_S
    under_way_s: float = UNDER_WAY_S
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A command, as it stands on the outbox (`offset`) or in the ledger (None)."""

    command: CommandEvent
    offset: int | None


class AccountOwner:
    """See the module's first lines. Its tasks run in `tasks`, the partition's."""

    def __init__(
        self, account: AccountConfig, agency: Agency, book: Book, debtors: Debtors, metrics: Metrics, tasks: asyncio.TaskGroup, pace: Pace
    ) -> None:
        self.key = account.key
        self._account = account
        self._agency = agency
        self._book = book
        self._metrics = metrics
        self._tasks = tasks
        self._pace = pace
        self._clock = time.monotonic  # uvloop's own stands still while a round of the loop lasts, too coarse for a limit
        self.gate = Gate(
            account.per_second,
            shut=account.paused,
            clock=self._clock,
            closed_s=pace.closed_s,
            requests_a_turn=agency.capabilities.requests_a_call,
            fresh=pace.fresh,
        )
        self.feed = Feed(agency, account.key, book, self.gate, metrics, pace.feed_interval_s)
        self._sender = Sender(agency, book, debtors, self.gate, metrics, pace.under_way_s)
        self._lanes = Lanes(tasks, LANES_MAX)
        self._again: dict[str, float] = {}
        self._parked = asyncio.Event()

    @property
    def parked(self) -> int:
        """How many handovers have something that waits."""
        return len(self._again)

    @property
    def has_feed(self) -> bool:
        return self._agency.capabilities.feed

    def status(self) -> dict[str, Any]:
        """`closed`: why nothing can go now; empty: it can. `trouble`: why its agency can't be reached, until it answers again, and `since`
        when that is so, or is not. `cursor`: where the feed was read up to, its replies committed."""
        since = (datetime.now(UTC) - timedelta(seconds=self.gate.turned_for_s)).isoformat(timespec="seconds")
        state = {"closed": self.gate.reason, "trouble": self.gate.trouble, "since": since}
        told = {"parked": self.parked, "busy": self._lanes.busy, **state}
        return {**told, "cursor": self.feed.cursor, "caught_up": self.feed.caught_up} if self.has_feed else told

    def start(self) -> None:
        """Take up what waited, and follow the feed."""
        for handover_id, handover in self._book.contents.handovers.items():
            if handover.parked and handover.tenant == self._account.tenant and handover.account == self._account.account:
                self._wait(handover_id, 0)
        self._tasks.create_task(self._resume(), name=f"parked of {self.key}")
        if self.has_feed:
            self._tasks.create_task(self.feed.run(), name=f"feed of {self.key}")

    def take(self, command: CommandEvent, offset: int) -> None:
        """Deliver a command from the outbox."""
        self._lanes.put(command.subject, partial(self._deliver, Job(command, offset)))

    def hear(self, case_id: str, offset: int) -> None:
        """Take the hint of a webhook: something happened to this case, or (empty) to one that is not named."""
        self._lanes.put(f"webhook/{case_id}", partial(self._follow_hint, case_id, offset))

    async def _follow_hint(self, case_id: str, offset: int) -> None:
        """A feed is read on; a case is asked for. What can't be asked now is not lost: the feed or the next refresh tells it too."""
        edits: tuple[Edit, ...] = ()
        if self.has_feed:
            self.feed.look_now()
        elif case_id and self.gate.closed_for_s == 0:
            edits = await self._sender.looked_at(case_id)
        await self._book.write(Entry(edits=edits, finished=((topics.INBOX, offset),)))

    async def _deliver(self, job: Job) -> None:
        handover = self._handover(job.command)
        if job.offset is not None and job.offset <= handover.through:
            return await self._book.write(Entry(finished=((topics.OUTBOX, job.offset),)))
        decided = plan(handover, job.command, self._agency.capabilities)
        if decided is Plan.BEHIND:
            return await self._park(job, NotNow("behind", maybe_sent=False))
        await self._carry_out(decided, handover, job)
        return None

    async def _carry_out(self, decided: Plan, handover: Handover, job: Job) -> None:
        result = await self._result(decided, handover, job.command)
        if isinstance(result, NotNow) and not isinstance(job.command, CaseRefresh):
            return await self._park(job, result)
        if isinstance(result, NotNow):
            result = Result(lambda now: now)  # the feed, once it is back, or tomorrow's refresh tells what this one would have
        await self._finish(job, result)
        return None

    async def _finish(self, job: Job, result: Result) -> None:
        self._metrics.commands.labels(job.command.type, result.told[0].type if result.told else "done").inc()
        await self._write(job, lambda now: ledger.finished(result.step(now), job.command.id, job.offset), result)

    async def _result(self, decided: Plan, handover: Handover, command: CommandEvent) -> Result | NotNow:
        if decided is Plan.SEND and not self._answers_itself(command):
            return await self._sent(handover, command)
        if decided is Plan.CANCEL:
            return self._sender.cancelled(command)
        if decided in (Plan.NOTHING, Plan.SEND):  # a SEND that comes here has answered itself
            return Result(lambda now: now)
        return self._sender.failed(command, decided.value)

    async def _sent(self, handover: Handover, command: CommandEvent) -> Result | NotNow:
        """A mistake of our own code concerns one case, which a person gets to see; the others go on."""
        try:
            return await self._sender.perform(handover, command)
        except Exception as error:  # whatever it is, it must not stop the account
            poison = of_exception(error)
            self._metrics.errors.labels(poison.reason).inc()
            log.error("handover %s: %s failed: %s", command.data.handover_id, command.type, poison.detail)
            known = self._book.handover(command.data.handover_id)
            sent = known is not None and known.intent == command.id
            return self._sender.unknown(command, "connector_error") if sent else self._sender.failed(command, "connector_error")

    def _answers_itself(self, command: CommandEvent) -> bool:
        """A feed that is caught up has told already whatever asking for one case could tell."""
        return isinstance(command, CaseRefresh) and self._agency.capabilities.feed_tells_all and self.has_feed and self.feed.caught_up

    async def _park(self, job: Job, why: NotNow) -> None:
        command = job.command
        handover = self._handover(command)
        known = next((parked for parked in handover.parked if parked.id == command.id), None)
        value = codec.encode(command)
        if known is None and handover.parked_bytes + len(value) > ledger.PARKED_BYTES_MAX:
            return await self._finish(job, self._sender.failed(command, "too_much_waiting"))
        waiting = Parked(
            id=command.id,
            type=command.type,
            command=msgspec.Raw(value),
            reason=why.reason,
            since_ms=known.since_ms if known else max(self._book.now_ms, milliseconds(command.time)),
            tries=known.tries + 1 if known else 0,
        )
        self._metrics.commands.labels(command.type, "parked").inc()
        await self._write(job, lambda now: ledger.parked(now, waiting, job.offset, maybe_sent=why.maybe_sent), None)
        if known or command.data.handover_id not in self._again:  # what joins a queue does not hurry it
            self._wait(command.data.handover_id, waiting.tries)
        return None

    async def _write(self, job: Job, step: Step, result: Result | None) -> None:
        handover_id = job.command.data.handover_id
        at_ms = milliseconds(job.command.time)
        edit = Edit(handover_id, lambda now: step(_as_of(now, at_ms)), result.told if result else (), self._handover(job.command))
        finished = () if job.offset is None else ((topics.OUTBOX, job.offset),)
        await self._book.write(Entry(edits=(edit,), finished=finished))
        if not self._handover(job.command).parked:
            self._again.pop(handover_id, None)

    def _handover(self, command: CommandEvent) -> Handover:
        known = self._book.handover(command.data.handover_id)
        return known or Handover(tenant=command.tenant, contract=command.subject, account=self._account.account)

    def _wait(self, handover_id: str, tries: int) -> None:
        after_s = min(self._pace.again_s * 2.0 ** min(tries, 20), AGAIN_S_MAX) if tries else 0.0
        self._again[handover_id] = self._clock() + after_s * random.uniform(0.75, 1.0)
        self._parked.set()

    async def _resume(self) -> None:
        while True:
            await self._something_due()
            due = [handover_id for handover_id, at in self._again.items() if at <= self._clock()]
            await self._take_up(due[:1])
            if self.gate.closed_for_s == 0:
                await self._take_up(due[1:])

    async def _something_due(self) -> None:
        while True:
            self._parked.clear()
            wait_s = max(min(self._again.values(), default=float("inf")) - self._clock(), self.gate.closed_for_s)
            if wait_s <= 0:
                return
            try:
                async with asyncio.timeout(wait_s if wait_s != float("inf") else None):
                    await self._parked.wait()
            except TimeoutError:
                continue

    async def _take_up(self, handover_ids: list[str]) -> None:
        """Returns when each has been tried."""
        tried = [asyncio.get_running_loop().create_future() for _ in handover_ids]
        for handover_id, done in zip(handover_ids, tried, strict=True):
            handover = self._book.contents.handovers[handover_id]
            self._lanes.put(handover.contract, partial(self._go_again, handover_id, done))
        await asyncio.gather(*tried)

    async def _go_again(self, handover_id: str, tried: asyncio.Future[None]) -> None:
        handover = self._book.contents.handovers[handover_id]
        while handover.parked:
            first = handover.parked[0]
            command: CommandEvent = codec.decode(topics.OUTBOX, bytes(first.command))
            await self._carry_out(plan_alone(handover, command, self._agency.capabilities), handover, Job(command, None))
            handover = self._book.contents.handovers[handover_id]
            if any(parked.id == first.id for parked in handover.parked):
                break
        tried.set_result(None)


def _as_of(handover: Handover, at_ms: int) -> Handover:
    return msgspec.structs.replace(handover, time_ms=max(handover.time_ms, at_ms))
