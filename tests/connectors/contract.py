"""What an adapter's capabilities promise, each as a check against that agency's sandbox: `CHECKS`, one for every ability there is.

A check looks at what the agency shows of the case, by its own pages, and at what the adapter tells; an adapter that claims an ability it
has not, or denies one it has, fails it.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, TypeAlias

import httpx
import pytest

from connectors.agencies.registry import WEBHOOKS
from connectors.delivery.agency import (
    Ability,
    AccountConfig,
    Agency,
    Answer,
    Answering,
    Change,
    Closed,
    DocumentAdded,
    Message,
    MessageReceived,
    OpenAgency,
    Passed,
    QuestionAsked,
    ReportedPayment,
    Writing,
)
from connectors.delivery.errors import CaseEnded, CredentialsRefused, Refused
from connectors.delivery.webhook import Delivery, NotGenuine
from connectors.sandbox.app import Sandbox
from tests.connectors.conftest import MakeSubmission
from tests.connectors.signing import AHEAD_S, SECRET, SIGNATURE, WINDOW_S, Signed, signed, signed_body

BEGINNING = "2026-03-01T12:00:00Z"
LATER = "2026-03-10T12:00:00Z"
ACCEPTED = {"day": 1, "status": "Accepted"}
PAYMENT = ReportedPayment("k-1", "p-1", 1000, date(2026, 3, 1))


@dataclass(frozen=True)
class Stage:
    """An account at a sandbox, its adapter, and the pages by which the sandbox is directed."""

    open: OpenAgency
    account: AccountConfig
    agency: Agency
    sandbox: Sandbox
    direct: httpx.AsyncClient
    submission: MakeSubmission

    async def pass_days(self, until: str) -> None:
        (await self.direct.post("/clock", json={"now": until})).raise_for_status()

    async def script(self, *scenes: Mapping[str, Any]) -> None:
        (await self.direct.post("/script", json={"story": scenes})).raise_for_status()

    async def fault(self, **fault: Any) -> None:
        (await self.direct.post("/faults", json=fault)).raise_for_status()

    async def cases(self) -> list[dict[str, Any]]:
        listed = (await self.direct.get("/cases")).json()["cases"]
        return [case for case in listed if case["agency"] == self.account.agency]

    async def handed_over(self, *scenes: Mapping[str, Any]) -> str:
        """The case id of a handover of 40.00 and 2.50 costs, on the day of BEGINNING."""
        await self.pass_days(BEGINNING)
        if scenes:
            await self.script(*scenes)
        case_id = (await self.agency.submit(self.submission())).case_id
        await self.cases()  # who is reached by files has looked at them
        return case_id


async def changes_since(agency: Agency, cursor: str | None = None) -> tuple[list[Change], str]:
    """Everything the feed tells, each change once and the cases it only names looked at, and where it ends."""
    told: dict[str, Change] = {}
    while True:
        page = await agency.changes(cursor)
        looked_at = [change for case in page.touched for change in (await agency.view(case)).changes]
        told |= {change.change_id: change for change in (*page.changes, *looked_at)}
        cursor = page.cursor
        if not page.more:
            return list(told.values()), cursor


Check: TypeAlias = Callable[[Stage, bool], Awaitable[None]]


async def _recall(stage: Stage, can: bool) -> None:
    case_id = await stage.handed_over()
    if not can:
        return await _refused(stage.agency.recall(case_id, "r-1", "ordered"))
    await stage.agency.recall(case_id, "r-1", "ordered")
    view = await stage.agency.view(case_id)
    assert view.recalled, "the case was not taken back"
    assert view.closed
    assert view.changes[-1].what == Closed("unsuccessful", "recalled")
    await _ended(stage.agency.recall(case_id, "r-2", "paid"))
    return None


async def _report_payment(stage: Stage, can: bool) -> None:
    case_id = await stage.handed_over()
    if not can:
        return await _refused(stage.agency.report_payment(case_id, PAYMENT))
    for _ in range(2):
        await stage.agency.report_payment(case_id, PAYMENT)
    assert (await stage.agency.view(case_id)).reported == {"k-1"}
    (case,) = await stage.cases()
    assert case["owed"] == 3250, "the report did not arrive, or arrived twice"
    return None


async def _documents(stage: Stage, can: bool) -> None:
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "document": "invoice"})
    await stage.pass_days(LATER)
    found = [change.what for change in (await stage.agency.view(case_id)).changes if isinstance(change.what, DocumentAdded)]
    assert len(found) == can, "documents are told, or not told, against what is declared"
    assert all((document.kind, document.link[:8]) == ("invoice", "https://") for document in found)


async def _refresh(stage: Stage, can: bool) -> None:
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "status": "UnsuccessfullyClosed", "reason": "IRRECOVERABLE"})
    assert can, "asking for one case is what every agency can"
    assert not (await stage.agency.view(case_id)).closed
    await stage.pass_days(LATER)
    view = await stage.agency.view(case_id)
    assert (view.case_id, view.reference, view.closed) == (case_id, "h-1", True)
    assert isinstance(view.changes[0].what, Passed)
    assert view.changes[-1].what == Closed("unsuccessful", "irrecoverable")
    assert (await stage.agency.view(case_id)).changes == view.changes, "the same things have other names the second time"


async def _feed(stage: Stage, can: bool) -> None:
    if not can:
        return await _refused(stage.agency.changes(None))
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "status": "UnsuccessfullyClosed", "reason": "INSOLVENCY"})
    begun, cursor = await changes_since(stage.agency)
    assert [change.what for change in begun] == [Passed()]
    assert (await changes_since(stage.agency, cursor))[0] == [], "what was told is told again after its cursor"
    await stage.pass_days(LATER)
    told, _ = await changes_since(stage.agency, cursor)
    assert told[-1].what == Closed("unsuccessful", "insolvency")
    assert {(change.reference, change.case_id) for change in told} == {("h-1", case_id)}
    return None


async def _validate(stage: Stage, can: bool) -> None:
    await stage.agency.check()
    stranger = stage.open(replace(stage.account, authentication_code="wrong"))
    try:
        await stranger.check()
    except CredentialsRefused:
        assert can, "credentials are asked about, against what is declared"
    else:
        assert not can, "unknown credentials are said to be known"
    finally:
        await stranger.close()


def _has(method: str) -> Check:
    """An ability no adapter has yet: who claims it must at least have a way."""

    async def check(stage: Stage, can: bool) -> None:
        assert hasattr(stage.agency, method) == can, f"{method} is there, or is not, against what is declared"

    return check


async def _messages(stage: Stage, can: bool) -> None:
    if not can:
        return await _has("send_message")(stage, can)
    assert isinstance(stage.agency, Writing)
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "message": "Bitte melden"})
    message = Message("k-1", "acme/C-1", "m-1", "words")
    await stage.agency.send_message(case_id, message)
    await stage.agency.send_message(case_id, message)
    await stage.pass_days(LATER)
    view = await stage.agency.view(case_id)
    assert "k-1" in view.reported
    [said] = [change.what for change in view.changes if isinstance(change.what, MessageReceived)]
    assert said.text == "Bitte melden"
    return None


async def _questions(stage: Stage, can: bool) -> None:
    if not can:
        return await _has("answer")(stage, can)
    assert isinstance(stage.agency, Answering)
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "question": "Ratenzahlung?"})
    await stage.pass_days(LATER)
    [asked] = [change.what for change in (await stage.agency.view(case_id)).changes if isinstance(change.what, QuestionAsked)]
    assert asked.text == "Ratenzahlung?"
    await stage.agency.answer(case_id, Answer("k-1", "acme/C-1", asked.question_id, "ja"))
    assert "k-1" in (await stage.agency.view(case_id)).reported
    return None


async def _webhook(stage: Stage, can: bool) -> None:
    verify = WEBHOOKS.get(stage.account.agency)
    assert (verify is not None) == can, "a webhook is verified, or is not, against what is declared"
    if verify is None:
        return
    agency, now = stage.account.agency, 1_800_000_000
    case_id = await stage.handed_over()
    genuine = signed(agency, "d-1", case_id, now)

    def taken(one: Signed, at: float = now, secret: str = SECRET) -> Delivery:
        return verify(secret, {name.lower(): value for name, value in one.headers.items()}, one.body, at)

    def why_not(one: Signed, at: float = now, secret: str = SECRET) -> str:
        with pytest.raises(NotGenuine) as told:
            taken(one, at, secret)
        return told.value.why

    for late in (0.0, WINDOW_S[agency] - 1.0, 1.0 - AHEAD_S):
        assert taken(genuine, now + late) == Delivery("d-1", case_id), "a genuine delivery is refused, or names another case"
    assert (await stage.agency.view(taken(genuine).case_id or "")).reference == "h-1", "the case it names can't be asked for"
    for away in (WINDOW_S[agency] + 1.0, -AHEAD_S - 1.0):
        assert why_not(genuine, now + away) == "outside_window"
    assert why_not(genuine, secret=base64.b64encode(b"another").decode()) == "signature_wrong"
    assert why_not(replace(genuine, body=genuine.body + b" ")) == "signature_wrong"
    assert why_not(replace(genuine, headers={})) == "signature_missing"
    assert why_not(replace(genuine, headers={SIGNATURE[agency]: "ü"})) in ("signature_missing", "signature_wrong")
    for body in (b"not json", b"[]", b"{}", b'{"id": 1}', b"\xff"):
        assert why_not(signed_body(agency, body, now)) == "body_unreadable"
    assert why_not(signed(agency, "d" * 201, case_id, now)) == "body_unreadable"
    assert why_not(signed(agency, "d-1", "c" * 201, now)) == "body_unreadable"


CHECKS: Final[Mapping[Ability, Check]] = {
    "recall": _recall,
    "report_payment": _report_payment,
    "messages": _messages,
    "questions": _questions,
    "documents": _documents,
    "monitoring": _has("monitor"),
    "refresh": _refresh,
    "feed": _feed,
    "webhook": _webhook,
    "validate": _validate,
}


async def holds(stage: Stage, ability: Ability) -> None:
    """Raises AssertionError where the adapter's capabilities don't tell the truth about an ability."""
    await CHECKS[ability](stage, stage.agency.capabilities.can(ability))


async def _refused(call: Awaitable[object]) -> None:
    try:
        await call
    except Refused:
        return
    raise AssertionError("what is declared to be impossible was done")


async def _ended(call: Awaitable[object]) -> None:
    try:
        await call
    except CaseEnded:
        return
    raise AssertionError("a case that has ended was acted on")
