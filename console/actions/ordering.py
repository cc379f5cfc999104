"""The orders of a contract, from a page or another system: what is offered, what was ordered and what became of it, and handing one in."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from console.actions.desk import Desk, NotSealed
from console.actions.orders import FOR_MANY, KINDS, WORDS, NoOrder, Offer, event_of, offers, order_id
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

    async def counter(self, user: User, case: Row[Any], questions: Sequence[str]) -> Counter:
        """For the page of a case. `questions`: ids of those that its agency waits for an answer to."""
        nonce = new_nonce()
        offered = self._offers(case, nonce, questions) if user.role in MAY_ORDER else []
        return Counter(offered, nonce, await self.orders(case))

    async def orders(self, case: Row[Any]) -> list[Order]:
        """What was ordered of a case, newest first, with what is known now of what became of it."""
        orders = await run_in_threadpool(self._log.of, case.tenant, case.contract)
        return await asyncio.gather(*(self._with_fate(order) for order in orders))

    def _offers(self, case: Row[Any], nonce: str, questions: Sequence[str] = ()) -> list[Offer]:
        found = offers(case.told, self._desk.can.get(case.told["agency"] or "", frozenset()), nonce, questions)
        return [offer for offer in found if self._desk.seals or not set(offer.asks).intersection(WORDS)]

    async def _with_fate(self, order: Order) -> Order:
        if order.fate is not None or order.sent is None:
            return order
        fate = await self._desk.fate(order.sent)
        if fate is not None:
            await run_in_threadpool(self._log.note_fate, order.id, fate)
        return replace(order, fate=fate)

    async def order(self, user: User, case: Row[Any], questions: Sequence[str], form: Mapping[str, str]) -> None:
        """Hand in what a form asks for; one that is sent twice is handed in once. Raises NotOffered, NoOrder, Unsent."""
        nonce = form.get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise NotOffered
        offer = next((offer for offer in self._offers(case, nonce, questions) if offer.key == form.get("order", "")), None)
        if offer is None:
            raise NotOffered
        await self._hand_in(user, [await self._event(user, case, offer, form, order_id(nonce, offer.key, case.tenant, case.contract))])

    async def order_by_type(
        self, user: User, case: Row[Any], questions: Sequence[str], order_type: str, fields: Mapping[str, Any], nonce: str
    ) -> str:
        """Hand in what another system asks for, under the same nonce once, also when the contract has moved on since. `fields` must name
        what there are several of as it stands (the step, the hold). Returns the order's id. Raises NotOffered, NoOrder, Unsent."""
        event_id = order_id(nonce, order_type, case.tenant, case.contract)
        if event_id in await run_in_threadpool(self._log.handed_in, [event_id]):
            return event_id
        offer = next((one for one in self._offers(case, nonce, questions) if one.type == order_type and one.is_meant(fields)), None)
        if offer is None:
            raise NotOffered
        await self._hand_in(user, [await self._event(user, case, offer, fields, event_id)])
        return event_id

    async def order_many(self, user: User, cases: Sequence[Row[Any]], order_type: str, nonce: str) -> list[tuple[Row[Any], str]]:
        """Hand in the same for each of these contracts, under the same nonce once. Returns those for which it is, each with the id of the
        order. Raises NotOffered, Unsent."""
        if not _NONCE.fullmatch(nonce) or order_type not in FOR_MANY:
            raise NotOffered
        ids = [order_id(nonce, order_type, case.tenant, case.contract) for case in cases]
        handed_in = await run_in_threadpool(self._log.handed_in, ids)
        ordered, events = [], []
        for case, event_id in zip(cases, ids, strict=True):
            offer = next((offer for offer in self._offers(case, nonce) if offer.type == order_type), None)
            if event_id in handed_in or offer is not None:
                ordered.append((case, event_id))
            if event_id not in handed_in and offer is not None:
                events.append(await self._event(user, case, offer, {}, event_id))
        await self._hand_in(user, events)
        return ordered

    async def _event(self, user: User, case: Row[Any], offer: Offer, fields: Mapping[str, Any], event_id: str) -> Any:
        sealed = {name: await self._sealed(case, name, fields.get(name)) for name in set(offer.asks).intersection(WORDS)}
        whose: dict[str, Any] = {"by": user.name, "tenant": case.tenant, "contract": case.contract}
        return event_of(offer, {**fields, **sealed}, **whose, event_id=event_id, now=self._desk.now)

    async def _sealed(self, case: Row[Any], name: str, words: Any) -> str:
        if not isinstance(words, str) or not words.strip():
            raise NoOrder(f"{name}: must not be empty")
        try:
            return await self._desk.seal(case.tenant, case.contract, words.strip())
        except NotSealed as error:
            raise NoOrder(f"{name}: {error}") from error

    async def _hand_in(self, user: User, events: Sequence[Any]) -> None:
        new = [event for event in events if await run_in_threadpool(self._log.note, user.name, event)]
        if new:
            for event, sent in zip(new, await self._desk.send(new), strict=True):
                await run_in_threadpool(self._log.note_sent, event.id, sent)
