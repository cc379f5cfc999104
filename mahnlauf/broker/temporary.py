"""A broker for the length of a test run or a demo: from jars where there is a Java, else testcontainers' Kafka where a Docker answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from mahnlauf.broker import jars
from mahnlauf.broker.errors import BrokerError
from mahnlauf.broker.node import Node

Kind: TypeAlias = Literal["auto", "jars", "docker"]
IMAGE = "confluentinc/cp-kafka:8.1.0"
"""The image that testcontainers knows how to start; it holds Apache Kafka 4.1."""
CONTAINER_READY_WITHIN_S = 120
PING_TIMEOUT_S = 3


def choose(asked: Kind) -> Literal["jars", "docker"]:
    """Which one it will be; raises BrokerError with what to install if it can be neither (or not the one asked for)."""
    if asked != "docker" and jars.java() is not None:
        return "jars"
    if asked != "jars" and _docker_answers():
        return "docker"
    wanted = {"auto": "neither a Java 17 nor a Docker engine", "jars": "no Java 17", "docker": "no Docker engine that answers"}[asked]
    raise BrokerError(f"there is {wanted} here: {jars.WHAT_TO_INSTALL}")


def described(kind: Literal["jars", "docker"]) -> str:
    """One line that says which broker it is."""
    if kind == "docker":
        return f"Kafka: a container of {IMAGE} (testcontainers)"
    return f"Kafka: from jars, with {jars.java()}" + ("" if jars.ready() else " (Maven fetches the jars first, once)")


@contextmanager
def temporary(folder: Path, kind: Literal["jars", "docker"]) -> Iterator[str]:
    """The bootstrap address of a broker that ends with the block, or with us, whichever is first."""
    with _from_docker() if kind == "docker" else _from_jars(folder) as bootstrap:
        yield bootstrap


@contextmanager
def _from_jars(folder: Path) -> Iterator[str]:
    node = Node(folder)
    node.start()
    try:
        yield node.bootstrap
    finally:
        node.stop()


def _docker_answers() -> bool:
    try:
        import docker  # comes with testcontainers, which is optional
    except ImportError:
        return False
    try:
        docker.from_env(timeout=PING_TIMEOUT_S).ping()
    except (docker.errors.DockerException, OSError):
        return False
    return True


@contextmanager
def _from_docker() -> Iterator[str]:
    try:
        from testcontainers.community.kafka import KafkaContainer
    except ImportError as error:
        raise BrokerError("a broker in Docker needs testcontainers: pip install 'mahnlauf[docker]'") from error
    container = KafkaContainer(IMAGE).with_kraft()
    for name, value in SETTINGS.items():
        container.with_env(name, value)
    with container.start(timeout=CONTAINER_READY_WITHIN_S):  # testcontainers' reaper removes it, should we die
        yield container.get_bootstrap_server()


SETTINGS = {
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "500",
}
"""As in properties.py, what tests lean on."""
