"""Days: local days, working days, what holds on which day (section 3)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from schemas.billing import (
    ChargebackReceived,
    CreditNoteIssued,
    DebtorDeceased,
    DisputeOpened,
    DisputeResolved,
    HoldPlaced,
    HoldReleased,
    InsolvencyOpened,
    InvoiceCancelled,
    InvoiceCorrected,
    PaymentFailed,
    PaymentInitiated,
    PaymentReceived,
)
from schemas.instructions import HoldEndOrdered, HoldOrdered
from schemas.policy import Calendar
from tests.auditor import readings
from tests.auditor.facts import Fact, Facts, reversed_chargebacks, when

ONE_DAY = timedelta(days=1)
NEVER = date(2300, 1, 1)
OWN_ERROR = frozenset({"AM05", "MD02", "FF01", "FF05", "BE05", "CNOR", "DNOR", "AG02"})
"""Return codes of the class "our own error" (`domain.md` 7)."""


def local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def local_time(moment: datetime, zone: str) -> time:
    return moment.astimezone(ZoneInfo(zone)).time()


@cache
def _public_holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)


def is_working_day(day: date, calendar: Calendar | None) -> bool:
    """Without a calendar every day is a working day."""
    if calendar is None:
        return True
    return day.weekday() < 5 and day not in _public_holidays(calendar.country, calendar.subdivision)


def moved(day: date, calendar: Calendar | None) -> date:
    """The day itself, or the next working day (BGB 193)."""
    while not is_working_day(day, calendar):
        day += ONE_DAY
    return day


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    years, month = divmod(day.month - 1 + months, 12)
    last = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def working_days_after(start: date, end: date, calendar: Calendar | None) -> int:
    """How many working days lie after `start`, up to and including `end`."""
    day, count = start + ONE_DAY, 0
    while day <= end:
        count += is_working_day(day, calendar)
        day += ONE_DAY
    return count


@dataclass(frozen=True)
class Hold:
    """Covers the local days from `start` up to but not including `end` (NEVER: not known). `invoice_id`: whom alone it holds."""

    hold_id: str
    kind: str
    invoice_id: str | None
    start: date
    end: date

    def covers(self, day: date) -> bool:
        return self.start <= day < self.end


def _first_release(facts: Facts) -> dict[str, Fact[Any]]:
    """The earliest release of each hold."""
    first: dict[str, Fact[Any]] = {}
    for fact in sorted(facts.any_of(HoldReleased, HoldEndOrdered), key=when):
        first.setdefault(fact.event.data.hold_id, fact)
    return first


def holds(facts: Facts, transit_days: int) -> list[Hold]:
    """Everything that holds or held but payment plans, by the facts known now."""
    found = [*_placed(facts), *_disputes(facts), *_chargebacks(facts), *_in_transit(facts, transit_days), *_struck(facts)]
    return sorted(found, key=lambda hold: (hold.start, hold.hold_id))


def _placed(facts: Facts) -> list[Hold]:
    released = _first_release(facts)
    found = []
    for fact in facts.any_of(HoldPlaced, HoldOrdered):
        data = fact.event.data
        ends = [end for end in (data.until, released[data.hold_id].day if data.hold_id in released else None) if end is not None]
        found.append(Hold(data.hold_id, data.kind, data.invoice_id, data.from_ or fact.day, min(ends, default=NEVER)))
    return found


def _in_transit(facts: Facts, transit_days: int) -> list[Hold]:
    """From payment.initiated until it came or failed, at most `transit_days` after it was expected, inclusive."""
    found = []
    for fact in facts.of(PaymentInitiated):
        data = fact.event.data
        ended = [one.day for one in facts.any_of(PaymentReceived, PaymentFailed) if one.event.data.payment_id == data.payment_id]
        last = (data.expected_on or fact.day) + timedelta(days=transit_days)
        held = data.invoice_id if readings.TRANSIT_HOLDS_ITS_INVOICE_ALONE else None
        found.append(Hold(data.payment_id, "payment_in_transit", held, fact.day, min([last + ONE_DAY, *ended])))
    return found


def _struck(facts: Facts) -> list[Hold]:
    """Insolvency and death, from the day they occurred until they are released by their name."""
    found = []
    for kind, name in ((InsolvencyOpened, "insolvency"), (DebtorDeceased, "deceased")):
        ends = [one for one in facts.any_of(HoldReleased, HoldEndOrdered) if one.event.data.hold_id == name]
        for fact in facts.any_of(kind):
            occurred = fact.event.data.occurred_on
            later = [one.day for one in ends if one.day >= occurred or readings.A_RELEASE_ENDS_LATER_INSOLVENCIES]
            found.append(Hold(name, name, None, occurred, min(later, default=NEVER)))
    return found


def resolution(facts: Facts, dispute_id: str) -> Fact[DisputeResolved] | None:
    """The earliest resolution counts."""
    return next((fact for fact in facts.by_time(DisputeResolved) if fact.event.data.dispute_id == dispute_id), None)


def _disputes(facts: Facts) -> list[Hold]:
    released = _first_release(facts)
    found = []
    for fact in facts.of(DisputeOpened):
        data = fact.event.data
        end = min(_dispute_end(facts, fact), released[data.dispute_id].day if data.dispute_id in released else NEVER)
        found.append(Hold(data.dispute_id, "dispute", data.invoice_id, fact.day, end))
    return found


def _dispute_end(facts: Facts, opened: Fact[DisputeOpened]) -> date:
    resolved = resolution(facts, opened.event.data.dispute_id)
    if resolved is None:
        return NEVER
    if resolved.event.data.outcome == "rejected":
        return resolved.day
    corrected = _correction_since(facts, opened)
    return NEVER if corrected is None else max(resolved.day, corrected)


def _correction_since(facts: Facts, opened: Fact[DisputeOpened]) -> date | None:
    """The day of the first correction, cancellation or credit note for the disputed receivable since the dispute was opened."""
    concerned = opened.event.data.invoice_id
    for fact in sorted(facts.any_of(InvoiceCorrected, InvoiceCancelled, CreditNoteIssued), key=when):
        named = fact.event.data.invoice_id
        since = when(fact) > when(opened)
        if since and concerned in (None, named):
            return fact.day
    return None


def upheld_in_force(facts: Facts, day: date) -> set[str]:
    """Disputes that were upheld and wait for the creditor's correction."""
    running = {hold.hold_id for hold in _disputes(facts) if hold.end > day}
    resolved = [(hold_id, resolution(facts, hold_id)) for hold_id in running]
    return {hold_id for hold_id, fact in resolved if fact is not None and fact.event.data.outcome == "upheld" and fact.day <= day}


