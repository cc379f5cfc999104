"""Confirming a payment to the debtor at once (`escalation.md` 5)."""

from schemas.billing import PaymentReceivedData
from streams.escalation import holds, notices
from streams.escalation.statuses import CLEAR
from streams.escalation.turn import Turn


def confirm(turn: Turn, data: PaymentReceivedData) -> None:
    """Tell the debtor that the payment came, which the facts hold by now: the notice says what is overdue without it."""
    wanted = turn.rules.policy.confirm_payments and turn.contract.status != CLEAR
    if wanted and data.amount > 0 and data.via != "agency" and not holds.silence(turn.spans, turn.day, turn.day):
        notices.payment_confirmation(turn, data.payment_id)
