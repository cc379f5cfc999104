"""The connector's store of person data on a real broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connectors.delivery import debtors
from connectors.delivery.debtors import Debtors
from schemas.ids import contract_key
from streams.engine.cluster import Connection
from streams.engine.errors import Unreachable
from tests.connectors.kit import PARTITIONS, Tenant
from tests.engine.kit import eventually


async def test_a_reader_whose_task_has_ended_is_made_anew(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka says nothing of it; every handover would wait for its debtor for ever."""
    monkeypatch.setattr(debtors, "STANDS_AFTER_S", 1.0)
    store = Debtors(Connection(tenant.bootstrap), "test", PARTITIONS)
    await store.start()
    following = asyncio.create_task(store.run())
    try:
        await tenant.describe("C-1", city="Bonn")
        assert await _city(store, tenant, "C-1") == "Bonn"
        ended: list[str] = []
        monkeypatch.setattr(store._consumer._fetcher, "_get_actions_per_node", _failing(ended))
        await eventually(_happened(ended), "the reader's task ends")
        async with asyncio.timeout(30):
            for city in ("Berlin", "Kiel", "Mainz"):  # what was asked for before the end still arrives
                await tenant.describe("C-1", city=city)
                assert await _city(store, tenant, "C-1") == city
    finally:
        following.cancel()
        await store.stop()


async def test_no_broker_at_the_start_is_told_as_such() -> None:
    """Whoever keeps the connector running starts it again; it was a traceback of aiokafka's."""
    with pytest.raises(Unreachable, match="no broker answers"):
        await Debtors(Connection("127.0.0.1:1"), "test", PARTITIONS).start()


def _failing(ended: list[str]) -> Callable[..., Any]:
    def fail(assignment: Any) -> Any:
        ended.append("ended")
        raise RuntimeError("the handler is closed")

    return fail


def _happened(ended: list[str]) -> Callable[[], Awaitable[bool]]:
    async def happened() -> bool:
        return bool(ended)

    return happened


async def _city(store: Debtors, tenant: Tenant, contract: str) -> str | None:
    return (await store.find(contract_key(tenant.name, contract))).addresses[0].city
