"""Notices for whoever writes to the debtor: their data, in the keys and the order of their schemas. Nothing is decided here."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from schemas.policy import PaymentOfferMethod
from streams.escalation import outputs, payment_ways
from streams.escalation.ladder import Position
from streams.escalation.turn import Turn


def reminder(turn: Turn, level: int, ordinal: int, positions: Sequence[Position], covered: Sequence[str]) -> None:
    """Ask whoever writes to the debtor for a reminder over everything that is overdue."""
    data = {**_notice(turn, outputs.REMINDER, ordinal, positions, covered), "level": level}
    turn.tell(outputs.REMINDER, data | payment_ways.data(turn, data, payment_ways.ALL), ordinal)


def payment_offer(turn: Turn, methods: Sequence[PaymentOfferMethod], positions: Sequence[Position], covered: Sequence[str]) -> None:
    """Offer these ways to pay what is overdue. One that cannot be offered (no creditor known, no link in the policy) is left out."""
    ordinal = turn.next_ordinal(outputs.PAYMENT_OFFER)
    data = _notice(turn, outputs.PAYMENT_OFFER, ordinal, positions, covered)
    ways = payment_ways.data(turn, data, methods)
    offered = tuple(method for method in methods if payment_ways.FIELDS[method] in ways)
    turn.tell(outputs.PAYMENT_OFFER, {**data, "methods": offered, **ways}, ordinal)


def call_request(turn: Turn, attempt: int, max_attempts: int, positions: Sequence[Position], covered: Sequence[str]) -> None:
    """Ask somebody to call the debtor."""
    ordinal = turn.next_ordinal(outputs.CALL_REQUEST)
    data = _notice(turn, outputs.CALL_REQUEST, ordinal, positions, covered)
    turn.tell(outputs.CALL_REQUEST, {**data, "attempt": attempt, "max_attempts": max_attempts}, ordinal)


def signal(turn: Turn, name: str, on: bool, positions: Sequence[Position], covered: Sequence[str]) -> None:
    """Tell other systems that something begins (block a service, inform sales), or ends."""
    ordinal = turn.next_ordinal(outputs.SIGNAL)
    data = _notice(turn, outputs.SIGNAL, ordinal, positions, covered)
    turn.tell(outputs.SIGNAL, {**data, "name": name, "on": on}, ordinal)


def payment_confirmation(turn: Turn, payment_id: str) -> None:
    """Thank the debtor for a payment."""
    ordinal = turn.next_ordinal(outputs.PAYMENT_CONFIRMATION)
    data = _notice(turn, outputs.PAYMENT_CONFIRMATION, ordinal, turn.view.overdue, ())
    turn.tell(outputs.PAYMENT_CONFIRMATION, {**data, "payment_id": payment_id}, ordinal)


def win_back(turn: Turn) -> None:
    """Ask whoever writes to the debtor to win a customer back."""
    ordinal = turn.next_ordinal(outputs.WIN_BACK)
    turn.tell(outputs.WIN_BACK, _notice(turn, outputs.WIN_BACK, ordinal, turn.view.overdue, ()), ordinal)


def plan_broken(turn: Turn) -> None:
    """Tell the debtor that an instalment was missed and dunning goes on."""
    ordinal = turn.next_ordinal(outputs.PLAN_BROKEN)
    turn.tell(outputs.PLAN_BROKEN, _notice(turn, outputs.PLAN_BROKEN, ordinal, turn.view.overdue, ()), ordinal)


def instalment_reminder(turn: Turn, due_on: date, amount: int) -> None:
    """Remind of an instalment that falls due soon. (What the plan holds is not overdue, so it stands in none of the sums.)"""
    ordinal = turn.next_ordinal(outputs.INSTALMENT_REMINDER)
    data = _notice(turn, outputs.INSTALMENT_REMINDER, ordinal, turn.view.overdue, ())
    turn.tell(outputs.INSTALMENT_REMINDER, {**data, "instalment": {"due_on": due_on, "amount": amount}}, ordinal)


def ladder_ended(turn: Turn) -> None:
    """Say that no step is left."""
    ordinal = turn.next_ordinal(outputs.LADDER_ENDED)
    data = _notice(turn, outputs.LADDER_ENDED, ordinal, turn.view.overdue, ())
    if turn.contract.nothing_to_hand_over:
        data["reason"] = "nothing_to_hand_over"
    turn.tell(outputs.LADDER_ENDED, data, ordinal)


def _notice(turn: Turn, kind: str, ordinal: int, positions: Sequence[Position], covered: Sequence[str]) -> dict[str, Any]:
    accounts = [turn.books.accounts[position.invoice_id] for position in positions]
    return {
        "notice_id": turn.id_of(kind, ordinal),
        "version": turn.contract.version,
        "amount": sum(account.open for account in accounts),
        "currency": turn.contract.currency,
        "costs": sum(account.costs_open for account in accounts),
        "interest": sum(account.interest for account in accounts),
        "reference": f"{turn.contract_id}/{turn.contract.cycle}",
        "receivables": [
            {
                "invoice_id": account.invoice.invoice_id,
                "open": account.open,
                "due_on": account.due_on,
                "covered": account.invoice.invoice_id in covered,
            }
            for account in accounts
        ],
    }
