"""The topics of the benchmarks on a broker of their own, and the engines' configurations over them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.counting import OUT_TOPIC, Counter, WideCounter
from schemas.policy import Policy
from streams.engine.cluster import Connection
from streams.engine.config import EngineConfig
from streams.engine.protocol import Decoded, Record
from streams.processor import EscalationProcessor
from streams.worker.config import engine_config

PARTITIONS: Final = 8
COUNTER_INPUT: Final = "bench.payments"
_ADDRESS: Final = "127.0.0.1:0"
POLICY: Final = """
{"policy": "bench", "time_zone": "Europe/Berlin", "calendar": {"country": "DE"}, "minimum_open": {"EUR": 500},
 "steps": [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}},
           {"kind": "hand_over", "day": 30}]}
"""


class _Core(EscalationProcessor):
    """The real core; `begin` is called with each event."""

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__((Policy.model_validate_json(POLICY),))
        self._begin = begin

    def decode(self, record: Record) -> Decoded[object]:
        self._begin()
        return super().decode(record)


def core_processor(begin: Callable[[], None]) -> EscalationProcessor:
    """The rules with a policy that counts for every tenant."""
    return _Core(begin)


def counter_processor(name: str, begin: Callable[[], None]) -> Counter:
    """`counter`, or `wide counter`."""
    return {"counter": Counter, "wide counter": WideCounter}[name](begin)


def core_config(bootstrap: str, state_folder: Path | None) -> EngineConfig:
    """The worker's own configuration, over the product's topics."""
    return engine_config(Connection(bootstrap), PARTITIONS, _ADDRESS, state_folder=state_folder)


def counter_config(bootstrap: str, app: str, state_folder: Path | None) -> EngineConfig:
    """The counter's engine: one input that counts, and the topics every engine needs, by the name of the app."""
    return EngineConfig(
        app=app,
        connection=Connection(bootstrap),
        inputs=(COUNTER_INPUT,),
        rerouted=f"{app}.rerouted",
        timers=f"{app}.timers",
        changelog=f"{app}.changelog",
        journal=f"{app}.journal",
        partitions=PARTITIONS,
        address=_ADDRESS,
        state_folder=state_folder,
    )


async def create(bootstrap: str, apps: Iterable[str]) -> None:
    """Make the counter's input and output, and for each app what its engine needs."""
    kept = [COUNTER_INPUT, OUT_TOPIC, *(f"{app}.{name}" for app in apps for name in ("rerouted", "timers", "journal"))]
    topics = [NewTopic(name, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}) for name in kept]
    topics += [NewTopic(f"{app}.changelog", PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"}) for app in apps]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(topics)
    finally:
        await admin.close()
    refused = [f"{name}: {message}" for name, code, message in answer.topic_errors if code]
    if refused:
        raise SystemExit("the broker refused topics: " + "; ".join(refused))
