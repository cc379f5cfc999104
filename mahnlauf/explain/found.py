"""Getting one contract as the rules made it: from the cluster's inputs in the order of the journal, or from files of events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mahnlauf import committed, replaying
from mahnlauf.audit.findings import Findings
from mahnlauf.audit.fold import Fold
from mahnlauf.audit.inputs import Inputs
from mahnlauf.failures import BadInput
from mahnlauf.replaying import Days
from schemas import topics
from schemas.policy import Policy
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of
from streams.engine.protocol import Record
from streams.engine.reroute import original
from streams.escalation.settings import Shared
from streams.escalation.state import Contract
from streams.processor import EscalationProcessor

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """The contract `key` ("tenant/contract") and the settings that count for it. `dead_letters`: of this contract, by reason."""

    key: str
    contract: Contract
    shared: Shared
    dead_letters: tuple[str, ...] = ()

    @property
    def as_of_us(self) -> int:
        """The latest moment that was seen: of the contract's events, or a tick."""
        return max(self.contract.clock_us, self.shared.last_tick_us)


def in_files(paths: Sequence[Path], policies: Sequence[Policy], days: Days, key: str) -> Found:
    """Raises BadInput, also if no event of the contract is in the files."""
    told = replaying.replay_files(paths, policies, days, key=key)
    contract = told.replayed.states.get(key.encode())
    if contract is None:
        raise _unknown(key, f"no event of it up to {days.until} is in " + ", ".join(str(path) for path in paths))
    return Found(key, contract, told.replayed.shared, tuple(sorted(told.replayed.dead_letters.elements())))


async def on_cluster(connection: Connection, key: str, progress: Progress) -> Found:
    """Compute the contract again as the audit does. `progress` is told journal offsets. Raises BadInput, ClusterWrong, EngineError."""
    journal = await committed.places(connection, [topics.JOURNAL])
    number = partition_of(key.encode(), len(journal))
    ends = await committed.ends(connection, [(name, number) for name in (topics.JOURNAL, *topics.INPUTS)])
    inputs = Inputs(connection, number, ends, Findings())
    fold = Fold(EscalationProcessor(), number, len(journal), {})
    letters: list[str] = []
    try:
        async for transaction in inputs.transactions():
            for step in transaction.steps:
                if not isinstance(step, Record):
                    fold.tick(step)
                elif _concerns(step, key.encode()):
                    fold.apply(step)
            letters += [letter.reason for letter in fold.letters if letter.record.key == key.encode()]
            fold.outputs, fold.letters, fold.forwards = [], [], []
            progress(transaction.offset, ends[topics.JOURNAL, number])
    finally:
        await inputs.close()
    contract = fold.state(key.encode())
    if contract is None:
        raise _unknown(key, "no worker has applied an event of it")
    if contract.forgotten:
        raise BadInput(f"{key}: forgotten, as its policy's forget_after says; its history stands in {topics.CASE_HISTORY}")
    return Found(key, contract, fold.shared, tuple(sorted(letters)))


def _concerns(record: Record, key: bytes) -> bool:
    origin = original(record) if record.topic == topics.REROUTED else record
    return origin is not None and (origin.topic == topics.TIMERS or origin.key == key)


def _unknown(key: str, why: str) -> BadInput:
    return BadInput(f"{key}: not known: {why}; a contract is written tenant/contract, as in its record key")
