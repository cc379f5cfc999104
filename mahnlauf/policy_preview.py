"""What a policy would do in the coming days, before it is switched on: contracts as they stand, its next version, a tick a day.

The same core as a worker's, so it is what then really happens on those days, if nothing else comes in. Nothing is emitted.
"""

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from mahnlauf import committed, replaying
from mahnlauf.failures import BadInput, ClusterWrong
from mahnlauf.replaying import Days
from mahnlauf.told import read_told
from schemas import topics
from schemas.codec import encode
from schemas.policy import Policy
from schemas.timers import PolicyApplied, PolicyAppliedData
from streams.engine.cluster import Connection
from streams.engine.framing import RESERVED, SHARED_KEY, unframe
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.protocol import Output
from streams.escalation.settings import Shared, TenantState
from streams.processor import EscalationProcessor
from streams.replay import ahead

Progress = Callable[[int, int], None]
SOURCE: Final = "/mahnlauf/preview"
ALONE_MAX: Final = 5_000
"""Contracts that one process looks ahead for; beyond, starting others takes less time than it saves."""


class Group(NamedTuple):
    """Contracts as bytes, by key, and the settings that count for them: what one process is given."""

    shared: bytes
    states: tuple[tuple[bytes, bytes], ...]


class What(NamedTuple):
    """One kind of thing on one day. `kind` is a notice or command, reminders with their level."""

    day: date
    kind: str
    currency: str


@dataclass(slots=True)
class Tally:
    """`sent`: how many; `amounts`: of how much (principal overdue or handed over, minor units); `fees`: of steps, by currency."""

    contracts: int = 0
    sent: Counter[What] = field(default_factory=Counter)
    amounts: Counter[What] = field(default_factory=Counter)
    fees: Counter[str] = field(default_factory=Counter)
    touched: int = 0
    """Contracts to which anything is sent, or which are handed over."""
    bound: int = 0
    """Contracts whose cycle goes by the policy at the end."""

    def add(self, other: "Tally") -> None:
        self.contracts += other.contracts
        self.sent.update(other.sent)
        self.amounts.update(other.amounts)
        self.fees.update(other.fees)
        self.touched += other.touched
        self.bound += other.bound


@dataclass(frozen=True, slots=True)
class Plan:
    """The policy to try (None: none, everything goes on as it is), and when. `tenant` None: every tenant that has contracts. One tick a
    day at `tick` (UTC) from `first` on."""

    policy: Policy | None
    first: date
    days: int
    tick: time
    tenant: str | None = None

    @property
    def ticks(self) -> list[datetime]:
        return [datetime.combine(self.first + timedelta(days=n), self.tick, UTC) for n in range(self.days)]


def of_files(paths: Sequence[Path], in_force: Sequence[Policy], until: date, tick: time) -> list[Group]:
    """The contracts as the events up to and including the day `until` left them. Raises BadInput."""
    replayed = replaying.replay_files(paths, in_force, Days(until, tick)).replayed
    processor = EscalationProcessor()
    return _groups(processor.dump_shared(replayed.shared), [(key, processor.dump(state)) for key, state in replayed.states.items()])


async def of_cluster(connection: Connection, progress: Progress, tenant: str | None = None) -> list[Group]:
    """The contracts (of one tenant, if one is named) as the workers' last transactions left them, from the changelog. `progress` is told
    offsets.

    Raises ClusterWrong, EngineError.
    """
    ends = await committed.ends(connection, await committed.places(connection, [topics.CHANGELOG]))
    groups, done, mine = [], 0, b"" if tenant is None else f"{tenant}/".encode()
    for (_, number), end in ends.items():
        latest: dict[bytes, bytes] = {}
        async for records in committed.read(connection, topics.CHANGELOG, number, end=end):
            for record in records:
                _take(latest, record.key or b"", record.value, mine)
            progress(done + records[-1].offset, sum(ends.values()))
        done += end
        shared = latest.pop(SHARED_KEY, None)
        groups += _groups(_payload(shared) if shared else EscalationProcessor().dump_shared(Shared()), _states(latest))
    return groups


def _take(latest: dict[bytes, bytes], key: bytes, value: bytes | None, mine: bytes) -> None:
    if value is None:
        latest.pop(key, None)
    elif key == SHARED_KEY or (not key.startswith(RESERVED) and key.startswith(mine)):
        latest[key] = value


