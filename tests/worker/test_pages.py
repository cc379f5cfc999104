"""What the pages answer, from how the engine stands."""

import asyncio

import pytest

from streams.engine.changelog import Recovery
from streams.engine.engine import Health
from streams.engine.errors import Unreachable
from streams.engine.partition import Phase
from streams.worker import health, pages
from streams.worker.pages import ContractPage
from tests.worker.stub_engine import HEALTHY, StubEngine, part

HERE, THERE, NOWHERE = "C-1", "X4", "X3"
"""Contracts of acme in partitions 0, 2 and 3."""


def _page(engine: StubEngine) -> ContractPage:
    return ContractPage(engine, dict)


async def test_the_state_of_a_contract_that_is_held_here() -> None:
    engine = StubEngine()
    engine.states[b"acme/C-1"] = {"status": "Due"}
    answer = await _page(engine).answer("acme", HERE)
    assert answer == (200, {"tenant": "acme", "contract": HERE, "partition": 0, "state": {"status": "Due"}})


async def test_a_contract_nobody_ever_heard_of() -> None:
    answer = await _page(StubEngine()).answer("acme", HERE)
    assert answer.status == 404
    assert "no event" in answer.body["error"]


async def test_a_contract_held_elsewhere_is_pointed_to() -> None:
    answer = await _page(StubEngine()).answer("acme", THERE)
    assert answer.status == 421
    assert (answer.body["held_by"], answer.body["url"]) == ("127.0.0.1:2222", f"http://127.0.0.1:2222/contracts/acme/{THERE}")


async def test_a_contract_whose_partition_nobody_holds() -> None:
    answer = await _page(StubEngine()).answer("acme", NOWHERE)
    assert (answer.status, answer.body["error"]) == (503, "nobody holds partition 3 at present; try again")


async def test_a_contract_that_is_still_being_recovered() -> None:
    engine = StubEngine(health=Health(joined=True, ready=False, partitions=(part(0, Phase.RECOVERING),)))
    answer = await _page(engine).answer("acme", HERE)
    assert (answer.status, answer.body["error"]) == (503, "partition 0 of this worker is recovering; try again")


class _WithoutKafka(StubEngine):
    async def owner(self, key: bytes) -> str | None:
        raise Unreachable("the coordinator did not answer for 30 s")


class _Silent(StubEngine):
    async def owner(self, key: bytes) -> str | None:
        await asyncio.Event().wait()
        return None


@pytest.mark.parametrize("engine_class", [_WithoutKafka, _Silent])
async def test_whose_it_is_cannot_be_told_without_kafka(engine_class: type[StubEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "OWNER_WITHIN_S", 0.05)
    answer = await _page(engine_class()).answer("acme", THERE)
    assert answer.status == 503
    assert answer.body["error"].startswith("not held here, and Kafka does not tell by whom: ")


def test_ready_is_recovered_and_a_member() -> None:
    assert health.ready(StubEngine()) == (True, ())
    assert health.ready(StubEngine(health=Health(joined=True, ready=True, partitions=()))).well
    assert health.ready(StubEngine(health=Health(joined=False, ready=False, partitions=()))) == (False, ("not a member of the group yet",))


def test_what_is_not_ready_says_how_far_it_is() -> None:
    parts = (part(0), part(1, Phase.RECOVERING, recovery=Recovery(0, 30, 400)), part(2, Phase.WAITING, reason="fenced"))
    told = health.ready(StubEngine(health=Health(joined=True, ready=False, partitions=parts)))
    assert told == (False, ("partition 1: recovering: 30 of 400", "partition 2: waiting to take again: fenced"))


async def test_alive_tells_what_stands_still_without_asking_for_a_restart() -> None:
    parts = (part(0, reason="behind a transaction"), part(1, Phase.STOPPED, reason="the journal is ahead; restore it"))
    told = await health.alive(StubEngine(health=Health(joined=True, ready=False, partitions=parts)))
    assert told == (True, ("partition 1: the journal is ahead; restore it", "partition 0: behind a transaction"))


async def test_a_hanging_worker_is_not_alive_and_says_since_when() -> None:
    engine = StubEngine(health=Health(joined=True, ready=True, partitions=(part(0), part(1, lag=7, oldest_unapplied_s=400.0))))
    engine.is_alive = False
    assert await health.alive(engine) == (False, ("partition 1: 7 records wait and nothing was committed for 400 s",))


class _Asking(StubEngine):
    async def alive(self, oldest_s: float) -> bool:
        await asyncio.Event().wait()
        return False


async def test_a_probe_is_answered_in_time_though_kafka_says_nothing() -> None:
    async with asyncio.timeout(health.ANSWER_WITHIN_S * 2):
        assert (await health.alive(_Asking())).well


async def test_a_healthy_worker_is_alive() -> None:
    assert await health.alive(StubEngine(health=HEALTHY)) == (True, ())
