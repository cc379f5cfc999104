"""Who may enter: users with argon2 passwords, sessions, one-time links, and a limit on wrong passwords."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.database import migrate, writing
from console.people.tables import FAILED_LOGINS, INVITATIONS, SESSIONS, USERS

MINUTE_MS: Final = 60_000
SESSION_MS: Final = 12 * 60 * MINUTE_MS
"""A working day; then the password is asked for again."""
INVITATION_MS: Final = 24 * 60 * MINUTE_MS
FAILED_WITHIN_MS: Final = 15 * MINUTE_MS
FAILED_MAX: Final = 10
"""Wrong passwords for one name, or from one address, before nobody may try for a while: enough for people, too few for guessing."""
PASSWORD_MIN, PASSWORD_MAX = 12, 1_000
"""Characters; the longest only bounds the work of hashing."""
NAME_MAX: Final = 100
VOUCHED_FOR: Final = "-"
"""Stands for the password of users who come from the identity provider: no hash, so none fits."""


class Refused(Exception):
    """Not let in; `reason` is a key of the texts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking. `tenant` empty: sees all. `csrf` must come with every change that this session asks for."""

    name: str
    role: str
    tenant: str
    csrf: str


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Directory:
    """The users of one database. Every call blocks. `hasher`: argon2 with its own defaults, which are slow on purpose."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms, hasher: PasswordHasher | None = None) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    def migrate(self) -> None:
        migrate(self._engine, "people")

    def is_empty(self) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(USERS)).scalar_one() == 0

    def invite(self, role: str, tenant: str = "") -> str:
        """The token of a one-time link that makes a user, good for a day."""
        token = secrets.token_urlsafe(32)
        with self._writing.begin() as connection:
            row = {"digest": digest(token), "role": role, "tenant": tenant, "until_ms": self._now_ms() + INVITATION_MS}
            connection.execute(insert(INVITATIONS), row)
        return token

    def invite_first(self) -> str:
        """As `invite` for the first admin; an earlier link for one no longer opens."""
        with self._writing.begin() as connection:
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.role == "admin"))
        return self.invite("admin")

    def is_invited(self, token: str) -> bool:
        with self._engine.connect() as connection:
            return self._invitation(connection, token) is not None

    def join(self, token: str, name: str, password: str) -> None:
        """Make the user that a one-time link is for; the link opens nothing afterwards. Raises Refused."""
        name = name.strip()
        if not 0 < len(name) <= NAME_MAX:
            raise Refused("refused_name")
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise Refused("refused_password")
        hashed = self._hasher.hash(password)
        try:
            with self._writing.begin() as connection:
                invitation = self._invitation(connection, token)
                used = connection.execute(delete(INVITATIONS).where(INVITATIONS.c.digest == digest(token)))
                if invitation is None or used.rowcount != 1:
                    raise Refused("refused_link")
                connection.execute(insert(USERS), {"name": name, "password": hashed, "role": invitation.role, "tenant": invitation.tenant})
        except IntegrityError:
            raise Refused("refused_taken") from None

    def _invitation(self, connection: Connection, token: str) -> Row[Any] | None:
        found = select(INVITATIONS).where(INVITATIONS.c.digest == digest(token), INVITATIONS.c.until_ms > self._now_ms())
        return connection.execute(found).first()

    def log_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session. Raises Refused, without telling whether the name or the password was wrong."""
        who = [f"name {name.strip()[:NAME_MAX]}", f"from {address}"]
        if self._failed_often(who):
            raise Refused("refused_often")
        user = self._user(name.strip())
        if not self._fits(user.password if user else self._nobodys, password) or user is None:
            self._note_failure(who)
            raise Refused("refused_login")
        return self._session(user.id)

    def admit(self, name: str, role: str, tenant: str) -> str:
        """The token of a new session for somebody whom the identity provider vouches for, with the role that follows from it this time.
        Raises Refused for a name that is too long, or of somebody who has a password here."""
        if not 0 < len(name) <= NAME_MAX:
            raise Refused("refused_name")
        with self._writing.begin() as connection:
            user = connection.execute(select(USERS).where(USERS.c.name == name)).first()
            if user is not None and user.password != VOUCHED_FOR:
                raise Refused("refused_local")
            told = {"role": role, "tenant": tenant}
            if user is None:
                connection.execute(insert(USERS), {"name": name, "password": VOUCHED_FOR, **told})
            else:
                connection.execute(update(USERS).where(USERS.c.id == user.id).values(**told))
            user_id = connection.execute(select(USERS.c.id).where(USERS.c.name == name)).scalar_one()
        return self._session(user_id)

    def _user(self, name: str) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(select(USERS).where(USERS.c.name == name)).first()

    def _fits(self, hashed: str, password: str) -> bool:
        """A name nobody has costs the same time as one somebody has."""
        try:
            return self._hasher.verify(hashed, password[:PASSWORD_MAX])
        except (VerificationError, InvalidHashError):
            return False

    def _failed_often(self, who: list[str]) -> bool:
        since = self._now_ms() - FAILED_WITHIN_MS
        counted = select(func.count()).where(FAILED_LOGINS.c.who.in_(who), FAILED_LOGINS.c.at_ms > since).group_by(FAILED_LOGINS.c.who)
        with self._engine.connect() as connection:
            return any(count >= FAILED_MAX for count in connection.execute(counted).scalars())

    def _note_failure(self, who: list[str]) -> None:
        now = self._now_ms()
        with self._writing.begin() as connection:
            connection.execute(delete(FAILED_LOGINS).where(FAILED_LOGINS.c.at_ms <= now - FAILED_WITHIN_MS))
            connection.execute(insert(FAILED_LOGINS), [{"who": each, "at_ms": now} for each in who])

    def _session(self, user_id: int) -> str:
        token, now = secrets.token_urlsafe(32), self._now_ms()
        with self._writing.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.until_ms <= now))
            connection.execute(insert(SESSIONS), {"digest": digest(token), "user_id": user_id, "until_ms": now + SESSION_MS})
        return token

    def user_of(self, token: str) -> User | None:
        """Whose session this is; None if it is nobody's, or over."""
        found = select(USERS).join(SESSIONS).where(SESSIONS.c.digest == digest(token), SESSIONS.c.until_ms > self._now_ms())
        with self._engine.connect() as connection:
            user = connection.execute(found).first()
        return User(user.name, user.role, user.tenant, _csrf(token)) if user else None

    def log_out(self, token: str) -> None:
        with self._writing.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest(token)))


def digest(token: str) -> str:
    """All that is kept of what opens a door."""
    return hashlib.sha256(token.encode()).hexdigest()


def _csrf(token: str) -> str:
    """Bound to the session, and of no use to whoever only sees it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()
