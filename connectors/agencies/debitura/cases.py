"""A case put together from what Debitura answers about it: the case itself, its payments and its files.

Ids of changes come from Debitura's own ids and words, so that looking at a case twice tells the same changes. A phase that is corrected
backwards is told no second time: Debitura keeps no moments of its phases.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from connectors.agencies.debitura import mapping
from connectors.delivery.agency import Accepted, CaseView, Change, DocumentAdded, Passed, PaymentReceived, Unmapped, What

TO_THE_CREDITOR: Final = "Creditor"
"""`recipient` of a payment that went past the agency: the creditor has told of it, or will, as a payment of its own."""


def view_of(case: Mapping[str, Any], payments: Sequence[Mapping[str, Any]] = (), files: Sequence[Mapping[str, Any]] = ()) -> CaseView:
    """Raises KeyError, TypeError, ValueError for what is no case."""
    reference, case_id = str(case["creditorReference"] or ""), str(case["id"])
    happened = _happened(case, payments, files)
    return CaseView(
        reference=reference,
        case_id=case_id,
        received_at=moment_of(case["dateCreated"]),
        closed=case["lifecycle"] == "Closed",
        recalled=False,
        reported=frozenset(),
        changes=tuple(Change(reference, case_id, change_id, at, what) for change_id, at, what in happened),
    )


def moment_of(text: Any) -> datetime:
    """A moment with its offset. Raises TypeError, ValueError for what is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return moment


def _happened(
    case: Mapping[str, Any], payments: Sequence[Mapping[str, Any]], files: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, datetime, What]]:
    created, lifecycle = moment_of(case["dateCreated"]), str(case["lifecycle"])
    yield "passed", created, Passed()
    if lifecycle in mapping.WAITING:
        return
    changed = moment_of(case.get("dateUpdated") or case["dateCreated"])
    if lifecycle not in mapping.RUNNING and lifecycle != "Closed":
        yield f"lifecycle/{lifecycle[:64]}", changed, Unmapped("lifecycle", {"lifecycle": mapping.agency_code(lifecycle)})
        return
    yield from _running(case, changed)
    yield from (_payment(payment) for payment in payments if payment.get("recipient") != TO_THE_CREDITOR)
    yield from (_file(file) for file in files if file.get("url"))
    if lifecycle == "Closed":
        ended = moment_of(case.get("dateFinished") or case["dateUpdated"])
        yield "closed", ended, mapping.closed(case.get("closeCode"), Decimal(case["remainder"]))


def _running(case: Mapping[str, Any], changed: datetime) -> Iterator[tuple[str, datetime, What]]:
    """A case closed before collection started was never accepted."""
    started = case.get("dateCollectionStarted")
    if started:
        yield "accepted", moment_of(started), Accepted()
    elif case["lifecycle"] != "Closed":
        yield "accepted", changed, Accepted()
    phase = case.get("currentEngagementPhase")
    if phase:
        yield f"phase/{str(phase)[:64]}", changed, mapping.phase(str(phase))


def _payment(payment: Mapping[str, Any]) -> tuple[str, datetime, What]:
    name, at = str(payment["id"]), moment_of(payment["date"])
    return name, moment_of(payment["dateCreated"]), PaymentReceived(name, mapping.minor(payment["grossAmount"]), at.date())


def _file(file: Mapping[str, Any]) -> tuple[str, datetime, What]:
    name = str(file["id"])
    return name, moment_of(file["dateCreated"]), DocumentAdded(name, str(file.get("documentType") or "Miscellaneous"), str(file["url"]))
