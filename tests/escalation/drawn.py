"""What hypothesis draws: events of every type, and a contract that lives through them day by day."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from streams.escalation.ledger import Books
from streams.escalation.turn import Turn
from streams.escalation.worth import net_agency_payments, net_payments
from tests.escalation.harness import Out, World, world

FIRST, LAST = date(2026, 1, 1), date(2026, 4, 30)
SPAN = (LAST - FIRST).days
INVOICES, PAYMENTS = ("R1", "R2", "R3"), ("P1", "P2", "P3")
Event = tuple[str, str, str, dict[str, Any]]
"""Day of its time, type, id, data."""

days = st.integers(0, SPAN - 40).map(lambda n: (FIRST + timedelta(days=n)).isoformat())
amounts = st.sampled_from((0, 1, 99, 250, 1_000, 2_500, 10_000))


def dated(kind: str, /, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.tuples(days, st.just(kind), st.uuids().map(str), st.fixed_dictionaries(data))


@st.composite
def invoices(draw: st.DrawFn) -> list[Event]:
    """One to three receivables, due up to a month after they were issued."""
    found: list[Event] = []
    for invoice_id in INVOICES[: draw(st.integers(1, 3))]:
        issued = draw(days)
        due = (date.fromisoformat(issued) + timedelta(days=draw(st.integers(0, 30)))).isoformat()
        data = {"invoice_id": invoice_id, "issued_on": issued, "due_on": due, "amount": draw(amounts), "currency": "EUR"}
        found.append((issued, "invoice.issued", f"issued-{invoice_id}", data))
    return found


invoice_ids = st.sampled_from(INVOICES)
payment_ids = st.sampled_from(PAYMENTS)
some_invoices = st.lists(invoice_ids, min_size=1, max_size=2, unique=True)
euro = st.just("EUR")


@st.composite
def payments(draw: st.DrawFn) -> list[Event]:
    """Payments whose value date is their day, some designated, some remitted by an agency."""
    found: list[Event] = []
    for payment_id in PAYMENTS[: draw(st.integers(0, 3))]:
        on = draw(days)
        data: dict[str, Any] = {"payment_id": payment_id, "amount": draw(amounts), "currency": "EUR", "value_date": on}
        kind = draw(st.sampled_from(("plain", "plain", "designated", "allocated", "payout")))
        if kind == "designated":
            data["invoice_id"] = draw(invoice_ids)
        elif kind == "allocated":
            data["allocations"] = [{"invoice_id": draw(invoice_ids), "amount": draw(amounts)} for _ in range(2)]
        elif kind == "payout":
            data.update(via="agency", withheld=draw(amounts))
        found.append((on, "payment.received", f"received-{payment_id}", data))
    return found


changes = st.one_of(
    dated("invoice.corrected", invoice_id=invoice_ids, amount=amounts),
    dated("invoice.corrected", invoice_id=invoice_ids, due_on=days),
    dated("invoice.cancelled", invoice_id=invoice_ids),
    dated("credit_note.issued", credit_note_id=st.sampled_from(("N1", "N2")), invoice_id=invoice_ids, amount=st.just(500)),
    dated("credit_note.issued", credit_note_id=st.just("N3"), amount=st.just(700)),
    dated("credit_note.cancelled", credit_note_id=st.sampled_from(("N1", "N3"))),
    dated("payment.failed", payment_id=payment_ids),
    dated("payment.refunded", payment_id=payment_ids, refund_id=st.just("F1"), amount=st.just(300)),
    dated("chargeback.received", chargeback_id=st.just("B1"), payment_id=payment_ids, amount=st.just(400), fee=st.just(35), booked_on=days),
    dated("chargeback.reversed", chargeback_id=st.just("B1"), booked_on=days),
)
holds = st.one_of(
    dated("dispute.opened", dispute_id=st.just("D1")),
    dated("dispute.opened", dispute_id=st.just("D2"), invoice_id=invoice_ids),
    dated("dispute.resolved", dispute_id=st.sampled_from(("D1", "D2")), outcome=st.sampled_from(("upheld", "rejected"))),
    dated("hold.placed", hold_id=st.just("H1"), kind=st.sampled_from(("manual", "statutory_moratorium")), until=days),
    dated("hold.released", hold_id=st.sampled_from(("H1", "D1"))),
)
moments = st.one_of(
    dated("invoice.written_off", invoice_id=invoice_ids),
    dated("invoice.written_off", invoice_id=invoice_ids, amount=amounts),
)
orders = st.one_of(
    dated("handover.ordered", by=st.just("ann"), despite_hold=st.booleans()),
    dated("handover.recalled", by=st.just("ann")),
    dated("step.skipped", by=st.just("ann")),
    dated("attention.cleared", by=st.just("ann"), name=st.sampled_from(("rejected", "ladder_ended", "payout_unmatched"))),
)
instalment = st.fixed_dictionaries({"due_on": days, "amount": st.sampled_from((500, 2_500, 10_000))})
agreements = st.one_of(
    dated("payment_plan.agreed", plan_id=st.just("L1"), instalments=st.lists(instalment, min_size=1, max_size=3)),
    dated(
        "payment_plan.agreed", plan_id=st.just("L2"), instalments=st.lists(instalment, min_size=1, max_size=1), invoice_ids=some_invoices
    ),
    dated("payment_plan.cancelled", plan_id=st.sampled_from(("L1", "L2"))),
    dated("payment.initiated", payment_id=payment_ids, amount=amounts, currency=euro, expected_on=days),
    dated("insolvency.opened", occurred_on=days),
    dated("debtor.deceased", occurred_on=days),
    dated("hold.released", hold_id=st.sampled_from(("insolvency", "deceased"))),
)
settings_told = st.one_of(
    dated("contract.configured", debtor_kind=st.just("business"), agency_account=st.sampled_from(("own", "other"))),
    dated("contract.configured", policy=st.just("nobody's")),
    dated("contract.configured", time_zone=st.sampled_from(("Asia/Tokyo", "America/Lima"))),
    dated("balance.stated", as_of=days, open_amount=amounts),
    dated(
        "contract.taken_over",
        as_of=days,
        receivables=st.lists(
            st.fixed_dictionaries({"invoice_id": invoice_ids, "rung": st.integers(0, 3), "level": st.integers(0, 2)}),
            min_size=1,
            max_size=2,
        ),
    ),
    dated("step.approved", by=st.just("ann"), step=st.integers(1, 3)),
    dated("call.attempted", by=st.just("ann"), attempt=st.integers(1, 2), outcome=st.sampled_from(("reached", "not_reached"))),
    dated("notice.failed", by=st.just("ann"), notice_id=st.just("unknown"), reason=st.just("returned")),
)
replies = st.one_of(
    dated("case.passed", agency=st.just("a")),
    dated("case.accepted", agency=st.just("a")),
    dated("case.rejected", reasons=st.just([])),
    dated("case.phase_changed", phase=st.just("collection"), stage=st.sampled_from(("judicial_dunning", "long_term_monitoring"))),
    dated("case.payment_received", payment_id=st.sampled_from(("X1", "X2")), amount=st.sampled_from((-300, 200, 5_000)), value_date=days),
    dated(
        "case.closed",
        outcome=st.sampled_from(("successful", "unsuccessful")),
        reason=st.sampled_from(("paid", "settlement", "recalled", "no_assets")),
    ),
)


OWN_ID = {
    "hold.placed": "hold_id",
    "dispute.opened": "dispute_id",
    "payment.refunded": "refund_id",
    "credit_note.issued": "credit_note_id",
    "chargeback.received": "chargeback_id",
    "payment.initiated": "payment_id",
    "payment_plan.agreed": "plan_id",
    "invoice.issued": "invoice_id",
    "payment.received": "payment_id",
    "case.payment_received": "payment_id",
}


def once(events: Sequence[Event]) -> list[Event]:
    """Each fact once: a second one of the same id is a conflict, which is another test's business."""
    kept: dict[Any, Event] = {}
    for event in events:
        name = OWN_ID.get(event[1])
        kept.setdefault((event[1], event[3][name] if name else event[2]), event)
    return list(kept.values())


