"""What was claimed of each case at an agency, when its agency answered last, and what was paid: from commands, replies, payouts and
bookings.

A row is found by what it tells of, not by its place on Kafka, so that the topics may be read in any order: a handover is written from
two sides, a payment counts once, as the rules count it.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from console.views.rows import Row, storable
from console.views.tables import HANDOVERS, PAYMENTS

OURS: Final = frozenset({"case.submission_unknown", "case.failed"})
"""Replies in which the connector tells what became of a command; the agency did not say them."""
SUBMITTED: Final = ("account", "handed_on", "currency", "open_amount", "costs", "interest", "claims")
ANSWERED: Final = ("answered_at", "answer")
_UNKNOWN: Final[Row] = {
    **dict.fromkeys(("account", "handed_on", "currency", *ANSWERED), ""),
    **dict.fromkeys(("open_amount", "costs", "interest"), 0),
    "claims": [],
}


def keep(connection: Connection, rows: Iterable[Row]) -> None:
    """Take in rows of commands, replies, payouts and bookings, of each topic in order."""
    handed: dict[tuple[str, ...], Row] = {}
    answered: dict[tuple[str, ...], Row] = {}
    paid: dict[tuple[str, ...], Row] = {}
    for row in rows:
        payment = _payment(row)
        if payment is not None:
            paid.setdefault(tuple(payment[column.name] for column in PAYMENTS.primary_key), payment)
        if "handover_id" not in row["told"]:
            continue
        key = {"tenant": row["tenant"], "contract": row["contract"], "handover_id": row["told"]["handover_id"]}
        place = tuple(key.values())
        if row["type"] == "case.submit":
            handed[place] = storable({**_UNKNOWN, **key, **_submitted(row)})
        elif row["type"] != "case.report_payment" and row["type"] not in OURS:
            known = answered.get(place)
            if known is None or known["answered_at"] <= row["time"]:
                answered[place] = storable({**_UNKNOWN, **key, "answered_at": row["time"], "answer": row["type"]})
    _write(connection, HANDOVERS, handed, SUBMITTED)
    _write(connection, HANDOVERS, answered, ANSWERED)
    _write(connection, PAYMENTS, paid, ())


def _submitted(row: Row) -> Row:
    told = row["told"]
    sums = {name: told[name] for name in ("currency", "open_amount", "costs", "interest", "claims")}
    return {"account": told["agency_account"], "handed_on": row["time"], **sums}


def _payment(row: Row) -> Row | None:
    told = row["told"]
    match row["type"]:
        case "case.payment_received":
            kind, name = "reported", told["payment_id"]
        case "case.report_payment":  # of one payment there may be several: what was taken back is told as a difference
            kind, name = "direct", told["id"]
        case "payment.received":
            kind, name = "payout", told["payment_id"]
        case "booking.recorded":
            kind, name = "settled", told["id"]
        case _:
            return None
    fixed = {"handover_id": "", "withheld": 0, "currency": "", "statement_id": ""}
    given = {column.name: told[column.name] for column in PAYMENTS.columns if column.name in told}
    return storable({**fixed, **given, "tenant": row["tenant"], "contract": row["contract"], "kind": kind, "id": name})


def _write(connection: Connection, table: Table, rows: dict[tuple[str, ...], Row], changed: tuple[str, ...]) -> None:
    """Insert, or write `changed` into what is there: an older answer changes nothing, and a payment that is known stays as it was first."""
    if not rows:
        return
    statement: Any = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
    if not changed:
        statement = statement.on_conflict_do_nothing()
    else:
        new = statement.excluded
        newer = new.answered_at >= table.c.answered_at if changed == ANSWERED else None
        statement = statement.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key], set_={name: new[name] for name in changed}, where=newer
        )
    connection.execute(statement, [rows[place] for place in sorted(rows)])  # in one order, or two projectors would wait for each other
