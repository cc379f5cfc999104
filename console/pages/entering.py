"""The way in through an identity provider: out to it, back from it, and into a session like any other."""

import logging
from typing import Any, Final, Protocol

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from console.people.directory import Directory, Refused, User
from console.people.sign_on import NotAdmitted, ProviderAway, SignOn

log = logging.getLogger(__name__)

PATH: Final = "/login/provider"
BACK: Final = f"{PATH}/back"
KEPT: Final = "mahnlauf_entering"
KEPT_S: Final = 600
"""As long somebody may take at the provider."""


class Doors(Protocol):
    """What the pages give."""

    def drawn(self, request: Request, template: str, user: User | None = None, *, status_code: int = 200, **values: Any) -> Response: ...
    def let_in(self, response: Response, token: str) -> Response: ...


class Entering:
    """`secure`: cookies go over HTTPS alone."""

    def __init__(self, doors: Doors, sign_on: SignOn, directory: Directory, *, secure: bool) -> None:
        self._doors = doors
        self._sign_on = sign_on
        self._directory = directory
        self._secure = secure

    async def begin(self, request: Request) -> Response:
        try:
            url, kept = await self._sign_on.begin()
        except ProviderAway as error:
            return self._away(request, error)
        response = RedirectResponse(url, 303)
        # lax: the browser comes back from another site, and must bring it along
        response.set_cookie(KEPT, kept, max_age=KEPT_S, path=PATH, httponly=True, samesite="lax", secure=self._secure)
        return response

    async def back(self, request: Request) -> Response:
        try:
            entrant = await self._sign_on.end(request.cookies.get(KEPT, ""), request.query_params)
            token = await run_in_threadpool(self._directory.admit, entrant.name, entrant.role, entrant.tenant)
        except ProviderAway as error:
            return self._away(request, error)
        except NotAdmitted as error:
            log.warning("the identity provider's visitor is not let in: %s", error)
            return self._doors.drawn(request, "login.html", status_code=403, refused="refused_provider", name="")
        except Refused as refused:
            return self._doors.drawn(request, "login.html", status_code=403, refused=refused.reason, name="")
        # No redirect: the session's cookie is strict, and a browser does not bring it on a way that began at another site.
        response = self._doors.let_in(self._doors.drawn(request, "entered.html"), token)
        response.delete_cookie(KEPT, path=PATH, httponly=True, samesite="lax", secure=self._secure)
        return response

    def _away(self, request: Request, error: ProviderAway) -> Response:
        log.error("the identity provider can't be asked: %s", error)
        return self._doors.drawn(request, "login.html", status_code=503, refused="provider_away", name="")
