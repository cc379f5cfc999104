"""The JSON API under /api for shops and ERP systems: the functions of the pages, for who shows a token."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from console.actions.desk import Unsent
from console.actions.ordering import MAY_ORDER, NotOffered, Ordering, new_nonce
from console.actions.orders import NoOrder
from console.api import changes, told, wanted
from console.pages import listing
from console.pages.contract import Contract, contract
from console.people.directory import User
from console.people.tokens import Tokens
from console.views.rows import Acts

log = logging.getLogger(__name__)

KEY_MAX: Final = 200
_OR_LESS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": told.Problem, "description": "No token that is good."},
    403: {"model": told.Problem, "description": "The token may not do this."},
    404: {"model": told.Problem, "description": "No such contract that the token may see."},
    413: {"model": told.Problem, "description": "The body is too large."},
}
_ORDERED: Final = _OR_LESS | {
    400: {"model": told.Problem, "description": "What was ordered is not complete or not right."},
    409: {"model": told.Problem, "description": "It can't be ordered of the contract as it stands."},
    503: {"model": told.Problem, "description": "Kafka does not answer; nothing was ordered, or, if it was, the same key orders it once."},
}

Tenant = Annotated[str, Path(min_length=1, max_length=256)]
Name = Annotated[str, Path(min_length=1, max_length=256)]
Key = Annotated[str, Header(alias="idempotency-key", max_length=KEY_MAX, description="The same key orders once, however often it is sent.")]
Place = Annotated[str, Query(max_length=2_000, description="`after` of an earlier answer; without it from the beginning.")]


def make_api(views: Engine, tokens: Tokens, ordering: Ordering | None, closing: asyncio.Event) -> FastAPI:
    """The application that is mounted at /api. Its streams end when `closing` is set."""
    api = FastAPI(title="mahnlauf", summary="Cases, orders and changes, for shops and ERP systems.", docs_url=None, redoc_url=None)
    bearer = HTTPBearer(auto_error=False, description="A token of mahnlauf tokens add.")

    async def user(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> User:
        found = await run_in_threadpool(tokens.user_of, shown.credentials) if shown else None
        if found is None:
            raise HTTPException(401, "show a token: Authorization: Bearer ...", {"www-authenticate": "Bearer"})
        return found

    Asking = Annotated[User, Depends(user)]

    def may_order(asking: Asking) -> User:
        if asking.role not in MAY_ORDER:
            raise HTTPException(403, f"{asking.name} may only read; an order needs a token with role work")
        return asking

    Ordered = Annotated[User, Depends(may_order)]

    async def found(asking: User, tenant: str, name: str) -> Contract:
        known = await run_in_threadpool(contract, views, tenant, name) if asking.tenant in ("", tenant) else None
        if known is None:
            raise HTTPException(404, f"there is no contract {tenant}/{name} that {asking.name} may see")
        return known

    def desk() -> Ordering:
        if ordering is None:
            raise HTTPException(503, "this console takes no orders")
        return ordering

    @api.get("/cases", responses=_OR_LESS)
    def cases(
        asking: Asking,
        q: Annotated[
            str, Query(max_length=listing.SOUGHT_MAX, description="Words, each a part of contract, case id, agency, flag ...")
        ] = "",
        status: Annotated[str, Query(json_schema_extra={"enum": ["", *listing.STATUSES]})] = "",
        agency: Annotated[str, Query(max_length=256)] = "",
        acts: Annotated[str, Query(json_schema_extra={"enum": ["", "nobody", "debtor", "agency", "person"]})] = "",
        sort: Annotated[str, Query(max_length=40, description="A column, - before it for descending.")] = listing.DEFAULT_SORT,
        after: Annotated[str, Query(max_length=800)] = "",
        before: Annotated[str, Query(max_length=800)] = "",
    ) -> told.Cases:
        """Contracts over all agencies, 50 at a time, the last changed first."""
        number = str(int(Acts[acts.upper()])) if acts.upper() in Acts.__members__ else ""
        query = {"q": q, "status": status, "agency": agency, "acts": number, "sort": sort, "after": after, "before": before}
        page = listing.page(views, listing.Wanted.of(query), asking.tenant, persons=False)
        return told.Cases(cases=[told.Case.of(row) for row in page.rows], before=page.before or None, after=page.after or None)

    @api.get("/cases/{tenant}/{name:path}", responses=_OR_LESS)
    async def case(asking: Asking, tenant: Tenant, name: Name) -> told.Case:
        """One contract as it stands."""
        return told.Case.of((await found(asking, tenant, name)).case)

    @api.get("/history/{tenant}/{name:path}", responses=_OR_LESS)
    async def history(asking: Asking, tenant: Tenant, name: Name) -> told.History:
        """Everything that happened to a contract, newest first: up to 500 changes, answers of agencies and notices each."""
        entries = (await found(asking, tenant, name)).entries
        return told.History(entries=[told.Entry(at=one.at.isoformat(), kind=one.kind, type=one.type, told=one.told) for one in entries])

    @api.get("/orders/{tenant}/{name:path}", responses=_ORDERED)
    async def orders(asking: Asking, tenant: Tenant, name: Name) -> told.Orders:
        """The latest orders of a contract, and what became of each."""
        known = await found(asking, tenant, name)
        return told.Orders(orders=[told.OrderTold.of(order) for order in await desk().orders(known.case)])

    @api.post("/orders/{tenant}/{name:path}", status_code=202, responses=_ORDERED)
    async def order(asking: Ordered, tenant: Tenant, name: Name, what: wanted.AnyWanted, key: Key = "") -> told.Handed:
        """Order something of a contract. It is an event for the processor, which may refuse it."""
        known = await found(asking, tenant, name)
        order_id = await desk().order_by_type(asking, known.case, known.questions, what.type, what.fields, _nonce(asking, key, what))
        return told.Handed(tenant=tenant, contract=name, order_id=order_id)

    @api.post("/orders", status_code=202, responses=_ORDERED)
    async def order_many(asking: Ordered, what: wanted.WantedOfMany, key: Key = "") -> told.HandedMany:
        """Order the same of each of a list of contracts."""
        keys = list(dict.fromkeys((one.tenant, one.contract) for one in what.contracts))
        rows = await run_in_threadpool(listing.cases, views, keys, asking.tenant)
        ordered = await desk().order_many(asking, rows, what.type, _nonce(asking, key, what))
        done = {(row.tenant, row.contract) for row, _ in ordered}
        return told.HandedMany(
            ordered=[told.Handed(tenant=row.tenant, contract=row.contract, order_id=order_id) for row, order_id in ordered],
            not_offered=["/".join(each) for each in keys if each not in done],
        )

    @api.get("/changes", responses=_ORDERED)
    def changes_since(asking: Asking, after: Place = "") -> told.ChangesTold:
        """Changes of status after a place, up to 200 at once; an empty list: there is none yet."""
        return told.ChangesTold.of(*changes.changes(views, after, asking.tenant))

    @api.get("/changes/end", responses=_OR_LESS)
    def changes_end(asking: Asking) -> told.ChangesTold:
        """The place behind all that is known now, for who only wants what comes."""
        return told.ChangesTold(changes=[], after=changes.end(views))

    @api.get("/changes/stream", response_class=EventSourceResponse, responses=_ORDERED)
    async def stream(
        asking: Asking, request: Request, after: Place = "", last: Annotated[str, Header(alias="last-event-id", max_length=2_000)] = ""
    ) -> AsyncIterator[ServerSentEvent]:
        """The same as server-sent events, as they come: `change` events, whose ids are places."""
        async for one in following(views, asking.tenant, last or after, request, closing):
            yield one

    @api.exception_handler(NotOffered)
    def not_offered(_: Request, __: NotOffered) -> Response:
        return JSONResponse({"detail": "this can't be ordered of the contract as it stands; look at it again"}, 409)

    @api.exception_handler(NoOrder)
    @api.exception_handler(changes.NoPlace)
    def not_right(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 400)

    @api.exception_handler(Unsent)
    def unsent(request: Request, error: Unsent) -> Response:
        log.error("%s was not taken: %s", request.url.path, error)
        return JSONResponse({"detail": "Kafka does not answer; send it again with the same idempotency-key"}, 503)

    return api


async def following(views: Engine, tenant: str, place: str, request: Request, closing: asyncio.Event) -> AsyncIterator[ServerSentEvent]:
    """Changes as they come, until who asked has gone, or the console is closing."""
    while not closing.is_set() and not await request.is_disconnected():
        found = await run_in_threadpool(changes.changes, views, place, tenant)
        for row in found.rows[:-1]:
            yield ServerSentEvent(data=told.Change.of(row), event="change")
        for row in found.rows[-1:]:
            yield ServerSentEvent(data=told.Change.of(row), event="change", id=found.after)
        place = found.after
        if not found.rows:
            await changes.pause(closing)


def _nonce(asking: User, key: str, what: BaseModel) -> str:
    """The same for the same key and body of the same token: so the order is one, however often it is sent."""
    told = f"{asking.name}\n{key}\n{what.model_dump_json(exclude={'contracts'})}"
    return hashlib.sha256(told.encode()).hexdigest()[:32] if key else new_nonce()
