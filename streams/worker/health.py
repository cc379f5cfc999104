"""Whether the worker lives and whether it is ready, as probes ask it.

Alive: not hanging. A worker hangs when records wait, Kafka answers, and yet nothing was committed for `STALLED_S`. What a restart would not
mend is no reason to be killed: Kafka away, a partition that stands still until a person acts, records or a tick behind a publisher's
open transaction, a backlog of years that is being worked off.
Ready: the group has given out partitions, and those that are this worker's are recovered. A member without partitions is ready.
"""

import asyncio
from typing import Final, NamedTuple

from streams.engine.engine import Health, PartitionHealth
from streams.engine.partition import Phase
from streams.worker.observed import ObservedEngine

STALLED_S: Final = 300.0
"""A transaction takes seconds at most; a paused machine or a broker's election minutes."""

ANSWER_WITHIN_S: Final = 0.5
"""Orchestrators give a probe a second by default; no answer in time counts as dead."""


class Probed(NamedTuple):
    """`well`: what the probe asks. `reasons`: for a person, each with its partition; there may be some although `well`."""

    well: bool
    reasons: tuple[str, ...]


async def alive(engine: ObservedEngine) -> Probed:
    """Liveness, within `ANSWER_WITHIN_S`."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            well = await engine.alive(STALLED_S)
    except TimeoutError:  # the engine asks Kafka whether it is there, and Kafka says nothing
        well = True
    return Probed(well, tuple(_reasons(engine.health(), stalled=not well)))


def ready(engine: ObservedEngine) -> Probed:
    """Readiness."""
    health = engine.health()
    if not health.joined:
        return Probed(False, ("not a member of the group yet",))
    return Probed(health.ready, tuple(_told(part, _phase(part)) for part in health.partitions if part.phase is not Phase.RUNNING))


def _reasons(health: Health, *, stalled: bool) -> list[str]:
    ended = [] if health.failed is None else [health.failed]
    stopped = [_told(part, part.reason) for part in health.partitions if part.phase is Phase.STOPPED]
    hidden = [_told(part, part.reason) for part in health.partitions if part.phase is Phase.RUNNING and part.reason]
    waiting = [_told(part, _waits(part)) for part in health.partitions if stalled and (part.oldest_unapplied_s or 0) > STALLED_S]
    return [*ended, *stopped, *hidden, *waiting]


def _waits(part: PartitionHealth) -> str:
    return f"{part.lag} records wait and nothing was committed for {part.oldest_unapplied_s:.0f} s"


def _phase(part: PartitionHealth) -> str:
    if part.phase is Phase.RECOVERING and part.recovery is not None:
        return f"{part.phase}: {part.recovery.position} of {part.recovery.end}"
    return f"{part.phase}: {part.reason}" if part.reason else str(part.phase)


def _told(part: PartitionHealth, reason: str) -> str:
    return f"partition {part.partition}: {reason}"
