"""Every bound the engine keeps, each with its reason."""

from dataclasses import dataclass
from typing import Final

GC_THRESHOLDS: Final = (100_000, 50, 1000)
"""For `gc.set_threshold` in a worker's process: with hundreds of thousands of live states the default thresholds halve the speed."""

REVISIT_PREFIXES: Final = 10_000
"""Pending prefixes to revisit are one record on the changelog; beyond this many it becomes the empty prefix: every key."""

METRIC_LABELS: Final = 200
"""Distinct kinds or reasons kept apart in metrics; more are counted as `other`, because Prometheus pays for each for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that an installation may move. The defaults are what was measured to be fast and safe."""

    batch_records: int = 5_000
    """Records a transaction: 2,000 cost a tenth of the speed, 500 a quarter. Only a backlog fills it, and `batch_seconds` bounds what an
    abort repeats."""
    batch_bytes: int = 8 << 20
    """Input bytes a transaction, so that a run of large records doesn't become a transaction no broker finishes in time."""
    batch_seconds: float = 0.5
    """Time spent applying before a transaction is closed: a slow processor must not run into the transaction timeout."""
    tick_keys: int = 5_000
    """Keys visited a transaction of a tick; as `batch_records`."""
    fetch_bytes: int = 2 << 20
    """One answer's share of one input: enough for a full batch of records of 400 bytes."""
    buffered_bytes: int = 4 << 20
    """Bytes of one input held unapplied by a partition before it is no longer asked for: with the answer that passes it, 8 inputs of 50
    partitions stay below 3 GB."""
    state_bytes: int = 900_000
    """Encoded state of one key, and each output; a record takes 1 MiB. The event that would exceed it becomes a dead letter."""
    cached_states: int = 50_000
    """Decoded states a partition keeps, so that a hot key is not decoded at each event; 2 kB each makes 100 MB."""
    failures: int = 3
    """Unexpected exceptions of our own code within `failure_window_s` after which a partition stops: a bug must not turn a whole
    topic into dead letters."""
    failure_window_s: float = 600.0
    yield_every: int = 200
    """Records applied before other tasks (heartbeats, other partitions, web pages) get their turn: a few milliseconds."""
    store_kept_s: float = 7 * 86_400.0
    """Age above which a stored state is rebuilt: the changelog's `delete.retention.ms`. Later, tombstones the store has not seen may be
    gone, and what was forgotten would rise again."""
