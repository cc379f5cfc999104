"""Where orders are handed in: what the console needs of the cluster, made by the front door."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol


class Unsent(Exception):
    """Kafka did not take it: nothing of it is there, and nothing will be done. The message says why."""


class NotSealed(ValueError):
    """A person's words can't be put on Kafka; the message says why."""


class Sent(NamedTuple):
    """Where an order stands on `escalation.instructions`."""

    partition: int
    offset: int


class Desk(Protocol):
    """Takes orders in. `can` gives the types of command an agency takes, by its name; an agency that is not in it takes none."""

    @property
    def can(self) -> Mapping[str, frozenset[str]]: ...

    @property
    def now(self) -> datetime:
        """The moment that counts: of the latest tick, or of the wall where there was none."""

    @property
    def seals(self) -> bool:
        """Whether there is a key, so that people's words can be sent and read."""

    async def seal(self, tenant: str, contract: str, text: str) -> str:
        """Somebody's words as Kafka may carry them. Raises NotSealed where they are too long or the debtor was erased, Unsent."""

    async def opened(self, tenant: str, contract: str, sealed: str) -> str | None:
        """None: they can't be read any more, or not now."""

    async def send(self, events: Sequence[Any]) -> list[Sent]:
        """Publish events of `escalation.instructions`, all or none. Raises Unsent."""

    async def fate(self, sent: Sent) -> str | None:
        """None: the processor has not come to it, or can't be asked; empty: it was applied; else why it was refused."""
