"""One run of the simulator: events flow while things go wrong, then everything must come to its end, then every record is compared.

python -m tests.simulation 0:200        # seeds; a finding prints its seed, and that seed shows it again
"""

import random
from collections import Counter
from dataclasses import dataclass, field

from mahnlauf.audit.auditing import audit
from streams.processor import EscalationProcessor
from tests.auditor.life import Life
from tests.simulation import delivered, judge, lives, words
from tests.simulation.delivering import KEYS, Delivering, HandedOver
from tests.simulation.housekeeping import Housekeeping
from tests.simulation.trouble import Trouble
from tests.simulation.world import World

_ALL_APPLIED_WITHIN_S = 400.0
_ALL_STOPPED_WITHIN_S = 60.0
_WITH_CONNECTORS = 0.35
"""How often connectors deliver to an agency."""


@dataclass
class Run:
    """What a seed showed: how many transactions, how many fenced on the broker, which faults, and what was wrong (empty: nothing)."""

    seed: int
    transactions: int = 0
    events: int = 0
    fenced: int = 0
    virtual_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def run(seed: int) -> Run:
    """The run of a seed. Raises AssertionError if something that must happen does not."""
    return World(seed).run(_scenario)


async def _scenario(world: World) -> Run:
    told = Run(world.seed)
    count = world.chance.choice((2, 5, 8) if world.alike else (1, 2, 3, 8))
    connected = random.Random(f"{world.seed} connectors").random() < _WITH_CONNECTORS
    lines = lives.told(world.seed, count, alike=world.alike, life=HandedOver if connected else Life)
    delivering = Delivering(world, lines) if connected else None
    for worker in world.workers:
        worker.start()
    if delivering is not None:
        lines = lives.described(random.Random(f"{world.seed} debtors"), count) + lines
        await delivering.start()
    trouble, housekeeping = Trouble(world), Housekeeping(world)
    await lives.publish(world, lines)
    await trouble.end()
    await world.until(world.applied, "everything published is applied", _ALL_APPLIED_WITHIN_S)
    if delivering is not None:
        await _delivered(world, delivering)
    await housekeeping.end()
    for worker in world.workers:
        assert worker.ended is None, f"{worker.name} ended by itself: {worker.ended!r}"
        await worker.stop()
    verdict = await audit(world.connection, EscalationProcessor(), lambda done, whole: None)
    told.transactions, told.events, told.faults = verdict.transactions, verdict.events, trouble.told
    told.faults += housekeeping.told + (Counter() if world.disk is None else world.disk.told)
    told.fenced, told.virtual_s = world.cluster.transactions.fenced, world.loop.time()
    told.findings = [str(finding) for finding in verdict.findings.kept] + judge.findings(world.cluster, world.partitions)
    if delivering is not None:
        told.faults += delivering.told + delivering.bureau.told + (delivering.hints.told if delivering.hints else Counter())
        told.findings += delivered.findings(
            world.cluster, world.partitions, delivering.bureau, paused=bool(delivering.told["connector_pause"])
        )
        told.findings += await words.findings(world, delivering.bureau, KEYS)
    return told


async def _delivered(world: World, delivering: Delivering) -> None:
    """Agencies answer from now on, and everything that was asked of them comes to its end."""
    await delivering.end()
    try:
        await world.until(delivering.finished, "every handover is answered, and every answer applied", _ALL_APPLIED_WITHIN_S)
        if delivering.hints is not None:
            await delivering.hints.again()
            await world.until(delivering.finished, "every hint is followed", _ALL_APPLIED_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}; {'; '.join(delivering.left())}") from None
    await delivering.stop()
