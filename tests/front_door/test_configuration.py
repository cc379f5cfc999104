"""Policy versions and tenants' settings: counted by the cluster, broadcast to every partition, safe against two at once."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mahnlauf import topics
from mahnlauf.configuration import apply_policy, broadcast_versions, policies_in_force, set_tenant, withdraw_policy
from mahnlauf.running import pass_over_unread
from schemas.accounts import TenantSettings
from schemas.codec import decode
from schemas.policy import Policy
from schemas.timers import PolicyApplied, PolicyWithdrawn, TenantConfigured
from schemas.topics import POLICIES, TENANTS, TIMERS
from streams.engine.cluster import Connection
from streams.escalation.settings import Shared, policy_applied, policy_withdrawn
from tests.front_door.reading import ends, read

PARTITIONS = 3
AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
async def cluster(own_kafka: str) -> Connection:
    connection = Connection(own_kafka)
    await topics.create(connection, PARTITIONS)
    return connection


@pytest.fixture
async def before(cluster: Connection) -> Mapping[tuple[str, int], int]:
    return await ends(cluster, TIMERS, POLICIES, TENANTS)


def _policy(name: str, *days: int) -> Policy:
    steps = [{"kind": "remind", "day": day, "level": 1} for day in days]
    return Policy.model_validate_json(msgspec.json.encode({"policy": name, "time_zone": "Europe/Berlin", "steps": steps}))


async def test_a_version_stands_on_the_compacted_topic_and_in_every_partition(
    cluster: Connection, before: Mapping[tuple[str, int], int]
) -> None:
    policy = _policy("one", 5)
    assert (await apply_policy(cluster, "acme", policy, AT)).version == 1
    [kept] = await read(cluster, POLICIES, before)
    copies = await read(cluster, TIMERS, before)
    assert kept.key == b"acme/one"
    assert msgspec.json.decode(kept.value or b"")["version"] == 1
    assert [copy.partition for copy in copies] == list(range(PARTITIONS))
    for copy in copies:
        event = decode(TIMERS, copy.value)
        assert isinstance(event, PolicyApplied)
        assert (event.data.tenant, event.data.version, event.data.content) == ("acme", 1, policy)
        assert (copy.key, copy.timestamp_ms) == (None, int(AT.timestamp() * 1000))


async def test_the_same_again_writes_nothing_and_another_content_counts_on(
    cluster: Connection, before: Mapping[tuple[str, int], int]
) -> None:
    applied = [await apply_policy(cluster, "acme", policy, AT) for policy in (_policy("two", 5), _policy("two", 5), _policy("two", 5, 9))]
    assert [(version.version, version.changed) for version in applied] == [(1, True), (1, False), (2, True)]
    assert len(await read(cluster, TIMERS, before)) == 2 * PARTITIONS


async def test_of_many_at_once_each_has_a_version_of_its_own(cluster: Connection, before: Mapping[tuple[str, int], int]) -> None:
    asyncio.get_running_loop().set_exception_handler(pass_over_unread)
    applied = await asyncio.gather(*(apply_policy(cluster, "acme", _policy("many", day), AT) for day in range(1, 5)))
    assert sorted(version.version for version in applied) == [1, 2, 3, 4]
    events: list[Any] = [decode(TIMERS, copy.value) for copy in await read(cluster, TIMERS, before) if copy.partition == 0]
    assert [event.data.version for event in events] == [1, 2, 3, 4]


async def test_a_withdrawal_is_a_tombstone_and_a_broadcast(cluster: Connection, before: Mapping[tuple[str, int], int]) -> None:
    await apply_policy(cluster, "acme", _policy("gone", 5), AT)
    await withdraw_policy(cluster, "acme", "gone", AT)
    assert [record.value is None for record in await read(cluster, POLICIES, before)] == [False, True]
    assert isinstance(decode(TIMERS, (await read(cluster, TIMERS, before))[-1].value), PolicyWithdrawn)


async def test_a_tenant_is_set_where_it_differs(cluster: Connection, before: Mapping[tuple[str, int], int]) -> None:
    settings = TenantSettings(tenant="acme", default_policy="one", time_zone="Europe/Vienna")
    assert [await set_tenant(cluster, settings, AT), await set_tenant(cluster, settings, AT)] == [True, False]
    [kept] = await read(cluster, TENANTS, before)
    copies = [decode(TIMERS, copy.value) for copy in await read(cluster, TIMERS, before)]
    assert TenantSettings.model_validate_json(kept.value or b"") == settings
    assert [(type(event), event.data) for event in copies] == [(TenantConfigured, settings)] * PARTITIONS


async def test_only_what_comes_first_counts_from_the_beginning(cluster: Connection, before: Mapping[tuple[str, int], int]) -> None:
    versions = [await apply_policy(cluster, "acme", _policy("late", day)) for day in (5, 6)]
    await set_tenant(cluster, TenantSettings(tenant="late", default_policy="late"))
    await set_tenant(cluster, TenantSettings(tenant="late", default_policy="standard"))
    stamps = [copy.timestamp_ms for copy in await read(cluster, TIMERS, before) if copy.partition == 0]
    assert [stamp == 0 for stamp in stamps] == [True, False, True, False]
    assert [version.since.year == 1970 for version in versions] == [True, False]


async def test_after_a_withdrawal_versions_count_on_and_from_now_on_although_no_value_is_left(
    cluster: Connection, before: Mapping[tuple[str, int], int]
) -> None:
    """What compaction leaves of a tombstone is nothing: the number is found on escalation.timers, and workers accept what follows it."""
    for days in ((5,), (5, 9)):
        await apply_policy(cluster, "acme", _policy("again", *days), AT)
    await withdraw_policy(cluster, "acme", "again", AT)
    applied = await apply_policy(cluster, "acme", _policy("again", 5, 9))
    assert (applied.version, applied.changed, applied.since.year == 1970) == (3, True, False)
    shared = Shared()
    for copy in await read(cluster, TIMERS, before):
        if copy.partition == 0:
            event: Any = decode(TIMERS, copy.value)
            shared = (policy_applied if isinstance(event, PolicyApplied) else policy_withdrawn)(shared, event.data)
    assert [one.version for one in shared.tenants["acme"].policies["again"].versions] == [1, 2, 3]
    assert [one.version for one in await broadcast_versions(cluster, "acme", "again")] == [1, 2, 3]


async def test_what_is_not_there_cannot_be_withdrawn(cluster: Connection, before: Mapping[tuple[str, int], int]) -> None:
    assert await withdraw_policy(cluster, "acme", "never") is False
    await apply_policy(cluster, "acme", _policy("once", 5), AT)
    assert [await withdraw_policy(cluster, "acme", "once"), await withdraw_policy(cluster, "acme", "once")] == [True, False]
    assert [record.value is None for record in await read(cluster, POLICIES, before)] == [False, True]


async def test_what_is_in_force_is_the_latest_that_was_not_withdrawn(cluster: Connection) -> None:
    await apply_policy(cluster, "beta", _policy("kept", 5), AT)
    await apply_policy(cluster, "beta", _policy("kept", 6), AT)
    await apply_policy(cluster, "beta", _policy("dropped", 6), AT)
    await withdraw_policy(cluster, "beta", "dropped", AT)
    found = {key: value for key, value in (await policies_in_force(cluster)).items() if key.startswith("beta/")}
    assert found == {"beta/kept": (_policy("kept", 6), 2)}
