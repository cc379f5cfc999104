"""The topics of a cluster: making those that are missing, and comparing all of them with what `schemas.topics` wants.

Nothing here changes a topic that exists: a difference is told, with the command that mends it, and a person decides.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiokafka.errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from mahnlauf.failures import ClusterWrong
from schemas.topics import TIMERS, TOPICS, TopicSpec
from streams.engine.cluster import Connection

REPLICATION = 3
SEEN_WITHIN_S = 30.0
GONE_WITHIN_S = 20.0
"""The others name a broker that is gone until its session is over, by default for 9 s."""
GONE = (kafka_errors.NodeNotReadyError, kafka_errors.RequestTimedOutError)
"""What a client says that has asked it."""
ASK_AGAIN_S = 0.2
CLIENT_ID = "mahnlauf-topics"
AT_LEAST = frozenset({"max.message.bytes", "min.insync.replicas", "delete.retention.ms"})
"""Settings of which more than wanted does no harm."""
ENOUGH_REPLICAS = {1: 1, 2: 1}
"""min.insync.replicas by replication: one of two must do, or the loss of one broker would stop everything; 2 from three on."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one topic that is not as it must be. `mend` says what to do."""

    topic: str
    what: str
    wanted: str
    found: str
    mend: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, must be {self.wanted}; {self.mend}"


class Found(NamedTuple):
    """A topic as the cluster has it; `replication` is that of its least replicated partition."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


async def create(connection: Connection, partitions: int, replication: int | None = None) -> list[str]:
    """Make every topic that is missing; returns their names. Raises ClusterWrong if the cluster refuses one.

    `partitions` is for life: keys are placed by it. `replication` None: min(3, brokers).
    """
    async with _admin(connection) as admin:
        brokers = await _brokers(admin)
        replication = replication or min(REPLICATION, brokers)
        there = set(await admin.list_topics())
        missing = [spec for spec in TOPICS if spec.name not in there]
        answer = await admin.create_topics([_new(spec, partitions, replication) for spec in missing])
        _raise_refused(answer.topic_errors)
        await _seen(admin, {spec.name for spec in missing})
        return [spec.name for spec in missing]


async def names(connection: Connection) -> set[str]:
    """Every topic of the cluster, whoever made it. Raises ClusterWrong."""
    async with _admin(connection) as admin:
        return set(await admin.list_topics())


async def check(connection: Connection, partitions: int | None = None, replication: int | None = None) -> list[Difference]:
    """What is not as it must be, in order of topics. `partitions` None: as many as escalation.timers has."""
    async with _admin(connection) as admin:
        replication = replication or min(REPLICATION, await _brokers(admin))
        found = await _found(admin, [spec.name for spec in TOPICS])
    if partitions is None and TIMERS in found:
        partitions = found[TIMERS].partitions
    return [difference for spec in TOPICS for difference in _differences(spec, found.get(spec.name), partitions, replication)]


async def require(connection: Connection, partitions: int | None = None) -> None:
    """Raises ClusterWrong that names every difference: nothing of ours may run on a cluster that would delete or reject its records."""
    differences = await _patiently(connection, partitions)
    if differences:
        told = "\n".join(f"  {difference}" for difference in differences)
        raise ClusterWrong(f"this cluster's topics are not as they must be ({len(differences)} differences):\n{told}")


async def _patiently(connection: Connection, partitions: int | None) -> list[Difference]:
    """As check; who begins while a broker has just gone must not end for it."""
    deadline = asyncio.get_running_loop().time() + GONE_WITHIN_S
    while True:
        try:
            return await check(connection, partitions)
        except ClusterWrong as error:
            if not isinstance(error.__cause__, GONE) or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(ASK_AGAIN_S)


def min_insync_replicas(replication: int) -> int:
    """How many replicas must have a record before it counts as written."""
    return ENOUGH_REPLICAS.get(replication, 2)


async def _seen(admin: Any, names: set[str]) -> None:
    """A controller answers before every broker knows of the new topics; whoever asks next must find them."""
    async with asyncio.timeout(SEEN_WITHIN_S):
        while not names <= set(await admin.list_topics()):
            await asyncio.sleep(0.02)


def _new(spec: TopicSpec, partitions: int, replication: int) -> NewTopic:
    settings = spec.settings(min_insync_replicas(replication))
    return NewTopic(spec.name, partitions if spec.partitioned else 1, replication, topic_configs=settings)


def _differences(spec: TopicSpec, found: Found | None, partitions: int | None, replication: int) -> Iterator[Difference]:
    if found is None:
        yield Difference(spec.name, "topic", "there", "missing", "make it with: mahnlauf topics create")
        return
    wanted_partitions = partitions if spec.partitioned else 1
    if found.partitions != wanted_partitions:
        yield Difference(spec.name, "partitions", str(wanted_partitions), str(found.partitions), _partitions_mend(spec))
    if found.replication < replication:
        mend = "raise it with kafka-reassign-partitions.sh"
        yield Difference(spec.name, "replication", f"at least {replication}", str(found.replication), mend)
    for name, wanted in spec.settings(min_insync_replicas(replication)).items():
        is_now = found.settings.get(name, "unknown to this broker")
        if not _suffices(name, is_now, wanted):
            mend = f"mend it with kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} --add-config {name}={wanted}"
            yield Difference(spec.name, name, f"at least {wanted}" if name in AT_LEAST else wanted, is_now, mend)


def _partitions_mend(spec: TopicSpec) -> str:
    if spec.partitioned:
        return "the number is the same for all of them and for life (keys are placed by it): delete the topic if it is empty, and create it"
    return "settings of tenants are kept in order in one partition: delete the topic if it is empty, and create it"


def _suffices(name: str, found: str, wanted: str) -> bool:
    if name in AT_LEAST and found.isdigit():
        return int(found) >= int(wanted)
    return found == wanted


@asynccontextmanager
async def _admin(connection: Connection) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**connection.options(CLIENT_ID))
    try:
        await admin.start()
        yield admin
    except (kafka_errors.KafkaError, TimeoutError) as error:
        raise ClusterWrong(f"Kafka at {connection.bootstrap} does not answer as it should: {str(error) or type(error).__name__}") from error
    finally:
        await admin.close()


async def _brokers(admin: Any) -> int:
    return len((await admin.describe_cluster())["brokers"])


async def _found(admin: Any, names: Iterable[str]) -> dict[str, Found]:
    there = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics() if topic["topic"] in set(names)}
    settings = await _settings(admin, list(there))
    return {
        name: Found(len(partitions), min(len(partition["replicas"]) for partition in partitions), settings[name])
        for name, partitions in there.items()
    }


async def _settings(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    described: dict[str, dict[str, str]] = {}
    for error_code, message, _, name, entries in (resource for answer in answers for resource in answer.resources):
        if error_code:
            raise ClusterWrong(f"{name}: its settings cannot be read: {message or kafka_errors.for_code(error_code).__name__}")
        described[name] = {entry[0]: entry[1] for entry in entries}
    return described


def _raise_refused(topic_errors: Iterable[tuple[Any, ...]]) -> None:
    refused = [
        f"{name}: {(rest[0] if rest else None) or kafka_errors.for_code(code).__name__}"
        for name, code, *rest in topic_errors
        if code and kafka_errors.for_code(code) is not kafka_errors.TopicAlreadyExistsError  # somebody else made it meanwhile
    ]
    if refused:
        raise ClusterWrong("the cluster refuses to make topics:\n" + "\n".join(f"  {line}" for line in refused))
