"""What the demo shows while days pass: a live table on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TypeAlias

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mahnlauf.demo.watching import Seen
from mahnlauf.telling import out, say

Show: TypeAlias = Callable[[datetime, Seen], None]
DAYS_A_LINE: Final = 14
ORDER: Final = (
    *("Clear", "Due", "Reminded", "Held", "ToBePassed", "Passed", "Accepted", "Rejected"),
    *("FirstDunningPhase", "SecondDunningPhase", "DebtCollection", "SuccessfullyClosed", "UnsuccessfullyClosed"),
)


@contextmanager
def display() -> Iterator[Show]:
    """Gives the function to call after each day."""
    if not out.is_terminal:
        yield _lines()
        return
    with Live(console=out, refresh_per_second=8) as live:
        yield lambda day, seen: live.update(_table(day, seen))


def _lines() -> Show:
    days = 0

    def show(day: datetime, seen: Seen) -> None:
        nonlocal days
        if days % DAYS_A_LINE == 0:
            say(line(day, seen))
        days += 1

    return show


def line(day: datetime, seen: Seen) -> str:
    """One day in one line."""
    status = ", ".join(f"{name} {seen.status[name]}" for name in ORDER if seen.status[name])
    return f"{day:%Y-%m-%d}  {_steps(seen)}  |  {status}"


def _steps(seen: Seen) -> str:
    answers, handovers = seen.replies.total(), seen.commands["case.submit"]
    return f"reminders {seen.levels[1]} + {seen.levels[2]}, handovers {handovers}, answers {answers}, resets {seen.resets}"


def _table(day: datetime, seen: Seen) -> Group:
    table = Table("status", "contracts", "", box=None, padding=(0, 2))
    status = seen.status
    whole = max(status.total(), 1)
    for name in ORDER:
        table.add_row(name, str(status[name]) if status[name] else "", "█" * round(40 * status[name] / whole))
    return Group(Text(f"{day:%A %Y-%m-%d}", style="bold"), table, Text(_steps(seen)))