def _states(latest: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(key, _payload(value)) for key, value in latest.items()]


def _payload(framed: bytes) -> bytes:
    version, _, payload = unframe(framed)
    if version != EscalationProcessor.state_version:
        raise ClusterWrong(f"{topics.CHANGELOG} holds states of schema version {version}: preview with the release that runs there")
    return payload


def _groups(shared: bytes, states: Sequence[tuple[bytes, bytes]]) -> list[Group]:
    return [Group(shared, tuple(states[place : place + ALONE_MAX])) for place in range(0, len(states), ALONE_MAX)]


def last_tick(groups: Iterable[Group]) -> date | None:
    """The day of the latest tick that was seen, None if there was none."""
    processor = EscalationProcessor()
    latest_us = max((_shared(processor, group).last_tick_us for group in groups), default=-1)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=latest_us)).date() if latest_us >= 0 else None


def preview(groups: Sequence[Group], plan: Plan, progress: Progress, *, apart: bool = False) -> Tally:
    """What the plan comes to. `progress` is told contracts; `apart`: this process does none of it itself. Raises BadInput."""
    total = sum(len(group.states) for group in groups)
    if not total:
        raise BadInput("there are no contracts to preview anything for")
    found = Tally()
    if len(groups) == 1 and not apart:
        found.add(_look_ahead(groups[0], plan))
        progress(total, total)
        return found
    processes, spawn = min(len(groups), os.cpu_count() or 1), get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, initializer=gc.set_threshold, initargs=GC_THRESHOLDS) as pool:
        for done in as_completed([pool.submit(_look_ahead, group, plan) for group in groups]):
            found.add(done.result())
            progress(found.contracts, total)
    return found


# --- in a process of its own


def _look_ahead(group: Group, plan: Plan) -> Tally:
    processor = EscalationProcessor()
    shared = _shared(processor, group)
    states = {key: processor.load(payload, processor.state_version) for key, payload in group.states}
    tenants = {key.decode().split("/", 1)[0] for key in states} if plan.tenant is None else {plan.tenant}
    tried = plan.policy
    events = [] if tried is None else [encode(_applied(shared, tenant, tried, plan.first)) for tenant in sorted(tenants)]
    replayed = ahead(shared, states, events, plan.ticks)
    tally = Tally(contracts=len(states))
    keys = {
        output.key
        for topic in (topics.NOTICES, topics.COMMANDS)
        for output in replayed.outputs.get(topic, ())
        if _count(tally, output)
    }  # fmt: skip
    tally.touched = len(keys)
    for state in replayed.states.values():
        tally.bound += tried is not None and state.binding is not None and state.binding.policy == tried.policy
        for reminder in state.reminders:
            if reminder.fee_on >= plan.first and reminder.charged:
                tally.fees[state.currency or ""] += reminder.charged
    return tally


def _shared(processor: EscalationProcessor, group: Group) -> Shared:
    return processor.load_shared(group.shared, processor.state_version)


def _applied(shared: Shared, tenant: str, policy: Policy, day: date) -> PolicyApplied:
    known = shared.tenants.get(tenant, TenantState()).policies.get(policy.policy)
    data = PolicyAppliedData(
        tenant=tenant, policy=policy.policy, version=known.versions[-1].version + 1 if known else 1, content=policy
    )  # fmt: skip
    return PolicyApplied(id=f"preview/{tenant}", source=SOURCE, time=datetime.combine(day, time(), UTC), data=data)


def _count(tally: Tally, output: Output) -> bool:
    """Whether it is something that is sent: a notice, or a handover."""
    event = read_told(output)
    kind = kind_of(event.type, event.data)
    if kind is None:
        return False
    what = What(event.time.date(), kind, event.data["currency"])
    tally.sent[what] += 1
    tally.amounts[what] += event.data.get("open_amount", event.data.get("amount", 0))
    return True


def kind_of(event_type: str, data: Mapping[str, Any]) -> str | None:
    """`reminder 2`, `payment_offer`, `handover`; None for what does not leave the house by the ladder."""
    if event_type == "case.submit":
        return "handover"
    if event_type == "notice.reminder":
        return f"reminder {data['level']}"
    return event_type.removeprefix("notice.") if event_type.startswith("notice.") and "currency" in data else None
