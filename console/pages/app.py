"""The web application: pages drawn on the server, over the views and the directory of users. Nothing here writes to a view."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from console.actions.desk import Desk, Unsent
from console.actions.office import Office
from console.actions.ordering import MAY_ORDER, Counter, NotOffered, Ordering, new_nonce
from console.actions.orders import FOR_MANY, NoOrder
from console.api import changes
from console.api.app import make_api
from console.pages import attention, course, exported, guard, listing, live, overview
from console.pages.contract import Contract, contract, sealed_in
from console.pages.entering import BACK, Entering
from console.pages.entering import PATH as PROVIDER_PATH
from console.pages.explaining import Explaining
from console.pages.formats import formats_in
from console.pages.letters import DeadLetters
from console.pages.money import MoneyPages
from console.pages.remitted import Remitted
from console.pages.settling import Settling
from console.pages.texts import language_of, texts_in
from console.people import People
from console.people.directory import SESSION_MS, Refused, User
from console.people.marks import COLOURS, NoFlag
from console.people.sign_on import SignOn
from console.views.rows import Acts

log = logging.getLogger(__name__)

COOKIE: Final = "mahnlauf_session"
BERLIN: Final = ZoneInfo("Europe/Berlin")
"""Where the first users are; moments are shown in this zone."""
TEMPLATES: Final = Environment(
    loader=PackageLoader("console.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages need. `persons`: whether debtors' names are in the views and may be shown; `desk` None: nothing can be ordered;
    `office` None: nothing can be settled; `sign_on` None: people log in with passwords alone."""

    views: Engine
    people: People
    desk: Desk | None = None
    office: Office | None = None
    persons: bool = False
    secure_cookies: bool = False
    sign_on: SignOn | None = None
    zone: ZoneInfo = BERLIN

    @property
    def cookie(self) -> str:
        """With the prefix a browser takes it only over HTTPS, for this host alone."""
        return f"__Host-{COOKIE}" if self.secure_cookies else COOKIE


PAGES: Final = (("/cases", "cases"), ("/attention", "attention_page"), ("/overview", "overview"))
"""Those that are always there, with the words for them."""


