"""What delivery relies on, of every adapter, against that agency's sandbox over HTTP. A new agency adds a row to AGENCIES.

What only a request can suffer is tried with those that make requests; an agency that is reached by files has trouble of its own
(`test_prokur.py`).
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args

import httpx
import pytest

from connectors.agencies.registry import AGENCIES, BY_FILES
from connectors.delivery.agency import (
    Ability,
    Accepted,
    AccountConfig,
    Agency,
    Capabilities,
    Change,
    ChangePage,
    Closed,
    Passed,
    PaymentReceived,
    PhaseChanged,
    Rejected,
    ReportedPayment,
)
from connectors.delivery.errors import (
    AgencyError,
    CredentialsRefused,
    RateLimited,
    Reason,
    ResultUnknown,
    SubmissionRejected,
    Unavailable,
)
from connectors.sandbox.app import Sandbox
from tests.connectors.conftest import MakeSubmission
from tests.connectors.contract import ACCEPTED, CHECKS, LATER, Stage, changes_since, holds
from tests.connectors.kit import address_at

BY_HTTP = sorted(AGENCIES.keys() - BY_FILES)
ABILITIES: tuple[Ability, ...] = get_args(Ability)


def able_to(ability: Ability) -> list[str]:
    """The agencies that claim it."""
    claimed: dict[str, Any] = dict(AGENCIES)
    return sorted(name for name, adapter in claimed.items() if adapter.capabilities.can(ability))


@pytest.fixture(params=sorted(AGENCIES))
async def stage(
    request: pytest.FixtureRequest, sandbox: Sandbox, direct: httpx.AsyncClient, submission: MakeSubmission
) -> AsyncIterator[Stage]:
    account = AccountConfig("acme", "main", request.param, "test", address_at(sandbox, request.param), "10001", "s3cret")
    opened = partial(AGENCIES[request.param], answer_s=2.0)  # type: ignore[call-arg]
    agency = opened(account)
    yield Stage(opened, account, agency, sandbox, direct, submission)
    await agency.close()


@pytest.mark.parametrize("ability", ABILITIES)
async def test_its_capabilities_tell_the_truth(stage: Stage, ability: Ability) -> None:
    await holds(stage, ability)


class _Lying:
    """An adapter that says the opposite about one ability and does nothing where it says it can."""

    def __init__(self, agency: Agency, ability: Ability) -> None:
        self._agency = agency
        self._ability = ability
        self.capabilities = _Opposite(agency.capabilities, ability)

    def __getattr__(self, name: str) -> Any:
        if name in _DONE_BY.get(self._ability, ()) and self.capabilities.can(self._ability):
            return _nothing
        return getattr(self._agency, name)


class _Opposite:
    def __init__(self, capabilities: Capabilities, ability: Ability) -> None:
        self._capabilities = capabilities
        self._ability = ability

    def can(self, ability: Ability) -> bool:
        return self._capabilities.can(ability) != (ability == self._ability)


_DONE_BY: dict[Ability, tuple[str, ...]] = {"recall": ("recall",), "report_payment": ("report_payment",), "feed": ("changes",)}


async def _nothing(*args: object) -> ChangePage:
    return ChangePage((), "0", more=False)


@pytest.mark.parametrize("ability", ABILITIES)
async def test_the_suite_fails_an_adapter_that_lies_about_an_ability(stage: Stage, ability: Ability) -> None:
    lying: Any = _Lying(stage.agency, ability)
    with pytest.raises((AssertionError, AgencyError)):
        await holds(replace(stage, agency=lying), ability)


class _Idle:
    """An adapter that claims what it claims, and does nothing of it."""

    def __init__(self, agency: Agency, method: str) -> None:
        self._agency = agency
        self._method = method

    def __getattr__(self, name: str) -> Any:
        return _nothing if name == self._method else getattr(self._agency, name)


@pytest.mark.parametrize(
    ("stage", "ability"), [(agency, ability) for ability in _DONE_BY for agency in able_to(ability)], indirect=["stage"]
)
async def test_the_suite_fails_an_adapter_that_does_nothing(stage: Stage, ability: Ability) -> None:
    idle: Any = _Idle(stage.agency, _DONE_BY[ability][0])
    with pytest.raises(AssertionError):
        await holds(replace(stage, agency=idle), ability)


def test_every_ability_has_a_check() -> None:
    assert set(CHECKS) == set(ABILITIES)


async def test_a_case_is_found_again_by_our_handover_id(stage: Stage) -> None:
    assert await stage.agency.ask("h-1") is None
    case_id = await stage.handed_over()
    found = await stage.agency.ask("h-1")
    assert found is not None
    assert (found.case_id, found.reference, found.closed) == (case_id, "h-1", False)


async def test_a_handover_sent_twice_is_one_case(stage: Stage) -> None:
    first, second = await stage.handed_over(), (await stage.agency.submit(stage.submission())).case_id
    assert first == second
    sent = 1 if stage.account.agency in BY_FILES else 2  # a file that lies there already is not written again
    assert [(case["reference"], case["submissions"]) for case in await stage.cases()] == [("h-1", sent)]


@pytest.mark.parametrize("stage", able_to("validate"), indirect=True)
async def test_credentials_that_are_not_known_submit_nothing(stage: Stage) -> None:
    stranger = stage.open(replace(stage.account, authentication_code="wrong"))
    with pytest.raises(CredentialsRefused):
        await stranger.submit(stage.submission())
    await stranger.close()
    assert await stage.cases() == []


async def test_a_handover_that_lacks_what_the_agency_demands_is_rejected_with_the_field(stage: Stage) -> None:
    incomplete = stage.submission()
    incomplete = replace(incomplete, debtor=incomplete.debtor.model_copy(update={"addresses": ()}))
    with pytest.raises(SubmissionRejected) as rejected:
        await stage.agency.submit(incomplete)
    assert {reason.code for reason in rejected.value.reasons} <= {"address_incomplete", "data_invalid"}
    assert all(reason.field for reason in rejected.value.reasons)
    assert await stage.cases() == []


@pytest.mark.parametrize("stage", BY_HTTP, indirect=True)
async def test_a_field_the_agency_refuses_is_named(stage: Stage) -> None:
    await stage.fault(kind="reject", field="debtor.city", count=1)
    with pytest.raises(SubmissionRejected) as rejected:
        await stage.handed_over()
    assert [reason.field for reason in rejected.value.reasons] == ["debtor.city"]
    assert await stage.cases() == []


async def test_a_case_s_whole_life_is_told_in_our_words(stage: Stage) -> None:
    case_id = await stage.handed_over(
        ACCEPTED,
        {"day": 2, "status": "DebtCollection", "stage": "extrajudicial"},
        {"day": 3, "percent": 50},
        {"day": 4, "status": "DebtCollection", "stage": "judicial_dunning"},
        {"day": 5, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"},
    )
    told: dict[str, Change] = {}
    for day in range(1, 8):  # some agencies tell only how a case stands, not how it came there
        told |= {change.change_id: change for change in (await stage.agency.view(case_id)).changes}
        await stage.pass_days(f"2026-03-0{day + 1}T12:00:00Z")
    whats = [change.what for change in told.values()]
    assert whats[0] == Passed()
    assert Accepted() in whats
    assert [what.stage for what in whats if isinstance(what, PhaseChanged)] == ["extrajudicial", "judicial_dunning"]
    assert [(what.amount_minor, what.value_date.day) for what in whats if isinstance(what, PaymentReceived)] == [(2125, 4)]
    ended = [change.occurred_at for change in told.values() if change.what == Closed("successful", "paid")]
    assert ended == [datetime(2026, 3, 6, 12, tzinfo=UTC)]


async def test_a_case_the_agency_does_not_take_is_told_with_its_own_reason(stage: Stage) -> None:
    case_id = await stage.handed_over({"day": 1, "status": "Rejected", "reason": "NOBODY_KNOWS"})
    await stage.pass_days(LATER)
    view = await stage.agency.view(case_id)
    assert view.closed
    assert view.changes[-1].what in (Rejected((Reason("other", "NOBODY_KNOWS"),)), Closed("unsuccessful", "other", "NOBODY_KNOWS"))
    assert Accepted() not in [change.what for change in view.changes]


@pytest.mark.parametrize("status", ["SuccessfullyClosed", "UnsuccessfullyClosed"])
async def test_a_closing_code_nobody_knows_is_other_with_the_original(stage: Stage, status: str) -> None:
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "status": status, "reason": "XX99"})
    await stage.pass_days(LATER)
    closed = (await stage.agency.view(case_id)).changes[-1].what
    assert isinstance(closed, Closed)
    assert (closed.reason, closed.agency_code) == ("other", "XX99")


@pytest.mark.parametrize("stage", able_to("report_payment"), indirect=True)
async def test_a_payment_of_everything_closes_the_case(stage: Stage) -> None:
    case_id = await stage.handed_over(ACCEPTED)
    await stage.pass_days(LATER)
    await stage.agency.report_payment(case_id, ReportedPayment("k-1", "p-1", 4250, datetime(2026, 3, 10, tzinfo=UTC).date()))
    assert (await stage.agency.view(case_id)).changes[-1].what == Closed("successful", "paid_to_creditor")


@pytest.mark.parametrize("stage", able_to("feed"), indirect=True)
@pytest.mark.parametrize("kind", ["duplicate", "reorder"])
async def test_a_feed_in_trouble_tells_no_more_and_no_less(stage: Stage, kind: str) -> None:
    case_id = await stage.handed_over(ACCEPTED, {"day": 2, "status": "DebtCollection"}, {"day": 3, "percent": 100})
    await stage.fault(kind=kind, operation="changes")
    await stage.pass_days(LATER)
    plain = (await stage.agency.view(case_id)).changes  # what a feed with commits has told once it tells no second time
    odd, _ = await changes_since(stage.agency)
    assert {change.change_id: change for change in odd} == {change.change_id: change for change in plain}


@pytest.mark.parametrize("stage", BY_HTTP, indirect=True)
@pytest.mark.parametrize(
    ("fault", "error", "taken"),
    [
        ({"kind": "429", "retry_after_s": 7}, RateLimited, False),
        ({"kind": "503"}, ResultUnknown, False),
        ({"kind": "500", "when": "after"}, ResultUnknown, True),
        ({"kind": "hang", "when": "after"}, ResultUnknown, True),
        ({"kind": "hang", "when": "before"}, ResultUnknown, False),
        ({"kind": "slow", "seconds": 5}, ResultUnknown, True),
    ],
    ids=["429", "503 before", "500 after", "timeout after", "timeout before", "slow body"],
)
async def test_a_fault_of_a_handover_says_whether_it_may_have_been_taken(
    stage: Stage, fault: dict[str, object], error: type[AgencyError], taken: bool
) -> None:
    hasty = AGENCIES[stage.account.agency](stage.account, answer_s=0.5)  # type: ignore[call-arg]
    await stage.fault(**fault, operation="submit", count=1)
    with pytest.raises(error) as failed:
        await hasty.submit(stage.submission())
    await hasty.close()
    assert failed.value.again
    if isinstance(failed.value, RateLimited):
        assert failed.value.after_s == 7
    assert (await stage.agency.ask("h-1") is not None) == taken
    assert (await stage.agency.submit(stage.submission())).reference == "h-1"
    assert len(await stage.cases()) == 1


@pytest.mark.parametrize("stage", BY_HTTP, indirect=True)
async def test_an_agency_that_is_away_has_taken_nothing(stage: Stage) -> None:
    await stage.sandbox.stop()
    with pytest.raises(Unavailable) as failed:
        await stage.agency.submit(stage.submission())
    assert not failed.value.maybe_taken
    with pytest.raises(Unavailable):
        await stage.agency.ask("h-1")


@pytest.mark.parametrize("stage", BY_HTTP, indirect=True)
async def test_no_error_repeats_person_data(stage: Stage) -> None:
    for kind in ("429", "500", "503"):
        await stage.fault(kind=kind, operation="submit", count=1)
        with pytest.raises(AgencyError) as failed:
            await stage.agency.submit(stage.submission())
        assert "Muster" not in f"{failed.value!r} {failed.value.__context__!r}"
    assert "Muster" not in repr(stage.submission())
    assert "s3cret" not in repr(stage.account)
