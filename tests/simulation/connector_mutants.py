"""Bugs put in by hand into the connector's delivery code, as mutants.py does with the workers'."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from connectors.delivery import book, feed, owner, partition, sender
from connectors.delivery.agency import Submission
from connectors.delivery.errors import ResultUnknown
from streams.engine.transaction import TransactionalWriter


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is another as long as this lasts."""
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _sent_before_its_intent() -> AbstractContextManager[None]:
    async def not_noted(self: Any, handover: Any, command: Any) -> None:
        """Nothing stands on the ledger when the request leaves."""

    return changed(sender.Sender, "_note_intent", not_noted)


def _unknown_not_asked() -> AbstractContextManager[None]:
    """A result that stayed unknown counts as not taken."""
    return changed(ResultUnknown, "maybe_taken", False)


def _intent_not_asked() -> AbstractContextManager[None]:
    """Whoever takes over sends again what may have left."""
    submit = sender.Sender._submit

    async def unasked(self: Any, handover: Any, command: Any, *, asks: bool) -> Any:
        return await submit(self, handover, command, asks=False)

    return changed(sender.Sender, "_submit", unasked)


def _ledger_lost() -> AbstractContextManager[None]:
    """Taking a partition forgets what was sent; only the ways of handovers are kept."""
    recovered = book.recovered

    async def nothing_known(cluster: Any, number: int) -> Any:
        contents = await recovered(cluster, number)
        contents.handovers.clear()
        return contents

    return changed(partition, "recovered", nothing_known)


def _other_key_each_time() -> AbstractContextManager[None]:
    """A handover has another reference whenever it is sent."""
    counted = iter(range(1_000_000))

    def another(handover_id: str, *more: Any) -> Any:
        return replace(Submission(handover_id, *more), handover_id=f"{handover_id}-{next(counted)}")

    return changed(sender, "Submission", another)


def _parked_dropped() -> AbstractContextManager[None]:
    """What can't go now never goes."""

    async def forgotten(self: Any, job: Any, why: Any) -> None:
        await self._finish(job, sender.Result(lambda now: now))

    return changed(owner.AccountOwner, "_park", forgotten)


def _cursor_too_far() -> AbstractContextManager[None]:
    """A feed is read on from one behind where its page ended."""
    bounded = feed._bounded

    def one_too_far(page: Any) -> Any:
        return replace(bounded(page), cursor=str(int(page.cursor) + 1)) if page.changes else page

    return changed(feed, "_bounded", one_too_far)


def _replies_after_positions() -> AbstractContextManager[None]:
    """A command is finished in one transaction, what came of it is told in the next."""
    commit = TransactionalWriter.commit

    async def in_two(self: Any, outputs: Any, positions: Any = None, **more: Any) -> Any:
        if "state" not in more and outputs and positions:  # the connector's: the workers' have a state
            await commit(self, [], positions, **more)
            return await commit(self, outputs, {}, **more)
        return await commit(self, outputs, positions or {}, **more)

    return changed(TransactionalWriter, "commit", in_two)
