"""mediafinanz: a plain SOAP client drives our sandbox by its WSDL, our requests have the names of its public example, and answers that are
wrong, hostile or not understood do no harm."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import zeep
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from zeep.exceptions import Fault

from connectors.agencies.mediafinanz import access, mapping
from connectors.agencies.mediafinanz.client import Mediafinanz
from connectors.agencies.mediafinanz.soap import Soap
from connectors.delivery.agency import AccountConfig, Closed, Message, PaymentReceived, ReportedPayment, Submission, Unmapped
from connectors.delivery.errors import (
    AccountUnusable,
    AgencyError,
    ModeMismatch,
    Reason,
    Refused,
    ResultUnknown,
    SubmissionRejected,
    Unavailable,
)
from connectors.delivery.wire import Wire
from connectors.sandbox.app import Sandbox
from connectors.web import WebServer
from tests.connectors.conftest import MakeSubmission

EXAMPLE: dict[str, Any] = {
    "ClientCustomerRefNo": "",
    "PartnerNo": 0,
    "Stage": "V",
    "Debtor": {
        "LegalForm": "",
        "Company": "",
        "PersonType": 0,
        "LastName": "",
        "FirstName": "",
        "BirthDate": "",
        "PostalAddress": {"Annex": "", "Street": "", "PostalCode": "", "City": "", "CountryCode": "", "Validity": 1},
        "Communications": [{"Means": 0, "Type": 0, "Value": "", "Validity": 1}],
    },
    "Claim": {
        "Amount": 0.0,
        "ContractDate": "",
        "ContractualItemCatalogueNo": "",
        "ContractualCondition": 0,
        "Reason": "",
        "PrincipalClaim": {"Number": "", "Value": 0.0, "Date": "", "Remark": ""},
        "DunningCosts": {"Number": "", "Value": 0.0, "Date": "", "Remark": ""},
    },
    "Memo": "",
}
"""Names and kinds of the public example call."""
BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>&c;&c;&c;</x></s:Body></s:Envelope>"""


@pytest.fixture
def account(sandbox: Sandbox) -> AccountConfig:
    return AccountConfig("acme", "main", "mediafinanz", "test", f"{sandbox.url}/mediafinanz", "10001", "s3cret")


@pytest.fixture
async def agency(account: AccountConfig) -> AsyncIterator[Mediafinanz]:
    opened = Mediafinanz(account, answer_s=2.0)
    yield opened
    await opened.close()


def _soap_client(sandbox: Sandbox) -> tuple[Any, dict[str, Any]]:
    client = zeep.Client(f"{sandbox.url}/mediafinanz/soap/encashment?wsdl")  # type: ignore[no-untyped-call]
    return client.service, {"clientId": "10001", "licenceKey": hashlib.md5(b"s3cret").hexdigest(), "sandbox": True}


def _whole_life(sandbox: Sandbox) -> None:
    soap, auth = _soap_client(sandbox)
    claim = {"invoiceid": "h-1", "originalValue": "40.00", "overdueFees": "2.50", "dateOfOrigin": date(2026, 1, 1)}
    debtor = {"lastname": "Muster", "street": "Hauptstr. 1", "postcode": "60311", "city": "Frankfurt", "country": "DE"}
    number = soap.newClaim(auth, claim, debtor).fileNumber
    assert len(number) == 11
    identifier = {"fileNumber": number}
    assert soap.getClaimStatus(auth, identifier).statusCode == 90010
    batch = soap.getClaimStatusChanges(auth)
    assert [change.fileNumber for change in batch.changes] == [number]
    assert soap.getClaimStatusChanges(auth) == batch, "a batch is told again until it is committed"
    assert soap.commitTransaction(auth, batch.transactionId) is True
    assert not soap.getClaimStatusChanges(auth).changes
    assert soap.getNewMessages(auth).messages == []
    assert soap.sendMessage(auth, identifier, "Bitte melden") is True
    assert [message.text for message in soap.getMessageHistory(auth, identifier)] == ["Bitte melden"]
    assert soap.bookDirectPayment(auth, identifier, {"dateOfPayment": date(2026, 3, 1), "paidAmount": "2.50"}) is True
    summary = soap.getClaimAccountingSummary(auth, identifier)
    assert (summary.totalDebts, summary.paid, summary.outstanding) == (Decimal("42.50"), Decimal("2.50"), Decimal("40.00"))
    assert soap.getClaimOptions(auth, identifier).close is True
    assert soap.closeClaim(auth, identifier) is True
    assert [entry.statusCode for entry in soap.getClaimHistory(auth, identifier)] == [90010, 10210]
    assert not soap.getPayoutList(auth)
    with pytest.raises(Fault, match="the claim has ended"):
        soap.sendMessage(auth, identifier, "zu spät")


