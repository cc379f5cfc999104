"""`mahnlauf worker` as operators run it: processes on a real broker that drain, share, die, and outlive the broker's death."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from mahnlauf import topics
from mahnlauf.audit.auditing import Audit, audit
from mahnlauf.broker.node import Node
from mahnlauf.broker.ports import choose_port
from mahnlauf.broker.temporary import choose
from mahnlauf.configuration import apply_policy
from mahnlauf.policy_file import read_policy
from mahnlauf.publishing import Days, publish
from mahnlauf.stories import POLICY, TENANT, cases, lines
from schemas.topics import INVOICES
from streams.engine.cluster import Connection
from streams.processor import EscalationProcessor
from tests.worker.processes import MAHNLAUF, Process, running, wait_for

PARTITIONS = 4
CONTRACTS = 12
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
LAST_DAY = date(2025, 3, 20)
SESSION_MS = 3_000


class Cluster:
    """A broker of this module's own, the product's topics, and workers on them. Each test leaves a cluster that audit finds right."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.connection = Connection(node.bootstrap)
        self.folder = folder
        self._workers = ExitStack()

    def prepare(self) -> None:
        (self.folder / "policy.yaml").write_text(POLICY)
        asyncio.run(topics.create(self.connection, PARTITIONS))
        asyncio.run(apply_policy(self.connection, TENANT, read_policy(self.folder / "policy.yaml"), BEGINNING))

    def publish(self, *contracts: str, days: Days | None = None, content: bytes | None = None) -> None:
        """An invoice of today for each of `contracts`, or `content`."""
        file = self.folder / "events.jsonl"
        file.write_bytes(content or b"".join(_invoice(contract) for contract in contracts))
        asyncio.run(publish(self.connection, [file], days or Days()))

    def worker(self, *options: str, instance: str | None = None) -> Process:
        port = choose_port(None)
        environment = {
            "MAHNLAUF_KAFKA__BOOTSTRAP": self.node.bootstrap,
            "MAHNLAUF_WORKER__SESSION_TIMEOUT_MS": str(SESSION_MS),
            "MAHNLAUF_STATE": str(self.folder),
            **({"MAHNLAUF_WORKER__INSTANCE_ID": instance} if instance else {}),
        }
        command = [*MAHNLAUF, "worker", "--port", str(port), *options]
        return self._workers.enter_context(running(command, port, self.folder, environment))

    def audited(self) -> Audit:
        return asyncio.run(audit(self.connection, EscalationProcessor(), lambda done, whole: None))

    def end_workers(self) -> None:
        self._workers.close()


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if choose(request.config.getoption("--broker")) != "jars":
        pytest.skip("needs a broker that it can kill: one from jars")
    node = Node(tmp_path_factory.mktemp("kafka"))
    node.start()
    cluster = Cluster(node, tmp_path_factory.mktemp("workers"))
    try:
        cluster.prepare()
        yield cluster
    finally:
        node.stop()


@pytest.fixture
def cluster(broker: Cluster) -> Iterator[Cluster]:
    try:
        yield broker
    finally:
        broker.end_workers()


