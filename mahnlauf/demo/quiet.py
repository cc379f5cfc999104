"""Waiting until worker and connector have done everything there is to do, and moving the agency's days.

Nobody is asked how long it takes: what the broker holds is compared with what the group has committed, again and again, until nothing is
left on either side.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from mahnlauf.demo.chain import APP, Chain, ChainBroken
from schemas import topics
from streams.engine.cluster import Cluster

QUIET_WITHIN_S: Final = 60.0
LOOK_AGAIN_S: Final = 0.01
_BETWEEN: Final = (topics.REPLIES, topics.COMMANDS)


class Quiet:
    """Over a started `cluster`, with `partitions` partitions."""

    def __init__(self, cluster: Cluster, partitions: int, chain: Chain, http: httpx.AsyncClient) -> None:
        self._cluster, self._partitions, self._chain, self._http = cluster, partitions, chain, http

    async def day_done(self, tick: datetime) -> None:
        """Everything before and of this tick is done, the agency has lived until then, and its answers are applied. Raises ChainBroken."""
        await self._settled(tick)
        await self._post(f"{self._chain.sandbox.url}/clock", {"now": tick.isoformat()})
        await self._post(f"{self._chain.connector.url}/poll", None)
        await self._settled(tick)

    async def _settled(self, tick: datetime) -> None:
        """What one of the two does can be work for the other: settled is when neither has written anything while both were quiet."""
        while True:
            before = await self._ends(_BETWEEN)
            await self._worker_quiet()
            await self._connector_quiet(tick)
            if before == await self._ends(_BETWEEN):
                return

    async def _worker_quiet(self) -> None:
        deadline = self._deadline()
        while True:
            ends = await self._ends(topics.INPUTS)
            left = await self._not_applied(ends)
            if not left:
                return
            await self._again(deadline, f"the worker has not applied {left} records")

    async def _not_applied(self, ends: Mapping[tuple[str, int], int]) -> int:
        applied = await asyncio.gather(*(self._cluster.committed(APP, topics.INPUTS, number) for number in range(self._partitions)))
        return sum(max(end - applied[number].get(topic, 0), 0) for (topic, number), end in ends.items())

    async def _connector_quiet(self, tick: datetime) -> None:
        deadline = self._deadline()
        while not _idle(status := await self._connector(), tick):
            await self._again(deadline, f"the connector is not idle: {status}")

    async def _connector(self) -> dict[str, Any]:
        try:
            answer = await self._http.get(f"{self._chain.connector.url}/status")
        except httpx.TransportError as error:
            self._chain.check()
            raise ChainBroken(f"the connector does not answer ({type(error).__name__}); its log: {self._chain.connector.log}") from error
        told: dict[str, Any] = answer.json()
        if told["halted"]:
            raise ChainBroken(f"the connector stands still: {told['halted']}; its log: {self._chain.connector.log}")
        return told

    async def _ends(self, names: tuple[str, ...]) -> dict[tuple[str, int], int]:
        found = await asyncio.gather(*(self._cluster.high_watermarks(names, number) for number in range(self._partitions)))
        return {(topic, number): end for number, ends in enumerate(found) for topic, end in ends.items()}

    async def _post(self, url: str, body: Any) -> None:
        try:
            (await self._http.post(url, json=body)).raise_for_status()
        except httpx.HTTPError as error:
            self._chain.check()
            raise ChainBroken(f"{url}: {error}") from error

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + QUIET_WITHIN_S

    async def _again(self, deadline: float, what: str) -> None:
        self._chain.check()
        if asyncio.get_running_loop().time() > deadline:
            logs = ", ".join(str(process.log) for process in self._chain.processes)
            raise ChainBroken(f"{what} within {QUIET_WITHIN_S:.0f} s; the logs: {logs}")
        await asyncio.sleep(LOOK_AGAIN_S)


def _idle(status: Mapping[str, Any], tick: datetime) -> bool:
    seen = status["calendar"]
    return seen is not None and datetime.fromisoformat(seen) >= tick and _nothing_left(status)


def _nothing_left(status: Mapping[str, Any]) -> bool:
    """`lag` is null while Kafka does not tell it."""
    return status["lag"] is not None and not any(status["lag"].values()) and not status["unfinished"]
