"""What holds, on which days, and for which receivable (`escalation.md` 3)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from streams.escalation import worth
from streams.escalation.calendar import HoldSpan
from streams.escalation.facts import Dispute, Facts, ended
from streams.escalation.worth import OWN_ERROR, UNAUTHORISED

INSOLVENCY, DECEASED = "insolvency", "deceased"
"""What befalls a debtor: kinds of hold and, because a person has no more than one of each at a time, also their hold_ids."""
OF_PERSON = frozenset({INSOLVENCY, DECEASED})
FEE_FREE = frozenset({"statutory_moratorium", INSOLVENCY})
"""Kinds under which no fee is owed."""

LocalDay = Callable[[int], date]


class Span(NamedTuple):
    """A hold's days: from `begin` up to but not including `end` (None: open). Without `invoice_id` the whole contract is held."""

    hold_id: str
    kind: str
    invoice_id: str | None
    begin: date
    end: date | None

    def covers(self, day: date) -> bool:
        """Whether the day is held."""
        return self.begin <= day and (self.end is None or day < self.end)


def spans(facts: Facts, local_day: LocalDay, transit_days: int) -> tuple[Span, ...]:
    """Every hold that covers at least one day."""
    if not (facts.holds or facts.disputes or facts.initiations or facts.occurrences or _holding(facts)):
        return ()
    released = ended(facts.releases)
    found = (
        *_placed(facts, local_day, released),
        *_disputed(facts, local_day, released),
        *_charged_back(facts, local_day, released),
        *_in_transit(facts, local_day, transit_days),
        *_befallen(facts, local_day),
    )
    return tuple(span for span in found if span.end is None or span.end > span.begin)


def _holding(facts: Facts) -> bool:
    return any(hold_kind(one.reason_code) is not None for one in facts.chargebacks)


def _placed(facts: Facts, local_day: LocalDay, released: dict[str, int]) -> Iterator[Span]:
    for hold in facts.holds:
        begin = hold.from_ if hold.from_ is not None else local_day(hold.time_us)
        end = _earlier(hold.until, _day(released.get(hold.hold_id), local_day))
        yield Span(hold.hold_id, hold.kind, hold.invoice_id, begin, end)


def _disputed(facts: Facts, local_day: LocalDay, released: dict[str, int]) -> Iterator[Span]:
    for dispute in facts.disputes:
        end = _earlier(_resolved_on(facts, dispute, local_day), _day(released.get(dispute.dispute_id), local_day))
        yield Span(dispute.dispute_id, "dispute", dispute.invoice_id, local_day(dispute.time_us), end)


def _charged_back(facts: Facts, local_day: LocalDay, released: dict[str, int]) -> Iterator[Span]:
    reversed_on = {reversal.chargeback_id: reversal.booked_on for reversal in facts.reversals}
    for chargeback in facts.chargebacks:
        kind = hold_kind(chargeback.reason_code)
        if kind is not None:
            name = chargeback.chargeback_id
            end = _earlier(_day(released.get(name), local_day), reversed_on.get(name))
            yield Span(name, kind, None, chargeback.booked_on, end)


def _in_transit(facts: Facts, local_day: LocalDay, transit_days: int) -> Iterator[Span]:
    """Money on its way, whatever it is for, holds the whole contract until it came or failed. A `hold.released` doesn't end that: what is
    known not to come is told by payment.failed."""
    if not facts.initiations:
        return
    known = [(payment.payment_id, payment.time_us) for payment in facts.payments]
    known += [(failure.payment_id, failure.time_us) for failure in facts.failures]
    for initiation in facts.initiations:
        begin = local_day(initiation.time_us)
        expected = initiation.expected_on if initiation.expected_on is not None else begin
        told_us = min((time_us for payment_id, time_us in known if payment_id == initiation.payment_id), default=None)
        end = _earlier(expected + timedelta(days=transit_days + 1), _day(told_us, local_day))
        yield Span(initiation.payment_id, "payment_in_transit", None, begin, end)


def _befallen(facts: Facts, local_day: LocalDay) -> Iterator[Span]:
    """Insolvency and death hold until the first release that is not earlier than they: one before them ended something else."""
    for one in facts.occurrences:
        ends = (local_day(release.time_us) for release in facts.releases if release.of == one.kind)
        yield Span(one.kind, one.kind, None, one.occurred_on, min((day for day in ends if day >= one.occurred_on), default=None))


def hold_kind(reason_code: str | None) -> str | None:
    """The kind of hold that a returned debit with this code brings, or None."""
    if reason_code == UNAUTHORISED:
        return "dispute"
    if reason_code == worth.DECEASED:
        return DECEASED
    return "manual" if reason_code in OWN_ERROR else None


def _resolved_on(facts: Facts, dispute: Dispute, local_day: LocalDay) -> date | None:
    """The day on which a dispute ends: when it is rejected; when it is upheld, not before the creditor has corrected."""
    for resolution in facts.resolutions:
        if resolution.dispute_id == dispute.dispute_id:
            if not resolution.upheld:
                return local_day(resolution.time_us)
            corrected_us = corrected_at(facts, dispute)
            return None if corrected_us is None else local_day(max(corrected_us, resolution.time_us))
    return None


def corrected_at(facts: Facts, dispute: Dispute) -> int | None:
    """When the creditor first corrected a disputed receivable since the dispute was opened (of a disputed contract: any receivable)."""
    times = (
        *((correction.invoice_id, correction.time_us) for correction in facts.corrections),
        *((cancelled.of, cancelled.time_us) for cancelled in facts.cancelled_invoices),
        *((note.invoice_id, note.time_us) for note in facts.credit_notes),
    )
    return min(
        (time_us for of, time_us in times if time_us >= dispute.time_us and dispute.invoice_id in (None, of)),
        default=None,
    )


def upheld_in_force(facts: Facts) -> bool:
    """Whether a dispute was upheld and the creditor has not corrected yet."""
    if not facts.resolutions:
        return False
    released = ended(facts.releases)
    upheld = {resolution.dispute_id for resolution in facts.resolutions if resolution.upheld}
    return any(
        dispute.dispute_id in upheld and dispute.dispute_id not in released and corrected_at(facts, dispute) is None
        for dispute in facts.disputes
    )


def covers_contract(found: Sequence[Span], day: date) -> bool:
    """Whether the whole contract is held on that day."""
    return any(span.invoice_id is None and span.covers(day) for span in found)


def covers_receivable(found: Sequence[Span], invoice_id: str, day: date) -> bool:
    """Whether the receivable is held by a hold of its own on that day."""
    return any(span.invoice_id == invoice_id and span.covers(day) for span in found)


def held_for(found: Sequence[Span], invoice_id: str) -> list[HoldSpan]:
    """Days that don't count for this receivable: those of the contract and its own."""
    return [(span.begin, span.end) for span in found if span.invoice_id is None or span.invoice_id == invoice_id]


def silence(found: Sequence[Span], first: date, last: date) -> bool:
    """Whether on one of these days nobody may be written to, because the debtor died or is insolvent."""
    return any(span.kind in OF_PERSON and span.begin <= last and (span.end is None or span.end > first) for span in found)


def fee_free(found: Sequence[Span], invoice_id: str, day: date) -> bool:
    """Whether no fee dated on that day is owed for the receivable."""
    return any(span.kind in FEE_FREE and span.invoice_id in (None, invoice_id) and span.covers(day) for span in found)


def _day(time_us: int | None, local_day: LocalDay) -> date | None:
    return None if time_us is None else local_day(time_us)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min(one, other) if one is not None and other is not None else one if one is not None else other
