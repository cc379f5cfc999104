"""What a worker is told, and the address it can be found at."""

import socket
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.config import EngineConfig

ClockKind: TypeAlias = Literal["live", "none"]

ANY_ADDRESS: Final = ("0.0.0.0", "::")


class PagesError(OSError):
    """The pages cannot be served where they should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The pages listen on `host` and the port of the engine's `address`. `drain` applies everything up to the present ends, without a
    clock, and ends; with a live clock it would have no end and is refused."""

    engine: EngineConfig
    host: str = "127.0.0.1"
    clock: ClockKind = "live"
    drain: bool = False

    def __post_init__(self) -> None:
        if self.drain and self.clock == "live":
            raise ValueError("a worker that drains has no clock")

    @property
    def port(self) -> int:
        return int(self.engine.address.rpartition(":")[2])


def engine_config(connection: Connection, partitions: int, address: str, *, app: str = "escalation", **more: Any) -> EngineConfig:
    """The engine of the processor: its topics are the product's. `address` is host:port of the pages; `more` as in EngineConfig."""
    return EngineConfig(
        app=app,
        connection=connection,
        inputs=tuple(topic for topic in topics.INPUTS if topic not in (topics.REROUTED, topics.TIMERS)),
        rerouted=topics.REROUTED,
        timers=topics.TIMERS,
        changelog=topics.CHANGELOG,
        journal=topics.JOURNAL,
        partitions=partitions,
        address=address,
        dead_letters_suffix=topics.DEAD_LETTERS_SUFFIX,
        **more,
    )


def claimed(host: str, port: int) -> int:
    """The port the pages will have: `port` if it is free, a free one for 0. Raises PagesError."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise PagesError(f"pages can't be served at {host}:{port} ({error.strerror or error}); set worker.host and worker.port") from error


def reachable_at(host: str, port: int) -> str:
    """host:port under which other machines find the pages: bound to every address, it is this machine's name."""
    return f"{socket.gethostname() if host in ANY_ADDRESS else host}:{port}"
