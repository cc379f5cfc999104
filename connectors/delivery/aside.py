"""What upstreams have told and nobody can translate now: moved aside, so that the inbox goes on, and taken up again by itself.

A delivery that waits is a record `waiting/<offset>` on the ledger; it stands on `agency.inbox` itself, which is kept for ever. An account's
are taken up in their order: one is tried, and when it goes the others follow. So an upstream that is away is asked once in a while, and
nothing it said is lost because it, or we, were away.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from connectors.delivery.book import Book, Entry
from connectors.delivery.errors import AccountUnusable, AgencyError, RateLimited
from connectors.delivery.upstreams import Upstreams
from schemas import topics
from streams.engine.cluster import Cluster
from streams.engine.fetch import Reader
from streams.engine.protocol import Record

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Deliveries of an account translated at a time: its upstream is asked for no more than that after an outage."""
AGAIN_S: Final = 0.5
AGAIN_S_MAX: Final = 60.0
"""How long what was moved aside waits at first, and at most; doubled with each time in a row."""


class Aside:
    """Of one partition of the inbox. `tasks` ends with the partition; what waits is in the book's contents by then."""

    def __init__(self, number: int, cluster: Cluster, upstreams: Upstreams, book: Book, tasks: asyncio.TaskGroup) -> None:
        self._number = number
        self._cluster = cluster
        self._upstreams = upstreams
        self._book = book
        self._tasks = tasks
        self._offsets: dict[str, set[int]] = {}
        """By account, what waits; an account without anything is not there."""
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        """By account: one whose upstream hangs takes nobody else's turn."""

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many deliveries wait, by account, as it is committed."""
        return Counter(self._book.contents.waiting.values())

    def begin(self) -> None:
        """Take up what waited when the partition was last given up."""
        for offset, key in self._book.contents.waiting.items():
            self._wait(key, offset, 0.0)

    async def take(self, record: Record) -> None:
        """Translate a delivery, or move it aside. What it says and that it was read are written in one transaction, so it is said once."""
        key = (record.key or b"").decode(errors="replace")
        finished = ((topics.INBOX, record.offset),)
        async with self._turns[key]:
            pause_s = 0.0
            if key not in self._offsets:  # else it is asked for those before
                try:
                    await self._book.write(Entry(outputs=await self._upstreams.outputs(record), finished=finished))
                    return
                except (AgencyError, AccountUnusable) as error:
                    log.warning("upstream account %s: a delivery waits: %s", key, error)
                    pause_s = _pause_s(error, AGAIN_S)
            await self._book.write(Entry(aside={record.offset: key}, finished=finished))
        self._wait(key, record.offset, pause_s)

    def _wait(self, key: str, offset: int, pause_s: float) -> None:
        if key in self._offsets:
            self._offsets[key].add(offset)
            return
        self._offsets[key] = {offset}
        self._tasks.create_task(self._take_up(key, pause_s), name=f"what waits of upstream account {key}")

    async def _take_up(self, key: str, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        pause_s = AGAIN_S
        while self._offsets[key]:
            try:
                await self._all_of(key)
                pause_s = AGAIN_S
            except (AgencyError, AccountUnusable) as error:
                log.warning("upstream account %s: %d deliveries wait: %s", key, len(self._offsets[key]), error)
                await asyncio.sleep(_pause_s(error, pause_s))
                pause_s = min(pause_s * 2, AGAIN_S_MAX)
        del self._offsets[key]

    async def _all_of(self, key: str) -> None:
        """Raises AgencyError or AccountUnusable at the first that can't be translated; those before it are done."""
        at_once = 1
        async with aclosing(self._held(key, sorted(self._offsets[key]))) as held:
            async for records in held:
                while records:
                    some, records = records[:at_once], records[at_once:]
                    told = await asyncio.gather(*(self._again(key, record) for record in some), return_exceptions=True)
                    for error in told:
                        if error is not None:
                            raise error
                    at_once = AT_ONCE

    async def _again(self, key: str, record: Record) -> None:
        outputs = await self._upstreams.outputs(record)
        await self._book.write(Entry(outputs=outputs, aside={record.offset: None}))
        self._offsets[key].remove(record.offset)

    async def _held(self, key: str, offsets: list[int]) -> AsyncGenerator[list[Record], None]:
        """The deliveries at these offsets, as they are fetched."""
        start = (await self._cluster.log_starts([topics.INBOX], self._number))[topics.INBOX]
        await self._give_up(key, [offset for offset in offsets if offset < start])
        wanted = {offset for offset in offsets if offset >= start}
        if not wanted:
            return
        reader = Reader(self._cluster, (topics.INBOX,), self._number)
        reader.seek(topics.INBOX, min(wanted))
        try:
            while reader.positions[topics.INBOX] <= max(wanted):
                for _, records in await reader.poll():
                    yield [record for record in records if record.offset in wanted]
        finally:
            await reader.close()

    async def _give_up(self, key: str, gone: list[int]) -> None:
        if gone:
            place = f"{topics.INBOX}-{self._number}"
            log.error(
                "upstream account %s: %d deliveries that waited are no longer on %s: was its retention changed?", key, len(gone), place
            )
            await self._book.write(Entry(aside=dict.fromkeys(gone)))
            self._offsets[key].difference_update(gone)


def _pause_s(error: AgencyError | AccountUnusable, otherwise_s: float) -> float:
    asked_s = error.after_s if isinstance(error, RateLimited) else None
    return min(asked_s or otherwise_s, AGAIN_S_MAX)
