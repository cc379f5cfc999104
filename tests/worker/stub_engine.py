"""An engine that does nothing but stand where it is put, and a worker process around it: `python -m tests.worker.stub_engine PORT MODE`."""

import asyncio
import dataclasses
import sys
from typing import Any

from mahnlauf import logs
from streams.engine.cluster import Connection
from streams.engine.config import EngineConfig
from streams.engine.engine import Health, PartitionHealth
from streams.engine.errors import EngineError
from streams.engine.metrics import Metrics
from streams.engine.partition import Phase
from streams.engine.placing import partition_of
from streams.worker.config import WorkerConfig, engine_config
from streams.worker.shell import run_worker

PARTITIONS = 4
NOWHERE = Connection("127.0.0.1:1")


def part(number: int, phase: Phase = Phase.RUNNING, **told: Any) -> PartitionHealth:
    nothing = {field.name: None for field in dataclasses.fields(PartitionHealth)} | {"partition": number, "phase": phase}
    return PartitionHealth(**{**nothing, "reason": "", "lag": 0, **told})


HEALTHY = Health(joined=True, ready=True, partitions=(part(0), part(1)))


class StubEngine:
    """Holds the partitions it is given. `mode`: "serve" until stopped, "fail" soon, "defect" likewise, "hang" (in spite of `stop`)."""

    def __init__(self, mode: str = "serve", health: Health = HEALTHY) -> None:
        self.metrics = Metrics()
        self.states: dict[bytes, Any] = {}
        self.holders = {2: "127.0.0.1:2222"}
        self.is_alive = True
        self._mode = mode
        self._health = health
        self._stopping = asyncio.Event()

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(part.partition for part in self._health.partitions)

    def partition_of(self, key: bytes) -> int:
        return partition_of(key, PARTITIONS)

    def state(self, key: bytes) -> Any | None:
        return self.states.get(key)

    def health(self) -> Health:
        return self._health

    def stop(self) -> None:
        if self._mode != "hang":
            self._stopping.set()

    async def run(self) -> None:
        if self._mode == "fail":
            raise EngineError("escalation.journal has 3 partitions, mend it")
        if self._mode == "defect":
            raise KeyError("colour")
        await self._stopping.wait()
        print("engine stopped", file=sys.stderr, flush=True)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def alive(self, oldest_s: float) -> bool:
        return self.is_alive

    async def owner(self, key: bytes) -> str | None:
        return self.holders.get(self.partition_of(key))


def main(port: int, mode: str) -> int:
    logs.configure("info")
    drain = mode == "drain"

    def make(config: EngineConfig, processor: Any) -> StubEngine:
        engine = StubEngine(mode)
        engine.metrics.events["billing.invoices", "invoice.issued"] = 3
        engine.states = {b"acme/C-1": {"status": "Due"}, b"acme/C 2/b": {"status": "Clear"}}
        return engine

    config = WorkerConfig(engine_config(NOWHERE, PARTITIONS, f"127.0.0.1:{port}"), clock="none" if drain else "live", drain=drain)
    return run_worker(config, None, dict, make)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
