"""Debitura: its official client, unchanged, drives our sandbox through a case's life, and its document knows all our requests say."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from debitura_debt_collection import models as official
from debitura_debt_collection.api.cases_api import CasesApi
from debitura_debt_collection.api.me_api import MeApi
from debitura_debt_collection.api.test_cases_api import TestCasesApi as CaseHelpers
from debitura_debt_collection.api_client import ApiClient
from debitura_debt_collection.configuration import Configuration
from debitura_debt_collection.exceptions import ApiException, BadRequestException, NotFoundException, UnauthorizedException

from connectors.agencies.debitura import mapping
from connectors.agencies.debitura.client import Debitura
from connectors.delivery.agency import AccountConfig, Closed, Submission
from connectors.delivery.errors import ModeMismatch, Reason, ResultUnknown, SubmissionRejected
from connectors.sandbox.app import Sandbox
from tests.connectors.conftest import MakeSubmission

DOCUMENT = Path(__file__).parents[3] / "shared" / "data" / "agencies" / "debitura-customer-api.json"
REQUEST = "Debitura.Web.ExternalApi.Contracts.V1.Cases.Requests.CreateCollectionCaseRequestApiViewModel"


@pytest.fixture
def account(sandbox: Sandbox) -> AccountConfig:
    return AccountConfig("acme", "main", "debitura", "test", f"{sandbox.url}/debitura", "", "s3cret")


@pytest.fixture
def schemas() -> dict[str, Any]:
    if not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT.name} is not here")
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return found


def _client(sandbox: Sandbox, key: str = "s3cret") -> ApiClient:
    return ApiClient(Configuration(host=f"{sandbox.url}/debitura", api_key={"ApiKey": key}))


def _new_case(**change: Any) -> Any:
    body = {
        "currencyCode": "EUR",
        "date": "2026-01-01T00:00:00Z",
        "creditorReference": "h-1",
        "amountToRecover": 42.5,
        "isTest": True,
        "debtor": {"type": "Private", "name": "Erika Muster", "countryAlpha2": "DE"},
        **change,
    }
    (model,) = (value for name, value in vars(official).items() if name.endswith("CreateCollectionCaseRequestApiViewModel"))
    return model.from_dict(body)


def _advance_to(to: str, amount: float | None = None) -> Any:
    (model,) = (value for name, value in vars(official).items() if name.endswith("AdvanceTestCaseRequest"))
    return model.from_dict({"to": to, "amount": amount})


def _whole_life(sandbox: Sandbox) -> None:
    with _client(sandbox) as client:
        cases: Any = CasesApi(client)
        tests: Any = CaseHelpers(client)
        assert MeApi(client).me_get().company_name == "Sandbox creditor"
        made = _posted(cases, _new_case(), "k-1")
        assert _posted(cases, _new_case(), "k-1").id == made.id
        assert (made.lifecycle, made.is_test_case, made.gross_amount) == ("PendingVerification", True, 42.5)
        assert cases.cases_by_creditor_reference_creditor_reference_get("h-1").id == made.id
        assert [case.id for case in cases.cases_get().cases] == [made.id]
        assert tests.test_cases_id_advance_post(made.id, _advance_to("Active")).advanced
        assert cases.cases_id_get(made.id).lifecycle == "Active"
        assert tests.test_cases_id_advance_post(made.id, _advance_to("Closed:Paid", 42.5)).state == "Closed"
        closed = cases.cases_id_get(made.id)
        assert (closed.lifecycle, closed.close_code, closed.remainder) == ("Closed", "Paid", 0)
        assert [payment.gross_amount for payment in cases.cases_id_payments_get(made.id)] == [42.5]
        assert [item.type for item in cases.cases_id_timeline_get(made.id).items] == [
            *("CaseCreated", "CaseActivated", "PaymentReceived", "CaseClosed")
        ]
        assert cases.cases_id_files_get(made.id) == []
        tests.test_cases_id_delete(made.id)
        with pytest.raises(NotFoundException):
            cases.cases_id_get(made.id)


def _posted(cases: Any, body: Any, key: str) -> Any:
    (name,) = (name for name in ("idempotency_key",) if name in cases.cases_post.__annotations__)
    (form,) = (each for each in cases.cases_post.__annotations__ if each.startswith("debitura"))
    return cases.cases_post(**{name: key, form: body})


async def test_the_official_client_drives_a_case_through_its_whole_life(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_whole_life, sandbox)


def _refusals(sandbox: Sandbox) -> None:
    with _client(sandbox) as client:
        cases: Any = CasesApi(client)
        tests: Any = CaseHelpers(client)
        with pytest.raises(ApiException) as refused:
            _posted(cases, _new_case(debtor={"type": "Private", "name": "E", "countryAlpha2": "US"}), "k-1")
        assert (refused.value.status, list(json.loads(refused.value.body or ""))) == (400, ["debtor"])
        live = _posted(cases, _new_case(isTest=False), "k-2")
        with pytest.raises(ApiException) as conflict:
            _posted(cases, _new_case(isTest=False, amountToRecover=1), "k-2")
        assert (conflict.value.status, json.loads(conflict.value.body or "")["businessErrors"][0]["type"]) == (422, "IdempotencyConflict")
        with pytest.raises(BadRequestException):
            tests.test_cases_id_advance_post(live.id, _advance_to("Active"))
    with _client(sandbox, "wrong") as stranger, pytest.raises(UnauthorizedException):
        CasesApi(stranger).cases_get()


async def test_the_official_client_reads_our_refusals(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_refusals, sandbox)


async def test_the_official_client_drives_the_case_our_adapter_handed_over(
    sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission
) -> None:
    agency = Debitura(account)
    case_id = (await agency.submit(submission())).case_id

    def drive() -> None:
        with _client(sandbox) as client:
            CaseHelpers(client).test_cases_id_advance_post(case_id, _advance_to("Closed:NoPayment"))

    await asyncio.to_thread(drive)
    view = await agency.ask("h-1")
    await agency.close()
    assert view is not None
    assert view.changes[-1].what == Closed("unsuccessful", "irrecoverable")


def _handovers(submission: MakeSubmission) -> Iterator[Submission]:
    plain = submission()
    yield plain
    yield replace(plain, debtor=plain.debtor.model_copy(update={"kind": "business", "company": "Muster GmbH", "emails": ("a@b.example",)}))
    claim = plain.data.claims[0].model_copy(update={"number": "R-1", "subject_matter": "Membership " * 1_000, "due_on": date(2025, 12, 1)})
    yield replace(plain, data=plain.data.model_copy(update={"claims": (*plain.data.claims, claim)}))


@pytest.mark.parametrize("test", [True, False])
def test_our_requests_are_what_the_document_says(schemas: dict[str, Any], submission: MakeSubmission, test: bool) -> None:
    whole = {"$ref": f"#/components/schemas/{REQUEST}", "components": schemas["components"]}
    known = set(schemas["components"]["schemas"][REQUEST]["properties"])
    for handover in _handovers(submission):
        body = mapping.case_of(handover, test=test)
        jsonschema.Draft4Validator(whole).validate(body)
        assert set(body) <= known
        assert body["isTest"] is test


async def test_a_test_account_takes_no_live_case_for_its_own(sandbox: Sandbox, account: AccountConfig, submission: MakeSubmission) -> None:
    live, test = Debitura(replace(account, mode="live")), Debitura(account)
    await live.submit(submission())
    with pytest.raises(ModeMismatch):
        await test.ask("h-1")
    await live.close()
    await test.close()
    async with httpx.AsyncClient(base_url=sandbox.url) as direct:
        assert [case["mode"] for case in (await direct.get("/cases")).json()["cases"]] == ["live"]


async def test_a_handover_whose_debtor_was_mended_between_two_tries_is_asked_about(
    account: AccountConfig, submission: MakeSubmission
) -> None:
    agency = Debitura(account)
    await agency.submit(submission())
    with pytest.raises(ResultUnknown):
        await agency.submit(submission(city="Mainz"))
    await agency.close()


async def test_what_debitura_would_refuse_is_not_sent(account: AccountConfig, submission: MakeSubmission) -> None:
    agency = Debitura(replace(account, url="http://127.0.0.1:1"))
    with pytest.raises(SubmissionRejected) as rejected:
        await agency.submit(submission(country="US"))
    await agency.close()
    assert rejected.value.reasons == (Reason("debtor_abroad", field="debtor.addresses[0].country"),)


def test_amounts_are_read_and_written_exactly() -> None:
    for amount_minor in (1, 10, 4_250, 99_999_999_999_999):
        assert mapping.minor(json.loads(json.dumps(mapping.number(amount_minor)), parse_float=Decimal)) == amount_minor
    with pytest.raises(ValueError, match="two decimal places"):
        mapping.minor(Decimal("1.005"))
