"""paywise: the official client, unchanged, drives our sandbox through a case's life, and its models know all that our requests say."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest
from paywise import Paywise as OfficialClient
from paywise.case_management import (
    AddressWriteRequest,
    BadRequestError,
    ClaimCreateRequest_Receivable,
    ClaimPrincipalAmountWriteRequest,
    ConflictError,
    DebtorPersonWriteRequest,
    DebtorWriteRequest_Business,
    DebtorWriteRequest_Consumer,
    NotFoundError,
    PaymentAmountWriteRequest,
    UnauthorizedError,
    UnprocessableEntityError,
)
from pydantic import BaseModel

from connectors.agencies.paywise import mapping
from connectors.agencies.paywise.client import Paywise
from connectors.delivery.agency import AccountConfig, Closed, ReportedPayment, Submission
from connectors.delivery.errors import CaseEnded, ModeMismatch, Reason, Refused, SubmissionRejected
from connectors.sandbox.app import Sandbox, SandboxConfig
from schemas.debtors import Address, DebtorDescribedData
from tests.connectors.conftest import MakeSubmission
from tests.connectors.contract import BEGINNING, LATER

STORY = [
    {"day": 1, "status": "Accepted"},
    {"day": 2, "status": "DebtCollection", "stage": "extrajudicial"},
    {"day": 3, "document": "payment_proof"},
    {"day": 4, "percent": 50},
    {"day": 5, "status": "SuccessfullyClosed", "reason": "SETTLEMENT"},
]


@pytest.fixture
def account(sandbox: Sandbox) -> AccountConfig:
    return AccountConfig("acme", "main", "paywise", "test", f"{sandbox.url}/paywise", "", "s3cret")


def _official(sandbox: Sandbox, token: str = "s3cret") -> Any:
    return OfficialClient(base_url=f"{sandbox.url}/paywise", token=token, max_retries=0).case_management


def _whole_life(sandbox: Sandbox, pass_days: Any) -> None:
    client = _official(sandbox)
    assert client.health.check().status == "ok"
    assert client.info.get_case_credential_context().environment == "sandbox"
    debtor = client.debtors.create_debtor(
        idempotency_key="d-1",
        request=DebtorWriteRequest_Consumer(
            person=DebtorPersonWriteRequest(first_name="Erika", last_name="Muster"),
            addresses=[AddressWriteRequest(street="Hauptstr. 1", postal_code="60311", city="Frankfurt", country="DE", primary=True)],
            your_reference="C-1",
        ),
    )
    assert client.debtors.get_debtor(debtor.id).person.last_name == "Muster"
    claim = ClaimCreateRequest_Receivable(
        is_disputed=False,
        principal_amount=ClaimPrincipalAmountWriteRequest(value="42.50"),
        document_date=date(2026, 1, 1),
        due_date=date(2026, 1, 15),
        subject_matter="Membership",
        your_reference="h-1",
    )
    order = client.orders.create_order(idempotency_key="o-1", debtor_id=debtor.id, claims=[claim], type="invoice")
    again = client.orders.create_order(idempotency_key="o-1", debtor_id=debtor.id, claims=[claim], type="invoice")
    assert (order.status, order.id) == ("draft", again.id)
    submitted = client.orders.finalize_order(order.id, idempotency_key="f-1")
    assert (submitted.status, submitted.totals.order_value.value) == ("submitted", "42.50")
    with pytest.raises(ConflictError):
        client.orders.finalize_order(order.id, idempotency_key="f-2")

    pass_days(LATER)
    accepted = client.orders.get_order(order.id)
    assert accepted.status == "accepted"
    (listed,) = client.mandates.list_mandates()
    mandate = client.mandates.get_mandate(accepted.mandate, history=True)
    assert (listed.id, mandate.state.processing.code, mandate.legal_balance.total_payment.value) == (mandate.id, "ended", "21.25")
    assert [entry.state.legal_stage.code for entry in mandate.history] == ["extrajudicial", "extrajudicial", "ended"]
    assert [entry.id for entry in client.mandates.get_mandate_history(mandate.id)] == [entry.id for entry in mandate.history]
    (document,) = client.mandates.get_mandate_documents(mandate.id)
    assert (document.type, document.status) == ("payment_proof", "ready")
    message = client.mandates.create_mandate_message(mandate.id, idempotency_key="m-1", title="Question", body="Is it over?")
    assert [each.id for each in client.mandates.list_mandate_messages(mandate.id)] == [message.id]

    statements = list(client.statements.list_statements(mandate_reference_number=mandate.reference_number))
    rows = [next(iter(client.statements.list_statement_cases(statement.id))) for statement in statements]
    assert rows[0].third_party_money[0].payments_to_dca.total_payments.value == "21.25"
    assert (rows[1].closing.closing_code, rows[1].closing.closing_type) == ("IP04", "positive")
    events = [event.type for event in client.events.list_events(limit=2)]
    assert events[:4] == ["order.submitted", "order.accepted", "mandate.created", "mandate.status_update.published"]
    assert [each.type for each in client.events.list_events(since=str(len(events)))] == []


async def _directed(sandbox: Sandbox, path: str, body: object) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url) as direct:
        (await direct.post(path, json=body)).raise_for_status()


async def test_the_official_client_drives_a_case_through_its_whole_life(sandbox: Sandbox) -> None:
    await _directed(sandbox, "/clock", {"now": BEGINNING})
    await _directed(sandbox, "/script", {"story": STORY})
    loop = asyncio.get_running_loop()

    def pass_days(until: str) -> None:
        asyncio.run_coroutine_threadsafe(_directed(sandbox, "/clock", {"now": until}), loop).result(10)

    await asyncio.to_thread(_whole_life, sandbox, pass_days)


def _payment_and_withdrawal(sandbox: Sandbox) -> None:
    client = _official(sandbox)
    debtor = client.debtors.create_debtor(
        idempotency_key="d-1", request=DebtorWriteRequest_Consumer(person=DebtorPersonWriteRequest(first_name="E", last_name="M"))
    )
    with pytest.raises(NotFoundError):
        client.orders.get_order("nobody")
    with pytest.raises(BadRequestError) as refused:
        client.orders.create_order(idempotency_key="o-1", debtor_id="nobody", type="invoice")
    assert [error.field for error in refused.value.body.errors] == ["debtor_id"]
    draft = client.orders.create_order(idempotency_key="o-2", debtor_id=debtor.id, type="invoice")
    with pytest.raises(UnprocessableEntityError) as incomplete:
        client.orders.finalize_order(draft.id, idempotency_key="f-2")
    assert [error.field for error in incomplete.value.body.errors] == ["debtor.addresses", "claims"]
    with pytest.raises(ConflictError):
        client.orders.withdraw_order(draft.id, idempotency_key="w-2")
    client.orders.delete_draft_order(draft.id)
    with pytest.raises(UnauthorizedError):
        _official(sandbox, "wrong").info.get_case_credential_context()


async def test_the_official_client_reads_our_refusals(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_payment_and_withdrawal, sandbox)


async def test_the_official_client_sees_what_our_adapter_did(sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission) -> None:
    agency = Paywise(account)
    case_id = (await agency.submit(submission())).case_id
    await agency.report_payment(case_id, ReportedPayment("k-1", "p-1", 1000, date(2026, 3, 3)))
    await agency.recall(case_id, "r-1", "ordered")
    await agency.close()
    order = await asyncio.to_thread(_official(sandbox).orders.get_order, case_id)
    assert (order.status, order.claims[0].your_reference) == ("withdrawn", "h-1")
    (payment,) = await asyncio.to_thread(lambda: list(_official(sandbox).claims.list_claim_payments(order.claims[0].id)))
    assert (payment.amount.value, payment.your_reference) == ("10.00", "k-1")


def _unknown(model: BaseModel, path: str = "") -> Iterator[str]:
    """Fields that the official client's model has no name for."""
    yield from (f"{path}.{name}" for name in model.model_extra or {})
    for name, value in model:
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                yield from _unknown(part, f"{path}.{name}")


