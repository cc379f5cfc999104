"""What waits for a person, by what it is: how many contracts, and what to do about it."""

from collections import Counter
from typing import Final

from sqlalchemy import Engine, func, select

from console.views.rows import APPROVAL, FOR_A_PERSON, Acts
from console.views.tables import CASES

REJECTED: Final = "rejected"


def waiting(engine: Engine, tenant: str) -> list[tuple[str, int]]:
    """Each kind with the number of contracts, the most first; a contract may wait for several. `tenant` empty: all."""
    asked = select(CASES.c.attention, CASES.c.status, func.count()).where(CASES.c.acts == int(Acts.PERSON))
    asked = asked.group_by(CASES.c.attention, CASES.c.status)
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for attention, status, count in connection.execute(asked.where(CASES.c.tenant == tenant) if tenant else asked):
            for name in attention.split() or [REJECTED if status in FOR_A_PERSON else APPROVAL]:
                found[name] += count
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
