"""mediafinanz's feed: a batch is fetched, everything of it persisted, and only then committed.

The cursor holds the transactions that were fetched. It is written with the replies they brought; so whoever comes with a cursor has
persisted them, and they are committed before the next are fetched. Committing twice changes nothing, and what was not committed
is told again.
"""

from collections.abc import Mapping
from typing import Any

from connectors.agencies.mediafinanz.cases import rows
from connectors.agencies.mediafinanz.soap import Soap
from connectors.delivery.agency import ChangePage
from connectors.delivery.errors import Unavailable

_BETWEEN = "\n"


async def page(soap: Soap, cursor: str | None) -> ChangePage:
    """The next batch of status changes and of messages, as the cases to look at. Raises AgencyError."""
    for transaction in filter(None, (cursor or "").split(_BETWEEN)):
        await soap.ask("commitTransaction", transactionId=transaction)
    statuses, messages = await soap.ask("getClaimStatusChanges"), await soap.ask("getNewMessages")
    batches = [(told, rows(told[name])) for told, name in ((statuses, "changes"), (messages, "messages"))]
    found = [row for _, batch in batches for row in batch]
    transactions = [_transaction(told) for told, batch in batches if batch]
    touched = dict.fromkeys(str(row["fileNumber"]) for row in found if row["fileNumber"])
    unreadable = tuple({"why": "a row without fileNumber"} for row in found if not row["fileNumber"])
    return ChangePage((), _BETWEEN.join(transactions), bool(found), unreadable, tuple(touched))


def _transaction(told: Mapping[str, Any]) -> str:
    name = told["transactionId"]
    if not isinstance(name, str) or not name or _BETWEEN in name:
        raise Unavailable("a batch without a transaction that could be committed")
    return name
