"""What is legal in a policy but unwise: advice for whoever wrote it, with the line it is about.

What is wrong is refused by `policy_file`; nothing here keeps a policy from being applied. No clock: the same file gets the same advice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mahnlauf.yaml_lines import Document, Loc, dotted
from schemas.policy import HandOver, Policy, Remind
from streams.escalation.law import bureau_report

REMINDERS_APART_DAYS: Final = 7
USUAL_FEE_MINOR: Final = 250
"""Courts rarely grant more than 2.50 EUR a letter without proof of what it cost."""
THIRTY_DAYS: Final = 30
EURO: Final = "EUR"


@dataclass(frozen=True, slots=True)
class Advice:
    """`code` is short and stable, for scripts; `line` and `field` are where in the file."""

    code: str
    line: int
    field: str
    words: str


def advise(policy: Policy, document: Document) -> list[Advice]:
    """Everything that is unwise, in order of the file."""
    found = (Advice(code, document.line_of(loc), dotted(loc), words) for code, loc, words in _found(policy))
    return sorted(found, key=lambda advice: (advice.line, advice.code))


_Found = Iterator[tuple[str, Loc, str]]


def _found(policy: Policy) -> _Found:
    yield from _whole(policy)
    yield from _pairs(policy)
    yield from _breathing_space(policy)
    yield from _fees(policy)
    yield from _handed_over(policy)


def _whole(policy: Policy) -> _Found:
    if policy.calendar is None:
        yield "no_calendar", ("calendar",), "absent: every day counts as a working day, and no deadline moves to the next one (BGB 193)"
    if policy.steps and EURO not in policy.minimum_open:
        yield "no_minimum", ("minimum_open",), "names no EUR: a single cent overdue begins the ladder"


def _reminders(policy: Policy) -> list[tuple[int, Remind]]:
    return [(place, step) for place, step in enumerate(policy.steps) if isinstance(step, Remind)]


def _pairs(policy: Policy) -> _Found:
    for (_, earlier), (place, later) in pairwise(_reminders(policy)):
        apart = later.day - earlier.day
        if apart < REMINDERS_APART_DAYS:
            yield (
                "reminders_close",
                ("steps", place, "day"),
                f"{apart} days after the reminder before it: a payment takes days to arrive, leave at least {REMINDERS_APART_DAYS}",
            )
        if later.level <= earlier.level:
            yield (
                "level_not_rising",
                ("steps", place, "level"),
                f"{later.level} after {earlier.level}: the debtor cannot tell that it is the next",
            )


def _breathing_space(policy: Policy) -> _Found:
    """What a breathing space could make wait, and does not."""
    asked, place = policy.breathing_space, ("breathing_space",)
    if asked is None:
        return
    if asked.from_ == "hand_over" and not any(isinstance(step, HandOver) for step in policy.steps):
        yield "breathing_space_idle", place, "from: hand_over without a hand_over step: it begins only where a person orders a handover"
    elif policy.interest is None and (asked.from_ == "hand_over" or not any(step.fee for _, step in _reminders(policy))):
        yield "breathing_space_idle", place, "nothing waits for it: there is no interest, and no step inside it has a fee"


def _fees(policy: Policy) -> _Found:
    reminders = _reminders(policy)
    for place, step in reminders:
        fee = (step.fee or {}).get(EURO, 0)
        if fee > USUAL_FEE_MINOR:
            yield (
                "fee_high",
                ("steps", place, "fee"),
                f"{fee} cents: more than {USUAL_FEE_MINOR} needs proof of what a letter costs, or is not owed",
            )
        if place == reminders[0][0] and fee and policy.default == "first_reminder":
            yield "fee_before_default", ("steps", place, "fee"), "the reminder that begins default is not a cost of default (BGB 280, 286)"


def _handed_over(policy: Policy) -> _Found:
    last = policy.steps[-1] if policy.steps else None
    if not isinstance(last, HandOver):
        return
    place: Loc = ("steps", len(policy.steps) - 1, "day")
    reminders = _reminders(policy)
    if not reminders:
        yield (
            "default_uncertain",
            place,
            "hand_over without a reminder before it: default then rests on a date in the contract alone (BGB 286), and without default the "
            "debtor does not owe the agency's costs",
        )
    elif last.day - reminders[-1][1].day < REMINDERS_APART_DAYS:
        apart = last.day - reminders[-1][1].day
        yield (
            "hand_over_close",
            place,
            f"{apart} days after the last reminder: what was paid because of it is still under way, leave at least {REMINDERS_APART_DAYS}",
        )
    if policy.default == "thirty_days" and last.day <= THIRTY_DAYS:
        yield "default_uncertain", place, f"day {last.day}: with `default: thirty_days` default begins only {THIRTY_DAYS} days after due"
    if len(reminders) < bureau_report.REMINDERS:
        yield (
            "bureau_never",
            place,
            f"fewer than {bureau_report.REMINDERS} reminders before hand_over: a credit bureau may then never be told (BDSG 31(2))",
        )
