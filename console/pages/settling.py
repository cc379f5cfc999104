"""The pages on which admins settle things: policies (proposed by one, applied by another) and agency accounts."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from console.actions.desk import Unsent
from console.actions.office import Office, Unfit
from console.pages import overview, remitted
from console.pages.charted import DAYS, chart
from console.pages.drawing import Drawing
from console.people.directory import User
from console.people.proposals import Proposal, Proposals

log = logging.getLogger(__name__)

MAY_SETTLE: Final = frozenset({"admin"})
MAY_PROPOSE: Final = frozenset({"work", "admin"})
Form = Mapping[str, str]


class Settling:
    def __init__(self, pages: Drawing, office: Office, proposals: Proposals, views: Engine) -> None:
        self._pages = pages
        self._office = office
        self._proposals = proposals
        self._views = views

    async def policies(self, request: Request) -> Response:
        """Those in force, those that wait for a second person, and a form to try one."""
        return await self._entered(request, self._policies)

    async def try_policy(self, request: Request) -> Response:
        """What a policy would be, told on the same page; or propose it."""

        async def tried(user: User, form: Form) -> Response:
            tenant, text = form.get("tenant", "").strip(), form.get("text", "")
            _require(user, MAY_PROPOSE, tenant)
            try:
                found = await self._office.tried(tenant, text)
                ahead = await self._office.previewed(tenant, text, _days(form)) if "preview" in form else None
            except Unfit as error:
                return await self._policies(request, user, tenant=tenant, text=text, wrong=str(error).splitlines(), status_code=400)
            if "propose" not in form:
                drawn = None if ahead is None else chart(ahead)
                return await self._policies(
                    request, user, tenant=tenant, text=text, tried=found, ahead=ahead, chart=drawn, days=_days(form)
                )
            await run_in_threadpool(self._proposals.add, tenant, found.name, text, user.name)
            return RedirectResponse("/policies#proposals", 303)

        return await self._sent(request, tried)

    async def decide(self, request: Request) -> Response:
        """Let a proposal count, or drop it. Who proposed it can only drop it."""

        async def decided(user: User, form: Form) -> Response:
            number = form.get("proposal", "")
            proposal = await run_in_threadpool(self._proposals.find, int(number)) if number.isdecimal() and len(number) < 10 else None
            if proposal is None:
                raise HTTPException(404)
            applies = "apply" in form
            _require(user, MAY_SETTLE if applies else MAY_PROPOSE, proposal.tenant)
            if applies and user.name == proposal.by:
                return await self._policies(request, user, wrong=["second_person"], status_code=409)
            return await self._decided(request, user, proposal, applies=applies)

        return await self._sent(request, decided)

    async def _decided(self, request: Request, user: User, proposal: Proposal, *, applies: bool) -> Response:
        if proposal.decided_by:
            return await self._policies(request, user, wrong=["decided_already"], status_code=409)
        if applies:
            try:
                await self._office.apply(proposal.tenant, proposal.text)  # the same again changes nothing, so it comes before the note
            except Unfit as error:
                return await self._policies(request, user, wrong=str(error).splitlines(), status_code=400)
        await run_in_threadpool(self._proposals.decide, proposal.id, user.name, "applied" if applies else "dropped")
        return RedirectResponse("/policies#proposals", 303)

    async def _policies(self, request: Request, user: User, *, status_code: int = 200, **more: Any) -> Response:
        known = [one for one in await self._office.policies() if user.tenant in ("", one.tenant)]
        proposals = await run_in_threadpool(self._proposals.latest, user.tenant)
        tenant = more.get("tenant") or user.tenant
        counts = await run_in_threadpool(overview.standing, self._views, tenant) if tenant else None
        values = {
            "tenant": user.tenant,
            "text": "",
            "tried": None,
            "ahead": None,
            "days": DAYS[-1],
            "spans": DAYS,
            "wrong": (),
            "policies": known,
            "proposals": proposals,
            "counts": counts,
        }
        roles = {"may_propose": user.role in MAY_PROPOSE, "may_settle": user.role in MAY_SETTLE}
        return self._pages.drawn(request, "policies.html", user, status_code=status_code, **(values | roles | more))

    async def agencies(self, request: Request) -> Response:
        """All accounts, with what stands with each agency."""
        return await self._entered(request, self._agencies)

    async def change_account(self, request: Request) -> Response:
        """Add, pause, validate, or give another secret."""

        async def changed(user: User, form: Form) -> Response:
            tenant, name = form.get("tenant", "").strip(), form.get("account", "").strip()
            _require(user, MAY_SETTLE, tenant)
            try:
                said = await self._changed(form.get("do", ""), tenant, name, form)
            except Unfit as error:
                return await self._agencies(request, user, wrong=str(error), status_code=400)
            return await self._agencies(request, user, said=said, about=f"{tenant} / {name}")

        return await self._sent(request, changed)

    async def _changed(self, what: str, tenant: str, name: str, form: Form) -> str:
        """What is told of it: the agency's words, or the key of ours."""
        match what:
            case "validate":
                return await self._office.validate_account(tenant, name)
            case "pause":
                await self._office.pause_account(tenant, name, form.get("why", "").strip() or "paused on the console")
                return "account_paused"
            case "resume":
                await self._office.pause_account(tenant, name, "")
                return "account_resumed"
            case "rotate":
                await self._office.rotate_account(tenant, name, _secret(form))
                return "account_rotated"
            case "add":
                settings = {field: value for field in ("url", "per_second") if (value := form.get(field, "").strip())}
                told = {field: form.get(field, "").strip() for field in ("tenant", "account", "agency", "mode", "customer_id")}
                await self._office.add_account({**told, "settings": settings}, _secret(form))
                return "account_added"
            case _:
                raise HTTPException(400)

    async def _agencies(
        self, request: Request, user: User, *, status_code: int = 200, wrong: str = "", said: str = "", about: str = ""
    ) -> Response:
        known = [one for one in await self._office.accounts() if user.tenant in ("", one.tenant)]
        lines = await run_in_threadpool(overview.by_agency, self._views, user.tenant)
        last = await run_in_threadpool(remitted.answers, self._views, [(one.tenant, one.name) for one in known])
        told = {"answers": last, "gates": await self._office.gates()}
        values = told | {"accounts": known, "by_agency": lines, "agencies": self._office.agencies, "may_settle": user.role in MAY_SETTLE}
        return self._pages.drawn(request, "agencies.html", user, status_code=status_code, **values, wrong=wrong, said=said, about=about)

    async def _entered(self, request: Request, page: Callable[[Request, User], Awaitable[Response]]) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        try:
            return await page(request, user)
        except Unsent as error:
            return self._away(request, user, error)

    async def _sent(self, request: Request, done: Callable[[User, Form], Awaitable[Response]]) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        form = {field: value for field, value in (await request.form()).items() if isinstance(value, str)}
        if form.get("csrf") != user.csrf:
            raise HTTPException(403)
        try:
            return await done(user, form)
        except Unsent as error:
            return self._away(request, user, error)

    def _away(self, request: Request, user: User, error: Unsent) -> Response:
        log.error("%s: %s", request.url.path, error)
        return self._pages.drawn(request, "problem.html", user, status_code=503, key="not_ordered", hint="unsent_hint")


def _require(user: User, roles: frozenset[str], tenant: str) -> None:
    if user.role not in roles or user.tenant not in ("", tenant) or not tenant:
        raise HTTPException(403)


def _days(form: Form) -> int:
    """How far to look ahead."""
    return next((each for each in DAYS if form.get("days") == str(each)), DAYS[-1])


def _secret(form: Form) -> str:
    secret = form.get("secret", "").strip()
    if not secret:
        raise Unfit("secret: must not be empty")
    return secret
