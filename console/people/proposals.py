"""Policies that somebody proposes and somebody else lets count."""

from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy import Engine, insert, select, update

from console.database import writing
from console.people.directory import wall_ms
from console.people.tables import PROPOSALS

SHOWN_MAX: Final = 50


class Proposal(NamedTuple):
    """`decided_by` empty while it waits; `outcome` applied or dropped."""

    id: int
    tenant: str
    policy: str
    text: str
    by: str
    at_ms: int
    decided_by: str
    outcome: str


class Proposals:
    """Those in the database of the users. Every call blocks."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms

    def add(self, tenant: str, policy: str, text: str, by: str) -> None:
        row = {"tenant": tenant, "policy": policy, "text": text, "by": by, "at_ms": self._now_ms(), "decided_by": "", "outcome": ""}
        with self._writing.begin() as connection:
            connection.execute(insert(PROPOSALS), row)

    def latest(self, tenant: str) -> list[Proposal]:
        """Newest first. `tenant` empty: of all."""
        asked = select(*(PROPOSALS.c[name] for name in Proposal._fields)).order_by(PROPOSALS.c.id.desc()).limit(SHOWN_MAX)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.where(PROPOSALS.c.tenant == tenant) if tenant else asked)
            return [Proposal(*row) for row in rows]

    def find(self, proposal_id: int) -> Proposal | None:
        asked = select(*(PROPOSALS.c[name] for name in Proposal._fields)).where(PROPOSALS.c.id == proposal_id)
        with self._engine.connect() as connection:
            row = connection.execute(asked).first()
        return None if row is None else Proposal(*row)

    def decide(self, proposal_id: int, by: str, outcome: str) -> bool:
        """Note what became of it. False: somebody was faster."""
        waiting = update(PROPOSALS).where(PROPOSALS.c.id == proposal_id, PROPOSALS.c.decided_by == "")
        with self._writing.begin() as connection:
            return connection.execute(waiting.values(decided_by=by, outcome=outcome)).rowcount == 1
