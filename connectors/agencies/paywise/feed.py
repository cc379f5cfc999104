"""What paywise tells: the feed's page, and a case put together from its order, mandate, documents, payments and statements.

Ids of changes come from paywise's own ids, so that looking at a case twice tells the same changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from connectors.agencies.paywise import mapping
from connectors.delivery.agency import (
    Accepted,
    CaseView,
    Change,
    ChangePage,
    Closed,
    DocumentAdded,
    Passed,
    PaymentReceived,
    PhaseChanged,
    Rejected,
    Unmapped,
    What,
)

MANDATE: Final = "mandate/"
"""Beginning of what names a case by its mandate; an order's id stands alone."""
CLOSED_CHANGE: Final = "closed"
"""A case closes once, by whatever way it is told."""

_TO_THE_CREDITOR: Final = (
    "allocation_to_main_claim",
    "allocation_to_default_interest",
    "allocation_to_client_costs",
    "allocation_to_client_expenses",
)
"""Of what a debtor paid to paywise, the parts that count towards the creditor's claim; the others are paywise's own fees."""


@dataclass(frozen=True, slots=True)
class Told:
    """The answers a case is put together from. `statements`: each with its row of this case."""

    order: Mapping[str, Any]
    mandate: Mapping[str, Any] | None = None
    documents: tuple[Mapping[str, Any], ...] = ()
    payments: tuple[Mapping[str, Any], ...] = ()
    statements: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = field(default=())


def page_of(answer: Any) -> ChangePage:
    """Raises KeyError, TypeError, ValueError for what is no page."""
    touched: list[str] = []
    unreadable: list[Mapping[str, Any]] = []
    for event in answer["results"]:
        case = case_of(event)
        if case is not None:
            touched.append(case)
        elif not _is_elsewhere(event):
            unreadable.append({"type": mapping.agency_code(event.get("type")) if isinstance(event, Mapping) else None})
    return ChangePage((), str(answer["cursor"] or ""), bool(answer["next"]), tuple(unreadable), tuple(dict.fromkeys(touched)))


