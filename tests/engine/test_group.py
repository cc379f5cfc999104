"""Members divide the numbers, tell where they listen, and know when they are no longer members."""

import asyncio

import pytest

from streams.engine.cluster import Connection
from streams.engine.errors import InstanceTaken
from streams.engine.group import Group
from tests.engine.kit import eventually, make_topics, unique

SESSION_MS = 20_000


def member(bootstrap: str, group_id: str, topics: list[str], port: int, instance: str | None = None) -> Group:
    return Group(
        Connection(bootstrap), group_id, topics, address=f"127.0.0.1:{port}", moved=lambda taken, given_up: None,
        instance=instance, session_timeout_ms=SESSION_MS,
    )  # fmt: skip


async def has(group: Group, count: int) -> bool:
    return group.joined and len(group.numbers) == count


async def test_members_divide_the_numbers_and_take_over_from_one_that_leaves(kafka: str) -> None:
    topics, group_id = [unique("a"), unique("b")], unique("group")
    await make_topics(kafka, topics, 4)
    changes: list[tuple[set[int], set[int]]] = []
    first = member(kafka, group_id, topics, 6001)
    first._moved = lambda taken, given_up: changes.append((set(taken), set(given_up)))
    second = member(kafka, group_id, topics, 6002)
    await first.start()
    await eventually(lambda: has(first, 4), "the first has everything")
    await second.start()
    await eventually(lambda: has(second, 2), "the second has its half")
    await eventually(lambda: has(first, 2), "the first has its half")
    owners = await first.owners()
    assert {number for number, address in owners.items() if address == "127.0.0.1:6002"} == second.numbers
    assert [await first.confirmed(number) for number in range(4)] == [number in first.numbers for number in range(4)]
    await second.stop()
    await eventually(lambda: has(first, 4), "the first has everything again")
    assert changes[0] == ({0, 1, 2, 3}, set())
    assert changes[1] == (set(), changes[2][0])
    await first.stop()


async def test_a_static_member_s_stop_moves_nothing_and_its_planned_removal_does(kafka: str) -> None:
    topics, group_id = [unique("a")], unique("group")
    await make_topics(kafka, topics, 4)
    stays, restarts = member(kafka, group_id, topics, 6001, "one"), member(kafka, group_id, topics, 6002, "two")
    await stays.start()
    await restarts.start()
    await eventually(lambda: has(restarts, 2), "both have a half")
    await eventually(lambda: has(stays, 2), "both have a half")
    kept = restarts.numbers
    await restarts.stop()
    again = member(kafka, group_id, topics, 6002, "two")
    await again.start()
    await eventually(lambda: has(again, 2), "it has its numbers back")
    assert again.numbers == kept
    began = asyncio.get_running_loop().time()
    await again.stop(for_good=True)
    await eventually(lambda: has(stays, 4), "the other has everything")
    assert asyncio.get_running_loop().time() - began < SESSION_MS / 1000, "at once, not after the session timeout"
    await stays.stop()


async def test_an_instance_id_whose_process_lives_is_refused_and_free_when_it_is_gone(kafka: str) -> None:
    topics, group_id = [unique("a")], unique("group")
    await make_topics(kafka, topics, 2)
    pages = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = pages.sockets[0].getsockname()[1]
    first = member(kafka, group_id, topics, port, "same")
    await first.start()
    await eventually(lambda: has(first, 2), "the first has joined")
    for _ in range(2):
        refused = member(kafka, group_id, topics, 6002, "same")
        with pytest.raises(InstanceTaken, match=f"same .* is in use by the process at 127.0.0.1:{port}"):
            await refused.start()
        await refused.stop()
    assert not first.failed.done()
    assert await first.confirmed(0)
    await first.stop()
    pages.close()
    second = member(kafka, group_id, topics, 6002, "same")
    await second.start()
    await eventually(lambda: has(second, 2), "the second has taken over")
    await second.stop()


async def test_of_two_processes_with_one_instance_id_one_ends_with_that_reason(kafka: str) -> None:
    topics, group_id = [unique("a")], unique("group")
    await make_topics(kafka, topics, 2)
    first, second = member(kafka, group_id, topics, 6001, "same"), member(kafka, group_id, topics, 6002, "same")
    await first.start()
    await eventually(lambda: has(first, 2), "the first has joined")
    await second.start()
    with pytest.raises(InstanceTaken, match=r"same .* was taken over by the process at 127.0.0.1:6002"):
        await asyncio.wait_for(first.failed, 20)
    await first.stop()
    await eventually(lambda: has(second, 2), "the second goes on")
    await second.stop()