async def test_a_plain_soap_client_drives_the_sandbox_by_its_wsdl(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_whole_life, sandbox)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"licenceKey": "0" * 32}, "AuthenticationFailed"), ({"sandbox": False}, "ModeMismatch")],
)
async def test_a_stranger_and_a_live_call_are_refused(sandbox: Sandbox, change: dict[str, Any], code: str) -> None:
    def call() -> None:
        soap, auth = _soap_client(sandbox)
        soap.getPayoutList({**auth, **change})

    with pytest.raises(Fault) as refused:
        await asyncio.to_thread(call)
    assert refused.value.code == f"s:Client.{code}"


def test_a_handover_has_the_names_and_kinds_of_the_public_example(submission: MakeSubmission) -> None:
    body = json.loads(json.dumps(mapping.body_of(_reachable(submission()))))
    _held_to(EXAMPLE, body)
    assert body["ClientCustomerRefNo"] == "h-1"
    assert (body["Claim"]["Amount"], body["Claim"]["PrincipalClaim"]["Value"], body["Claim"]["DunningCosts"]["Value"]) == (42.5, 40.0, 2.5)


def _reachable(made: Submission) -> Submission:
    more = {"emails": ("e@example.org",), "phones": ("0541 1",), "birth_date": date(1971, 3, 14)}
    return replace(made, debtor=made.debtor.model_copy(update=more))


def _held_to(example: Any, sent: Any) -> None:
    if isinstance(example, dict):
        assert set(sent) <= set(example)
        for name, value in sent.items():
            _held_to(example[name], value)
    elif isinstance(example, list):
        for value in sent:
            _held_to(example[0], value)
    else:
        assert type(sent) is type(example)


@pytest.mark.parametrize(
    ("claim", "field"),
    [
        ({"issued_on": date(2026, 2, 25)}, "claims[0].issued_on"),
        ({"reminded_on": (date(2026, 2, 1), date(2026, 2, 26))}, "claims[0].reminded_on"),
        ({"open": 0}, "claims[0].open"),
    ],
)
async def test_what_mediafinanz_would_refuse_is_named_by_its_field_and_not_sent(
    agency: Mediafinanz, direct: httpx.AsyncClient, submission: MakeSubmission, claim: dict[str, Any], field: str
) -> None:
    made = submission()
    changed = made.data.model_copy(update={"claims": (made.data.claims[0].model_copy(update=claim),)})
    with pytest.raises(SubmissionRejected) as rejected:
        await agency.submit(replace(made, data=changed))
    assert [reason.field for reason in rejected.value.reasons] == [field]
    assert (await direct.get("/cases")).json()["count"] == 0


async def test_an_address_of_the_other_mode_is_refused_before_anything_is_sent(submission: MakeSubmission) -> None:
    for url, mode in (("https://api.mediafinanz.de", "test"), ("https://test.api.mediafinanz.de", "live")):
        crossed = Mediafinanz(AccountConfig("acme", "main", "mediafinanz", mode, url, "1", "2"))  # type: ignore[arg-type]
        with pytest.raises(ModeMismatch):
            await crossed.submit(submission())
        with pytest.raises(ModeMismatch):
            await crossed.check()
        with pytest.raises(ModeMismatch):
            await crossed.changes("S1")
        with pytest.raises(ModeMismatch):
            await crossed.report_payment("10000000001", ReportedPayment("k-1", "p-1", 100, date(2026, 3, 1)))
        await crossed.close()