def case_of(event: Any) -> str | None:
    """The case that an event of the feed or of a webhook names, as `view` takes it."""
    data = event.get("data") if isinstance(event, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    order, mandate = data.get("order_id"), data.get("mandate_id")
    if isinstance(order, str):
        return order
    return MANDATE + mandate if isinstance(mandate, str) else None


def _is_elsewhere(event: Any) -> bool:
    """Whether it is no case's: statements are read with the case, paywise's own dunning of invoices is not used."""
    kind = event.get("type", "") if isinstance(event, Mapping) else ""
    return isinstance(kind, str) and kind.startswith(("statement.", "single_mandate_statement.", "invoice.", "dunning.", "payment."))


def view_of(told: Told) -> CaseView:
    """Raises KeyError, TypeError, ValueError for what is no case."""
    order = told.order
    changes = tuple(_changes(told))
    closing = [change.what for change in changes if isinstance(change.what, Closed)]
    return CaseView(
        reference=reference_of(order),
        case_id=str(order["id"]),
        received_at=moment_of(order["created_at"]),
        closed=bool(closing) or order["status"] == "rejected",
        recalled=any(what.reason == "recalled" for what in closing),
        reported=frozenset(str(each["your_reference"]) for each in told.payments if each.get("your_reference")),
        changes=changes,
    )


def reference_of(order: Mapping[str, Any]) -> str:
    """Our handover id; empty for an order that is not ours."""
    return next((str(claim["your_reference"]) for claim in order["claims"] if claim.get("your_reference")), "")


def moment_of(text: Any) -> datetime:
    """A moment with its offset. Raises TypeError, ValueError for what is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return moment


def _changes(told: Told) -> Iterator[Change]:
    for change_id, at, what in _happened(told):
        yield Change(reference_of(told.order), str(told.order["id"]), change_id, at, what)


def _happened(told: Told) -> Iterator[tuple[str, datetime, What]]:
    order, mandate = told.order, told.mandate
    yield "passed", moment_of(order["created_at"]), Passed()
    if order["status"] == "rejected":
        yield "rejected", moment_of(order["rejection"]["rejected_at"]), Rejected((mapping.rejection(order["rejection"].get("code")),))
    elif order["status"] == "withdrawn":
        yield CLOSED_CHANGE, moment_of(order["updated_at"]), Closed("unsuccessful", "recalled")
    if mandate is not None:
        yield "accepted", moment_of(mandate["created_at"]), Accepted()
        yield from _phases(mandate)
        yield from _documents(told)
        yield from _payments(told)
        yield from _closed(told, mandate)


def _phases(mandate: Mapping[str, Any]) -> Iterator[tuple[str, datetime, What]]:
    """Each change of the legal stage, by the entry of the history that tells it; and the present one, if the history does not."""
    stage = ""
    for entry in sorted(mandate.get("history") or (), key=lambda each: str(each["occurred_at"])):
        now = _code(entry.get("state"), "legal_stage")
        if now and now != stage:
            yield from _phase(str(entry["id"]), moment_of(entry["occurred_at"]), now)
        stage = now or stage
    present = _code(mandate["state"], "legal_stage")
    if present and present != stage:
        yield from _phase(f"stage/{present}", moment_of(mandate["updated_at"]), present)


def _phase(change_id: str, at: datetime, stage: str) -> Iterator[tuple[str, datetime, What]]:
    if stage == "ended":
        return
    known = mapping.STAGES.get(stage)
    unknown = Unmapped("legal_stage", {"legal_stage": mapping.agency_code(stage)})
    yield (
        change_id,
        at,
        PhaseChanged("collection", known) if known else unknown,
    )


def _code(state: Any, axis: str) -> str:
    value = (state or {}).get(axis) or {}
    return str(value.get("code") or "")


def _documents(told: Told) -> Iterator[tuple[str, datetime, What]]:
    for document in told.documents:
        if document.get("status") == "ready":
            added = DocumentAdded(str(document["id"]), str(document["type"]), str(document["download_url"]))
            yield added.document_id, moment_of(document["created_at"]), added


def _payments(told: Told) -> Iterator[tuple[str, datetime, What]]:
    """What the debtor paid to paywise, one payment a statement; one that was cancelled takes it back."""
    for statement, row in told.statements:
        amount = sum(_to_the_creditor(money) for money in row.get("third_party_money") or ())
        if amount == 0:
            continue
        name, day = str(statement["id"]), date.fromisoformat(statement["booking_date"])
        yield name, moment_of(statement["published_at"]), PaymentReceived(name, amount, day)
        if statement.get("cancelled_at"):
            at = moment_of(statement["cancelled_at"])
            yield f"{name}/cancelled", at, PaymentReceived(f"{name}/cancelled", -amount, at.date())


def _to_the_creditor(money: Mapping[str, Any]) -> int:
    paid = money.get("payments_to_dca") or {}
    return sum(mapping.minor(paid.get(part)) for part in _TO_THE_CREDITOR)


def _closed(told: Told, mandate: Mapping[str, Any]) -> Iterator[tuple[str, datetime, What]]:
    """By its closing statement; until there is one, by the state alone, which tells less."""
    for statement, row in told.statements:
        closing = row.get("closing")
        if closing and closing.get("closing_type") != "transition_to_longtime_monitoring" and not statement.get("cancelled_at"):
            yield CLOSED_CHANGE, moment_of(statement["published_at"]), mapping.closed(closing)
            return
    processing, at = _code(mandate["state"], "processing"), moment_of(mandate["updated_at"])
    if processing == "canceled_by_client":
        yield CLOSED_CHANGE, at, Closed("unsuccessful", "recalled")
    elif processing == "canceled_by_service_provider":
        yield CLOSED_CHANGE, at, Closed("unsuccessful", mapping.OTHER, processing)
