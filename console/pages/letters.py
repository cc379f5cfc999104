"""Records that nobody could read or apply: seen as they came, with the reason, and put back, mended, or set aside."""

import logging
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from console.actions.desk import Unsent
from console.actions.office import DeadLetter, LetterPlace, Office, Unfit
from console.actions.ordering import MAY_ORDER
from console.pages.drawing import Drawing
from console.pages.settling import MAY_SETTLE
from console.people.directory import User
from console.people.letters import Letters

log = logging.getLogger(__name__)

SHOWN_MAX: Final = 200
TEXT_MAX: Final = 20_000
"""Characters; what is longer is shown cut, and can only be put back as it is."""
NOTE_MAX: Final = 200
PERSONS: Final = "billing.debtors"
"""Its records are about people by name."""


class DeadLetters:
    """`persons`: whether people's names may be shown."""

    def __init__(self, pages: Drawing, office: Office, letters: Letters, *, persons: bool) -> None:
        self._pages = pages
        self._office = office
        self._letters = letters
        self._persons = persons

    async def show(self, request: Request) -> Response:
        user = await self._pages.entered(request)
        return self._pages.to_login() if user is None else await self._drawn(request, user)

    async def settle(self, request: Request) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        form = {field: value for field, value in (await request.form()).items() if isinstance(value, str)}
        if form.get("csrf") != user.csrf or user.role not in MAY_ORDER:
            raise HTTPException(403)
        try:
            letter = await self._meant(user, form)
            outcome = await self._settled(letter, form, may_mend=user.role in MAY_SETTLE)
        except Unfit as error:
            return await self._drawn(request, user, status_code=400, wrong=str(error))
        except Unsent as error:
            log.error("a dead letter could not be put back: %s", error)
            return await self._drawn(request, user, status_code=503, wrong="unsent_hint")
        await run_in_threadpool(self._letters.settle, letter.place, outcome, user.name, form.get("note", "").strip()[:NOTE_MAX])
        return RedirectResponse("/letters", 303)

    async def _settled(self, letter: DeadLetter, form: dict[str, str], *, may_mend: bool) -> str:
        """Put back before it is noted: what is put back twice is dropped as known, what is noted and never put back is lost. Who mends a
        record says what was invoiced or paid, so that is an admin's."""
        if "aside" in form:
            return "set_aside"
        text = form.get("text", "")
        mended = None if not self._shows(letter) or _lines(text) == _lines(letter.text) else text
        if mended is not None and not may_mend:
            raise HTTPException(403)
        await self._office.put_back(letter.place, mended)
        return "put_back" if mended is None else "mended"

    async def _meant(self, user: User, form: dict[str, str]) -> DeadLetter:
        """The letter of the form, if it waits and the user may see it. Raises Unfit, Unsent."""
        named = [form.get(name, "") for name in LetterPlace._fields]
        found = [letter for letter in await self._seen(user) if [str(part) for part in letter.place] == named]
        if not found:
            raise HTTPException(404)
        if found[0].place in await run_in_threadpool(self._letters.settled, [found[0].place.topic]):
            raise Unfit("decided_already")
        return found[0]

    async def _seen(self, user: User) -> list[DeadLetter]:
        return [letter for letter in await self._office.dead_letters() if user.tenant in ("", letter.tenant)]

    def _shows(self, letter: DeadLetter) -> bool:
        """Whether its words may be seen, and changed, here."""
        return (self._persons or letter.origin != PERSONS) and len(letter.text) <= TEXT_MAX

    async def _drawn(self, request: Request, user: User, *, status_code: int = 200, wrong: str = "") -> Response:
        try:
            letters = await self._seen(user)
        except Unsent as error:
            log.error("dead letters can't be read: %s", error)
            letters, status_code, wrong = [], 503, "unsent_hint"
        settled = await run_in_threadpool(self._letters.settled, {letter.place.topic for letter in letters})
        waiting = [letter for letter in letters if letter.place not in settled]
        values: dict[str, Any] = {
            "waiting": [(letter, self._shows(letter)) for letter in waiting[:SHOWN_MAX]],
            "more": max(len(waiting) - SHOWN_MAX, 0),
            "settled": [(letter, settled[letter.place]) for letter in letters if letter.place in settled][:SHOWN_MAX],
            "wrong": wrong,
            "may": user.role in MAY_ORDER,
            "may_mend": user.role in MAY_SETTLE,
            "note_max": NOTE_MAX,
        }
        return await run_in_threadpool(self._pages.drawn, request, "letters.html", user, status_code=status_code, **values)


def _lines(text: str) -> str:
    """A browser sends the ends of lines its own way."""
    return text.replace("\r\n", "\n").strip()