def _chargeback_kind(reason_code: str | None) -> str | None:
    if reason_code in OWN_ERROR:
        return "manual"
    return {"MD01": "dispute", "MD07": "deceased"}.get(reason_code or "")


def _chargebacks(facts: Facts) -> list[Hold]:
    released, undone = _first_release(facts), reversed_chargebacks(facts)
    found = []
    for fact in facts.of(ChargebackReceived):
        data = fact.event.data
        kind = _chargeback_kind(data.reason_code)
        if kind is not None:
            end = released[data.chargeback_id].day if data.chargeback_id in released else NEVER
            if data.chargeback_id in undone:
                end = min(end, undone[data.chargeback_id].event.data.booked_on)
            found.append(Hold(data.chargeback_id, kind, None, data.booked_on, end))
    return found


def own_errors(facts: Facts, day: date) -> set[str]:
    """Chargebacks by our own error whose hold has not ended; one that was reversed before it was booked holds nothing."""
    own = {fact.event.data.chargeback_id for fact in facts.of(ChargebackReceived) if fact.event.data.reason_code in OWN_ERROR}
    return {hold.hold_id for hold in _chargebacks(facts) if hold.hold_id in own and hold.start < hold.end and hold.end > day}


def held(day: date, invoice_id: str, all_holds: list[Hold]) -> bool:
    """Covered by any hold of the contract or by one of this receivable itself."""
    return any(hold.covers(day) and hold.invoice_id in (None, invoice_id) for hold in all_holds)


def day_after_unheld(start: date, count: int, invoice_id: str, all_holds: list[Hold]) -> date | None:
    """The first day x with `count` unheld days in [start, x); None if it is never reached."""
    horizon = max([start, *(hold.end for hold in all_holds if hold.end < NEVER), *(hold.start for hold in all_holds)]) + ONE_DAY
    day, unheld = start, 0
    while unheld < count:
        if day > horizon and held(day, invoice_id, all_holds):
            return None
        unheld += not held(day, invoice_id, all_holds)
        day += ONE_DAY
    return day