@st.composite
def facts(draw: st.DrawFn, *more: st.SearchStrategy[Event], most: int = 8) -> list[Event]:
    events = [*draw(invoices()), *draw(payments()), *draw(st.lists(st.one_of(changes, *more), max_size=most))]
    return once(events)


def by_time(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event[0])


def publish(one: World, event: Event, at: str | None = None) -> None:
    """Publish one event; a reply is to the last handover, and left out without one."""
    on, kind, event_id, data = event
    if kind.startswith("case."):
        submitted = one.of("case.submit")
        if not submitted:
            return
        data = {**data, "handover_id": submitted[-1].data["handover_id"], "occurred_at": f"{on}T10:00:00Z"}
    one.event(kind, at or on, id=event_id, **data)


def live(events: Sequence[Event], every_days: int = 1, hours: Sequence[int] = (13,), twice: bool = False, **policy: Any) -> World:
    """Events as they come (at noon), ticks at these hours (UTC) of every day (or fewer)."""
    one = world(**policy)
    waiting = by_time(events)
    for number in range(SPAN + 1):
        on = (FIRST + timedelta(days=number)).isoformat()
        while waiting and waiting[0][0] <= on:
            event = waiting.pop(0)
            publish(one, event)
            if twice:
                publish(one, event)
        if number % every_days == 0:
            for hour in hours:
                one.tick(f"{on}T{hour:02}:00:00+00:00")
        conserved(one)
    return one


