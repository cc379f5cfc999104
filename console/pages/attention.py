"""What waits for a person, by what it is: how many contracts, and what to do about it."""

from collections import Counter

from sqlalchemy import Engine, func, select

from console.views.rows import Acts
from console.views.tables import CASES


def waiting(engine: Engine, tenant: str) -> list[tuple[str, int]]:
    """Each kind with the number of contracts, the most first; a contract may wait for several. `tenant` empty: all."""
    asked = select(CASES.c.attention, func.count()).where(CASES.c.acts == int(Acts.PERSON)).group_by(CASES.c.attention)
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for attention, count in connection.execute(asked.where(CASES.c.tenant == tenant) if tenant else asked):
            for name in attention.split():
                found[name] += count
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
