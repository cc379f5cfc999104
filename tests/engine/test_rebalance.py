"""Owners come, freeze, come back and die while events flow: every event counts once, and a zombie's work never becomes visible."""

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from streams.engine.engine import Engine
from tests.engine.counter import Count, Factor
from tests.engine.kit import House, Publisher, eventually

KEYS = [b"key-%d" % number for number in range(40)]


class Process:
    """An engine with an event loop of its own, which can stand still as a stopped or killed process does."""

    def __init__(self, house: House) -> None:
        self.engine: Engine[Count, Factor, dict[str, Any]] | None = None
        self.left: list[Any] = []
        """Tasks that outlived their engine."""
        self._house = house
        self._loop = asyncio.new_event_loop()
        self._thawed = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        self.engine = self._house.engine()
        await self.engine.run()
        self.left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    def freeze(self) -> None:
        """From now on nothing of it runs, heartbeats included."""
        self._thawed.clear()
        self._loop.call_soon_threadsafe(self._thawed.wait)

    def thaw(self) -> None:
        self._thawed.set()

    def stop(self) -> None:
        self.thaw()
        if self.engine is not None:
            self._loop.call_soon_threadsafe(self.engine.stop)
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._loop.close()
        assert self.left == []

    async def holds(self, count: int) -> bool:
        return self.engine is not None and self.engine.health().ready and len(self.engine.partitions) == count

    def counted(self, what: Callable[[Any], int]) -> int:
        return 0 if self.engine is None else what(self.engine.metrics)


@contextlib.contextmanager
def processes(house: House, count: int) -> Iterator[list[Process]]:
    started = [Process(house) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.stop()


class Flow:
    """Publishes events to both inputs in the background until `end`."""

    def __init__(self, house: House) -> None:
        self.sent: dict[bytes, int] = defaultdict(int)
        self._house = house
        self._ending = False
        self._task = asyncio.create_task(self._publish())

    async def end(self) -> None:
        self._ending = True
        await self._task

    async def _publish(self) -> None:
        async with Publisher(self._house.bootstrap) as publisher:
            number = 0
            while not self._ending:
                for topic in self._house.config.inputs:
                    part = [KEYS[(number + step) % len(KEYS)] for step in range(10)]
                    await publisher.send_many(topic, [(key, b'{"add": 1}', number) for key in part])
                    for key in part:
                        self.sent[key] += 1
                    number += 7
                await asyncio.sleep(0.02)  # a flow, not a flood


async def everything_is_told(house: House, sent: dict[bytes, int]) -> bool:
    return sum(sent.values()) <= len(await house.outputs())


def in_sequence(outputs: list[tuple[bytes | None, dict[str, Any]]]) -> dict[bytes, int]:
    """How often each key was counted; each output must be one more than the one before it."""
    seen: dict[bytes, int] = defaultdict(int)
    for key, content in outputs:
        assert key is not None
        assert content["seen"] == seen[key] + 1, f"{key!r}: {content['seen']} after {seen[key]}"
        seen[key] += 1
    return dict(seen)


async def test_joins_a_pause_beyond_the_session_and_a_death_lose_and_double_nothing(kafka: str) -> None:
    house = await House.build(kafka, partitions=4)
    with processes(house, 2) as running:
        flow = Flow(house)
        await eventually(lambda: running[0].holds(2), "two share the partitions")
        running.append(Process(house))
        await eventually(lambda: running[2].holds(1), "a third takes its share")
        dies, sleeps, stays = running
        dies.freeze()
        sleeps.freeze()
        await eventually(lambda: stays.holds(4), "the one that is left takes everything")
        sleeps.thaw()
        await eventually(lambda: stays.holds(2), "the one that slept shares again")
        await flow.end()
        await eventually(lambda: everything_is_told(house, flow.sent), "everything is told")
        before = await house.outputs()
        assert in_sequence(before) == dict(flow.sent)
        dies.thaw()
        await eventually(lambda: dies.holds(1), "the dead one rises and takes its share")
    assert await house.outputs() == before
    assert await house.totals() == dict(flow.sent)


async def test_a_leave_moves_partitions_without_a_break(kafka: str) -> None:
    house = await House.build(kafka, partitions=4)
    with processes(house, 3) as running:
        flow = Flow(house)

        async def shared() -> bool:
            return any([await running[0].holds(count) for count in (1, 2)])

        await eventually(shared, "all have a share")
        running.pop(0).stop()
        await eventually(lambda: running[0].holds(2), "two share what three did")
        await flow.end()
        await eventually(lambda: everything_is_told(house, flow.sent), "everything is told")
    assert in_sequence(await house.outputs()) == dict(flow.sent)


async def test_an_owner_that_is_fenced_takes_again_only_what_the_group_says_is_its_own(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    with processes(house, 1) as running:
        await eventually(lambda: running[0].holds(1), "it holds the partition")
        async with Publisher(kafka, f"{house.config.app}-0") as usurper, Publisher(kafka) as publisher:
            await usurper.producer.begin_transaction()
            await usurper.producer.abort_transaction()
            await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 10)

            async def told() -> bool:
                return await house.totals() == {b"k": 1}

            await eventually(told, "the owner works again")
        assert running[0].counted(lambda metrics: metrics.transactions["fenced"]) == 1