def conserved(one: World) -> None:
    """Section 2: the sum of what came in is the sum of what it became, to the cent."""
    if one.state is None:
        return
    contract = one.state
    turn = Turn(one.shared, one.key.decode(), contract, contract.clock_us, "check")
    books, known = turn.books, contract.facts
    net = net_payments(known)
    cancelled = {ending.of for ending in known.cancelled_credit_notes}
    cases = {case.handover_id for case in contract.cases}
    came = sum(net[payment.payment_id] for payment in known.payments if not payment.via_agency)
    came += sum(worth for told, worth in net_agency_payments(known) if told.handover_id in cases)
    came += sum(part.principal + part.costs + part.interest for fixed in contract.fixed if not fixed.written_off for part in fixed.portions)
    came += sum(note.amount for note in known.credit_notes if note.invoice_id is None and note.credit_note_id not in cancelled)
    assert came == sum(account.settled for account in books.accounts.values()) + books.credit
    for account in books.accounts.values():
        assert min(account.open, account.costs_open, account.settled, account.written_off) >= 0
        charged = account.open + account.costs_open + account.settled + account.written_off
        assert charged >= account.principal
    booked_as_told(one, books, came)


def booked_as_told(one: World, books: Books, came: int) -> None:
    """Section 7: what accounting knows itself and what was booked sum to what case-status says, to the cent. `came`: all money."""
    rows, bookings = one.of("case_status.changed"), one.of("booking.recorded")
    if not rows:
        return
    row = rows[-1].data
    told = {line["invoice_id"]: line["open"] + line["costs"] for line in row["receivables"]}
    by_agency = 0
    for invoice_id, account in books.accounts.items():
        sums = booked(bookings, invoice_id)
        claim = account.principal + sums["cost_charged"] + sums["cost_cancelled"] + sums["interest_settled"]
        assert claim - sums["written_off"] - account.settled == told.get(invoice_id, 0)
        assert 0 <= sums["agency_settled"] <= account.settled
        by_agency += sums["agency_settled"]
    everything = booked(bookings)
    assert everything["written_off"] == row["written_off"]
    charged = everything["cost_charged"] + everything["cost_cancelled"] + everything["interest_settled"]
    principal = sum(account.principal for account in books.accounts.values())
    paid = came - by_agency - row["credit"]
    assert principal + charged - row["written_off"] - by_agency - paid == row["open_amount"] + row["costs"]


def booked(bookings: Sequence[Out], invoice_id: str | None = None) -> dict[str, int]:
    """The sums of the bookings by kind, of one receivable or of all."""
    sums = {"cost_charged": 0, "cost_cancelled": 0, "interest_settled": 0, "written_off": 0, "agency_settled": 0}
    for booking in bookings:
        if invoice_id in (None, booking.data["invoice_id"]):
            sums[booking.data["booking"]] += booking.data["amount"]
    return sums
