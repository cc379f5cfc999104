"""What waits for a person, by what it is: how many contracts, and what to do about it."""

from collections import Counter

from sqlalchemy import Engine, func, select

from console.views.tables import TOTALS


def waiting(engine: Engine, tenant: str) -> list[tuple[str, int]]:
    """Each kind with the number of contracts, the most first; a contract may wait for several. `tenant` empty: all."""
    asked = select(TOTALS.c.attention, func.sum(TOTALS.c.contracts)).where(TOTALS.c.attention != "").group_by(TOTALS.c.attention)
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for attention, count in connection.execute(asked.where(TOTALS.c.tenant == tenant) if tenant else asked):
            for name in attention.split():
                found[name] += int(count)
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
