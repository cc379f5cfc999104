"""What an engine is told: where Kafka is, which topics are its inputs, where it keeps state."""

from dataclasses import dataclass, field
from pathlib import Path

from streams.engine.cluster import Connection
from streams.engine.group import SESSION_TIMEOUT_MS
from streams.engine.limits import Limits
from streams.engine.transaction import TRANSACTION_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """All topics have `partitions` partitions (dead-letter topics and outputs may have others, dead letters at least as many).

    `app` is the group id and begins the transactional ids. `inputs` stand in their order of application; `rerouted` and `timers` come
    behind them in that order. `address` (host:port) is where this process's pages listen. `state_folder` None keeps states in memory.
    """

    app: str
    connection: Connection
    inputs: tuple[str, ...]
    rerouted: str
    timers: str
    changelog: str
    journal: str
    partitions: int
    address: str
    dead_letters_suffix: str = ".dead-letters"
    instance: str | None = None
    state_folder: Path | None = None
    session_timeout_ms: int = SESSION_TIMEOUT_MS
    transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS
    limits: Limits = field(default_factory=Limits)

    @property
    def ordered_inputs(self) -> tuple[str, ...]:
        """Every input in the order of application of records with equal timestamps."""
        return (*self.inputs, self.rerouted, self.timers)

    @property
    def client_id(self) -> str:
        return f"{self.app}@{self.address}"
