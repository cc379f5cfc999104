"""What the auditor expects to be written: records with the fields that the rules fix (section 7 and `events.md`)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.auditor import interest, ladder, money, waits
from tests.auditor.agency_costs import expected_costs
from tests.auditor.days import NEVER
from tests.auditor.handover import Handover
from tests.auditor.ids import made_of
from tests.auditor.ladder import View
from tests.auditor.limitation import limitation_on

if TYPE_CHECKING:
    from tests.auditor.case import Contract

Record: TypeAlias = dict[str, Any]

RECEIVABLES_MAX = 50


class Outputs:
    """Everything one contract gave out, by kind and in order; of case-status the last."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.history: list[Record] = []
        self.notices: list[Record] = []
        self.commands: list[Record] = []
        self.bookings: list[Record] = []
        self.status: Record | None = None
        self.version = 0
        self._ordinals: Counter[tuple[int, str]] = Counter()
        self._recorded: tuple[str, int, list[str]] = ("Clear", 0, [])

    def _envelope(self, contract: Contract, kind: str, data: Record, cycle: int | None = None) -> Record:
        """Id: uuid5("tenant/contract/cycle/kind/ordinal"), the ordinal counting from 1 per contract, cycle and kind."""
        cycle = contract.cycle if cycle is None else cycle
        self._ordinals[(cycle, kind)] += 1
        record_id = made_of(self.key, cycle, kind, self._ordinals[(cycle, kind)])
        return {"id": record_id, "type": kind, "time": contract.clock, "data": data}

    def given(self) -> tuple[int, int, int]:
        """How much went out but case-status."""
        return len(self.history), len(self.notices), len(self.commands)

    def add_notice(self, contract: Contract, kind: str, data: Record) -> None:
        self.notices.append(self._envelope(contract, kind, data))

    def add_command(self, contract: Contract, kind: str, data: Record) -> None:
        self.commands.append(self._envelope(contract, kind, data))

    def add_booking(self, contract: Contract, data: Record) -> None:
        self.bookings.append(self._envelope(contract, "booking.recorded", data))

    def add_history(self, contract: Contract, cause: str, by: str | None, cycle: int) -> None:
        """One record for each change of (status, dunning_level, attention)."""
        before, now = self._recorded, (contract.status, contract.level, sorted(contract.attention.names))
        if now == before:
            return
        self._recorded = now
        self.version += 1
        told = {"dunning_level": now[1], "attention": now[2], "cause": cause, "by": by, "version": self.version}
        data = {"changed_at": contract.clock, "from": before[0], "to": now[0], **told}
        self.history.append(self._envelope(contract, "case_history.recorded", data, cycle))

    def forget_change(self, contract: Contract) -> None:
        """What changed without a record is not told with the next one either."""
        self._recorded = (contract.status, contract.level, sorted(contract.attention.names))

    def write_status(self, contract: Contract, data: Record) -> None:
        self.status = self._envelope(contract, "case_status.changed", data)


def rung(contract: Contract, view: View) -> int:
    """The anchor's; from the handover until the cycle ends the one it had then."""
    if contract.current is not None:
        return contract.current.rung
    anchor = view.anchor()
    return view.rung(anchor) if anchor is not None else 0


def status(contract: Contract, view: View) -> Record:
    """The row case-status."""
    return {
        "status": contract.status,
        "dunning_level": contract.level,
        "rung": rung(contract, view),
        "cycle": contract.cycle,
        "currency": contract.currency,
        **_sums(contract, view),
        **_case(contract.current),
        "holds": _holds(view),
        "signals": sorted(contract.signals),
        "attention": sorted(contract.attention.names),
        **_next_step(contract, view),
        "version": contract.out.version,
        "changed_at": contract.out.history[-1]["data"]["changed_at"] if contract.out.history else None,
        "last_changes": [
            {name: change["data"][name] for name in ("changed_at", "to", "dunning_level")} for change in contract.out.history[-3:]
        ],
        "receivables": _open_receivables(view),
        "limitation_on": limitation_on(contract, view),
    }


def _sums(contract: Contract, view: View) -> Record:
    books = view.books
    return {
        "open_amount": sum(books.principal.values()),
        "overdue_amount": view.amount(view.overdue()),
        "costs": sum(books.open_costs(one) for one in view.receivables),
        "interest": sum(books.open_interest(one) for one in view.receivables),
        "credit": books.credit,
        "agency_balance": max(0, money.agency_balance(contract.facts, contract.decided)),
        "written_off": books.written_off,
    }


