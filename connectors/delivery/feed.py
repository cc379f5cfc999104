"""What the agency tells by itself: its feed of changes, read by the account's owner alone.

A page's cursor is committed with the replies it brought, so after a crash the page is read again or it is not, as a whole. What belongs to
no handover of ours, or has no meaning here, is kept on `agency.inbox` and counted.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from connectors.delivery import ledger, replies
from connectors.delivery.agency import Agency, CaseView, Change, ChangePage, Unmapped
from connectors.delivery.book import Book, Edit, Entry
from connectors.delivery.errors import AgencyError, Unavailable
from connectors.delivery.gate import Gate
from connectors.delivery.ledger import Handover
from connectors.delivery.metrics import Metrics
from connectors.delivery.mistakes import told_as_failed
from connectors.delivery.replies import Told
from schemas import topics
from streams.engine.protocol import Output

log = logging.getLogger(__name__)

RAW_CHARS_MAX: Final = 250_000
"""Of what an agency told that can't be matched: more would not fit in a record, and a person sees from the beginning what it is."""
CURSOR_CHARS_MAX: Final = 10_000
"""No agency's cursor is as long; one that is would not fit in the ledger."""
CAUGHT_UP_FOR_INTERVALS: Final = 2
"""A feed that was read to its end so few intervals ago is as good as asking for one case."""


class Feed:
    """One account's feed. `key` is tenant/account; `interval_s` of wall-clock time between two looks."""

    def __init__(self, agency: Agency, key: str, book: Book, gate: Gate, metrics: Metrics, interval_s: float) -> None:
        self._agency = agency
        self._name = agency.capabilities.agency
        self._key = key
        self._book = book
        self._gate = gate
        self._metrics = metrics
        self._interval_s = interval_s
        self._looks = asyncio.Event()
        self._asking = asyncio.Lock()
        self._caught_up_at: float | None = None

    @property
    def cursor(self) -> str | None:
        return self._book.contents.cursors.get(self._key)

    @property
    def caught_up(self) -> bool:
        """Whether it was read to its end a short while ago."""
        since = self._caught_up_at
        return since is not None and asyncio.get_running_loop().time() - since <= CAUGHT_UP_FOR_INTERVALS * self._interval_s

    def look_now(self) -> None:
        """Don't wait for the interval."""
        self._looks.set()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self._looks.clear()
            if self._gate.closed_for_s == 0:
                await self._try()
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._looks.wait()
            except TimeoutError:
                continue

    async def read(self) -> None:
        """Read to the end; returns once its replies are committed. Raises AgencyError."""
        async with self._asking:
            more = True
            while more:
                page = await self._looked_at(await self._page())
                if page.changes or page.unreadable or page.cursor != self.cursor:
                    await self._book.write(self._entry(page))
                more = page.more
            self._caught_up_at = asyncio.get_running_loop().time()

    async def _try(self) -> None:
        try:
            await self.read()
        except AgencyError as error:
            log.warning("account %s: its feed can't be read for now: %s (%s)", self._key, error.reason, error)

    async def _page(self) -> ChangePage:
        async with self._gate.turn("changes") as leave:
            await leave.now()
            try:
                page = _bounded(await told_as_failed(self._metrics, self._agency.changes(self.cursor)))
            except AgencyError as error:
                self._metrics.requests.labels(self._name, "changes", error.reason).inc()
                self._gate.failed(error)
                raise
        self._gate.passed()
        self._metrics.requests.labels(self._name, "changes", "ok").inc()
        return page

    async def _looked_at(self, page: ChangePage) -> ChangePage:
        """The page with what its touched cases tell. Ids of changes are the same whenever they are told, so looking twice does no harm."""
        if not page.touched:
            return page
        told = await asyncio.gather(*(self._view(case) for case in dict.fromkeys(page.touched)), return_exceptions=True)
        for failure in told:
            if isinstance(failure, BaseException):
                raise failure
        unreadable = [view for view in told if isinstance(view, Mapping)]
        changes = [change for view in told if isinstance(view, CaseView) for change in view.changes]
        return replace(page, changes=(*page.changes, *changes), unreadable=(*page.unreadable, *unreadable), touched=())

    async def _view(self, case: str) -> CaseView | Mapping[str, Any]:
        """A case, or what is kept of one that can't be asked for. Raises AgencyError where it may be otherwise later."""
        async with self._gate.turn("view") as leave:
            await leave.now()
            try:
                view = await told_as_failed(self._metrics, self._agency.view(case))
            except AgencyError as error:
                self._metrics.requests.labels(self._name, "view", error.reason).inc()
                if not error.again:
                    self._gate.passed()
                    return {"touched": case, "error": error.reason}
                self._gate.failed(error)
                raise
        self._gate.passed()
        self._metrics.requests.labels(self._name, "view", "ok").inc()
        return view

    def _entry(self, page: ChangePage) -> Entry:
        edits: list[Edit] = []
        kept = [self._kept("unreadable", raw) for raw in page.unreadable]
        for change in page.changes:
            reply = self._reply(change)
            if isinstance(reply, Told):
                edits.append(Edit(change.reference, partial(_happened, case_id=change.case_id), (reply,)))
            else:
                kept.append(self._kept(reply.why, reply.raw))
        return Entry(edits=tuple(edits), outputs=tuple(kept), cursors={self._key: page.cursor})

    def _reply(self, change: Change) -> Told | Unmapped:
        if self._book.handover(change.reference) is None:
            return Unmapped("handover", {"reference": change.reference, "case_number": change.case_id, "change": change.change_id})
        return replies.of_change(change, self._name)

    def _kept(self, why: str, raw: Mapping[str, Any]) -> Output:
        log.error("account %s: the agency told something that can't be matched (%s); it is kept on %s", self._key, why, topics.INBOX)
        self._metrics.unmatched.labels(self._name, why).inc()
        value = json.dumps({"account": self._key, "agency": self._name, "why": why, **_cut(raw)}, default=str).encode()
        return Output(topics.INBOX, self._key.encode(), value, self._book.now_ms)


def _bounded(page: ChangePage) -> ChangePage:
    if len(page.cursor) > CURSOR_CHARS_MAX:
        raise Unavailable(f"a cursor of {len(page.cursor)} characters")
    return page


def _cut(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The raw answer as `raw`, or the beginning of its JSON as `raw_cut`."""
    text = json.dumps(raw, default=str)
    return {"raw": raw} if len(text) <= RAW_CHARS_MAX else {"raw_cut": text[:RAW_CHARS_MAX]}


def _happened(handover: Handover, case_id: str) -> Handover:
    """The agency has the case, whatever we knew before."""
    return ledger.taken(handover, case_id)
