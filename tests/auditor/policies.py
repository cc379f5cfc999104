"""Random policies of the features that auditor and core both know."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

CALENDARS = (None, {"country": "DE", "subdivision": "HE"}, {"country": "DE", "subdivision": "BY"}, {"country": "IT"})
PERCENTS = ("0", "8.5", "8.555555", "120", "400")
"""Of fixed interest; high ones, so that small debts bear some."""
METHODS = (["link"], ["link", "qr"], ["barcode"])
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"amount_from": 1000},
    {"amount_below": 2000},
    {"debtor_kind": "business"},
    {"country": "DE"},
    {"attempt": 1},
    {"attempt": 2},
    {"overdue_days_from": 5},
    {"overdue_days_from": 12},
    {},
)


def policy(rng: Random, name: str, zone: str, settlement: str, today: date) -> dict[str, Any]:
    """A random policy; `today` is about when it is applied."""
    content: dict[str, Any] = {
        "policy": name,
        "time_zone": zone,
        "settlement": settlement,
        "steps": _steps(rng),
        "working_days_only": rng.random() < 0.5,
        "at": rng.choice(("08:00", "08:00", "00:00", "13:30")),
        "answer_days": rng.choice((5, 5, 3, 20)),
        "default": rng.choice(("first_reminder", "due_date", "thirty_days")),
    }
    calendar = rng.choice(CALENDARS)
    if calendar is not None:
        content["calendar"] = calendar
    if rng.random() < 0.6:
        content["minimum_open"] = {"EUR": rng.choice((1, 500, 1000, 3000))}
    for key, draw in _rarer_keys(rng, today).items():
        if rng.random() < 0.25:
            content[key] = draw()
    return content


def _rarer_keys(rng: Random, today: date) -> dict[str, Callable[[], Any]]:
    return {
        "payment_link": lambda: "https://pay.example/{tenant}/{contract}/{cycle}",
        "transit_days": lambda: rng.choice((0, 1, 10)),
        "plan_grace_days": lambda: rng.choice((0, 1, 10)),
        "instalment_reminder": lambda: {"days_before": rng.choice((0, 2, 5))},
        "confirm_payments": lambda: True,
        "win_back": lambda: {"days_after": rng.choice((0, 1, 5, 14))},
        "refresh_at": lambda: rng.choice(("00:00", "13:00", "23:30")),
        "starts_on": lambda: str(today + timedelta(days=rng.randint(-10, 30))),
        "ramp": lambda: {"days": rng.choice((1, 5, 10))},
        "forget_after": lambda: 14,
        "interest": lambda: rng.choice(({"kind": "statutory"}, {"kind": "statutory"}, {"kind": "fixed", "percent": rng.choice(PERCENTS)})),
        "fresh_payments": lambda: rng.choice((0, 1, 3)),
        "breathing_space": lambda: {"days": rng.choice((1, 5, 14)), "from": rng.choice(("first_step", "first_step", "hand_over"))},
    }


def _steps(rng: Random) -> list[dict[str, Any]]:
    day, steps = 0, []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        day += rng.choice((1, 2, 3, 5, 9))
        steps.append({"day": day, **_step(rng)})
    if rng.random() < 0.8:
        steps.append({"kind": "hand_over", "day": day + rng.choice((1, 2, 3, 5, 9)), **_account(rng)})
        if rng.random() < 0.3:
            steps[-1]["payment_methods"] = rng.choice((["direct_debit"], ["direct_debit", "transfer"], ["cash"]))
    for step in steps:
        step |= _conditions(rng)
    return steps


def _step(rng: Random) -> dict[str, Any]:
    kind = rng.choice(("remind", "remind", "remind", "offer_payment", "call", "signal"))
    if kind == "remind":
        fee = {"fee": {rng.choice(("EUR", "EUR", "EUR", "USD")): rng.choice((0, 250, 400))}} if rng.random() < 0.5 else {}
        return {"kind": "remind", "level": rng.randint(1, 4), **fee}
    if kind == "offer_payment":
        other = {"methods_if_account_unusable": rng.choice(METHODS)} if rng.random() < 0.6 else {}
        return {"kind": kind, "methods": rng.choice(METHODS), **other}
    if kind == "call":
        return {"kind": kind, "max_attempts": rng.choice((1, 2, 3)), "every_days": rng.choice((1, 1, 2, 4))}
    return {"kind": kind, "name": rng.choice(("block", "inform"))}


def _account(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.25:
        rules = [{"account": account, "when": rng.choice(CONDITIONS)} for account in ("fifth", "sixth")]
        return {"accounts": rules[: rng.choice((1, 2, 2))]}
    return {"account": "second"} if rng.random() < 0.3 else {}


def _conditions(rng: Random) -> dict[str, Any]:
    """What a step asks for itself."""
    asked: dict[str, Any] = {}
    if rng.random() < 0.12:
        asked["minimum"] = {"EUR": rng.choice((1000, 2000, 6000))}
        if rng.random() < 0.5:
            asked["below"] = "skip"
    if rng.random() < 0.1:
        asked["approval"] = "required"
    return asked
