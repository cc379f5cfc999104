"""schemathesis over the sandboxes: no 5xx, and no answer that the agency's document does not tell of."""

import json
from pathlib import Path
from typing import Any, Final, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from starlette.routing import Route
from starlette.testclient import TestClient

from connectors.sandbox.app import create_app
from connectors.sandbox.mediafinanz import openapi as mediafinanz
from connectors.sandbox.paywise.api import CALLS
from connectors.sandbox.paywise.openapi import document

DOCUMENT: Final = Path(__file__).parents[3] / "shared" / "data" / "agencies" / "debitura-customer-api.json"
CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DEBITURA: Final = {"XApiKey": "s3cret"}
MEDIAFINANZ: Final = {"uuid": "10001", "user": "u", "password": "s3cret"}
PAYWISE: Final = {"Authorization": "Bearer s3cret", "Idempotency-Key": "k-1"}
EXAMPLES: Final = 5
"""Of each operation: the sandboxes' rules are few, and the whole stays within half a minute."""


def _debitura() -> dict[str, Any]:
    """The document with the operations that the sandbox has, and as its own text tells it: a 400 of POST /cases names fields."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    built = {
        (_shape(route.path.removeprefix("/debitura")), method.lower())
        for route in create_app().routes
        if isinstance(route, Route) and route.path.startswith("/debitura")
        for method in route.methods or ()
    }
    for path, item in found["paths"].items():
        found["paths"][path] = {method: told for method, told in item.items() if (_shape(path), method) in built}
    found["servers"] = [{"url": "/debitura"}]
    names = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    found["paths"]["/cases"]["post"]["responses"]["400"]["content"]["application/json"]["schema"] = names
    return found


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _paywise_ids(client: TestClient) -> dict[str, str]:
    """An accepted order with a statement, so that not every address is unknown."""
    sent = {"headers": PAYWISE}
    person = {"acting_as": "consumer", "person": {"first_name": "E", "last_name": "M"}}
    address = {"street": "Hauptstr. 1", "postal_code": "60311", "city": "Frankfurt", "country": "DE", "primary": True}
    debtor = _made(client.post("/paywise/v2/debtors/", json={**person, "addresses": [address]}, **sent))["id"]
    claim = {"type": "receivable", "is_disputed": False, "principal_amount": {"value": "10.00"}, "document_date": "2026-01-01"}
    body = {"type": "invoice", "debtor_id": debtor, "claims": [{**claim, "subject_matter": "Membership"}]}
    order = _made(client.post("/paywise/v2/orders/", json=body, **sent))
    _made(client.post(f"/paywise/v2/orders/{order['id']}/finalize/", **sent))
    mandate = _made(client.get(f"/paywise/v2/orders/{order['id']}/", headers=PAYWISE))["mandate"]
    statement = _made(client.get("/paywise/v2/statements/", headers=PAYWISE))["results"][0]["id"]
    claim_id = order["claims"][0]["id"]
    return {"debtors": debtor, "orders": order["id"], "claims": claim_id, "mandates": mandate, "statements": statement}


def _debitura_ids(client: TestClient) -> dict[str, str]:
    debtor = {"type": "Private", "name": "E", "countryAlpha2": "DE"}
    body = {"currencyCode": "EUR", "amountToRecover": 10, "isTest": True, "creditorReference": "h-1", "debtor": debtor}
    case = _made(client.post("/debitura/cases", json=body, headers=DEBITURA))["id"]
    payment = _made(client.get(f"/debitura/cases/{case}/payments", headers=DEBITURA))[0]["id"]
    return {"cases": case, "Payments": payment, "by-creditor-reference": "h-1", "case-reference": "DC-000001"}


def _mediafinanz_ids(client: TestClient) -> dict[str, str]:
    address = {"Street": "Hauptstr. 1", "PostalCode": "60311", "City": "Frankfurt", "CountryCode": "DE"}
    position = {"Number": "1", "Value": 10, "Date": "2026-01-01"}
    claim = {"Amount": 10, "ContractDate": "2026-01-01", "ContractualItemCatalogueNo": "01", "ContractualCondition": 1, "Reason": "r"}
    body = {
        "ClientCustomerRefNo": "h-1",
        "Stage": "V",
        "Debtor": {"PersonType": 1, "LastName": "E", "PostalAddress": address},
        "Claim": {**claim, "PrincipalClaim": position},
    }
    az = _made(client.put("/mediafinanz/v2.1/collect/claim/new/", json=body, headers=MEDIAFINANZ))["sData"]
    return {"mediafinanz": az}


def _made(answer: Any) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json()


@pytest.fixture
def client() -> TestClient:
    client = TestClient(create_app())
    story = [{"day": 0, "status": "Accepted"}, {"day": 0, "percent": 50}, {"day": 0, "document": "invoice"}]
    _made(client.post("/script", json={"story": story}))
    return client


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("agency", "least"), [("debitura", 15), ("paywise", 15), ("mediafinanz", 3)])
def test_no_request_breaks_a_sandbox_or_is_answered_undocumented(client: TestClient, agency: str, least: int, mode: GenerationMode) -> None:
    if agency == "debitura" and not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT.name} is not here")
    find, headers, told = {
        "debitura": (_debitura_ids, DEBITURA, _debitura),
        "paywise": (_paywise_ids, PAYWISE, lambda: document(CALLS)),
        "mediafinanz": (_mediafinanz_ids, MEDIAFINANZ, mediafinanz.document),
    }[agency]
    ids, schema = find(client), cast(Any, schemathesis).openapi.from_dict(told())
    schema.app = client.app
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= least
    for operation in operations:
        _try(operation, mode, ids, {name: value for name, value in headers.items() if name != "Idempotency-Key"})


def _try(operation: Any, mode: GenerationMode, ids: dict[str, str], headers: dict[str, str]) -> None:
    @seed(20260301)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def tried(case: Any, known: bool) -> None:
        if known and case.path_parameters:
            parts = operation.path.removeprefix("/paywise/v2").strip("/").split("/")
            place = next((part for part in parts if part in ids), None)
            if place is not None:
                case.path_parameters = dict.fromkeys(case.path_parameters, ids[place])
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        tried()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about this operation can be wrong
