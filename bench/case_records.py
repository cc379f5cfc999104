"""What the console's views are made of: case-status and case-history of many contracts, drawn from a seed."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from bench.workload import SEED, Made
from schemas import topics

TENANTS: Final = ("acme", "beta", "gamma")
AGENCIES: Final = ("atriga", "debitura", "mediafinanz", "paywise", "prokur")
FIRST: Final = datetime(2025, 1, 1, 8, tzinfo=UTC)
_ON_THEIR_WAY: Final = ("Due", "Reminded", "Clear")
_HANDED_OVER: Final = ("Accepted", "DebtCollection", "Rejected", "SuccessfullyClosed")
_HANDED_OVER_ONE_IN: Final = 5
_FLAGGED_SHARE: Final = 0.01


def first_told(contracts: int) -> Iterator[Made]:
    """The first status of each contract, and the line of history that goes with it."""
    draw = random.Random(SEED)
    for number in range(contracts):
        yield from _told(draw, number, version=1)


def changes(contracts: int, count: int) -> Iterator[Made]:
    """Later statuses of random contracts, each with its line of history."""
    draw = random.Random(SEED + 1)
    for number in range(count):
        yield from _told(draw, draw.randrange(contracts), version=number + 2)


def tenant_of(number: int) -> str:
    """Most contracts are one creditor's."""
    return TENANTS[max(0, number % 10 - 7)]


def _told(draw: random.Random, number: int, version: int) -> Iterator[Made]:
    handed_over = number % _HANDED_OVER_ONE_IN == 0
    status = draw.choice(_HANDED_OVER if handed_over else _ON_THEIR_WAY)
    at = FIRST + timedelta(seconds=draw.randrange(300 * 86_400))
    level = draw.randrange(4)
    attention = ["ladder_ended"] if draw.random() < _FLAGGED_SHARE else []
    changed_at = at.isoformat()
    change = {"changed_at": changed_at, "to": status, "dunning_level": level}
    case = {**_case(draw, number, handed_over=handed_over), **_amounts(draw, status), "status": status, "dunning_level": level}
    case |= {"attention": attention, "changed_at": changed_at, "version": version, "last_changes": [change], **_next(at.date(), status)}
    yield _made(topics.CASE_STATUS, "case_status.changed", number, version, at, case)
    line = {**change, "from": "Due", "attention": attention, "cause": "tick", "by": None, "version": version}
    yield _made(topics.CASE_HISTORY, "case_history.recorded", number, version, at, line)


def _case(draw: random.Random, number: int, *, handed_over: bool) -> dict[str, Any]:
    agency = AGENCIES[number // _HANDED_OVER_ONE_IN % len(AGENCIES)]
    ids = {"agency": agency, "agency_account": "main", "handover_id": f"h-{number}", "case_id": f"AZ-{number:07d}", "stage": None}
    rest = {"holds": [], "signals": [], "waiting_for": [], "cycle": 1, "rung": draw.randrange(4), "credit": 0, "written_off": 0}
    return {**(ids if handed_over else dict.fromkeys(ids)), **rest, "agency_balance": 0, "currency": "EUR"}


def _amounts(draw: random.Random, status: str) -> dict[str, Any]:
    owed = 0 if status in ("Clear", "SuccessfullyClosed") else draw.randrange(500, 60_000)
    costs, interest = (draw.randrange(0, 1_000, 50), draw.randrange(300)) if owed else (0, 0)
    receivable = {"invoice_id": "I-1", "due_on": str(date(2025, 1, 15)), "open": owed, "costs": costs, "interest": interest, "rung": 1}
    sums = {"open_amount": owed + costs + interest, "overdue_amount": owed, "costs": costs, "interest": interest}
    return {**sums, "receivables": [receivable] if owed else []}


def _next(day: date, status: str) -> dict[str, Any]:
    ahead = status in ("Due", "Reminded")
    return {
        "next_step": 2 if ahead else None,
        "next_step_kind": "remind" if ahead else None,
        "next_step_on": str(day + timedelta(days=9)) if ahead else None,
    }


def _made(topic: str, kind: str, number: int, version: int, at: datetime, data: dict[str, Any]) -> Made:
    tenant, contract = tenant_of(number), f"C-{number:07d}"
    event = {
        "specversion": "1.0",
        "id": f"{topic}-{number}-{version}",
        "source": "/mahnlauf",
        "type": kind,
        "subject": contract,
        "time": at.isoformat(),
        "tenant": tenant,
        "data": data,
    }
    return Made(topic, f"{tenant}/{contract}".encode(), json.dumps(event).encode(), int(at.timestamp() * 1000))
