"""The real cases under five policies: what each makes of them, and the table of it in the documentation.

`python -m tests.replay.five` writes the table anew; a test holds it to what comes out.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mahnlauf.policy_file import read_policy
from schemas import topics
from streams.replay import Replayed, replay
from tests.replay.cases import data, fines

POLICIES: Final = tuple(
    Path(__file__).parent / "policies" / f"{name}.yaml" for name in ("letters", "interest", "calls", "approved", "patient")
)
UNTIL: Final = date(2010, 6, 30)
PAGE: Final = Path(__file__).parents[2] / "docs" / "real-cases.md"
_TABLE: Final = re.compile(r"(<!-- five policies -->\n).*?(\n<!-- end -->)", re.DOTALL)
_STATUSES: Final = ("Clear", "Due", "Reminded", "Held", "ToBePassed")
_SUMS: Final = ("open_amount", "costs", "interest", "credit")


@lru_cache(maxsize=len(POLICIES))
def under(policy: Path) -> Replayed:
    """The replay of all real cases, with a tick a day at noon UTC."""
    return replay(fines(), [read_policy(policy)], UNTIL)


def sums(replayed: Replayed) -> Counter[str]:
    """What the last case-status of all contracts say together, minor units."""
    rows = [data(output) for output in replayed.sorted_status()]
    return Counter({name: sum(row[name] for row in rows) for name in _SUMS})


def booked(replayed: Replayed) -> Counter[str]:
    """Costs charged (less what was cancelled) and interest settled, minor units."""
    found: Counter[str] = Counter()
    for output in replayed.outputs.get(topics.BOOKINGS, ()):
        booking = data(output)
        found[booking["component"]] += booking["amount"]
    return found


def told_by_billing() -> tuple[int, int]:
    """What is asked for by the last word on each invoice, and what was paid, minor units: from the events alone, without the rules."""
    asked: dict[str, tuple[datetime, str, int]] = {}
    paid: dict[str, int] = {}
    for event in fines():
        value = json.loads(event.value or b"")
        told: Mapping[str, Any] = value["data"]
        if value["type"] in ("invoice.issued", "invoice.corrected") and told.get("amount") is not None:
            word = (datetime.fromisoformat(value["time"]), value["id"], told["amount"])
            asked[told["invoice_id"]] = max(word, asked.get(told["invoice_id"], word))
        elif value["type"] == "payment.received":
            paid[told["payment_id"]] = told["amount"]
    return sum(amount for _, _, amount in asked.values()), sum(paid.values())


def table() -> str:
    """The final statuses under each policy, in Markdown."""
    lines = [
        f"| policy | {' | '.join(_STATUSES)} | letters | handovers | open | costs | interest | credit |",
        f"|---|{'---:|' * (len(_STATUSES) + 6)}",
    ]
    return "\n".join([*lines, *(_row(policy) for policy in POLICIES)])


def _row(policy: Path) -> str:
    replayed = under(policy)
    statuses = Counter(data(output)["status"] for output in replayed.sorted_status())
    kinds = Counter(
        json.loads(output.value or b"")["type"] for topic in (topics.NOTICES, topics.COMMANDS) for output in replayed.outputs.get(topic, ())
    )
    owed = sums(replayed)
    counts = [*(statuses[one] for one in _STATUSES), kinds["notice.reminder"], kinds["case.submit"]]
    amounts = [f"{owed[name] / 100:,.2f}" for name in _SUMS]
    return f"| `{policy.stem}` | {' | '.join([f'{count:,}' for count in counts] + amounts)} |"


def with_table(page: str) -> str:
    """The page with the table as it comes out."""
    return _TABLE.sub(lambda mark: mark[1] + table() + mark[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
