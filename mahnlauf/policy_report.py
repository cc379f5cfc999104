"""A backtest side by side: as rows for a table, as data for a script, and as one HTML file that needs nothing from elsewhere."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any, Final

from mahnlauf.explain.words import money
from mahnlauf.policy_backtest import CANNOT_KNOW, NOTHING_SENT, Measures, Span
from mahnlauf.policy_charts import COLOURS, bars

_DAYS: Final = (0, 7, 14, 30, 60, 90, 180, 365)
"""Limits of the bars of days to payment."""
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}svg{width:100%;font:11px system-ui,sans-serif}
.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}
"""


def rows(found: Sequence[Measures]) -> list[tuple[str, ...]]:
    """The table: what is measured, then each policy's figure."""
    table: list[tuple[str, ...]] = [
        ("contracts", *(f"{one.contracts:,}" for one in found)),
        ("of these escalated", *(f"{one.escalated:,}" for one in found)),
        ("letters", *(f"{one.letters:,}" for one in found)),
    ]
    table += [(f"  {kind}", *(f"{one.sent[kind]:,}" for one in found)) for kind in _kinds(found)]
    table += [("fees of steps", *(_amounts(one.fees) for one in found)), ("handed over", *(_amounts(one.handed_over) for one in found))]
    table += [(f"days to payment, {percent} % within", *(_days(one.percentile(percent)) for one in found)) for percent in (50, 90)]
    table += [(f"paid after {kind}", *(f"{one.paid_after[kind]:,}" for one in found)) for kind in _paid_after(found)]
    table.append(("something open at the end", *(f"{one.unpaid:,}" for one in found)))
    return table


def as_data(found: Sequence[Measures], span: Span) -> dict[str, Any]:
    """For a script: amounts in minor units."""
    return {
        "first": span.first,
        "until": span.until,
        "cannot_know": CANNOT_KNOW,
        "policies": [
            {
                "policy": one.name,
                "contracts": one.contracts,
                "escalated": one.escalated,
                "letters": one.letters,
                "sent": one.sent,
                "fees": one.fees,
                "handed_over": one.handed_over,
                "days_to_payment": {"50": one.percentile(50), "90": one.percentile(90), "count": len(one.days_to_payment)},
                "paid_after": one.paid_after,
                "unpaid": one.unpaid,
                "dead_letters": one.dead_letters,
            }
            for one in found
        ],
    }


def html(found: Sequence[Measures], span: Span) -> str:
    """One file, self-contained."""
    names = [escape(one.name) for one in found]
    key = "".join(f'<span style="background:{colour}"></span>{name}' for colour, name in zip(COLOURS, names, strict=False))
    head = "".join(f"<th>{name}</th>" for name in ("", *names))
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(found))
    unknown = "".join(f"<li>{escape(one)}</li>" for one in CANNOT_KNOW)
    plots = "".join(f"<h2>{escape(title)}</h2>{svg}" for title, svg in _plots(found))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Backtest</title><style>{_STYLE}</style></head><body>'
        f"<h1>Backtest: {' and '.join(names)}</h1><p>Events from {span.first} to {span.until}, a tick a day.</p>"
        f"<h2>What a backtest cannot know</h2><ul>{unknown}</ul>"
        f"<h2>Side by side</h2><table><tr>{head}</tr>{body}</table>"
        f'<p class="key">{key}</p>{plots}</body></html>\n'
    )


def _plots(found: Sequence[Measures]) -> list[tuple[str, str]]:
    months = sorted({month for one in found for month, _ in one.by_month})
    letters = [(one.name, [_in_month(one, month, "reminder") for month in months]) for one in found]
    handovers = [(one.name, [_in_month(one, month, "handover") for month in months]) for one in found]
    limits = [f"up to {limit}" for limit in _DAYS] + [f"over {_DAYS[-1]}"]
    days = [(one.name, _by_days(one.days_to_payment)) for one in found]
    after = _paid_after(found)
    paid = [(one.name, [one.paid_after[kind] for kind in after]) for one in found]
    return [
        (title, bars(title, labels, series))
        for title, labels, series in (
            ("Letters a month", months, letters),
            ("Handovers a month", months, handovers),
            ("Days to payment, as they then happened", limits, days),
            ("What had been sent last when it was paid", after, paid),
        )
    ]


def _in_month(one: Measures, month: str, kind: str) -> int:
    return sum(count for (of, sent), count in one.by_month.items() if of == month and sent.startswith(kind))


def _by_days(days: Sequence[int]) -> list[int]:
    counts = [0] * (len(_DAYS) + 1)
    for day in days:
        counts[next((place for place, limit in enumerate(_DAYS) if day <= limit), len(_DAYS))] += 1
    return counts


def _kinds(found: Sequence[Measures]) -> list[str]:
    return sorted({kind for one in found for kind in one.sent})


def _paid_after(found: Sequence[Measures]) -> list[str]:
    kinds = {kind for one in found for kind in one.paid_after}
    return sorted(kinds, key=lambda kind: (kind != NOTHING_SENT, kind == "handover", kind))


def _amounts(by_currency: Counter[str]) -> str:
    return ", ".join(money(amount, currency) for currency, amount in sorted(by_currency.items())) or "–"


def _days(days: int | None) -> str:
    return "–" if days is None else f"{days}"
