"""Why a contract stands where it stands, what comes next and what would change it: what `mahnlauf explain` tells, as a page."""

import logging

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from console.actions.desk import Unsent
from console.actions.office import Office, Unfit
from console.pages.drawing import Drawing

log = logging.getLogger(__name__)


class Explaining:
    def __init__(self, pages: Drawing, office: Office) -> None:
        self._pages = pages
        self._office = office

    async def why(self, request: Request, tenant: str, name: str) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        if user.tenant not in ("", tenant):
            raise HTTPException(404)
        told, wrong, status_code = None, "", 200
        try:
            told = await self._office.explained(tenant, name)
        except Unfit as error:
            wrong, status_code = str(error), 404
        except Unsent as error:
            log.error("%s/%s can't be explained: %s", tenant, name, error)
            wrong, status_code = "unsent_hint", 503
        values = {"tenant": tenant, "name": name, "told": told, "wrong": wrong}
        return await run_in_threadpool(self._pages.drawn, request, "why.html", user, status_code=status_code, **values)