async def test_a_live_account_is_refused_by_the_sandbox(account: AccountConfig) -> None:
    live = Mediafinanz(replace(account, mode="live"))
    with pytest.raises(ModeMismatch):
        await live.check()
    await live.close()


def test_an_account_has_its_parts_for_both_ways_in(account: AccountConfig) -> None:
    found = access.of(replace(account, url="https://test.api.mediafinanz.de", customer_number="u:n:c", authentication_code="p:w:a:l"))
    assert (found.headers["uuid"], found.headers["user"], found.headers["password"]) == ("u", "n", "p:w")
    assert found.auth == {"clientId": "c", "licenceKey": hashlib.md5(b"al").hexdigest(), "sandbox": True}
    assert found.soap_url == access.SOAP_LIVE
    assert "p:w" not in repr(found)
    with pytest.raises(AccountUnusable, match="customer_id"):
        access.of(replace(account, customer_number="u:n"))
    for url in ("", "no address", "http://[::1"):
        with pytest.raises(AccountUnusable, match="url"):
            Mediafinanz(replace(account, url=url))


def test_a_status_nobody_has_entered_is_left_to_a_person_and_the_public_one_is_known() -> None:
    assert mapping.status(10300, None) == Unmapped("status", {"statusCode": 10300})
    assert mapping.status(10210, "whatever they say") == Closed("unsuccessful", "recalled")
    assert mapping.status(90205, "Schuldner verzogen, Frau Muster") == Closed("unsuccessful", "other", "90205")


async def test_a_dry_run_takes_nothing(account: AccountConfig, direct: httpx.AsyncClient, submission: MakeSubmission) -> None:
    headers = {"uuid": "10001", "user": "u", "password": "s3cret", "validate": "1"}
    async with httpx.AsyncClient(base_url=account.url, headers=headers) as rest:
        looked_at = await rest.put("/v2.1/collect/claim/new/", json=mapping.body_of(submission()))
        wrong = await rest.put("/v2.1/collect/claim/new/", json={})
    assert looked_at.json() == {"bSuccess": True, "aMessage": [], "sData": ""}
    assert {each["name"] for each in wrong.json()["aValidationResult"]} >= {"Debtor", "Claim", "Stage"}
    assert (await direct.get("/cases")).json()["count"] == 0


async def test_a_payment_that_was_taken_back_can_t_be_told(agency: Mediafinanz) -> None:
    with pytest.raises(Refused):
        await agency.report_payment("10000000001", ReportedPayment("k-1", "p-1", -100, date(2026, 3, 1)))


async def test_our_own_messages_are_not_told_back_to_us(agency: Mediafinanz, submission: MakeSubmission) -> None:
    case_id = (await agency.submit(submission())).case_id
    await agency.send_message(case_id, Message("k-1", "acme/C-1", "m-1", "Guten Tag"))
    view = await agency.view(case_id)
    assert view.reported == {"k-1"}
    assert [change.what.type for change in view.changes] == ["case.passed"]


async def test_one_payout_may_come_without_a_list(agency: Mediafinanz, direct: httpx.AsyncClient, submission: MakeSubmission) -> None:
    await direct.post("/script", json={"story": [{"day": 1, "percent": 100}]})
    case_id = (await agency.submit(submission())).case_id
    await direct.post("/clock", json={"now": "2000-01-05T12:00:00Z"})
    [paid] = [change.what for change in (await agency.view(case_id)).changes if isinstance(change.what, PaymentReceived)]
    assert (paid.amount_minor, paid.value_date) == (4250, date(2000, 1, 2))


@asynccontextmanager
async def _answering(content: bytes, status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that says the same to everything, and the paths it was asked for."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return PlainTextResponse(content, status, media_type="text/xml")

    server = WebServer(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])]), "127.0.0.1", 0)
    await server.start()
    try:
        yield server.url, asked
    finally:
        await server.stop()