def _handovers(submission: MakeSubmission) -> list[Submission]:
    plain = submission()
    claim = plain.data.claims[0].model_copy(
        update={
            "reminded_on": (date(2026, 1, 20), date(2026, 2, 1)),
            "default_on": date(2026, 1, 20),
            "number": "R-1",
            "payment_method": "direct_debit",
            "chargeback_reason": "AM04",
            "subject_matter": "Membership",
        }
    )
    rich = replace(plain, data=plain.data.model_copy(update={"claims": (claim, claim.model_copy(update={"costs": 0}))}))
    company = DebtorDescribedData(
        kind="business",
        company="Muster GmbH",
        addresses=(Address(street="Hauptstr. 1", postal_code="60311", city="Frankfurt", country="DE"),),
        emails=("info@example.org",),
        phones=("+4969123",),
        iban="DE02120300000000202051",
    )
    return [plain, rich, replace(plain, debtor=company)]


def test_our_requests_are_what_the_official_client_s_models_know(submission: MakeSubmission) -> None:
    for handover in _handovers(submission):
        body = mapping.debtor_of(handover)
        model = DebtorWriteRequest_Business if body["acting_as"] == "business" else DebtorWriteRequest_Consumer
        assert list(_unknown(model.model_validate(body))) == []
        for claim in mapping.order_of(handover, "d-1")["claims"]:
            assert list(_unknown(ClaimCreateRequest_Receivable.model_validate(claim))) == []
    assert list(_unknown(PaymentAmountWriteRequest.model_validate(mapping.money(1)))) == []


