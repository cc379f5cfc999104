"""The orders of a contract's page: what it offers, what was ordered and what became of it, and handing an order in."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from console.actions.desk import Desk
from console.actions.orders import KINDS, Offer, event_of, offers
from console.people.directory import User
from console.people.orders import Order, OrderLog

MAY_ORDER: Final = frozenset({"work", "admin"})
_NONCE: Final = re.compile(r"[0-9a-f]{32}")


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
        nonce = secrets.token_hex(16)
        offered = self._offers(case, nonce) if user.role in MAY_ORDER else []
        orders = await run_in_threadpool(self._log.of, case.tenant, case.contract)
        return Counter(offered, nonce, [await self._with_fate(order) for order in orders])

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
        if await run_in_threadpool(self._log.note, user.name, event):
            [sent] = await self._desk.send([event])
            await run_in_threadpool(self._log.note_sent, event.id, sent)
