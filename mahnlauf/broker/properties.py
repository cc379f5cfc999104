"""The settings of our one-node broker: small, quick to start, and forgiving to tests. Not advice for production (docs/ has that)."""

from pathlib import Path

MIB = 1 << 20


def properties(data: Path, port: int, controller_port: int) -> str:
    """server.properties for a node that keeps its topics in `data` and listens on loopback only."""
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "log.dirs": data,
        **ALONE,
        **SMALL,
        **PROMPT,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


ALONE: dict[str, object] = {
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # There is nobody to hand over to, and Kafka 4.3 takes a partition that lost its leader in this way for a deleted one: of commits that
    # it had promised it would write no markers (docs/guarantees.md).
    "controlled.shutdown.enable": "false",
    "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
    "offsets.retention.minutes": 5_256_000,  # ten years: a laptop that slept for a week still knows where it stood
}

SMALL: dict[str, object] = {
    "log.cleaner.dedupe.buffer.size": 8 * MIB,  # the default of 128 MiB is most of the memory of an idle broker
    "log.cleaner.threads": 1,
    "offsets.topic.num.partitions": 8,  # the default of 50 makes the first consumer wait a second
    "transaction.state.log.num.partitions": 8,
    "share.coordinator.state.topic.num.partitions": 1,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
}

PROMPT: dict[str, object] = {
    "group.initial.rebalance.delay.ms": 0,
    # A killed node that starts again waits until its former session is over: 5 s instead of 9.
    "broker.session.timeout.ms": 5000,
    "broker.heartbeat.interval.ms": 1000,
    "group.min.session.timeout.ms": 1000,  # tests of lost members must not wait six seconds for each
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,  # default 10 s: an abandoned transaction ends at its timeout
}
