"""Three Kafka nodes on loopback that are one cluster, as in production: each broker and voter, three replicas of everything, two needed.

From the same jars and with the same settings as the product's own broker. Each can be killed, stopped for a while, ended in order, and
started again under its id, its ports and its data.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from mahnlauf.broker import jars
from mahnlauf.broker.leash import leash
from mahnlauf.broker.node import JVM, cluster_id
from mahnlauf.broker.ports import LOOPBACK, brokers_known
from mahnlauf.broker.properties import PROMPT, SMALL
from tests.chaos.waiting import until

NODES = (1, 2, 3)
TOGETHER: dict[str, object] = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "auto.create.topics.enable": "false",
}
SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""Three brokers that live for a minute would spend most of two cores on compiling themselves."""
TELLING = "-Dorg.slf4j.simpleLogger.log.kafka.coordinator.transaction.TransactionMarkerChannelManager=info"
"""So that a node says when it takes a partition without a leader for a deleted one."""
FORGOTTEN = "likely deleted already and hence can be skipped"
"""Its words when it writes no marker there, and calls the transaction complete (docs/guarantees.md)."""
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 30.0
ASK_WITHIN_S = 5.0

Advertised = Mapping[int, int]
"""By node, the port that a listener tells clients to come to."""


class Broker:
    """One of them. `port` is for clients that nothing stands between, and for the other nodes."""

    def __init__(self, node: int, folder: Path, port: int) -> None:
        self.node, self.port = node, port
        self.log = folder / f"broker-{node}.log"
        self.data = folder / f"data-{node}"
        self.settings = folder / f"server-{node}.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def format(self, java: list[str], cluster: str) -> None:
        """Returns at once; `formatted` waits for it."""
        self._run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.settings)])

    def formatted(self) -> None:
        assert self._process is not None
        code = self._process.wait(READY_WITHIN_S)
        assert code == 0, f"node {self.node} can't be formatted ({code}); its log: {self.log}"

    def start(self, java: list[str]) -> None:
        """Returns at once."""
        self._run([*java, "kafka.Kafka", str(self.settings)])

    def _run(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=leash(),  # noqa: PLW1509 - one system call, made ready before the fork
            )

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> None:
        """SIGTERM: its partitions move before it ends."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_WITHIN_S)

    def stop(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def knows(self) -> int:
        """How many living brokers it knows of; 0 while it does not answer itself."""
        assert self.running, f"node {self.node} has ended by itself; its log: {self.log}"
        return brokers_known(self.port)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


class Brokers:
    """The cluster. `bootstrap` is for clients that nothing stands between."""

    def __init__(
        self, folder: Path, lanes: Mapping[str, Advertised], *, jvm: Sequence[str] = (), more: Mapping[str, object] | None = None
    ) -> None:
        """`lanes`: listeners of their own, by name, whose clients are told to come to other ports. `jvm` and `more`: what a JVM is told
        and a broker's settings, where they must differ from those of the tests."""
        java = jars.java()
        assert java is not None, f"three nodes need a Java: {jars.WHAT_TO_INSTALL}"
        self._java = [java, *JVM, SHORT_LIVED, TELLING, *jvm, "-cp", f"{jars.fetch()}/*"]
        self._lanes, self._more = lanes, more or {}
        ports = iter(free_ports(len(NODES) * (2 + len(lanes))))
        self.all = {node: Broker(node, folder, next(ports)) for node in NODES}
        controllers = {node: next(ports) for node in NODES}
        self.lane_ports = {lane: {node: next(ports) for node in NODES} for lane in lanes}
        for broker in self.all.values():
            broker.settings.write_text(self._properties(broker, controllers))

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{LOOPBACK}:{broker.port}" for broker in self.all.values())

    @property
    def forgot(self) -> list[int]:
        """The nodes that say they wrote no marker where a partition had no leader."""
        return [node for node, broker in self.all.items() if FORGOTTEN in broker.log.read_text(errors="replace")]

    def begin(self) -> None:
        """Format and start all, and return when all know each other."""
        cluster = cluster_id()
        for broker in self.all.values():
            broker.format(self._java, cluster)
        for broker in self.all.values():
            broker.formatted()
        self.start(*NODES)
        until(lambda: all(broker.knows() == len(NODES) for broker in self.all.values()), "all nodes know each other", READY_WITHIN_S)

    def start(self, *nodes: int) -> None:
        """Returns when they answer."""
        for node in nodes:
            self.all[node].start(self._java)
        until(lambda: all(self.all[node].knows() for node in nodes), f"nodes {nodes} answer", READY_WITHIN_S)

    def end(self) -> None:
        for broker in self.all.values():
            broker.kill()

    def answer(self) -> bool:
        """Whether one that knows of another does."""
        return any(brokers_known(broker.port) > 1 for broker in self.all.values())

    def whole(self) -> None:
        """Wait until every replica of every partition is in sync again."""
        until(lambda: not self.behind(), "every replica is in sync", READY_WITHIN_S)

    def behind(self) -> list[str]:
        """Partitions that lack a leader or a replica in sync."""
        found = self._metadata()
        if found is None or len(found.brokers) < len(NODES):
            return ["a broker"]
        return [
            f"{name}-{number}"
            for name, topic in found.topics.items()
            for number, part in topic.partitions.items()
            if part.leader < 0 or len(part.isrs) < len(part.replicas)
        ]

    def coordinator(self, group: str) -> int:
        """The node that keeps a group now."""
        client = self._admin()  # a client that nobody holds any more answers nothing
        [told] = client.describe_consumer_groups([group], request_timeout=ASK_WITHIN_S).values()
        return int(told.result(2 * ASK_WITHIN_S).coordinator.id)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def _metadata(self) -> Any:
        try:
            return self._admin().list_topics(timeout=ASK_WITHIN_S)
        except Exception:  # KafkaException: nobody answers now
            return None

    def _properties(self, broker: Broker, controllers: Mapping[int, int]) -> str:
        own = {lane: ports[broker.node] for lane, ports in self.lane_ports.items()}
        listeners = {"BROKER": broker.port, **own}
        advertised = {"BROKER": broker.port, **{lane: self._lanes[lane][broker.node] for lane in own}}
        settings: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": broker.node,
            "controller.quorum.voters": ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in controllers.items()),
            "listeners": written({**listeners, "CONTROLLER": controllers[broker.node]}),
            "advertised.listeners": written(advertised),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*listeners, "CONTROLLER")),
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": broker.data,
            **TOGETHER,
            **SMALL,
            **PROMPT,
            **self._more,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def written(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items())


def free_ports(count: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def three(
    folder: Path, lanes: Mapping[str, Advertised], *, jvm: Sequence[str] = (), more: Mapping[str, object] | None = None
) -> Iterator[Brokers]:
    """Begun, and ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Brokers(folder, lanes, jvm=jvm, more=more)
    try:
        found.begin()
        yield found
    finally:
        found.end()
