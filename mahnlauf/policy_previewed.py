"""A preview for a page of the console: one tenant's contracts in the coming days, as it is and with a policy that is tried."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Final

from console.actions.office import Previewed, StepPreviewed
from mahnlauf.failures import BadInput
from mahnlauf.policy_preview import Group, Plan, Tally, last_tick, of_cluster, preview
from schemas.policy import Policy
from streams.engine.cluster import Connection

WITHIN_S: Final = 20.0
"""All contracts of the cluster are read for it; who looks at a page waits no longer than that."""
CONTRACTS_MAX: Final = 20_000
"""Of these two previews of 90 days take two cores some ten seconds (`python -m bench.preview`)."""
NOON: Final = time(12)


async def previewed(connection: Connection, tenant: str, policy: Policy, days: int) -> Previewed:
    """Raises BadInput, ClusterWrong, EngineError."""
    groups = await _contracts(connection, tenant, policy.policy, days)
    last = last_tick(groups)
    first = (last or datetime.now(UTC).date()) + timedelta(days=1)

    def ahead(tried: Policy | None) -> Tally:
        return preview(groups, Plan(tried, first, days, NOON, tenant), lambda _done, _total: None, apart=True)

    before, after = await asyncio.to_thread(ahead, None), await asyncio.to_thread(ahead, policy)
    told = {what.kind for what in (*before.sent, *after.sent)}
    steps = [StepPreviewed(kind, *(_by_day(one, kind, first.toordinal(), days) for one in (before, after))) for kind in told]
    steps.sort(key=lambda step: (step.begins, step.kind))
    return Previewed(first, after.contracts, before.touched, after.touched, after.bound, steps)


async def _contracts(connection: Connection, tenant: str, name: str, days: int) -> list[Group]:
    instead = f"ask mahnlauf policy preview {name}.yaml --tenant {tenant} --days {days}"
    try:
        async with asyncio.timeout(WITHIN_S):
            groups = await of_cluster(connection, lambda _done, _total: None, tenant)
    except TimeoutError:
        raise BadInput(f"reading the contracts took more than {WITHIN_S:.0f} s: {instead}") from None
    count = sum(len(group.states) for group in groups)
    if count > CONTRACTS_MAX:
        raise BadInput(f"{count:,} contracts are more than the {CONTRACTS_MAX:,} that a page looks ahead for: {instead}")
    return [group for group in groups if group.states]


def _by_day(tally: Tally, kind: str, first: int, days: int) -> list[int]:
    counts = Counter[int]()
    for what, count in tally.sent.items():
        if what.kind == kind:
            counts[what.day.toordinal() - first] += count
    return [counts[number] for number in range(days)]