def _case(case: Handover | None) -> Record:
    return {
        "agency": case.agency if case else None,
        "agency_account": case.account if case else None,
        "handover_id": case.handover_id if case else None,
        "case_id": case.case_id if case else None,
        "stage": case.stage if case else None,
    }


def _holds(view: View) -> list[Record]:
    return [
        {
            "hold_id": hold.hold_id,
            "kind": hold.kind,
            "invoice_id": hold.invoice_id,
            "from": hold.start,
            "until": hold.end if hold.end < NEVER and hold.kind != "payment_plan" else None,  # of a plan that is kept it is not known
        }
        for hold in view.holds
        if hold.covers(view.day)
    ]


def _next_step(contract: Contract, view: View) -> Record:
    upcoming = ladder.next_step(view) if contract.status in ("Due", "Reminded") else None
    due = upcoming is not None and upcoming.on is not None and view.day >= upcoming.on
    return {
        "waiting_for": waits.waits_for(contract, view, upcoming) if upcoming and due else [],
        "next_step": upcoming.number if upcoming else None,
        "next_step_kind": upcoming.step.kind if upcoming else None,
        "next_step_on": upcoming.on if upcoming else None,
    }


def _open_receivables(view: View) -> list[Record]:
    lines = [
        {
            "invoice_id": one.invoice_id,
            "due_on": one.due_on,
            "open": view.books.principal[one.invoice_id],
            "costs": view.books.open_costs(one.invoice_id),
            "interest": view.books.open_interest(one.invoice_id),
            "rung": view.rung(one.invoice_id),
        }
        for one in view.receivables.values()
    ]
    return [line for line in lines if line["open"] or line["costs"] or line["interest"]][:RECEIVABLES_MAX]


def without_interest(row: Record) -> Record:
    """What case-status is written for: interest grows every day."""
    return {**row, "interest": None, "receivables": [{**line, "interest": None} for line in row["receivables"]]}


def notice(contract: Contract, view: View, covered: dict[str, int]) -> Record:
    """What every notice carries: over all overdue receivables, those whose rung was raised marked covered."""
    overdue, books = view.overdue(), view.books
    lines = [
        {"invoice_id": one, "open": books.principal[one], "due_on": view.receivables[one].due_on, "covered": one in covered}
        for one in overdue
    ]
    return {
        "version": contract.out.version,
        "amount": view.amount(overdue),
        "currency": contract.currency,
        "costs": sum(books.open_costs(one) for one in overdue),
        "interest": sum(books.open_interest(one) for one in overdue),
        "receivables": lines,
    }


def write_to_debtor(contract: Contract, view: View, kind: str, data: Record, covered: dict[str, int] | None = None) -> bool:
    """A notice to the debtor, unless insolvency or death silences it: then never. `covered`: by a step. Says whether it went out."""
    silent = view.silenced(by_step=covered is not None)
    if not silent:
        contract.out.add_notice(contract, kind, {**notice(contract, view, covered or {}), **data})
    return not silent


def submission(contract: Contract, case: Handover, view: View) -> Record:
    """case.submit: the claims as they stand."""
    claims = [_claim(contract, one, view) for one in sorted(case.invoice_ids)]
    return {
        "handover_id": case.handover_id,
        "attempt": contract.attempt,
        "agency_account": case.account,
        "claims": claims,
        "currency": contract.currency,
        "open_amount": sum(claim["open"] for claim in claims),
        "costs": sum(claim["costs"] for claim in claims),
        "interest": sum(claim["interest"] for claim in claims),
        "interest_basis": interest.basis(contract, view.policy, view.receivables[claims[0]["invoice_id"]]),
        "expected_agency_costs": expected_costs(contract.currency, sum(claim["open"] for claim in claims), contract.today()),
    }


def _claim(contract: Contract, invoice_id: str, view: View) -> Record:
    one = view.receivables[invoice_id]
    return {
        "invoice_id": invoice_id,
        "number": one.number,
        "issued_on": one.issued_on,
        "due_on": one.due_on,
        "amount": one.amount,
        "open": view.books.principal[invoice_id],
        "costs": view.books.open_costs(invoice_id),
        "interest": view.books.open_interest(invoice_id),
        "reminded_on": sorted({taken.day for taken in contract.steps if taken.kind == "remind" and invoice_id in taken.rungs}),
        "payment_method": one.payment_method,
        "default_on": interest.default_on(contract, view.policy, one),
    }
