"""Two pauses that share a name (`domain.md` 6): the statutory moratorium (UK Debt Respite Scheme) and a contractual breathing space."""

from datetime import date, timedelta
from typing import Final, NamedTuple


class Pause(NamedTuple):
    """What a pause freezes. `days`: its length, None where a contract or policy says it."""

    hold_kind: str
    days: int | None
    interest: bool
    fees: bool
    contact: bool
    source: str


STATUTORY_MORATORIUM: Final = Pause("statutory_moratorium", 60, True, True, True, "UK Debt Respite Scheme")
BREATHING_SPACE: Final = Pause("breathing_space", None, True, True, False, "contract")


def moratorium_until(begins: date) -> date:
    """The first day after a statutory moratorium."""
    assert STATUTORY_MORATORIUM.days is not None
    return begins + timedelta(days=STATUTORY_MORATORIUM.days)


def breathing_space_until(begins: date, days: int) -> date:
    """The first day after a breathing space: interest and fees wait for `days` days, the first of them included."""
    return begins + timedelta(days=days)
