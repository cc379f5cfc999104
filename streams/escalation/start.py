"""When a policy may take its first step: `starts_on`, and `ramp`, so that switching on sends no flood (`escalation.md` 1 and 4)."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from uuid import uuid5

from schemas.ids import NAMESPACE
from streams.escalation.calendar import WorkingDays
from streams.escalation.settings import Rules


def first_step_on(rules: Rules, key: str, due_days: Iterable[date]) -> date | None:
    """The day before which no step is taken, or None. `due_days` are those of what is overdue.

    A contract counts as overdue on `starts_on` if something that is overdue now was due before: by the facts known now, and by what is
    left to be asked for. So who paid what was old meanwhile is reminded of newer debts at their own pace.
    """
    policy = rules.policy
    if policy.starts_on is None or policy.ramp is None or not any(due < policy.starts_on for due in due_days):
        return policy.starts_on
    return _ramp_day(rules.working_days, policy.starts_on, policy.ramp.days, key)


@lru_cache(maxsize=65_536)
def _ramp_day(working_days: WorkingDays, starts_on: date, days: int, key: str) -> date:
    """The working day number (uuid5(namespace, key) mod days) after `starts_on`; number 0 is that day itself."""
    return working_days.day_number(uuid5(NAMESPACE, key).int % days, starts_on)