def _invoice(contract: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    data = {"invoice_id": f"I-{now}", "issued_on": "2026-01-05", "due_on": "2026-01-19", "amount": 4990, "currency": "EUR"}
    envelope = {"specversion": "1.0", "id": f"{contract}-{now}", "source": "/test", "subject": contract, "tenant": TENANT, "time": now}
    value = {**envelope, "type": "invoice.issued", "data": data}
    return json.dumps({"topic": INVOICES, "key": f"{TENANT}/{contract}", "value": value}).encode() + b"\n"


def _metric(worker: Process, name: str) -> float:
    """The sum of a metric's samples."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", worker.get("/metrics").text, re.MULTILINE))


def _knows(worker: Process, contract: str) -> bool:
    told = worker.told(f"/contracts/{TENANT}/{contract}")
    return told is not None and told[0] == 200


def _somebody_knows(workers: list[Process], contract: str) -> None:
    wait_for(lambda: any(_knows(worker, contract) for worker in workers), lambda: "\n".join(worker.describe() for worker in workers))


def test_draining_applies_what_is_there_and_ends(cluster: Cluster) -> None:
    cluster.publish(content=b"".join(lines(list(cases())[:CONTRACTS])), days=Days(time(12), LAST_DAY))
    worker = cluster.worker("--drain")
    assert worker.exit_code() == 0, worker.describe()
    assert worker.stdout == ""
    told = cluster.audited()
    assert (told.clean, told.not_applied) == (True, 0), told.findings.kept
    assert told.contracts >= CONTRACTS
    assert told.ticks > 30


def test_two_workers_share_and_point_to_each_other(cluster: Cluster) -> None:
    first, second = cluster.worker("--clock", "none"), cluster.worker("--clock", "none")
    for worker in (first, second):
        worker.until_ready()
    wait_for(lambda: [_metric(worker, "mahnlauf_partitions") for worker in (first, second)] == [2, 2], first.describe)
    cluster.publish("C-shared")
    _somebody_knows([first, second], "C-shared")
    holder, other = (first, second) if _knows(first, "C-shared") else (second, first)
    told = other.told(f"/contracts/{TENANT}/C-shared")
    assert told is not None
    assert told[0] == 421
    assert (told[1]["held_by"], told[1]["url"]) == (
        f"127.0.0.1:{holder.port}",
        f"http://127.0.0.1:{holder.port}/contracts/{TENANT}/C-shared",
    )
    holder.send(signal.SIGTERM)
    assert holder.exit_code(within_s=15) == 0
    _somebody_knows([other], "C-shared")
    wait_for(lambda: _metric(other, "mahnlauf_partitions") == PARTITIONS, other.describe)
    assert cluster.audited().clean


def test_a_killed_worker_is_replaced_within_the_session_timeout(cluster: Cluster) -> None:
    killed = cluster.worker("--clock", "none")
    killed.until_ready()
    wait_for(lambda: _metric(killed, "mahnlauf_partitions") == PARTITIONS, killed.describe)
    killed.send(signal.SIGKILL)
    killed.exit_code()
    cluster.publish("C-orphan")
    heir = cluster.worker("--clock", "none")
    _somebody_knows([heir], "C-orphan")
    assert cluster.audited().clean


@pytest.mark.timeout(300)
def test_a_worker_outlives_the_broker_and_goes_on_with_its_clock(cluster: Cluster) -> None:
    worker = cluster.worker()
    worker.until_ready()
    cluster.node.kill()
    wait_for(lambda: "can't be fetched" in worker.stderr or "Unable connect" in worker.stderr, worker.describe)
    assert worker.told("/healthz") == (200, {"ok": True, "reasons": []})
    cluster.node.start()
    cluster.publish("C-after")
    _somebody_knows([worker], "C-after")
    wait_for(lambda: _metric(worker, "mahnlauf_ticks_total") >= PARTITIONS, worker.describe, within_s=90)
    ticked = datetime.fromtimestamp(_metric(worker, "mahnlauf_clock_timestamp_seconds"), UTC)
    assert datetime.now(UTC) - ticked < timedelta(minutes=2)
    assert (ticked.second, ticked.microsecond) == (0, 0)
    worker.send(signal.SIGTERM)
    assert worker.exit_code(within_s=15) == 0
    assert cluster.audited().clean


def test_a_worker_ends_within_seconds_though_the_broker_is_gone(cluster: Cluster) -> None:
    worker = cluster.worker("--clock", "none")
    worker.until_ready()
    cluster.node.kill()
    worker.send(signal.SIGTERM)
    try:
        assert worker.exit_code(within_s=20) == 0
    finally:
        cluster.node.start()


def test_a_cluster_without_our_topics_is_refused_with_what_to_do(kafka: str, tmp_path: Path) -> None:
    with running([*MAHNLAUF, "worker"], choose_port(None), tmp_path, {"MAHNLAUF_KAFKA__BOOTSTRAP": kafka}) as worker:
        assert worker.exit_code() == 3
        assert "mahnlauf topics create" in worker.stderr
        assert worker.stdout == ""


def test_no_cluster_at_all_is_refused_with_its_address(tmp_path: Path) -> None:
    with running([*MAHNLAUF, "worker"], choose_port(None), tmp_path, {"MAHNLAUF_KAFKA__BOOTSTRAP": "127.0.0.1:1"}) as worker:
        assert worker.exit_code() == 3
        assert "127.0.0.1:1" in worker.stderr
        assert "Traceback" not in worker.stderr


def test_a_second_worker_of_one_instance_id_ends_with_that_reason_and_the_first_goes_on(cluster: Cluster) -> None:
    first = cluster.worker("--clock", "none", instance="one")
    first.until_ready()
    for _ in range(2):  # as an orchestrator starts it again
        second = cluster.worker("--clock", "none", instance="one")
        assert second.exit_code() == 1
        [reason] = [line["reason"] for line in second.log if "reason" in line]
        assert f"instance id one of group escalation is in use by the process at 127.0.0.1:{first.port}" in reason
    assert not first.ended
    first.until_ready()
