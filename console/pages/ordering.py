"""The orders of a contract's page: what it offers, what was ordered and what became of it, and handing an order in."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from console.actions.desk import Desk
from console.actions.orders import FOR_MANY, KINDS, Offer, event_of, offers
from console.people.directory import User
from console.people.orders import Order, OrderLog

MAY_ORDER: Final = frozenset({"work", "admin"})
_NONCE: Final = re.compile(r"[0-9a-f]{32}")


def new_nonce() -> str:
    """For one showing of a form."""
    return secrets.token_hex(16)


class NotOffered(Exception):
    """What the form asks for can't be ordered (any more)."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What a page shows: `offers` (none for who may only read), the form's `nonce`, and what was ordered before."""

    offers: list[Offer]
    nonce: str
    orders: list[Order]
    kinds: tuple[str, ...] = KINDS


class Ordering:
    def __init__(self, desk: Desk, log: OrderLog) -> None:
        self._desk = desk
        self._log = log

    async def counter(self, user: User, case: Row[Any]) -> Counter:
        """For the page of a case."""
        nonce = new_nonce()
        offered = self._offers(case, nonce) if user.role in MAY_ORDER else []
        orders = await run_in_threadpool(self._log.of, case.tenant, case.contract)
        return Counter(offered, nonce, await asyncio.gather(*(self._with_fate(order) for order in orders)))

    def _offers(self, case: Row[Any], nonce: str) -> list[Offer]:
        return offers(case.told, self._desk.can.get(case.told["agency"] or "", frozenset()), nonce)

    async def _with_fate(self, order: Order) -> Order:
        if order.fate is not None or order.sent is None:
            return order
        fate = await self._desk.fate(order.sent)
        if fate is not None:
            await run_in_threadpool(self._log.note_fate, order.id, fate)
        return replace(order, fate=fate)

    async def order(self, user: User, case: Row[Any], form: Mapping[str, str]) -> None:
        """Hand in what a form asks for; one that is sent twice is handed in once. Raises NotOffered, NoOrder, Unsent."""
        nonce = form.get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise NotOffered
        offered = {offer.key: offer for offer in self._offers(case, nonce)}
        offer = offered.get(form.get("order", ""))
        if offer is None:
            raise NotOffered
        event = event_of(offer, form, by=user.name, tenant=case.tenant, contract=case.contract, nonce=nonce, now=self._desk.now)
        await self._hand_in(user, [event])

    async def order_many(self, user: User, cases: Sequence[Row[Any]], order_type: str, nonce: str) -> tuple[int, int]:
        """Hand in the same for each of these contracts. Returns for how many, and for how many it can't be. Raises NotOffered, Unsent."""
        if not _NONCE.fullmatch(nonce) or order_type not in FOR_MANY:
            raise NotOffered
        events = []
        for case in cases:
            offer = next((offer for offer in self._offers(case, nonce) if offer.type == order_type), None)
            if offer is not None:
                whose: dict[str, Any] = {"by": user.name, "tenant": case.tenant, "contract": case.contract}
                events.append(event_of(offer, {}, **whose, nonce=nonce, now=self._desk.now))
        await self._hand_in(user, events)
        return len(events), len(cases) - len(events)

    async def _hand_in(self, user: User, events: Sequence[Any]) -> None:
        new = [event for event in events if await run_in_threadpool(self._log.note, user.name, event)]
        if new:
            for event, sent in zip(new, await self._desk.send(new), strict=True):
                await run_in_threadpool(self._log.note_sent, event.id, sent)
