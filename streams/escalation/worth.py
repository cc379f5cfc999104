"""What money that came is worth by all that is known now: less what was refunded, returned or failed (`escalation.md` 2)."""

from collections.abc import Sequence

from streams.escalation.facts import AgencyPayment, Chargeback, Facts, Payment

OWN_ERROR = frozenset({"AM05", "MD02", "FF01", "FF05", "BE05", "CNOR", "DNOR", "AG02"})
"""Return codes of the class "our own error" (`domain.md` 7)."""
UNAUTHORISED = "MD01"
DECEASED = "MD07"


def unreversed(facts: Facts) -> Sequence[Chargeback]:
    """The chargebacks that stand."""
    if not facts.reversals:
        return facts.chargebacks
    reversed_ids = {reversal.chargeback_id for reversal in facts.reversals}
    return [chargeback for chargeback in facts.chargebacks if chargeback.chargeback_id not in reversed_ids]


def charges_fee(chargeback: Chargeback) -> bool:
    """Whether the bank's fee is the debtor's to bear: not for our own errors, nor without a mandate."""
    return chargeback.fee > 0 and chargeback.reason_code != UNAUTHORISED and chargeback.reason_code not in OWN_ERROR


def net_payments(facts: Facts) -> dict[str, int]:
    """What each received payment is worth: less refunds and chargebacks that stand, nothing once it failed after it was received."""
    if not (facts.refunds or facts.chargebacks or facts.failures):
        return {payment.payment_id: payment.amount for payment in facts.payments}
    taken: dict[str, int] = {}
    for refund in facts.refunds:
        taken[refund.payment_id] = taken.get(refund.payment_id, 0) + refund.amount
    for chargeback in unreversed(facts):
        taken[chargeback.payment_id] = taken.get(chargeback.payment_id, 0) + chargeback.amount
    return {
        payment.payment_id: 0 if failed(facts, payment) else max(0, payment.amount - taken.get(payment.payment_id, 0))
        for payment in facts.payments
    }


def failed(facts: Facts, payment: Payment) -> bool:
    return any(failure.payment_id == payment.payment_id and failure.time_us > payment.time_us for failure in facts.failures)


def net_agency_payments(facts: Facts) -> list[tuple[AgencyPayment, int]]:
    """What each payment that an agency told of is worth: a negative one lowers the last earlier ones of its case. Within a day the
    negative ones come last, or the ids would decide whether a payment that came back on its own day was ever made."""
    counted = (payment for payment in facts.agency_payments if payment.counts)
    told = sorted(counted, key=lambda payment: (payment.counts_on, payment.amount < 0, payment.payment_id))
    worth = [max(0, payment.amount) for payment in told]
    for place, payment in enumerate(told):
        back = max(0, -payment.amount)
        for earlier in range(place - 1, -1, -1):
            if back and told[earlier].handover_id == payment.handover_id:
                part = min(back, worth[earlier])
                worth[earlier] -= part
                back -= part
    return list(zip(told, worth, strict=True))
