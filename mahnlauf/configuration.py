"""What decides, put on Kafka: policy versions and tenant settings, each in one transaction.

The compacted topics `escalation.policies` and `escalation.tenants` hold them for people and tools to read; the same goes as one record to
each partition of `escalation.timers`, where it takes effect at one place in each partition's order (`architecture.md` 8).

The first version of a policy and a tenant's first settings count from the beginning, unless another moment is asked for: there is nothing
before them that they could change, and a backlog of years must not wait for a policy of today.

Versions are counted here. Every writer uses the same transactional id, so a second one fences the first, whose commit then fails: it
begins anew, reads the version the other has written and counts on from there. A withdrawn policy is a tombstone, which compaction removes
with its number; workers remember it and would refuse a version 1. So where the compacted topic has no value, the last number is looked up
on `escalation.timers`, which keeps every version that was ever broadcast.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import uuid5

import msgspec
from pydantic import ValidationError

from mahnlauf import committed
from mahnlauf.failures import ClusterWrong
from schemas import topics
from schemas.accounts import TenantSettings
from schemas.codec import Unreadable, decode, encode
from schemas.envelope import Envelope
from schemas.ids import NAMESPACE
from schemas.policy import Policy
from schemas.timers import PolicyApplied, PolicyAppliedData, PolicyWithdrawn, PolicyWithdrawnData, TenantConfigured
from streams.engine.cluster import Connection
from streams.engine.errors import Fenced, TransactionFailed
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter

SOURCE: Final = "/mahnlauf/configuration"
TRANSACTIONAL_ID: Final = "mahnlauf-configuration"
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every event: no record has an earlier timestamp."""
ATTEMPTS: Final = 20
"""Each attempt that fails means that somebody else's succeeded or began: twenty in a row are not chance."""

Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version on the cluster; `changed` is False where the latest one already said the same. It counts from the moment `since`."""

    version: int
    changed: bool
    since: datetime


def policy_key(tenant: str, policy: str) -> str:
    """Key of a policy on `escalation.policies`."""
    return f"{tenant}/{policy}"


async def apply_policy(connection: Connection, tenant: str, policy: Policy, at: datetime | None = None) -> PolicyVersion:
    """Make `policy` the tenant's latest version from `at` on (None: now, the first one from the beginning).

    Raises EngineError, ClusterWrong.
    """
    key = policy_key(tenant, policy.policy)

    async def decide(latest: bytes | None) -> tuple[PolicyVersion, tuple[bytes, Envelope] | None]:
        before = stored_policy(latest)
        if before is not None and before[0] == policy:
            return PolicyVersion(before[1], False, at or _since(before)), None
        number = (
            before[1] if before else max((one.version for one in await broadcast_versions(connection, tenant, policy.policy)), default=0)
        )
        since, version = at or _since(number or None), number + 1
        data = PolicyAppliedData(tenant=tenant, policy=policy.policy, version=version, content=policy)
        event = PolicyApplied(id=_id("policy.applied", key, str(version)), source=SOURCE, time=since, data=data)
        return PolicyVersion(version, True, since), (_policy_record(policy, version), event)

    return await _change(connection, topics.POLICIES, key, decide)


async def withdraw_policy(connection: Connection, tenant: str, policy: str, at: datetime | None = None) -> bool:
    """No new cycle uses the policy from `at` on (None: now); open ones keep theirs. False where there was none: then nothing is written.

    Raises EngineError, ClusterWrong.
    """
    key = policy_key(tenant, policy)

    async def decide(latest: bytes | None) -> tuple[bool, tuple[None, Envelope] | None]:
        if latest is None:
            return False, None
        since = at or datetime.now(UTC)
        data = PolicyWithdrawnData(tenant=tenant, policy=policy)
        return True, (None, PolicyWithdrawn(id=_id("policy.withdrawn", key, since.isoformat()), source=SOURCE, time=since, data=data))

    return await _change(connection, topics.POLICIES, key, decide)


async def broadcast_versions(connection: Connection, tenant: str, policy: str) -> list[PolicyAppliedData]:
    """Every version of a policy that was ever broadcast, in order, withdrawn ones too. Reads all of one partition of the timers, which
    holds the ticks as well: some seconds for years of them. Raises EngineError, ClusterWrong."""
    found = []
    async for records in committed.read(connection, topics.TIMERS, 0):
        for record in records:
            if record.value is not None and b"policy.applied" in record.value:
                event = _applied(record.value)
                if event is not None and (event.data.tenant, event.data.policy) == (tenant, policy):
                    found.append(event.data)
    return found


async def policies_in_force(connection: Connection) -> dict[str, tuple[Policy, int]]:
    """The latest version of every policy that is not withdrawn, by "tenant/policy", sorted. Raises EngineError, ClusterWrong."""
    found: dict[str, tuple[Policy, int] | None] = {}
    for (_, partition), end in (await committed.ends(connection, await committed.places(connection, [topics.POLICIES]))).items():
        async for records in committed.read(connection, topics.POLICIES, partition, end=end):
            found |= {(record.key or b"").decode(): stored_policy(record.value) for record in records}
    return {key: found_policy for key in sorted(found) if (found_policy := found[key]) is not None}


def _applied(value: bytes) -> PolicyApplied | None:
    """None for what is no policy.applied that this release can read; whoever applied it was told."""
    try:
        event = decode(topics.TIMERS, value)
    except Unreadable:
        return None
    return event if isinstance(event, PolicyApplied) else None


async def set_tenant(connection: Connection, settings: TenantSettings, at: datetime | None = None) -> bool:
    """Make these the tenant's settings from `at` on (None: now, the first ones from the beginning); whether they differ from what was set.

    Raises EngineError, ClusterWrong.
    """
    value = settings.model_dump_json(by_alias=True, exclude_none=True).encode()

    async def decide(latest: bytes | None) -> tuple[bool, tuple[bytes, Envelope] | None]:
        if latest == value:
            return False, None
        since = at or _since(latest)
        event = TenantConfigured(
            id=_id("tenant.configured", settings.tenant, since.isoformat(), value.decode()), source=SOURCE, time=since, data=settings
        )
        return True, (value, event)

    return await _change(connection, topics.TENANTS, settings.tenant, decide)


def broadcast(event: Envelope, partitions: Iterable[int], at: datetime | None = None) -> list[Output]:
    """One copy of `event` for each of the partitions of `escalation.timers`, key empty, stamped with its own time."""
    value, stamp = encode(event), timestamp_ms(at or event.time)
    return [Output(topics.TIMERS, None, value, stamp, partition=partition) for partition in partitions]


def timestamp_ms(moment: datetime) -> int:
    """The record timestamp of a moment: milliseconds since 1970, cut."""
    return int(moment.timestamp() // 1) * 1000 + moment.astimezone(UTC).microsecond // 1000


def _since(before: object | None) -> datetime:
    return BEGINNING if before is None else datetime.now(UTC)


async def _change(
    connection: Connection,
    topic: str,
    key: str,
    decide: Callable[[bytes | None], Awaitable[tuple[Stored, tuple[bytes | None, Envelope] | None]]],
) -> Stored:
    """What `decide` makes of the latest value of `key` is written and broadcast, in one transaction, by nobody else in between."""
    for attempt in range(ATTEMPTS):
        writer = TransactionalWriter(connection, TRANSACTIONAL_ID, client_id=committed.CLIENT_ID)
        try:
            await writer.start()
            result, change = await decide(await _latest(connection, topic, key))
            if change is not None:
                value, event = change
                record = Output(topic, key.encode(), value, timestamp_ms(event.time))
                await writer.commit([record, *broadcast(event, range(await writer.partitions(topics.TIMERS)))])
            return result
        except (Fenced, TransactionFailed):  # a broker that is fencing may answer with an error of its own
            await asyncio.sleep(random.uniform(0, 0.1 * (attempt + 1)))
        finally:
            await writer.stop()
    raise ClusterWrong(f"{topic}: {key} could not be written {ATTEMPTS} times because others wrote at the same time; try again")


async def _latest(connection: Connection, topic: str, key: str) -> bytes | None:
    wanted, latest = key.encode(), None
    for (_, partition), end in (await committed.ends(connection, await committed.places(connection, [topic]))).items():
        async for records in committed.read(connection, topic, partition, end=end):
            for record in records:
                if record.key == wanted:
                    latest = record.value
    return latest


def _policy_record(policy: Policy, version: int) -> bytes:
    return msgspec.json.encode({**policy.model_dump(mode="json", by_alias=True, exclude_none=True), "version": version})


def stored_policy(value: bytes | None) -> tuple[Policy, int] | None:
    """A value of `escalation.policies` as policy and version; None for a tombstone. Raises ClusterWrong."""
    if value is None:
        return None
    content: dict[str, Any] = msgspec.json.decode(value)
    version = int(content.pop("version"))
    try:
        return Policy.model_validate_json(msgspec.json.encode(content)), version
    except ValidationError as error:
        raise ClusterWrong(f"{topics.POLICIES}: version {version} cannot be read by this release: {error.errors()[0]['msg']}") from error


def _id(*parts: str) -> str:
    return str(uuid5(NAMESPACE, "/".join(parts)))
