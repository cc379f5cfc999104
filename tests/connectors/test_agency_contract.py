"""What delivery relies on, of every adapter, against that agency's sandbox. A new agency adds a row to AGENCIES."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest

from connectors.agencies.atriga.client import Atriga
from connectors.delivery.agency import (
    Accepted,
    AccountConfig,
    Agency,
    Change,
    Closed,
    Passed,
    PaymentReceived,
    PhaseChanged,
    Rejected,
    ReportedPayment,
)
from connectors.delivery.errors import (
    AgencyError,
    CaseEnded,
    CredentialsRefused,
    RateLimited,
    Reason,
    ResultUnknown,
    SubmissionRejected,
    Unavailable,
)
from connectors.sandbox.app import Sandbox
from tests.connectors.conftest import MakeSubmission

AGENCIES = {"atriga": Atriga}
PAYMENT = ReportedPayment("k-1", "p-1", 1000, date(2026, 3, 3))


@pytest.fixture(params=sorted(AGENCIES))
async def agency(request: pytest.FixtureRequest, account: AccountConfig) -> AsyncIterator[Agency]:
    adapter = AGENCIES[request.param](account, answer_s=2)
    yield adapter
    await adapter.close()


async def _changes(agency: Agency, cursor: str | None = None) -> list[Change]:
    found: list[Change] = []
    while True:
        page = await agency.changes(cursor)
        found += page.changes
        cursor = page.cursor
        if not page.more:
            return found


async def _pass_days(direct: httpx.AsyncClient, until: str) -> None:
    (await direct.post("/clock", json={"now": until})).raise_for_status()


async def test_credentials_that_are_known_pass(agency: Agency) -> None:
    await agency.check()


async def test_credentials_that_are_not_known_are_told_as_such(agency: Agency, account: AccountConfig, submission: MakeSubmission) -> None:
    stranger = type(agency)(replace(account, authentication_code="wrong"))  # type: ignore[call-arg]
    with pytest.raises(CredentialsRefused):
        await stranger.check()
    with pytest.raises(CredentialsRefused):
        await stranger.submit(submission())
    await stranger.close()


async def test_a_case_is_found_again_by_our_handover_id(agency: Agency, submission: MakeSubmission) -> None:
    assert await agency.ask("h-1") is None
    taken = await agency.submit(submission())
    found = await agency.ask("h-1")
    assert found is not None
    assert (found.case_id, found.reference, found.closed) == (taken.case_id, "h-1", False)
    assert (await agency.view(taken.case_id)).case_id == taken.case_id


async def test_a_handover_sent_twice_is_one_case(agency: Agency, submission: MakeSubmission, sandbox: Sandbox) -> None:
    first, second = await agency.submit(submission()), await agency.submit(submission())
    assert first.case_id == second.case_id
    assert [(case.reference, case.submissions) for _, case in sandbox.world.cases()] == [("h-1", 2)]


async def test_a_handover_that_lacks_what_the_agency_demands_is_rejected_with_the_field(agency: Agency, submission: MakeSubmission) -> None:
    incomplete = submission()
    incomplete = replace(incomplete, debtor=incomplete.debtor.model_copy(update={"addresses": ()}))
    with pytest.raises(SubmissionRejected) as rejected:
        await agency.submit(incomplete)
    assert rejected.value.reasons == (Reason("data_invalid"),)


async def test_the_feed_tells_each_status_once_from_any_cursor(
    agency: Agency, submission: MakeSubmission, direct: httpx.AsyncClient
) -> None:
    await _pass_days(direct, "2026-03-01T12:00:00Z")
    story = [
        {"day": 1, "status": "Accepted"},
        {"day": 2, "status": "FirstDunningPhase", "dunning_level": 1},
        {"day": 3, "percent": 50},
        {"day": 4, "status": "DebtCollection", "stage": "judicial_dunning", "dunning_level": 3},
        {"day": 5, "status": "SuccessfullyClosed", "reason": "SETTLEMENT"},
    ]
    (await direct.post("/script", json={"contract": "C-1", "story": story})).raise_for_status()
    case_id = (await agency.submit(submission())).case_id
    begun = await agency.changes(None)
    assert [(change.reference, change.case_id, change.what) for change in begun.changes] == [("h-1", case_id, Passed())]
    await _pass_days(direct, "2026-03-10T12:00:00Z")
    changes = await _changes(agency, begun.cursor)
    assert [change.what for change in changes] == [
        Accepted(),
        PhaseChanged("first_dunning", None, 1),
        PaymentReceived(f"{case_id}-1", 2125, date(2026, 3, 4)),
        PhaseChanged("collection", "judicial_dunning", 3),
        Closed("successful", "settlement"),
    ]
    assert [change.occurred_at for change in changes] == [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (2, 3, 4, 5, 6)]
    assert len({change.change_id for change in [*begun.changes, *changes]}) == 6
    assert (await agency.view(case_id)).changes == (*begun.changes, *changes)


async def test_an_address_without_postal_code_is_rejected(agency: Agency, submission: MakeSubmission, direct: httpx.AsyncClient) -> None:
    taken = await agency.submit(submission(postal_code=None))
    await _pass_days(direct, "2026-03-10T12:00:00Z")
    assert [change.what for change in await _changes(agency)] == [Passed(), Rejected((Reason("address_incomplete"),))]
    assert (await agency.view(taken.case_id)).closed


async def test_a_code_nobody_knows_is_other_with_the_original(
    agency: Agency, submission: MakeSubmission, direct: httpx.AsyncClient
) -> None:
    story = [{"day": 0, "status": "UnsuccessfullyClosed", "reason": "IN011"}]
    await direct.post("/script", json={"story": story})
    await agency.submit(submission())
    assert [change.what for change in await _changes(agency)][1:] == [Closed("unsuccessful", "other", "IN011")]


async def test_a_recalled_case_closes_as_recalled_and_is_not_recalled_twice(agency: Agency, submission: MakeSubmission) -> None:
    case_id = (await agency.submit(submission())).case_id
    await agency.recall(case_id, "r-1", "paid")
    assert (await agency.view(case_id)).recalled
    assert [change.what for change in await _changes(agency)][1:] == [Closed("unsuccessful", "recalled")]
    with pytest.raises(CaseEnded):
        await agency.recall(case_id, "r-2", "ordered")


async def test_a_reported_payment_counts_once(agency: Agency, submission: MakeSubmission, sandbox: Sandbox) -> None:
    case_id = (await agency.submit(submission())).case_id
    for _ in range(2):
        await agency.report_payment(case_id, PAYMENT)
    assert (await agency.view(case_id)).reported == {"k-1"}
    assert [case.owed for _, case in sandbox.world.cases()] == [3250]


async def test_a_payment_of_everything_closes_the_case(agency: Agency, submission: MakeSubmission) -> None:
    case_id = (await agency.submit(submission())).case_id
    await agency.report_payment(case_id, replace(PAYMENT, amount_minor=4250))
    assert [change.what for change in await _changes(agency)][1:] == [Closed("successful", "paid_to_creditor")]
    with pytest.raises(CaseEnded):
        await agency.report_payment(case_id, replace(PAYMENT, key="k-2"))


@pytest.mark.parametrize(
    ("fault", "error", "taken"),
    [
        ({"kind": "429", "retry_after_s": 7}, RateLimited, False),
        ({"kind": "503"}, ResultUnknown, False),
        ({"kind": "500", "when": "after"}, ResultUnknown, True),
        ({"kind": "hang", "when": "after"}, ResultUnknown, True),
        ({"kind": "hang", "when": "before"}, ResultUnknown, False),
    ],
    ids=["429", "503 before", "500 after", "timeout after", "timeout before"],
)
async def test_a_fault_of_a_handover_says_whether_it_may_have_been_taken(
    account: AccountConfig,
    submission: MakeSubmission,
    direct: httpx.AsyncClient,
    fault: dict[str, object],
    error: type[AgencyError],
    taken: bool,
) -> None:
    agency = Atriga(account, answer_s=0.3)
    (await direct.post("/faults", json={**fault, "operation": "submit", "count": 1})).raise_for_status()
    with pytest.raises(error) as failed:
        await agency.submit(submission())
    assert failed.value.again
    if isinstance(failed.value, RateLimited):
        assert failed.value.after_s == 7
    assert (await agency.ask("h-1") is not None) == taken
    await agency.close()


async def test_an_agency_that_is_away_has_taken_nothing(agency: Agency, submission: MakeSubmission, sandbox: Sandbox) -> None:
    await sandbox.stop()
    with pytest.raises(Unavailable) as failed:
        await agency.submit(submission())
    assert not failed.value.maybe_taken
    with pytest.raises(Unavailable):
        await agency.ask("h-1")


async def test_no_error_repeats_person_data(agency: Agency, submission: MakeSubmission, direct: httpx.AsyncClient) -> None:
    for kind in ("429", "500", "503"):
        (await direct.post("/faults", json={"kind": kind, "operation": "submit", "count": 1})).raise_for_status()
        with pytest.raises(AgencyError) as failed:
            await agency.submit(submission())
        assert "Muster" not in f"{failed.value!r} {failed.value.__context__!r}"
    assert "Muster" not in repr(submission())
