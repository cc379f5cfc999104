"""What the shell asks of the engine it runs: `streams.engine.engine.Engine`, and what stands in for it in tests."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from streams.engine.config import EngineConfig
from streams.engine.engine import Health
from streams.engine.metrics import Metrics


class ObservedEngine(Protocol):
    """See Engine for what each of these promises."""

    metrics: Metrics

    @property
    def partitions(self) -> frozenset[int]: ...

    def partition_of(self, key: bytes) -> int: ...
    def state(self, key: bytes) -> Any | None: ...
    def health(self) -> Health: ...
    def stop(self) -> None: ...

    async def run(self) -> None: ...
    async def drain(self) -> None: ...
    async def alive(self, oldest_s: float) -> bool: ...
    async def owner(self, key: bytes) -> str | None: ...


MakeEngine: TypeAlias = Callable[[EngineConfig, Any], ObservedEngine]
"""Makes an engine of its configuration and a processor, inside the running loop."""
