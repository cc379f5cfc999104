"""Random policies of the features that auditor and core both know."""

from random import Random
from typing import Any

CALENDARS = (None, {"country": "DE", "subdivision": "HE"}, {"country": "DE", "subdivision": "BY"}, {"country": "IT"})


def policy(rng: Random, name: str, zone: str, settlement: str) -> dict[str, Any]:
    """A random policy of the features that the auditor knows."""
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
    return content


def _steps(rng: Random) -> list[dict[str, Any]]:
    day, steps = 0, []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        day += rng.choice((1, 2, 3, 5, 9))
        step: dict[str, Any] = {"kind": "remind", "day": day, "level": rng.randint(1, 4)}
        if rng.random() < 0.5:
            step["fee"] = {rng.choice(("EUR", "EUR", "EUR", "USD")): rng.choice((0, 250, 400))}
        steps.append(step)
    if rng.random() < 0.8:
        steps.append({"kind": "hand_over", "day": day + rng.choice((1, 2, 3, 5, 9))})
        if rng.random() < 0.3:
            steps[-1]["account"] = "second"
        if rng.random() < 0.3:
            steps[-1]["payment_methods"] = rng.choice((["direct_debit"], ["direct_debit", "transfer"], ["cash"]))
    return steps
