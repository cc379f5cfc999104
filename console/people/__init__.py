"""Who may enter, and what they leave behind: all that a rebuild of the views never touches, in one database."""

from collections.abc import Callable
from typing import NamedTuple, Self

from argon2 import PasswordHasher
from sqlalchemy import Engine

from console.people.directory import Directory, wall_ms
from console.people.letters import Letters
from console.people.marks import Marks
from console.people.orders import OrderLog
from console.people.proposals import Proposals
from console.people.tokens import Tokens


class People(NamedTuple):
    """The rooms of that database."""

    directory: Directory
    orders: OrderLog
    tokens: Tokens
    marks: Marks
    proposals: Proposals
    letters: Letters

    @classmethod
    def of(cls, engine: Engine, now_ms: Callable[[], int] = wall_ms, hasher: PasswordHasher | None = None) -> Self:
        """For a database, which is brought to the newest schema."""
        directory = Directory(engine, now_ms, hasher)
        directory.migrate()
        kept = (OrderLog(engine, now_ms), Tokens(engine, now_ms), Marks(engine, now_ms), Proposals(engine, now_ms), Letters(engine, now_ms))
        return cls(directory, *kept)
