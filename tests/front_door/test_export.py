"""export: every committed record as a line that publish and a reader of JSON understand, byte for byte."""

import io
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from mahnlauf import lines, topics
from mahnlauf.exporting import export
from mahnlauf.failures import BadInput
from mahnlauf.publishing import Days, publish
from schemas.topics import CASE_STATUS, INVOICES, NOTICES, PAYMENTS
from streams.engine.cluster import Connection
from streams.engine.errors import EngineError
from streams.engine.protocol import Output, Record
from streams.engine.transaction import TransactionalWriter
from tests.front_door.reading import ends, read

EVENT = b'{"specversion":"1.0","id":"1","source":"/t","type":"t","time":"2026-03-02T10:00:00Z","data":{"name":"M\xc3\xbcller"}}'
VALUES = [EVENT, b" " + EVENT, EVENT.replace(b",", b",\n"), b"null", b'"text"', b"12", b"\xff", b"", b'{"a":', None]


@pytest.fixture
async def cluster(own_kafka: str) -> Connection:
    connection = Connection(own_kafka)
    await topics.create(connection, 2)
    return connection


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", [b"acme/C-1", "acme/Ü".encode(), b"\xff", b"", None])
def test_a_line_holds_a_record_byte_for_byte(key: bytes | None, value: bytes | None) -> None:
    record = Record(PAYMENTS, 1, 2, 3, key, value, (("h", b"x"), ("h", b"\xff"), ("g", b"")))
    text = lines.written(record)
    line = lines.parse(text)
    assert (line.topic, line.key, line.value, line.headers, line.partition) == (PAYMENTS, key, value, record.headers, 1)
    assert text.count(b"\n") == 1


async def test_only_committed_records_are_written(cluster: Connection) -> None:
    await _in_transaction(cluster, b"kept", commit=True)
    await _in_transaction(cluster, b"aborted", commit=False)
    found = await _exported(cluster, CASE_STATUS)
    assert [line["key"] for line in found] == ["kept"]
    assert found[0] | {"offset": 0} == {
        "topic": CASE_STATUS, "partition": 0, "offset": 0, "timestamp": 5, "key": "kept", "value": {"a": 1}, "headers": [["h", "x"]]
    }  # fmt: skip


async def test_what_is_exported_and_published_again_is_the_same(cluster: Connection, tmp_path: Path) -> None:
    writer = AIOKafkaProducer(**cluster.options("test"))
    await writer.start()
    for number, value in enumerate(VALUES):
        await writer.send_and_wait(INVOICES, value, b"acme/C-1", timestamp_ms=1_772_445_600_000 + number, headers=[("h", b"x")])
    await writer.stop()
    file, since = tmp_path / "export.jsonl", await ends(cluster, INVOICES)
    with file.open("wb") as out:
        await export(cluster, INVOICES, out)
    await publish(cluster, [file], Days())
    again = await read(cluster, INVOICES, since)
    assert [(record.key, record.value, record.headers) for record in again] == [(b"acme/C-1", value, (("h", b"x"),)) for value in VALUES]


async def test_a_topic_that_is_not_there_is_told(cluster: Connection) -> None:
    with pytest.raises(BadInput, match=r"there is no topic billing\.invoice; the nearest are billing\.invoices, "):
        await _exported(cluster, "billing.invoice")
    with pytest.raises(BadInput, match=r"there is no topic zzz; mahnlauf topics check lists ours"):
        await _exported(cluster, "zzz")


async def test_a_topic_of_ours_that_is_missing_is_a_wrong_cluster(kafka: str) -> None:
    with pytest.raises(EngineError, match=r"there is no topic debtor\.notices on this cluster"):
        await _exported(Connection(kafka), NOTICES)


async def _exported(cluster: Connection, topic: str) -> list[dict[str, object]]:
    out = io.BytesIO()
    count = await export(cluster, topic, out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(found) == count
    return found


async def _in_transaction(cluster: Connection, key: bytes, *, commit: bool) -> None:
    if commit:
        writer = TransactionalWriter(cluster, "test-export", client_id="test")
        await writer.start()
        await writer.commit([Output(CASE_STATUS, key, b'{"a": 1}', 5, (("h", b"x"),), partition=0)])
        await writer.stop()
        return
    producer = AIOKafkaProducer(**cluster.options("test"), transactional_id="test-export")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(CASE_STATUS, b"{}", key, partition=0)
    await producer.abort_transaction()
    await producer.stop()
