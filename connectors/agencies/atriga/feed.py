"""atriga's answers about cases: a page of its feed of changes, and one case with its changes.

A row without reference, case number or moment belongs to no case: it is handed on as unreadable, so that it is kept and blocks nothing.
"""

from collections.abc import Mapping
from typing import Any

from connectors.agencies.atriga.mapping import change_of, moment_of, redacted
from connectors.delivery.agency import CaseView, Change, ChangePage

_CASE_ID_MAX = 200
"""Characters; as any id of the contract."""
_CLOSED = frozenset({"Rejected", "SuccessfullyClosed", "UnsuccessfullyClosed"})


def page_of(answer: Any) -> ChangePage:
    """Raises KeyError, TypeError, ValueError for what is no page."""
    changes: list[Change] = []
    unreadable: list[Mapping[str, Any]] = []
    for row in answer["changes"]:
        try:
            changes.append(change_of(row))
        except (KeyError, TypeError, ValueError):
            unreadable.append(redacted(row) if isinstance(row, Mapping) else {"removed": ["row"]})
    return ChangePage(tuple(changes), str(answer["next"]), bool(answer["more"]), tuple(unreadable))


def view_of(answer: Any) -> CaseView:
    """Raises KeyError, TypeError, ValueError for what is no case."""
    return CaseView(
        reference=str(answer["reference"]),
        case_id=_case_id(answer["case_number"]),
        received_at=moment_of(answer["received_at"]),
        closed=answer["status"] in _CLOSED,
        recalled=answer.get("reason") == "RECALLED_BY_CLIENT",
        reported=frozenset([*answer["reported_payments"], *answer.get("received_messages", ())]),
        changes=tuple(change_of(row) for row in answer["changes"]),
    )


def _case_id(number: Any) -> str:
    """Raises ValueError for what can be no case number."""
    text = str(number)
    if not 1 <= len(text) <= _CASE_ID_MAX:
        raise ValueError(f"a case number of {len(text)} characters")
    return text
