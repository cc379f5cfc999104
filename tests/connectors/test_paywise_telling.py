"""What paywise's answers become in our words, for what our sandbox does not tell: pure, no server."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.agencies.paywise import feed, mapping
from connectors.agencies.paywise.feed import Told
from connectors.delivery.agency import Closed, PaymentReceived, PhaseChanged, Unmapped, What

AT = "2026-03-01T12:00:00Z"
LATER = "2026-03-05T12:00:00Z"
ORDER: dict[str, Any] = {"id": "o-1", "status": "accepted", "created_at": AT, "updated_at": AT, "claims": [{"your_reference": "h-1"}]}


def _state(legal: str, processing: str = "in_progress") -> dict[str, Any]:
    return {"legal_stage": {"code": legal}, "processing": {"code": processing}, "payment": {"code": "unpaid"}}


def _mandate(**change: Any) -> dict[str, Any]:
    return {"id": "m-1", "created_at": AT, "updated_at": LATER, "state": _state("extrajudicial"), "history": [], **change}


def _statement(name: str, closing: dict[str, Any] | None = None, cancelled: str | None = None, **parts: str) -> Any:
    paid = {part: {"value": value, "currency": "EUR"} for part, value in parts.items()}
    row = {"id": "m-1", "closing": closing, "third_party_money": [{"payments_to_dca": paid}]}
    return {"id": name, "booking_date": "2026-03-02", "published_at": AT, "cancelled_at": cancelled}, row


def _whats(told: Told) -> list[What]:
    return [change.what for change in feed.view_of(told).changes][2:]  # behind passed and accepted


def test_of_a_payment_counts_what_goes_to_the_creditor() -> None:
    statement = _statement("s-1", allocation_to_main_claim="100.00", allocation_to_default_interest="1.50", allocation_to_fee="30.00")
    told = Told(ORDER, _mandate(state=_state("")), statements=(statement,))
    assert _whats(told) == [PaymentReceived("s-1", 10_150, date(2026, 3, 2))]


def test_a_cancelled_statement_takes_its_payment_and_its_closing_back() -> None:
    closing = {"closing_type": "positive", "closing_code": "IP01"}
    statement = _statement("s-1", closing, LATER, allocation_to_main_claim="100.00")
    view = feed.view_of(Told(ORDER, _mandate(state=_state("")), statements=(statement,)))
    assert [change.what for change in view.changes][2:] == [
        PaymentReceived("s-1", 10_000, date(2026, 3, 2)),
        PaymentReceived("s-1/cancelled", -10_000, date(2026, 3, 5)),
    ]
    assert not view.closed


@pytest.mark.parametrize(
    ("processing", "what"),
    [
        ("canceled_by_client", Closed("unsuccessful", "recalled")),
        ("canceled_by_service_provider", Closed("unsuccessful", "other", "canceled_by_service_provider")),
    ],
)
def test_a_case_closed_by_its_state_alone_is_closed(processing: str, what: Closed) -> None:
    view = feed.view_of(Told(ORDER, _mandate(state=_state("ended", processing))))
    assert (view.changes[-1].what, view.closed, view.recalled) == (what, True, what.reason == "recalled")


def test_long_term_monitoring_is_no_end() -> None:
    closing = {"closing_type": "transition_to_longtime_monitoring", "closing_code": "IÜ01"}
    told = Told(ORDER, _mandate(state=_state("long_term_monitoring")), statements=(_statement("s-1", closing),))
    assert _whats(told) == [PhaseChanged("collection", "long_term_monitoring")]


def test_each_change_of_the_legal_stage_is_told_once_and_a_stage_nobody_knows_is_kept() -> None:
    stages = ["extrajudicial", "extrajudicial", "foreclosure", "moon"]
    history = [{"id": f"e-{n}", "occurred_at": f"2026-03-0{n + 1}T12:00:00Z", "state": _state(stage)} for n, stage in enumerate(stages)]
    view = feed.view_of(Told(ORDER, _mandate(history=history[::-1], state=_state("moon"))))
    assert [(change.change_id, change.what) for change in view.changes[2:]] == [
        ("e-0", PhaseChanged("collection", "extrajudicial")),
        ("e-2", PhaseChanged("collection", "enforcement")),
        ("e-3", Unmapped("legal_stage", {"legal_stage": "moon"})),
    ]
    assert view.changes[3].occurred_at == datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "reason"), [("IP01", "paid"), ("IN04", "insolvency"), ("IN016", "deceased"), ("IN05", "deceased"), ("IN02", "recalled")]
)
def test_closing_codes_are_ours(code: str, reason: str) -> None:
    assert mapping.closed({"closing_type": "negative", "closing_code": code}) == Closed("unsuccessful", reason)


def test_the_code_spelt_with_the_letter_is_kept_as_it_is() -> None:
    assert mapping.closed({"closing_type": "negative", "closing_code": "INO7"}) == Closed("unsuccessful", "other", "INO7")


@pytest.mark.parametrize("amount", [{"value": "1.005", "currency": "EUR"}, {"value": "1.00", "currency": "USD"}, {"value": "NaN"}])
def test_an_amount_that_is_none_is_refused(amount: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="an amount"):
        mapping.minor(amount)


def test_an_event_nobody_knows_is_kept_without_its_content_and_stops_nothing() -> None:
    events = [
        {"type": "moon.landed", "data": {"name": "Muster"}},
        {"type": "statement.published", "data": {"statement_id": "s-1"}},
        {"type": "mandate.created", "data": {"mandate_id": "m-1"}},
        "nonsense",
        {"type": "order.submitted", "data": {"order_id": "o-1"}},
        {"type": "order.accepted", "data": {"order_id": "o-1", "mandate_id": "m-1"}},
    ]
    page = feed.page_of({"results": events, "cursor": "6", "next": None})
    assert (page.touched, page.cursor, page.more) == (("mandate/m-1", "o-1"), "6", False)
    assert page.unreadable == ({"type": "moon.landed"}, {"type": None})
