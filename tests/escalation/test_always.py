"""What always holds, whatever comes in which order: sums to the cent, the same end for every order of arrival, duplicates without a trace,
each step once, nothing to the debtor while held, ids that never change."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from streams.escalation.settlement import net_agency_payments, net_payments
from streams.escalation.turn import Turn
from tests.escalation.harness import World, world

FIRST, LAST = date(2026, 1, 1), date(2026, 4, 30)
SPAN = (LAST - FIRST).days
INVOICES, PAYMENTS = ("R1", "R2", "R3"), ("P1", "P2", "P3")
Event = tuple[str, str, str, dict[str, Any]]
"""Day of its time, type, id, data."""

days = st.integers(0, SPAN - 40).map(lambda n: (FIRST + timedelta(days=n)).isoformat())
amounts = st.sampled_from((0, 1, 99, 250, 1_000, 2_500, 10_000))
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


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


def once(events: Sequence[Event]) -> list[Event]:
    """Each fact once: a second one of the same id is a conflict, which is another test's business."""
    kept: dict[Any, Event] = {}
    for event in events:
        own_id = (
            event[3].get("hold_id") if event[1] == "hold.placed" else event[3].get("dispute_id") if event[1] == "dispute.opened" else None
        )
        for name in ("refund_id", "credit_note_id", "chargeback_id"):
            own_id = own_id or (event[3].get(name) if not event[1].endswith(("cancelled", "reversed")) else None)
        kept.setdefault((event[1], own_id or event[2]), event)
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


# --- properties


@slow
@given(
    facts(holds, moments, orders, replies, most=14),
    st.sampled_from(("costs_first", "principal_first")),
    st.sampled_from(((13,), (0, 6, 23), (5, 7, 8, 22))),
    st.sampled_from(("Europe/Berlin", "Pacific/Auckland", "America/Sao_Paulo")),
)
def test_sums_hold_to_the_cent_and_no_tick_is_missed(events: list[Event], settlement: str, hours: tuple[int, ...], zone: str) -> None:
    """The harness visits the contract at every tick and fails if one changes something that the due time did not foresee."""
    note(events)
    one = live(events, hours=hours, settlement=settlement, time_zone=zone, working_days_only=True, calendar={"country": "DE"})
    for row in one.of("case_status.changed"):
        amounts_told = [row.data[name] for name in ("open_amount", "overdue_amount", "costs", "credit", "agency_balance", "written_off")]
        assert min(amounts_told) >= 0


@slow
@given(facts(holds), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing_of_what_is_owed(events: list[Event], random: Any) -> None:
    """All facts arrive before the first tick, in order and shuffled; then the days pass."""
    shuffled = list(events)
    random.shuffle(shuffled)
    rows = []
    for arrived in (by_time(events), shuffled):
        one = world(steps=[])
        for event in arrived:
            publish(one, event)
        one.tick("2026-06-01")
        conserved(one)
        row = dict(one.status)
        for name in ("cycle", "version", "changed_at", "last_changes", "rung", "attention"):  # when statuses changed may differ
            del row[name]
        rows.append(row)
    assert rows[0] == rows[1]


@slow
@given(facts(holds, moments, orders, replies, most=12))
def test_duplicates_leave_no_trace(events: list[Event]) -> None:
    plain, doubled = live(events), live(events, twice=True)
    assert plain.outs == doubled.outs
    refused = [reason for reason in plain.refused for _ in range(2)]
    assert sorted(doubled.refused) == sorted(refused)


@slow
@given(facts(holds, moments, orders, replies, most=12))
def test_ids_are_unique_and_stable(events: list[Event]) -> None:
    one, again = live(events), live(events)
    ids = [out.id for out in one.outs]
    assert len(set(ids)) == len(ids)
    assert ids == [out.id for out in again.outs]


@slow
@given(facts(holds, orders, replies, most=12), st.integers(1, 45))
def test_each_step_once_a_receivable_and_cycle_and_none_while_held(events: list[Event], every_days: int) -> None:
    one = live(events, every_days=every_days)
    reminders = one.state.reminders if one.state is not None else ()
    anchored = [(reminder.cycle, reminder.step, reminder.anchor) for reminder in reminders]
    assert len(set(anchored)) == len(anchored)
    climbed = Counter((reminder.cycle, invoice_id) for reminder in reminders for invoice_id in reminder.covered)
    assert max(climbed.values(), default=0) <= 2  # the ladder has two reminders
    stood = {out.data["version"]: out.data["to"] for out in one.of("case_history.recorded")}
    for out in one.of("notice.reminder"):
        assert stood[out.data["version"]] == "Reminded"
        assert out.data["amount"] > 0
    days_taken = [out.time.date() for out in one.outs if out.type == "notice.reminder"]
    assert len(set(days_taken)) == len(days_taken)


@slow
@given(facts(holds, most=10), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_history_is_a_chain(events: list[Event], jumps: list[int]) -> None:
    """Each change begins where the one before ended, and versions count from 1."""
    one = live(events, every_days=jumps[0])
    standing = "Clear"
    for number, out in enumerate(one.of("case_history.recorded"), start=1):
        assert (out.data["from"], out.data["version"]) == (standing, number)
        standing = out.data["to"]
    assert not one.outs or one.status["status"] == standing