class Pages:
    """The pages of one console as routes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.closing = asyncio.Event()
        self.ordering = None if console.desk is None else Ordering(console.desk, console.people.orders)

    def cases(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _to_login()
        views, persons = self._console.views, self._console.persons
        wanted, marks = listing.Wanted.of(request.query_params), self._console.people.marks
        page = listing.page(views, wanted, user.tenant, persons=persons, marked=self._marked(wanted, user))
        keys = [(row.tenant, row.contract) for row in page.rows]
        return self.drawn(
            request, "cases.html", user,
            wanted=wanted,
            page=page,
            marks=marks.of(keys), known_marks=marks.known(user.tenant), colours=COLOURS, read=marks.read(user.name, keys),
            sums=listing.sums(views, user.tenant).by_acts,
            agencies=listing.agencies(views, user.tenant),
            statuses=listing.STATUSES,
            acts=[int(each) for each in sorted(Acts, reverse=True)],
            persons=persons,
            many=FOR_MANY if self.ordering is not None and user.role in MAY_ORDER else (),
            nonce=new_nonce(),
            done=_counts(request.query_params),
        )  # fmt: skip

    def attention(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _to_login()
        return self.drawn(request, "attention.html", user, waiting=attention.waiting(self._console.views, user.tenant))

    def overview(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _to_login()
        views = self._console.views
        statuses, agencies = overview.by_status(views, user.tenant), overview.by_agency(views, user.tenant)
        gone, back = course.steps(views, user.tenant), course.recovered(views, user.tenant)
        return self.drawn(request, "overview.html", user, by_status=statuses, by_agency=agencies, steps=gone, recovered=back)

    async def live(self, request: Request) -> Response:
        """Which contracts change, while a page is open."""
        user = await self.entered(request)
        if user is None:
            raise HTTPException(401)
        place, views = request.headers.get("last-event-id", request.query_params.get("after")), self._console.views
        told = live.events(views, user.tenant, place, request, lambda: self._session(request) is not None, self.closing)
        return StreamingResponse(told, media_type="text/event-stream")

    def cases_csv(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _to_login()
        wanted = listing.Wanted.of(request.query_params)
        marked = self._marked(wanted, user)
        rows = exported.lines(self._console.views, wanted, user.tenant, persons=self._console.persons, marked=marked)
        return StreamingResponse(
            rows, media_type="text/csv; charset=utf-8", headers={"content-disposition": 'attachment; filename="cases.csv"'}
        )

    def _marked(self, wanted: listing.Wanted, user: User) -> listing.Keys | None:
        """The contracts with the flag that is asked for; None: none is."""
        return self._console.people.marks.flagged(wanted.mark, user.tenant) if wanted.mark else None

    async def order_many(self, request: Request) -> Response:
        user = await self.entered(request)
        if user is None:
            return _to_login()
        form = await request.form()
        if form.get("csrf") != user.csrf or user.role not in MAY_ORDER or self.ordering is None:
            raise HTTPException(403)
        found = await run_in_threadpool(listing.cases, self._console.views, _selected(form), user.tenant)
        try:
            ordered = await self.ordering.order_many(user, found, str(form.get("order", "")), str(form.get("nonce", "")))
        except NotOffered:
            return self._refused(request, user, 409, "not_offered_hint")
        except Unsent as error:
            log.error("orders of %d contracts were not taken: %s", len(found), error)
            return self._refused(request, user, 503, "unsent_hint")
        return RedirectResponse(f"/cases?{urlencode({'ordered': len(ordered), 'passed_over': len(found) - len(ordered)})}", 303)

    async def flag(self, request: Request) -> Response:
        """Stick a flag on the selected contracts, or take one off."""
        user = await self.entered(request)
        if user is None:
            return _to_login()
        form = await request.form()
        if form.get("csrf") != user.csrf or user.role not in MAY_ORDER:
            raise HTTPException(403)
        rows = await run_in_threadpool(listing.cases, self._console.views, _selected(form), user.tenant)
        keys, name, marks = [(row.tenant, row.contract) for row in rows], str(form.get("flag", "")), self._console.people.marks
        try:
            if form.get("take"):
                for key in keys:
                    await run_in_threadpool(marks.take, key, name)
            else:
                await run_in_threadpool(marks.put, keys, name, str(form.get("colour", "")), user.name)
        except NoFlag as error:
            return self._refused(request, user, 400, str(error))
        back = str(form.get("back", ""))
        return RedirectResponse(back if back.startswith("/cases") else "/cases", 303)

    async def contract(self, request: Request, tenant: str, name: str) -> Response:
        user = await self.entered(request)
        if user is None:
            return _to_login()
        found = await self._found(user, tenant, name)
        key, marks = (tenant, name), self._console.people.marks
        await run_in_threadpool(marks.note_read, user.name, key, found.case.version)
        counter = None if self.ordering is None else await self.ordering.counter(user, found.case, found.questions)
        return await run_in_threadpool(
            self.drawn, request, "contract.html", user,
            found=found, case=found.case, told=found.case.told, persons=self._console.persons, counter=counter,
            words=await self._words(found, counter),
            marks=(await run_in_threadpool(marks.of, [key])).get(key, []), colours=COLOURS, may_mark=user.role in MAY_ORDER,
        )  # fmt: skip

    async def _words(self, found: Contract, counter: Counter | None) -> dict[str, str | None]:
        """What people wrote, by how it stands sealed on the page; None: it can't be read."""
        desk = self._console.desk
        told = [entry.told for entry in found.entries] + [dict(order.told) for order in (counter.orders if counter else ())]
        sealed = sorted(set(sealed_in(told)))
        if desk is None or not desk.seals:
            return dict.fromkeys(sealed)
        opened = await asyncio.gather(*(desk.opened(found.case.tenant, found.case.contract, each) for each in sealed))
        return dict(zip(sealed, opened, strict=True))

    async def order(self, request: Request, tenant: str, name: str) -> Response:
        user = await self.entered(request)
        if user is None:
            return _to_login()
        form = {field: value for field, value in (await request.form()).items() if isinstance(value, str)}
        if form.get("csrf") != user.csrf or user.role not in MAY_ORDER or self.ordering is None:
            raise HTTPException(403)
        found = await self._found(user, tenant, name)
        try:
            await self.ordering.order(user, found.case, found.questions, form)
        except NotOffered:
            return self._refused(request, user, 409, "not_offered_hint")
        except NoOrder as error:
            return self._refused(request, user, 400, str(error))
        except Unsent as error:
            log.error("an order of %s/%s was not taken: %s", tenant, name, error)
            return self._refused(request, user, 503, "unsent_hint")
        return RedirectResponse(f"{request.url.path}#orders", 303)

    async def _found(self, user: User, tenant: str, name: str) -> Contract:
        """Raises HTTPException where there is none that the user may see."""
        found = await run_in_threadpool(contract, self._console.views, tenant, name) if user.tenant in ("", tenant) else None
        if found is None:
            raise HTTPException(404)
        return found

    def _refused(self, request: Request, user: User, status_code: int, hint: str) -> Response:
        return self.drawn(request, "problem.html", user, status_code=status_code, key="not_ordered", hint=hint)

    def login_page(self, request: Request) -> Response:
        if self._user(request) is not None:
            return RedirectResponse("/cases", 303)
        return self.drawn(request, "login.html", refused="", name="")

    def log_in(self, request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
        address = request.client.host if request.client else ""
        try:
            token = self._console.people.directory.log_in(name, password, address)
        except Refused as refused:
            status = 429 if refused.reason == "refused_often" else 403
            return self.drawn(request, "login.html", status_code=status, refused=refused.reason, name=name)
        return self.let_in(RedirectResponse("/cases", 303), token)

    def let_in(self, response: Response, token: str) -> Response:
        """The answer with a session's cookie."""
        secure = self._console.secure_cookies
        response.set_cookie(self._console.cookie, token, max_age=SESSION_MS // 1000, httponly=True, samesite="strict", secure=secure)
        return response

    def log_out(self, request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        user = self._user(request)
        if user is not None:
            if csrf != user.csrf:
                raise HTTPException(403)
            self._console.people.directory.log_out(request.cookies[self._console.cookie])
        response = _to_login()
        response.delete_cookie(self._console.cookie, secure=self._console.secure_cookies, httponly=True, samesite="strict")
        return response

    def welcome_page(self, request: Request, token: str) -> Response:
        refused = "" if self._console.people.directory.is_invited(token) else "refused_link"
        return self.drawn(request, "welcome.html", status_code=404 if refused else 200, refused=refused, name="", open=not refused)

    def welcome(self, request: Request, token: str, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
        try:
            self._console.people.directory.join(token, name, password)
        except Refused as refused:
            still = self._console.people.directory.is_invited(token)
            return self.drawn(request, "welcome.html", status_code=400, refused=refused.reason, name=name, open=still)
        return self.log_in(request, name, password)

    def problem(self, request: Request, status_code: int) -> Response:
        """A page that says what is wrong, whatever it was; to another system, as the API tells it."""
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": HTTPStatus(status_code).phrase.lower()}, status_code)
        key = {404: "not_found", 405: "not_found"}.get(status_code, "refused" if status_code < 500 else "defect")
        return self.drawn(request, "problem.html", status_code=status_code, key=key, hint=f"{key}_hint")

    async def entered(self, request: Request) -> User | None:
        """Who asks."""
        return await run_in_threadpool(self._user, request)

    def to_login(self) -> Response:
        """Where who is not logged in goes."""
        return _to_login()

    def _user(self, request: Request) -> User | None:
        """Notes besides which changes the page will show at least: what comes after them is told to it once it is open."""
        user = self._session(request)
        if user is not None:
            request.state.place = changes.end(self._console.views)
        return user

    def _session(self, request: Request) -> User | None:
        token = request.cookies.get(self._console.cookie)
        return self._console.people.directory.user_of(token) if token else None

    def drawn(self, request: Request, template: str, user: User | None = None, *, status_code: int = 200, **values: Any) -> Response:
        """A page in the language of the browser."""
        more = (("/policies", "policies"), ("/agencies", "agencies")) if self._console.office is not None else ()
        language = language_of(request.headers.get("accept-language", ""))
        words: dict[str, Any] = {
            "t": texts_in(language),
            "language": language,
            "user": user,
            "path": request.url.path,
            "pages": (*PAGES, *more),
        }
        words["place"] = getattr(request.state, "place", "")
        words["explains"] = self._console.office is not None
        words["provider"] = self._console.sign_on.label if self._console.sign_on else ""
        words |= formats_in(language, self._console.zone)
        text = TEMPLATES.get_template(template).render(**words, **values)
        return Response(text, status_code, media_type="text/html; charset=utf-8")


def _counts(query: Mapping[str, str]) -> tuple[int, int] | None:
    """Of how many contracts something was just ordered, and of how many it could not be."""
    told = [query.get(name, "") for name in ("ordered", "passed_over")]
    return (int(told[0]), int(told[1])) if all(each.isdecimal() and len(each) < 5 for each in told) else None


def _selected(form: FormData) -> list[tuple[str, str]]:
    chosen = (each.partition("/") for each in form.getlist("case")[: listing.PAGE_ROWS] if isinstance(each, str))
    return [(tenant, contract) for tenant, slash, contract in chosen if slash]


def _to_login() -> Response:
    return RedirectResponse("/login", 303)


def make_app(console: Console) -> FastAPI:
    """The application. Its databases must be migrated. Who stops it sets `state.closing` first: else open pages keep it waiting."""
    app, pages = FastAPI(openapi_url=None), Pages(console)
    app.state.closing = pages.closing
    app.mount("/api", make_api(console.views, console.people.tokens, pages.ordering, pages.closing))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_api_route("/", lambda: RedirectResponse("/cases", 303), methods=["GET"])
    app.add_api_route("/cases", pages.cases, methods=["GET"])
    app.add_api_route("/cases", pages.order_many, methods=["POST"])
    app.add_api_route("/cases.csv", pages.cases_csv, methods=["GET"])
    app.add_api_route("/cases/{tenant}/{name:path}", pages.contract, methods=["GET"])
    app.add_api_route("/cases/{tenant}/{name:path}", pages.order, methods=["POST"])
    app.add_api_route("/money/{tenant}/{name:path}", MoneyPages(pages, console.views).show, methods=["GET"])
    if console.office is not None:
        settling = Settling(pages, console.office, console.people.proposals, console.views)
        app.add_api_route("/policies", settling.policies, methods=["GET"])
        app.add_api_route("/policies", settling.try_policy, methods=["POST"])
        app.add_api_route("/policies/decide", settling.decide, methods=["POST"])
        app.add_api_route("/agencies", settling.agencies, methods=["GET"])
        app.add_api_route("/statements/{tenant}/{account:path}", Remitted(pages, console.views).show, methods=["GET"])
        letters = DeadLetters(pages, console.office, console.people.letters, persons=console.persons)
        app.add_api_route("/letters", letters.show, methods=["GET"])
        app.add_api_route("/letters", letters.settle, methods=["POST"])
        app.add_api_route("/why/{tenant}/{name:path}", Explaining(pages, console.office).why, methods=["GET"])
        app.add_api_route("/agencies", settling.change_account, methods=["POST"])
    if console.sign_on is not None:
        entering = Entering(pages, console.sign_on, console.people.directory, secure=console.secure_cookies)
        app.add_api_route(PROVIDER_PATH, entering.begin, methods=["GET"])
        app.add_api_route(BACK, entering.back, methods=["GET"])
    app.add_api_route("/live", pages.live, methods=["GET"])
    app.add_api_route("/flags", pages.flag, methods=["POST"])
    app.add_api_route("/attention", pages.attention, methods=["GET"])
    app.add_api_route("/overview", pages.overview, methods=["GET"])
    app.add_api_route("/login", pages.login_page, methods=["GET"])
    app.add_api_route("/login", pages.log_in, methods=["POST"])
    app.add_api_route("/logout", pages.log_out, methods=["POST"])
    app.add_api_route("/welcome/{token}", pages.welcome_page, methods=["GET"])
    app.add_api_route("/welcome/{token}", pages.welcome, methods=["POST"])

    @app.exception_handler(HTTPException)
    def wrong(request: Request, error: HTTPException) -> Response:
        return pages.problem(request, error.status_code)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if guard.from_elsewhere(request):
            return pages.problem(request, 403)
        if guard.too_large(request):
            return pages.problem(request, 413)
        try:
            return await call_next(request)
        except Exception as error:  # here and not further out, so that the headers are on this answer too
            log.exception("%s cannot be shown: %s", request.url.path, type(error).__name__)
            return pages.problem(request, 500)

    app.middleware("http")(guard.add_headers)
    return app
