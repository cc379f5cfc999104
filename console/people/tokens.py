"""What other systems show to the API: a token each, with a role and a tenant as users have them."""

import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from console.database import migrate, writing
from console.people.directory import NAME_MAX, Refused, User, digest, wall_ms
from console.people.tables import TOKENS

PREFIX: Final = "mahnlauf_"
"""So that one that was left lying about is recognised."""
DAY_MS: Final = 24 * 3600 * 1000


class Token(NamedTuple):
    """One as it is listed: never what opens the door. Moments in milliseconds since 1970; `until_ms` None: until it is removed."""

    name: str
    role: str
    tenant: str
    made_at_ms: int
    until_ms: int | None


class Tokens:
    """The tokens of one database. Every call blocks."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms

    def migrate(self) -> None:
        migrate(self._engine, "people")

    def add(self, name: str, role: str, tenant: str = "", days: int | None = None) -> str:
        """Make one and tell it, for the only time. Raises Refused where the name can't be one or is taken."""
        name = name.strip()
        if not 0 < len(name) <= NAME_MAX:
            raise Refused("refused_name")
        token, now = PREFIX + secrets.token_urlsafe(32), self._now_ms()
        until = None if days is None else now + days * DAY_MS
        row = {"digest": digest(token), "name": name, "role": role, "tenant": tenant, "made_at_ms": now, "until_ms": until}
        try:
            with self._writing.begin() as connection:
                connection.execute(insert(TOKENS), row)
        except IntegrityError:
            raise Refused("refused_taken") from None
        return token

    def known(self) -> list[Token]:
        """All of them by name, those that are over included."""
        asked = select(*(TOKENS.c[name] for name in Token._fields)).order_by(TOKENS.c.name)
        with self._engine.connect() as connection:
            return [Token(*row) for row in connection.execute(asked)]

    def remove(self, name: str) -> bool:
        """From now on it opens nothing. False: there is none of that name."""
        with self._writing.begin() as connection:
            return connection.execute(delete(TOKENS).where(TOKENS.c.name == name)).rowcount == 1

    def user_of(self, token: str) -> User | None:
        """Who shows it; None if nobody has it, or it is over."""
        stands: Any = or_(TOKENS.c.until_ms.is_(None), TOKENS.c.until_ms > self._now_ms())
        with self._engine.connect() as connection:
            row = connection.execute(select(TOKENS).where(TOKENS.c.digest == digest(token), stands)).first()
        return User(row.name, row.role, row.tenant, "") if row else None
