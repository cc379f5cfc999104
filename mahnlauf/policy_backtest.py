"""Two policies over the same past events: what each would have sent, and when payments, as they then happened, would have found it.

The policies of the events themselves are left out: each of the two counts for all tenants, from the beginning.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from statistics import quantiles
from typing import Final

import msgspec

from mahnlauf import lines
from mahnlauf.event_lines import Read
from mahnlauf.failures import BadInput
from mahnlauf.policy_preview import kind_of
from mahnlauf.replaying import read_events
from mahnlauf.told import Told, read_told
from schemas import topics
from schemas.policy import Policy
from streams.engine.protocol import Output
from streams.replay import Event, Replayed, replay

CLEAR: Final = "Clear"
BEGINNINGS: Final = ("Due", "Held")
"""Where a contract goes on from a case whose receivables are done with."""
CHANGE: Final = "case_history.recorded"
NOTHING_SENT: Final = "nothing sent"
CANNOT_KNOW: Final = (
    "How debtors would have reacted. Payments, disputes and returned debits are those that then happened, after the letters that were then "
    "sent: a letter earlier or later might have changed them.",
    "So days to payment differ between the two only by what the policies bring themselves: a fee that stays open, a small rest that is "
    "below the minimum on the ladder but not at the agency. `paid after` says how far a policy had gone when the payment came, not that a "
    "step brought it.",
    "What the agency would have done. Its answers in the events belong to the handovers of then; where a policy hands over at another "
    "time, or not at all, they meet no handover or another one.",
    "What happened after the last day of the events: what was sent late is still unpaid in both.",
)


@dataclass(slots=True)
class Measures:
    """What one policy comes to. Amounts in minor units by currency."""

    name: str
    contracts: int = 0
    escalated: int = 0
    """Contracts that left Clear at least once."""
    sent: Counter[str] = field(default_factory=Counter)
    by_month: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(month, kind): how many."""
    handed_over: Counter[str] = field(default_factory=Counter)
    fees: Counter[str] = field(default_factory=Counter)
    """Fees of steps that were decided, whether they were paid or not."""
    days_to_payment: list[int] = field(default_factory=list)
    """From the day a contract left Clear to the day it was back (paid, or less left than the minimum) or its case was recalled as paid."""
    paid_after: Counter[str] = field(default_factory=Counter)
    """What had been sent last when it was paid."""
    unpaid: int = 0
    """Escalated contracts of which something is open at the end."""
    dead_letters: int = 0

    @property
    def letters(self) -> int:
        return sum(count for kind, count in self.sent.items() if kind.startswith("reminder"))

    def percentile(self, percent: int) -> int | None:
        """Days within which so many percent of the payments came; None without any."""
        if len(self.days_to_payment) < 2:
            return self.days_to_payment[0] if self.days_to_payment else None
        return round(quantiles(self.days_to_payment, n=100, method="inclusive")[percent - 1])


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are replayed: from the first event's to `until`, one tick a day at `tick` (UTC)."""

    first: date
    until: date
    tick: time


def read(paths: Sequence[Path], until: date | None, tick: time) -> tuple[list[Event], Span]:
    """The past: events without policies. `until` None: the day of the last event. Raises BadInput."""
    seen = Read()
    events = [event for found in read_events(paths, seen)[0] if (event := _without_policy(found)) is not None]
    if seen.first_ms is None or seen.last_ms is None:
        raise BadInput("no event names a time, so there is no past to try a policy on")
    first, last = lines.moment(seen.first_ms).date(), lines.moment(seen.last_ms).date()
    if until is not None and until < first:
        raise BadInput(f"--until {until} lies before the first event ({first})")
    return events, Span(first, until or last, tick)


def measure(name: str, events: Sequence[Event], policy: Policy, span: Span) -> Measures:
    """Replay the events under this policy and count."""
    return _count(name, replay(events, [policy], span.until, span.tick))


class _Broadcast(msgspec.Struct):
    type: str


def _without_policy(event: Event) -> Event | None:
    """None for a version of a policy; a tenant's settings without their default policy."""
    if event.topic != topics.TIMERS or event.value is None:
        return event
    try:
        kind = msgspec.json.decode(event.value, type=_Broadcast).type
    except msgspec.DecodeError:
        return event
    if kind in ("policy.applied", "policy.withdrawn"):
        return None
    if kind != "tenant.configured":
        return event
    told = msgspec.json.decode(event.value)
    told["data"].pop("default_policy", None)
    return event._replace(value=msgspec.json.encode(told))


# --- counting


def _count(name: str, replayed: Replayed) -> Measures:
    found = Measures(name, contracts=replayed.contracts, dead_letters=replayed.dead_letters.total())
    sent = _count_sent(found, replayed)
    _count_payments(found, replayed, sent)
    for state in replayed.states.values():
        for reminder in state.reminders:
            if reminder.charged:
                found.fees[state.currency or ""] += reminder.charged
    return found


def _count_sent(found: Measures, replayed: Replayed) -> dict[bytes | None, list[tuple[datetime, str]]]:
    """By key when what was sent."""
    sent: dict[bytes | None, list[tuple[datetime, str]]] = {}
    for output, told in _read(replayed, topics.NOTICES, topics.COMMANDS):
        kind = kind_of(told.type, told.data)
        if kind is not None:
            found.sent[kind] += 1
            found.by_month[f"{told.time:%Y-%m}", kind] += 1
            sent.setdefault(output.key, []).append((told.time, kind))
            if kind == "handover":
                found.handed_over[told.data["currency"]] += told.data["open_amount"]
    return sent


def _count_payments(found: Measures, replayed: Replayed, sent: dict[bytes | None, list[tuple[datetime, str]]]) -> None:
    since: dict[bytes | None, datetime] = {}
    escalated: set[bytes | None] = set()
    for output, told in sorted(_read(replayed, topics.CASE_HISTORY, topics.COMMANDS), key=lambda read: read[1].time):
        key = output.key
        if _is_paid(told):
            if key in since:
                began = since.pop(key)
                found.days_to_payment.append((told.time - began).days)
                found.paid_after[_last(sent.get(key, []), began, told.time)] += 1
        elif told.type == CHANGE and (told.data["from"] == CLEAR or told.data["to"] in BEGINNINGS):
            since.setdefault(key, told.time)
            escalated.add(key)
    found.escalated = len(escalated)
    found.unpaid = sum(_open_amount(replayed.case_status[key]) > 0 for key in escalated if key in replayed.case_status)


def _is_paid(told: Told) -> bool:
    """Back in Clear; or paid in full while the agency had the case, and only its answer is awaited."""
    if told.type == CHANGE:
        return bool(told.data["to"] == CLEAR)
    return told.type == "case.recall" and bool(told.data["reason"] == "paid")


def _open_amount(status: Output) -> int:
    return int(read_told(status).data["open_amount"])


def _last(sent: list[tuple[datetime, str]], began: datetime, ended: datetime) -> str:
    kinds = [kind for moment, kind in sent if began <= moment <= ended]
    return kinds[-1] if kinds else NOTHING_SENT


def _read(replayed: Replayed, *names: str) -> Iterator[tuple[Output, Told]]:
    for name in names:
        for output in replayed.outputs.get(name, ()):
            yield output, read_told(output)
