"""The limit as the agency counts it, in virtual time: requests that take a while there, at the agency and back, each another."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from connectors.delivery.allowance import Allowance
from connectors.sandbox.traffic import Account
from tests.simulation.loop import VirtualLoop

KINDS = {"submit": 0.05, "ask": 0.005, "changes": 0.4}
"""What each takes the agency at least."""


class _Way:
    """An agency behind a network. `late_s`: how much more than at least each way and the agency take at most; `seen`
    is its own count."""

    def __init__(self, seed: int, late_s: float = 0.0, cold_until_s: float = 0.0) -> None:
        self.seen = Account()
        self.loop = VirtualLoop(random.Random(seed), wall_s=60.0)
        self._draw = random.Random(seed)
        self._late_s = late_s
        self._cold_until_s = cold_until_s

    def run(self, scenario: Callable[["_Way"], Coroutine[Any, Any, None]]) -> None:
        try:
            self.loop.run_until_complete(scenario(self))
        finally:
            self.loop.close()

    async def request(self, allowance: Allowance, kind: str, written_s: float = 0.0, requests: int = 1) -> None:
        leave, answered_in_s = await allowance.take(), None
        try:
            await asyncio.sleep(written_s)
            await leave.now()
            for _ in range(requests):
                await self._some(0.04 if self.loop.time() < self._cold_until_s else 0.002)
                self.seen.arrived(kind, self.loop.time(), None)
                await self._some(KINDS[kind])
                await self._some(0.002)
            if self._draw.random() < 0.95:
                answered_in_s = leave.age_s
        finally:
            allowance.give_back(kind, answered_in_s)

    async def _some(self, at_least_s: float) -> None:
        await asyncio.sleep(at_least_s + self._draw.random() ** 8 * self._late_s)

    async def many(self, allowance: Allowance, count: int, lanes: int = 32, **request: Any) -> None:
        """Requests of all kinds, most of them submits, each lane's one after another."""
        kinds = iter(self._draw.choices(list(KINDS), (90, 8, 2), k=count))

        async def lane() -> None:
            for kind in kinds:
                await self.request(allowance, kind, written_s=self._draw.uniform(0, 0.05), **request)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(lanes):
                tasks.create_task(lane())

    @property
    def rate(self) -> float:
        return self.seen.operations.total() / (self.seen.last_s - self.seen.first_s)


@pytest.mark.parametrize("seed", range(20))
def test_however_late_requests_arrive_there_are_never_more_within_a_second(seed: int) -> None:
    async def scenario(way: _Way) -> None:
        allowance = Allowance(50, way.loop.time)
        await way.many(allowance, 600)
        await asyncio.sleep(5)  # a quiet account may send what a second allows at once
        await way.many(allowance, 200)

    way = _Way(seed, late_s=0.3)
    way.run(scenario)
    assert way.seen.busiest <= 50


def test_a_slow_beginning_says_nothing_of_how_fast_answers_are() -> None:
    """Connections are made, code is loaded: every one of the first requests has a long way."""

    async def scenario(way: _Way) -> None:
        await way.many(Allowance(100, way.loop.time), 1_000)

    way = _Way(7, cold_until_s=1.0)
    way.run(scenario)
    assert way.seen.busiest <= 100


def test_what_the_agency_allows_goes() -> None:
    async def scenario(way: _Way) -> None:
        await way.many(Allowance(100, way.loop.time, fresh=False), 3_000)

    way = _Way(7, late_s=0.02)
    way.run(scenario)
    assert way.seen.busiest <= 100
    assert way.rate >= 95


def test_whoever_takes_an_account_over_counts_what_may_just_have_been_sent() -> None:
    async def scenario(way: _Way) -> None:
        await way.many(Allowance(50, way.loop.time), 50)
        await way.many(Allowance(50, way.loop.time, fresh=False), 50)

    way = _Way(7)
    way.run(scenario)
    assert way.seen.busiest == 50


def test_a_turn_of_several_requests_counts_as_many() -> None:
    async def scenario(way: _Way) -> None:
        await way.many(Allowance(16, way.loop.time, at_once=8), 40, requests=8)

    way = _Way(7)
    way.run(scenario)
    assert way.seen.operations.total() == 320
    assert way.seen.busiest <= 16


def test_a_limit_below_one_a_second_is_kept_over_as_long_as_one_stands_for() -> None:
    async def scenario(way: _Way) -> None:
        await way.many(Allowance(0.25, way.loop.time), 6)

    way = _Way(7)
    way.run(scenario)
    assert 20 <= way.seen.last_s - way.seen.first_s < 23


def test_who_gives_up_waiting_leaves_its_place_to_the_next() -> None:
    async def scenario(way: _Way) -> None:
        allowance = Allowance(1, way.loop.time)
        await way.request(allowance, "ask")
        waiting = asyncio.ensure_future(way.request(allowance, "ask"))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait([waiting])
        async with asyncio.timeout(2):
            await way.request(allowance, "ask")

    way = _Way(7)
    way.run(scenario)
    assert way.seen.operations.total() == 2