async def _changed_at(url: str) -> None:
    wire = Wire(url, {}, 2.0)
    try:
        auth = {"clientId": "1", "licenceKey": "2", "sandbox": True}
        await Soap(wire, f"{url}/soap", auth, lambda: None).change("sendMessage", claimIdentifier={"fileNumber": "1"}, message="x")
    finally:
        await wire.close()


@pytest.mark.parametrize(
    ("content", "status"),
    [(BOMB, 200), (b"<a/>", 200), (b"no xml", 200), (b"", 200), (b"upstream request failed", 502), (b"<" * 100_000, 200)],
    ids=["bomb", "no envelope", "no xml", "empty", "plain 502", "deep"],
)
async def test_an_answer_that_can_t_be_read_says_nothing_of_the_case(account: AccountConfig, content: bytes, status: int) -> None:
    async with _answering(content, status) as (url, _):
        agency = Mediafinanz(replace(account, url=url), answer_s=2.0)
        with pytest.raises(Unavailable):
            await agency.ask("h-1")
        with pytest.raises(ResultUnknown):
            await _changed_at(url)
        await agency.close()


async def test_nothing_that_an_answer_names_is_fetched(account: AccountConfig) -> None:
    async with _answering(b"") as (elsewhere, asked):
        hostile = f'<!DOCTYPE a SYSTEM "{elsewhere}/a.dtd" [<!ENTITY x SYSTEM "{elsewhere}/x">]><a>&x;</a>'.encode()
        async with _answering(hostile) as (url, _):
            agency = Mediafinanz(replace(account, url=url))
            with pytest.raises(Unavailable):
                await agency.check()
            await agency.close()
        assert asked == []


@pytest.mark.parametrize(
    "content", [BOMB, b"<a>", b"", b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>']
)
async def test_the_sandbox_answers_what_it_can_t_read_by_a_fault(account: AccountConfig, content: bytes) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{account.url}/soap/encashment", content=content)
    assert answer.status_code == 500
    assert "s:Client.Invalid" in answer.text


def _fault(code: str) -> bytes:
    fault = f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>Frau Muster</faultstring></s:Fault>"
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{fault}</s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize(
    ("code", "asked", "changed"),
    [
        ("Client", Refused, Refused),
        ("Client.Nobody", Refused, Refused),
        ("Server", Unavailable, ResultUnknown),
        ("", Unavailable, ResultUnknown),
    ],
)
async def test_a_fault_nobody_knows_never_says_that_there_is_no_claim(
    account: AccountConfig, code: str, asked: type[AgencyError], changed: type[AgencyError]
) -> None:
    """Or the handover would be sent a second time."""
    async with _answering(_fault(code), 500) as (url, _):
        agency = Mediafinanz(replace(account, url=url))
        with pytest.raises(asked) as failed:
            await agency.ask("h-1")
        assert "Muster" not in str(failed.value)
        with pytest.raises(changed):
            await _changed_at(url)
        await agency.close()


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ({"bSuccess": False, "aMessage": [{"sKey": "K1", "sValue": "Frau Muster"}], "sData": ""}, 400, SubmissionRejected),
        ({"bSuccess": False, "aMessage": [{"sKey": "K1", "sValue": ""}], "sData": ""}, 200, SubmissionRejected),
        ({"bSuccess": True, "aMessage": [], "sData": ""}, 200, ResultUnknown),
        ([], 200, ResultUnknown),
    ],
    ids=["400", "200 without success", "no file number", "a list"],
)
async def test_what_a_handover_is_answered(
    account: AccountConfig, submission: MakeSubmission, answer: Any, status: int, error: type[AgencyError]
) -> None:
    async with _answering(json.dumps(answer).encode(), status) as (url, _):
        agency = Mediafinanz(replace(account, url=url))
        with pytest.raises(error) as failed:
            await agency.submit(submission())
        await agency.close()
    if isinstance(failed.value, SubmissionRejected):
        assert failed.value.reasons == (Reason("other", "K1"),)
    assert "Muster" not in str(failed.value)
