"""What is told, as values: topic, type, id and data of an output (`escalation.md` 7). Whoever writes it adds the envelope.

Ids follow from contract, cycle, type and ordinal, so that the same decision has the same id whenever it is made again.
"""

from hashlib import sha1
from typing import Any, NamedTuple

from schemas import topics
from schemas.ids import NAMESPACE

HISTORY = "case_history.recorded"
STATUS = "case_status.changed"
REMINDER = "notice.reminder"
LADDER_ENDED = "notice.ladder_ended"
PAYMENT_OFFER = "notice.payment_offer"
CALL_REQUEST = "notice.call_request"
SIGNAL = "notice.signal"
PAYMENT_CONFIRMATION = "notice.payment_confirmation"
WIN_BACK = "notice.win_back"
INSTALMENT_REMINDER = "notice.instalment_reminder"
PLAN_BROKEN = "notice.plan_broken"
REFRESH = "case.refresh"
MONITOR = "case.monitor"
SUBMIT = "case.submit"
RECALL = "case.recall"
REPORT_PAYMENT = "case.report_payment"
SEND_MESSAGE = "case.send_message"
ANSWER = "case.answer"
BOOKING = "booking.recorded"

KINDS = (
    HISTORY,
    STATUS,
    REMINDER,
    LADDER_ENDED,
    SUBMIT,
    RECALL,
    REPORT_PAYMENT,
    SEND_MESSAGE,
    PAYMENT_OFFER,
    CALL_REQUEST,
    SIGNAL,
    PAYMENT_CONFIRMATION,
    WIN_BACK,
    INSTALMENT_REMINDER,
    PLAN_BROKEN,
    REFRESH,
    MONITOR,
    ANSWER,
    BOOKING,
)
"""Their order is that of the counters in a state: new kinds are added at the end."""
_PLACES = {kind: place for place, kind in enumerate(KINDS)}

TOPICS = {
    HISTORY: topics.CASE_HISTORY,
    STATUS: topics.CASE_STATUS,
    REMINDER: topics.NOTICES,
    LADDER_ENDED: topics.NOTICES,
    PAYMENT_OFFER: topics.NOTICES,
    CALL_REQUEST: topics.NOTICES,
    SIGNAL: topics.NOTICES,
    PAYMENT_CONFIRMATION: topics.NOTICES,
    WIN_BACK: topics.NOTICES,
    INSTALMENT_REMINDER: topics.NOTICES,
    PLAN_BROKEN: topics.NOTICES,
    REFRESH: topics.COMMANDS,
    MONITOR: topics.COMMANDS,
    SUBMIT: topics.COMMANDS,
    RECALL: topics.COMMANDS,
    REPORT_PAYMENT: topics.COMMANDS,
    SEND_MESSAGE: topics.COMMANDS,
    ANSWER: topics.COMMANDS,
    BOOKING: topics.BOOKINGS,
}


class Told(NamedTuple):
    """One output. `data` has the keys of its schema in their order, None is a tombstone; `time_us` is the contract clock."""

    kind: str
    id: str
    time_us: int
    data: dict[str, Any] | None


def counted(ordinals: tuple[int, ...], kind: str) -> tuple[tuple[int, ...], int]:
    """The counters with one more of this kind, and its ordinal (from 1)."""
    place = _PLACES[kind]
    padded = ordinals + (0,) * (place + 1 - len(ordinals))
    ordinal = padded[place] + 1
    return (*padded[:place], ordinal, *padded[place + 1 :]), ordinal


_NAMED = sha1(NAMESPACE.bytes, usedforsecurity=False)


def output_id(key: str, cycle: int, kind: str, ordinal: int) -> str:
    """uuid5(namespace, "tenant/contract/cycle/kind/ordinal"), as `schemas.ids.output_id`, but without the detour of a UUID object: each
    event brings at least one."""
    digest = _NAMED.copy()
    digest.update(f"{key}/{cycle}/{kind}/{ordinal}".encode())
    text = digest.hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
