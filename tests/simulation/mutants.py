"""Bugs put in by hand, of the kind an engine like this has: each must be found, or the simulator proves nothing.

A mutant changes one thing in the product while a `with` lasts; `python -m tests.simulation 0:50 --mutant NAME` shows what comes of it.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

from streams.engine import applying, changelog, fetch, intake, merge, progress, states, store, ticking, transaction
from streams.processor import EscalationProcessor
from tests.simulation import connector_mutants
from tests.simulation.connector_mutants import changed

Mutant: TypeAlias = Callable[[], AbstractContextManager[None]]


def _commit_before_send() -> AbstractContextManager[None]:
    commit = transaction.TransactionalWriter._commit

    async def first_the_positions(self: Any, outputs: Any, positions: Any, group_id: str, state: Any) -> Any:
        await commit(self, (), positions, group_id, None)
        return await commit(self, outputs, {}, group_id, state)

    return changed(transaction.TransactionalWriter, "_commit", first_the_positions)


def _send_before_commit() -> AbstractContextManager[None]:
    commit = transaction.TransactionalWriter._commit

    async def first_the_outputs(self: Any, outputs: Any, positions: Any, group_id: str, state: Any) -> Any:
        ends = await commit(self, outputs, {}, group_id, state)
        await commit(self, (), positions, group_id, None)
        return ends

    return changed(transaction.TransactionalWriter, "_commit", first_the_outputs)


def _no_fence() -> AbstractContextManager[None]:
    init = transaction.TransactionalWriter.__init__

    def with_an_id_of_its_own(self: Any, connection: Any, transactional_id: str, **more: Any) -> None:
        init(self, connection, f"{transactional_id}-{uuid.uuid4().hex}", **more)

    return changed(transaction.TransactionalWriter, "__init__", with_an_id_of_its_own)


def _fenced_late() -> AbstractContextManager[None]:
    start, commit = transaction.TransactionalWriter.start, transaction.TransactionalWriter.commit

    async def not_yet(self: Any) -> None:
        self._late = True

    async def only_now(self: Any, *args: Any, **more: Any) -> Any:
        if getattr(self, "_late", False):
            self._late = False
            await start(self)
        return await commit(self, *args, **more)

    @contextmanager
    def both() -> Iterator[None]:
        with changed(transaction.TransactionalWriter, "start", not_yet), changed(transaction.TransactionalWriter, "commit", only_now):
            yield

    return both()


def _offset_off_by_one() -> AbstractContextManager[None]:
    commit = transaction.TransactionalWriter._commit

    async def one_too_far(self: Any, outputs: Any, positions: Any, group_id: str, state: Any) -> Any:
        return await commit(self, outputs, {place: offset + 1 for place, offset in positions.items()}, group_id, state)

    return changed(transaction.TransactionalWriter, "_commit", one_too_far)


def _barrier_ignored() -> AbstractContextManager[None]:
    async def nothing_before(self: Any, limit: int) -> None:
        return None

    return changed(intake.Intake, "before_tick", nothing_before)


def _aborted_is_read() -> AbstractContextManager[None]:
    return changed(fetch, "READ_COMMITTED", 0)


def _recovery_ends_early() -> AbstractContextManager[None]:
    through = fetch.through

    def almost(reader: Any, topic: str, end: int) -> Any:
        return through(reader, topic, end - 3)

    return changed(changelog, "through", almost)


def _store_trusted() -> AbstractContextManager[None]:
    """A local store is taken for all that the changelog holds."""
    recover = changelog.recover

    async def nothing_missed(cluster: Any, topic: str, number: int, store: Any, *args: Any) -> None:
        if store.position:
            store.loaded()
        else:
            await recover(cluster, topic, number, store, *args)

    return changed(changelog, "recover", nothing_missed)


def _rest_of_a_tick_lost() -> AbstractContextManager[None]:
    begin = ticking.TickRun._begin

    def nobody_left(self: Any) -> Any:
        keys = begin(self)
        if self._resumed:
            self._keys = keys = []
        return keys

    return changed(ticking.TickRun, "_begin", nobody_left)


def _applied_where_it_lies() -> AbstractContextManager[None]:
    return changed(applying.Applier, "_forwarded", lambda self, record, key: False)


def _in_order_of_arrival() -> AbstractContextManager[None]:
    def joined(runs: Any) -> Any:
        return [(index, index, record) for index, records in runs for record in records]

    return changed(merge, "_joined", joined)


def _revisit_lost() -> AbstractContextManager[None]:
    return changed(progress.Progress, "with_revisit", lambda self, prefixes: self)


def _due_times_lost() -> AbstractContextManager[None]:
    return changed(store.MemoryStore, "loaded", lambda self: None)


def _kept_after_an_abort() -> AbstractContextManager[None]:
    """What a refused transaction had changed stays in the cache of the next owner in the same process."""
    kept: dict[bytes, Any] = {}
    put, find = states.States.put, states.States._stored

    def remembered(self: Any, key: bytes, *args: Any) -> None:
        put(self, key, *args)
        kept[key] = self.at_hand[key]

    def recalled(self: Any, key: bytes) -> Any:
        return kept.get(key) or find(self, key)

    @contextmanager
    def both() -> Iterator[None]:
        with changed(states.States, "put", remembered), changed(states.States, "_stored", recalled):
            yield

    return both()


def _dedupe_lost() -> AbstractContextManager[None]:
    """A payment that is published again counts again."""
    keyed = EscalationProcessor._keyed

    def as_another_payment(event: Any, record: Any) -> Any:
        if event.type == "payment.received":
            event = event.model_copy(
                update={"data": event.data.model_copy(update={"payment_id": f"{event.data.payment_id}-{record.offset}"})}
            )
        return keyed(event, record)

    return changed(EscalationProcessor, "_keyed", staticmethod(as_another_payment))


MUTANTS: dict[str, Mutant] = {
    name.lstrip("_").replace("_", "-"): made
    for module in (globals(), vars(connector_mutants))
    for name, made in list(module.items())
    if name.startswith("_") and not name.startswith("__") and callable(made)
}
"""By name: the workers' first, in the order above, then the connector's."""