async def test_every_kind_of_handover_is_taken(account: AccountConfig, submission: MakeSubmission) -> None:
    agency = Paywise(account)
    for number, handover in enumerate(_handovers(submission)):
        handover_id = f"h-{number}"
        data = handover.data.model_copy(update={"handover_id": handover_id})
        assert (await agency.submit(replace(handover, handover_id=handover_id, data=data))).reference == handover_id
    await agency.close()


@pytest.mark.parametrize(
    ("mode", "token", "other"), [("test", "live-key", "live"), ("live", "s3cret", "test")], ids=["live key in test", "test key in live"]
)
async def test_test_and_live_are_never_mixed(submission: MakeSubmission, mode: Any, token: str, other: str) -> None:
    server = Sandbox(SandboxConfig(port=0, codes={"1": "live-key", "2": "s3cret"}))
    await server.start()
    agency = Paywise(AccountConfig("acme", "main", "paywise", mode, f"{server.url}/paywise", "", token))
    with pytest.raises(ModeMismatch):
        await agency.check()
    with pytest.raises(ModeMismatch):
        await agency.submit(submission())
    await agency.close()
    async with httpx.AsyncClient(base_url=server.url) as direct:
        assert (await direct.get("/cases")).json()["count"] == 0
    await server.stop()


async def test_what_paywise_would_refuse_is_not_sent(account: AccountConfig, submission: MakeSubmission) -> None:
    agency = Paywise(replace(account, url="http://127.0.0.1:1"))
    wrong = submission(country="Germany", postal_code=None)
    wrong = replace(wrong, debtor=wrong.debtor.model_copy(update={"last_name": None}))
    with pytest.raises(SubmissionRejected) as rejected:
        await agency.submit(wrong)
    await agency.close()
    assert rejected.value.reasons == (
        Reason("data_invalid", field="debtor.last_name"),
        Reason("address_incomplete", field="debtor.addresses[0].postal_code"),
        Reason("data_invalid", field="debtor.addresses[0].country"),
    )


async def test_a_draft_left_behind_is_no_case_and_is_finalized_by_the_next_try(
    sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission
) -> None:
    agency = Paywise(account)
    await _directed(sandbox, "/faults", {"kind": "503", "operation": "submit", "count": 1})
    with pytest.raises(Exception, match="503"):
        await agency.submit(submission())
    assert await agency.ask("h-1") is None
    await agency.submit(submission())
    await agency.close()
    orders = await asyncio.to_thread(lambda: list(_official(sandbox).orders.list_orders()))
    assert [order.status for order in orders] == ["submitted"]


async def test_an_accepted_case_is_recalled_by_message(sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission) -> None:
    await _directed(sandbox, "/script", {"story": [{"day": 0, "status": "Accepted"}, {"day": 9, "status": "Accepted"}]})
    agency = Paywise(account)
    case_id = (await agency.submit(submission())).case_id
    for _ in range(2):
        await agency.recall(case_id, "r-1", "ordered")
    await agency.close()
    client = _official(sandbox)
    (mandate,) = await asyncio.to_thread(lambda: list(client.mandates.list_mandates()))
    (message,) = await asyncio.to_thread(lambda: list(client.mandates.list_mandate_messages(mandate.id)))
    assert message.title == "Rücknahme des Auftrags"


async def test_a_closed_case_takes_no_payment_and_no_recall(sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission) -> None:
    story = [{"day": 0, "status": "Accepted"}, {"day": 0, "status": "UnsuccessfullyClosed", "reason": "IRRECOVERABLE"}]
    await _directed(sandbox, "/script", {"story": story})
    agency = Paywise(account)
    case_id = (await agency.submit(submission())).case_id
    assert (await agency.view(case_id)).changes[-1].what == Closed("unsuccessful", "irrecoverable")
    with pytest.raises(CaseEnded):
        await agency.recall(case_id, "r-1", "ordered")
    with pytest.raises(CaseEnded):
        await agency.report_payment(case_id, ReportedPayment("k-1", "p-1", 1000, date(2026, 3, 3)))
    with pytest.raises(Refused):
        await agency.report_payment(case_id, ReportedPayment("k-1", "p-1", -1000, date(2026, 3, 3)))
    await agency.close()
