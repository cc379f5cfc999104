"""A case put together from what mediafinanz answers about it: status, history, accounting, messages.

Nothing there has an id of its own but payouts: ids of changes come from what is said and when, so that looking at a case twice tells the
same changes. What the debtor paid is told by the payouts of the claim, the one thing dated that counts towards the creditor.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.agencies.mediafinanz import mapping
from connectors.delivery.agency import CaseView, Change, MessageReceived, PaymentReceived, What

MARK: Final = "\n[Ref. {}]"
"""Ends each of our messages: mediafinanz keeps no key of a message, and by it the message is found again in the history."""
TEXT_CHARS_MAX: Final = 20_000
"""Sealed it still fits into an event of 256 KiB."""

_MARKED: Final = re.compile(r"\[Ref\. ([^\]\s]{1,200})\]\s*\Z")
_LOCAL: Final = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the four calls about one case returned. zeep gives what holds nothing but a list as that list."""

    status: Mapping[str, Any]
    history: Any
    accounting: Mapping[str, Any]
    messages: Any


def rows(found: Any) -> list[Any]:
    """A list, where mediafinanz may give the one object itself, or nothing."""
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def view_of(told: Answers) -> CaseView:
    """Raises KeyError, TypeError, ValueError, ArithmeticError for what is no case of ours."""
    reference, case_id = told.status["clientCustomerRefNo"], str(told.status["fileNumber"])
    if not reference:
        raise ValueError("a claim without our reference")
    changes = sorted(_happened(told), key=lambda change: change[1])
    codes = {entry["statusCode"] for entry in rows(told.history)} | {told.status["statusCode"]}
    return CaseView(
        reference=reference,
        case_id=case_id,
        received_at=moment_of(told.status["receivedAt"]),
        closed=bool(codes & mapping.ENDED),
        recalled=mapping.CANCELLED_BY_CLIENT in codes,
        reported=frozenset([*booked(told.accounting), *sent(told.messages)]),
        changes=tuple(Change(reference, case_id, change_id, at, what) for change_id, at, what in changes),
    )


def booked(accounting: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the direct payments that were reported."""
    yield from (payment["reference"] for payment in rows(accounting["directPayments"]) if payment["reference"])


def sent(messages: Any) -> Iterator[str]:
    """Keys of our own messages."""
    yield from (mark[1] for message in rows(messages) if (mark := _MARKED.search(message["text"])))


def moment_of(moment: datetime) -> datetime:
    """One without an offset is taken for German time (assumed)."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=_LOCAL)).astimezone(UTC)


def _happened(told: Answers) -> Iterator[tuple[str, datetime, What]]:
    for entry in rows(told.history):
        at, code = moment_of(entry["time"]), int(entry["statusCode"])
        yield f"{code}/{at.isoformat()}", at, mapping.status(code, entry["closingReasonExplanation"])
    for payout in rows(told.accounting["payoutHistory"]):
        at = datetime(payout["date"].year, payout["date"].month, payout["date"].day, tzinfo=UTC)
        number = str(payout["payoutNumber"])
        yield f"payout/{number[:100]}", at, PaymentReceived(number, _minor(payout["total"]), payout["date"])
    for message in rows(told.messages):
        if not (message["fromClient"] or _MARKED.search(message["text"])):
            yield _message(message)


def _message(message: Mapping[str, Any]) -> tuple[str, datetime, What]:
    at, text = moment_of(message["time"]), message["text"]
    name = hashlib.sha256(f"{at.isoformat()}/{text}".encode()).hexdigest()[:32]
    return f"message/{name}", at, MessageReceived(name, text[:TEXT_CHARS_MAX])


def _minor(amount: Decimal) -> int:
    cents = amount * 100
    if not cents.is_finite() or cents != cents.to_integral_value():
        raise ValueError("an amount with more than two decimal places")
    return int(cents)
