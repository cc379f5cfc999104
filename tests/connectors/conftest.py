"""The sandbox on a free port, an account at it, and what a case needs."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from connectors.delivery.agency import AccountConfig, Submission
from connectors.sandbox.app import Sandbox, SandboxConfig
from schemas.commands import CaseSubmitData, Claim
from schemas.debtors import Address, DebtorDescribedData
from tests.connectors.kit import BEGINNING, Tenant, tenant_at

MakeSubmission: TypeAlias = Callable[..., Submission]


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    server = Sandbox(SandboxConfig(port=0, codes={"10001": "s3cret", "10002": "s3cret"}, folder=tmp_path / "sandbox"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def account(sandbox: Sandbox) -> AccountConfig:
    return AccountConfig("acme", "main", "atriga", "test", sandbox.url, "10001", "s3cret")


@pytest.fixture
async def direct(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """The pages by which the sandbox is directed."""
    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        yield client


@pytest.fixture
def submission() -> MakeSubmission:
    """Makes a handover; keyword arguments replace fields of its debtor's address."""

    def make(handover_id: str = "h-1", contract: str = "C-1", open_amount: int = 4000, **address: Any) -> Submission:
        where = {"street": "Hauptstr. 1", "postal_code": "60311", "city": "Frankfurt", "country": "DE", **address}
        claim = Claim(
            invoice_id="i-1",
            issued_on=date(2026, 1, 1),
            due_on=date(2026, 1, 15),
            amount=open_amount,
            open=open_amount,
            costs=250,
            interest=0,
        )
        data = CaseSubmitData(
            handover_id=handover_id,
            attempt=1,
            agency_account="main",
            claims=(claim,),
            currency="EUR",
            open_amount=open_amount,
            costs=250,
            interest=0,
        )
        debtor = DebtorDescribedData(kind="consumer", first_name="Erika", last_name="Muster", addresses=(Address(**where),))
        return Submission(handover_id, contract, datetime(2026, 3, 1, 12, tzinfo=UTC), data, debtor)

    return make


@pytest.fixture
async def tenant(kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient) -> AsyncIterator[Tenant]:
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    async with tenant_at(kafka, sandbox) as made:
        yield made
