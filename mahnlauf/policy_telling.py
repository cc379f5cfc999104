"""A preview told to a person (by week, with the largest day) and to a script (by day)."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

from rich.table import Table

from mahnlauf.explain.words import day, money
from mahnlauf.policy_preview import Tally, What
from mahnlauf.telling import note, out, say


def as_data(found: Tally) -> dict[str, Any]:
    """For a script: amounts in minor units."""
    return {
        "contracts": found.contracts,
        "under_the_policy": found.bound,
        "touched": found.touched,
        "fees": dict(found.fees),
        "sent": [{**what._asdict(), "count": found.sent[what], "amount": found.amounts[what]} for what in sorted(found.sent)],
    }


def tell_preview(found: Tally, policy: str, first: date, days: int) -> None:
    """For a person."""
    say(f"{policy}: {found.contracts:,} contracts, {days} days from {day(first)} on, if nothing else comes in")
    out.print(_totals(found))
    for currency, fees in sorted(found.fees.items()):
        say(f"fees of these steps: {money(fees, currency)}")
    if found.sent:
        out.print(_weeks(found, first))
        by_day = Counter[date]()
        for what, count in found.sent.items():
            by_day[what.day] += count
        [(busiest, count)] = by_day.most_common(1)
        say(f"most on one day: {count:,} on {day(busiest)}")
    say(f"{found.touched:,} contracts get something; {found.bound:,} go by this policy at the end")
    if not found.bound:
        note("no contract goes by this policy: their tenants use another (tenant set, default_policy), or their cycles keep their version")


def _totals(found: Tally) -> Table:
    table = Table("what", "how many", "amount", box=None)
    kinds = sorted({(what.kind, what.currency) for what in found.sent})
    for kind, currency in kinds:
        mine = [what for what in found.sent if (what.kind, what.currency) == (kind, currency)]
        amount = money(sum(found.amounts[what] for what in mine), currency)
        table.add_row(kind, f"{sum(found.sent[what] for what in mine):,}", amount)
    return table


def _weeks(found: Tally, first: date) -> Table:
    kinds = sorted({what.kind for what in found.sent})
    table = Table("week from", *kinds, box=None)
    weeks = sorted({_week(what, first) for what in found.sent})
    for week in weeks:
        counts = Counter[str]()
        for what, count in found.sent.items():
            if _week(what, first) == week:
                counts[what.kind] += count
        table.add_row(day(first + timedelta(weeks=week)), *(f"{counts[kind]:,}" for kind in kinds))
    return table


def _week(what: What, first: date) -> int:
    return (what.day - first).days // 7
