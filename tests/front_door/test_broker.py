"""The broker from jars: what clients see of it, that it does not outlive its owner, and that it eats no data."""

import asyncio
import contextlib
import os
import select
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from mahnlauf.broker import background, jars, temporary
from mahnlauf.broker.errors import BrokerError
from mahnlauf.broker.node import Node, cluster_id
from mahnlauf.broker.ports import answers_metadata, choose_port

needs_java = pytest.mark.skipif(jars.java() is None, reason="no Java 17 here")


async def test_a_transaction_of_a_client_is_read_back(kafka: str) -> None:
    await _create(kafka, "front-door.broker")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="front-door.broker")
    await producer.start()
    async with producer.transaction():
        await (await producer.send("front-door.broker", b"hello"))
    await producer.stop()
    assert await _first_value(kafka, "front-door.broker") == b"hello"


OWNER = """
import sys, time
from pathlib import Path
from mahnlauf.broker.node import Node, cluster_id
node = Node(Path(sys.argv[1]))
node.start()
print(node.pid, flush=True)
time.sleep(600)
"""


@needs_java
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux kills children with their parent")
def test_it_dies_with_its_owner_even_when_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        broker = os.pidfd_open(int(owner.stdout.readline()))
        owner.kill()
    ended, _, _ = select.select([broker], [], [], 20)
    assert ended == [broker]


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [uuid.UUID("f8000000-0000-4000-8000-000000000000"), uuid.UUID("00000000-0000-4000-8000-000000000000")]
    monkeypatch.setattr("uuid.uuid4", lambda: drawn.pop(0))
    assert cluster_id() == "AAAAAAAAQACAAAAAAAAAAA"


@needs_java
def test_what_was_written_is_there_after_a_kill_and_a_change_of_ports(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.start()
    asyncio.run(_write(node.bootstrap, "kept", b"hello"))
    first_port = node.port
    node.kill()
    with socket.create_server(("127.0.0.1", first_port)):
        again = Node(tmp_path, port=first_port)
        with _stopping(again):
            assert again.port != first_port
            assert asyncio.run(_first_value(again.bootstrap, "kept")) == b"hello"


@needs_java
@pytest.mark.parametrize("damage", ["no meta.properties", "meta.properties of nobody"])
def test_a_broken_data_folder_is_reported_and_left_alone(tmp_path: Path, damage: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "precious").write_text("the only copy")
    if damage != "no meta.properties":
        (data / "meta.properties").write_text("rubbish")
    before = {path.name: path.read_text() for path in data.iterdir()}
    with pytest.raises(BrokerError, match=str(data)):
        Node(tmp_path).start()
    assert {name: (data / name).read_text() for name in before} == before


@needs_java
def test_the_background_broker_is_started_once_found_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_STATE", str(tmp_path))
    try:
        first, started = background.start(choose_port(None))
        second, started_again = background.start()
        assert (started, started_again, first.pid) == (True, False, second.pid)
        assert background.find() == first
        assert background.answers(first)
    finally:
        background.stop()
    assert background.find() is None
    assert not answers_metadata(first.port)


def test_somebody_elses_process_with_the_same_id_is_not_our_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_STATE", str(tmp_path))
    note = f'{{"bootstrap": "127.0.0.1:9", "pid": {os.getpid()}, "started_at": "", "data": "", "log": ""}}'
    background.folder().mkdir()
    (background.folder() / "broker.json").write_text(note)
    assert background.find() is None
    assert background.stop() is None


def test_an_unreadable_note_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_STATE", str(tmp_path))
    background.folder().mkdir()
    (background.folder() / "broker.json").write_text("{")
    with pytest.raises(BrokerError, match=r"broker\.json cannot be read"):
        background.find()


def test_without_java_and_docker_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(BrokerError, match="install Java 17 or newer and Maven"):
        temporary.choose("auto")


@contextlib.contextmanager
def _stopping(node: Node) -> Iterator[None]:
    node.start()
    try:
        yield
    finally:
        node.stop()


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def _write(bootstrap: str, topic: str, value: bytes) -> None:
    await _create(bootstrap, topic)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, value)
    await producer.stop()


async def _first_value(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), 20)
    await consumer.stop()
    value: bytes | None = record.value
    return value
