"""Stripe and GoCardless: what is genuine, and which of our events follow from it; real webhooks among them."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from connectors.billing.amounts import AmountUnusable, exponent, minor_units
from connectors.billing.gocardless import mapping as gocardless
from connectors.billing.gocardless.webhook import verify as gocardless_verify
from connectors.billing.stripe import mapping as stripe
from connectors.billing.stripe.webhook import verify as stripe_verify
from connectors.billing.upstream import Fetch, NotUnderstood, Outcome, Published, Skipped
from connectors.delivery.webhook import NotGenuine
from tests.connectors import upstreams
from tests.connectors.upstreams import GOCARDLESS_API, answering, gocardless_body, gocardless_event, stripe_event

OWED = sorted(currency.code for currency in Currency if currency.exponent is not None)
NOTHING = answering({})
NOW = 1_800_000_000

# --- amounts


@given(st.sampled_from(OWED), st.integers(min_value=0, max_value=2**40))
def test_what_counts_as_the_standard_does_is_left_as_it_is(currency: str, amount: int) -> None:
    assert minor_units(amount, currency) == amount


@given(st.sampled_from(OWED), st.integers(min_value=0, max_value=2**40), st.integers(min_value=0, max_value=6))
def test_for_every_exponent_an_amount_is_worth_the_same_in_minor_units_or_refused(currency: str, amount: int, told: int) -> None:
    worth = amount * 10 ** exponent(currency)
    if worth % 10**told:
        with pytest.raises(AmountUnusable, match=currency):
            minor_units(amount, currency, {currency: told})
    else:
        assert minor_units(amount, currency, {currency: told}) == worth // 10**told


@given(st.text(max_size=4).filter(lambda code: code not in {currency.code for currency in Currency}))
def test_an_unknown_currency_is_refused_by_name(code: str) -> None:
    with pytest.raises(AmountUnusable) as told:
        minor_units(1, code)
    assert repr(code) in str(told.value)


@pytest.mark.parametrize("code", ["XAU", "XXX", "XTS"])
def test_what_has_no_minor_unit_is_refused_by_name(code: str) -> None:
    with pytest.raises(AmountUnusable, match=code):
        exponent(code)


@pytest.mark.parametrize("amount", [1.0, "1", None, True])
def test_an_amount_that_is_no_whole_number_is_refused(amount: object) -> None:
    with pytest.raises(AmountUnusable, match="EUR"):
        minor_units(amount, "EUR")


# --- signatures


def test_a_signed_body_is_genuine_and_known_again() -> None:
    body = stripe_event("charge.failed", {})
    assert stripe_verify(upstreams.SECRET, upstreams.stripe_signed(body, NOW), body, NOW + 299).id == "evt_1/charge.failed"
    events = gocardless_body()
    first, again = (gocardless_verify(upstreams.SECRET, upstreams.gocardless_signed(events), events, now) for now in (0.0, 1e10))
    assert first == again


@pytest.mark.parametrize(
    ("headers", "body", "now", "why"),
    [
        ({}, b"{}", NOW, "signature_missing"),
        (upstreams.stripe_signed(b"{}", NOW, "another"), b"{}", NOW, "signature_wrong"),
        (upstreams.stripe_signed(b"{}", NOW), b"{} ", NOW, "signature_wrong"),
        (upstreams.stripe_signed(b"{}", NOW), b"{}", NOW + 301, "outside_window"),
        (upstreams.stripe_signed(b"{}", NOW), b"{}", NOW, "body_unreadable"),
    ],
)
def test_what_stripe_did_not_sign_is_refused(headers: dict[str, str], body: bytes, now: int, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        stripe_verify(upstreams.SECRET, headers, body, now)


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, b"{}", "signature_missing"),
        ({"webhook-signature": "ü"}, b"{}", "signature_wrong"),
        (upstreams.gocardless_signed(b"{}", "another"), b"{}", "signature_wrong"),
        (upstreams.gocardless_signed(b"{}"), b"{} ", "signature_wrong"),
        (upstreams.gocardless_signed(b"{}"), b"{}", "body_unreadable"),
        (upstreams.gocardless_signed(b'{"events": 1}'), b'{"events": 1}', "body_unreadable"),
    ],
)
def test_what_gocardless_did_not_sign_is_refused(headers: dict[str, str], body: bytes, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        gocardless_verify(upstreams.SECRET, headers, body, NOW)


# --- GoCardless


async def of_gocardless(*events: dict[str, Any], fetch: Fetch | None = None) -> tuple[Outcome, ...]:
    return await gocardless.translate(upstreams.account("gocardless"), gocardless_body(*events), fetch or answering(GOCARDLESS_API))


async def one_of_gocardless(resource: str, action: str, links: dict[str, str], **details: str) -> Published:
    [outcome] = await of_gocardless(gocardless_event(resource, action, links, **details))
    assert isinstance(outcome, Published), outcome
    return outcome


async def test_a_charged_back_debit_keeps_the_bank_s_reason_and_gets_its_amount_from_the_payment() -> None:
    told = await one_of_gocardless("payments", "charged_back", {"payment": "PM1"}, scheme="sepa_core", reason_code="MD06")
    assert (told.topic, told.key) == ("billing.chargebacks", "acme/C-1")
    assert told.envelope["data"] == {
        "chargeback_id": "PM1/chargeback",
        "payment_id": "PM1",
        "amount": 4990,
        "reason_code": "MD06",
        "booked_on": "2026-03-04",
        "upstream_code": "MD06",
    }
    reversed_ = await one_of_gocardless("payments", "chargeback_cancelled", {"payment": "PM1"})
    assert reversed_.envelope["type"] == "chargeback.reversed"
    assert reversed_.envelope["data"]["chargeback_id"] == "PM1/chargeback"


async def test_a_payment_that_is_charged_back_again_has_another_chargeback() -> None:
    """Cancelled in between; on the same day it would have been taken for the first one, and nothing been owed."""
    told = [
        {**gocardless_event("payments", action, {"payment": "PM1"}, f"EV{number}"), "created_at": f"2026-03-04T1{number}:00:00.000Z"}
        for number, action in enumerate(("charged_back", "chargeback_cancelled", "charged_back", "chargeback_cancelled"))
    ]
    api = {**GOCARDLESS_API, upstreams.CHARGED_BACK: {"events": [told[2], told[0]]}}
    for order in (told, told[::-1]):
        outcomes = await gocardless.translate(upstreams.account("gocardless"), gocardless_body(*order), upstreams.answering(api))
        ids = {one.envelope["time"]: one.envelope["data"]["chargeback_id"] for one in outcomes if isinstance(one, Published)}
        assert [ids[at] for at in sorted(ids)] == ["PM1/chargeback", "PM1/chargeback", "PM1/chargeback/2", "PM1/chargeback/2"]


@pytest.mark.parametrize(
    ("details", "code", "original"),
    [
        ({"cause": "insufficient_funds", "reason_code": "AM04"}, "AM04", "AM04"),
        ({"cause": "bank_account_closed", "reason_code": "ARUDD-B"}, "AC04", "ARUDD-B"),
        ({"cause": "authorisation_disputed"}, "MD01", "authorisation_disputed"),
        ({"cause": "something_new", "reason_code": "ZZ99"}, "other", "ZZ99"),
    ],
)
async def test_a_reason_nobody_knows_is_other_with_the_original(details: dict[str, str], code: str, original: str) -> None:
    told = await one_of_gocardless("payments", "failed", {"payment": "PM1"}, **details)
    assert told.envelope["data"] == {"payment_id": "PM1", "reason_code": code, "reason": original}


async def test_a_payment_s_life() -> None:
    created = await one_of_gocardless("payments", "created", {"payment": "PM1"})
    assert created.envelope["data"] == {
        "payment_id": "PM1",
        "amount": 4990,
        "currency": "EUR",
        "method": "direct_debit",
        "invoice_id": "R-1",
    }
    confirmed = await one_of_gocardless("payments", "confirmed", {"payment": "PM1"})
    assert confirmed.envelope["data"]["value_date"] == "2026-03-02"
    refunded = await one_of_gocardless("refunds", "paid", {"refund": "RF1"})
    assert refunded.envelope["data"] == {"payment_id": "PM1", "refund_id": "RF1", "amount": 100, "refunded_on": "2026-03-04"}


async def test_the_same_events_in_any_order_and_any_bodies_are_the_same_events() -> None:
    events = [
        gocardless_event("payments", action, {"payment": "PM1"}, f"EV{number}")
        for number, action in enumerate(("created", "confirmed", "charged_back", "failed"))
    ]
    once = await of_gocardless(*events)
    shuffled = [*events, *events]
    random.Random(5).shuffle(shuffled)
    again = [outcome for event in shuffled for outcome in await of_gocardless(event)]
    assert {told.value for told in once if isinstance(told, Published)} == {told.value for told in again if isinstance(told, Published)}
    assert len({told.envelope["id"] for told in once if isinstance(told, Published)}) == len(events)


async def test_what_can_t_be_used_is_skipped_by_name_and_the_rest_of_the_body_goes_on() -> None:
    broken = {**GOCARDLESS_API, "/payments/PM2": {"payments": {**upstreams.PAYMENT, "id": "PM2", "currency": "ZZZ"}}}
    outcomes = await of_gocardless(
        gocardless_event("payments", "confirmed", {"payment": "PM2"}),
        gocardless_event("payments", "confirmed", {}),
        gocardless_event("unicorns", "seen", {}),
        gocardless_event("payments", "confirmed", {"payment": "PM1"}, "EV4"),
        fetch=answering(broken),
    )
    assert [told.why for told in outcomes if isinstance(told, Skipped)] == ["unusable", "unusable", "unknown_type"]
    assert isinstance(outcomes[0], Skipped)
    assert "'ZZZ'" in outcomes[0].detail
    assert isinstance(outcomes[3], Published)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"events": [1]}', b'{"events": [{"id": "EV1", "created_at": "2026-01-01"}]}'])
async def test_what_is_no_body_of_gocardless_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        await gocardless.translate(upstreams.account("gocardless"), body, NOTHING)


@upstreams.needs_real
async def test_a_real_webhook_of_gocardless_is_genuine_and_says_nothing_of_money() -> None:
    body = (upstreams.REAL / "gocardless-webhook.json").read_bytes()
    gocardless_verify(upstreams.SECRET, upstreams.gocardless_signed(body), body, NOW)
    outcomes = await gocardless.translate(upstreams.account("gocardless"), body, NOTHING)
    assert [(told.type, told.why) for told in outcomes if isinstance(told, Skipped)] == [
        ("subscriptions.created", "unknown_type"),
        ("mandates.created", "no_news"),
    ]


# --- Stripe

STRIPE_API = {
    "/v1/charges/ch_1IqtGAJDPojXS6LNstgEfUji": {"id": "ch_1IqtGAJDPojXS6LNstgEfUji", "invoice": "in_1", "metadata": {}},
    "/v1/charges/ch_1": {"id": "ch_1", "metadata": {"contract": "C-1"}},
    "/v1/invoices/in_1": {"id": "in_1", "subscription": "sub_1", "metadata": {}},
    "/v1/invoices/in_1KJdKkJDPojXS6LNSwSWkZSN": {"id": "in_1KJdKkJDPojXS6LNSwSWkZSN", "subscription": "sub_2"},
}
CHARGE = {"id": "ch_1", "amount": 2500, "currency": "usd", "created": 1_700_000_000, "invoice": None, "metadata": {"contract": "C-1"}}


async def of_stripe(body: bytes) -> Outcome:
    [outcome] = await stripe.translate(upstreams.account("stripe"), body, answering(STRIPE_API))
    return outcome


async def published(type: str, about: dict[str, Any]) -> Published:
    outcome = await of_stripe(stripe_event(type, about))
    assert isinstance(outcome, Published), outcome
    return outcome


REAL_OUTCOMES = {
    "charge-dispute-closed": "no_news",
    "charge-dispute-created": "no_news",
    "charge-dispute-funds-withdrawn": "chargeback.received",
    "charge-failed": "payment.failed",
    "invoice-finalized": "invoice.issued",
    "invoice-paid": "no_news",
    "invoice-voided": "invoice.cancelled",
    "payment-intent-payment-failed": "no_news",
}


@upstreams.needs_real
@pytest.mark.parametrize(("name", "expected"), sorted(REAL_OUTCOMES.items()))
async def test_a_real_webhook_of_stripe_becomes_what_it_means(name: str, expected: str) -> None:
    body = (upstreams.REAL / f"stripe-{name}.json").read_bytes()
    delivery = stripe_verify(upstreams.SECRET, upstreams.stripe_signed(body, NOW), body, NOW)
    assert delivery.id.startswith(json.loads(body)["id"])
    outcome = await of_stripe(body)
    assert (outcome.why if isinstance(outcome, Skipped) else outcome.envelope["type"]) == expected


@upstreams.needs_real
def test_every_real_webhook_of_stripe_has_its_outcome() -> None:
    assert {path.stem.removeprefix("stripe-") for path in upstreams.REAL.glob("stripe-*.json")} == set(REAL_OUTCOMES)


@upstreams.needs_real
async def test_a_real_dispute_and_a_real_failure_to_the_field() -> None:
    dispute = await of_stripe((upstreams.REAL / "stripe-charge-dispute-funds-withdrawn.json").read_bytes())
    assert isinstance(dispute, Published)
    assert (dispute.topic, dispute.key) == ("billing.chargebacks", "acme/sub_1")
    assert dispute.envelope["data"] == {
        "chargeback_id": "dp_1MLuxQJDPojXS6LNrukJCBBG",
        "payment_id": "ch_1IqtGAJDPojXS6LNstgEfUji",
        "amount": 1000,
        "reason_code": "MS03",
        "booked_on": "2023-01-02",
        "upstream_code": "general",
    }
    failure = await of_stripe((upstreams.REAL / "stripe-charge-failed.json").read_bytes())
    assert isinstance(failure, Published)
    assert failure.key == "acme/sub_2"
    assert failure.envelope["data"] == {
        "payment_id": "ch_3KtoMeJDPojXS6LN0igeffJ6",
        "reason_code": "other",
        "reason": "transaction_not_allowed",
    }


@pytest.mark.parametrize(
    ("currency", "told", "minor"),
    [("jpy", 500, 500), ("kwd", 5120, 5120), ("eur", 1099, 1099), ("isk", 50000, 500), ("ugx", 500, 5), ("mga", 500, 50000)],
)
async def test_stripe_s_own_decimals_become_those_of_the_standard(currency: str, told: int, minor: int) -> None:
    received = await published("charge.succeeded", {**CHARGE, "amount": told, "currency": currency})
    assert (received.envelope["data"]["amount"], received.envelope["data"]["currency"]) == (minor, currency.upper())


@pytest.mark.parametrize(("currency", "amount"), [("zzz", 1), ("isk", 50)])
async def test_an_amount_that_is_none_is_skipped_by_its_currency_s_name(currency: str, amount: int) -> None:
    outcome = await of_stripe(stripe_event("charge.succeeded", {**CHARGE, "amount": amount, "currency": currency}))
    assert isinstance(outcome, Skipped)
    assert outcome.why == "unusable"
    assert currency.upper() in outcome.detail


async def test_a_charge_that_came_back_and_was_won() -> None:
    dispute = {"id": "dp_1", "charge": "ch_1", "amount": 2500, "currency": "usd", "reason": "fraudulent", "created": 1_700_000_000}
    lost = await published("charge.dispute.funds_withdrawn", dispute)
    won = await published("charge.dispute.funds_reinstated", dispute)
    assert (lost.envelope["data"]["reason_code"], lost.envelope["data"]["upstream_code"]) == ("MD01", "fraudulent")
    assert won.envelope["data"] == {"chargeback_id": "dp_1", "booked_on": "2023-11-14"}


async def test_a_refund_counts_once_it_succeeded_and_is_one_fact_however_often_told() -> None:
    refund = {"id": "re_1", "charge": "ch_1", "amount": 100, "currency": "usd", "status": "pending", "created": 1_700_000_000}
    assert isinstance(await of_stripe(stripe_event("refund.created", refund)), Skipped)
    told = [await published(type, {**refund, "status": "succeeded"}) for type in ("refund.updated", "charge.refund.updated")]
    assert told[0].envelope["data"] == told[1].envelope["data"]


async def test_what_was_paid_past_stripe_is_a_payment() -> None:
    invoice = {"id": "in_1", "amount_paid": 900, "currency": "eur", "paid_out_of_band": True, "subscription": "sub_1"}
    assert (await published("invoice.paid", invoice)).envelope["data"]["payment_id"] == "in_1/out_of_band"


async def test_the_contract_is_found_where_newer_releases_keep_it() -> None:
    parent = {"subscription_details": {"subscription": "sub_9", "metadata": {}}}
    assert (await published("invoice.voided", {"id": "in_1", "parent": parent})).key == "acme/sub_9"
    parent["subscription_details"]["metadata"] = {"contract": "C-9"}
    assert (await published("invoice.voided", {"id": "in_1", "parent": parent})).key == "acme/C-9"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (stripe_event("charge.failed", CHARGE, live=True), "other_mode"),
        (stripe_event("charge.failed", {**CHARGE, "metadata": {}}), "no_contract"),
        (stripe_event("radar.early_fraud_warning.created", {}), "unknown_type"),
        (stripe_event("charge.dispute.funds_withdrawn", {}), "unusable"),
    ],
)
async def test_what_means_nothing_here_is_skipped_with_a_reason(body: bytes, why: str) -> None:
    outcome = await of_stripe(body)
    assert isinstance(outcome, Skipped)
    assert outcome.why == why


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": "evt"}'])
async def test_what_is_no_event_of_stripe_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        await stripe.translate(upstreams.account("stripe"), body, NOTHING)
