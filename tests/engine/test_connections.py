"""What becomes of a client's connections when the broker goes away: it finds back by itself, and doesn't storm meanwhile."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiokafka.errors as kafka_errors
import pytest
import uvloop
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from mahnlauf.broker.node import Node
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import Unreachable
from streams.engine.fetch import Reader
from tests.engine.kit import make_topics, unique

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Between:
    """Passes bytes between a client and a broker until `reset`, which the client meets as it does a killed broker."""

    def __init__(self, broker: str) -> None:
        self._host, _, self._port = broker.rpartition(":")
        self._clients: list[asyncio.StreamWriter] = []
        self._pumps: list[asyncio.Task[None]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(self._host, int(self._port))
        self._clients.append(writer)
        self._pumps += [asyncio.create_task(_pump(reader, to_broker)), asyncio.create_task(_pump(from_broker, writer))]

    def reset(self) -> None:
        for writer in self._clients:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def between(broker: str) -> AsyncIterator[tuple[Between, int]]:
    through = Between(broker)
    server = await asyncio.start_server(through.connected, "127.0.0.1", 0)
    try:
        yield through, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await through.close()


@pytest.mark.parametrize("turns", range(6))
def test_a_write_on_a_connection_that_was_just_reset_is_a_kafka_error(kafka: str, turns: int) -> None:
    """Whatever moment of the breaking it meets; under uvloop some of these are a RuntimeError, which ended who wrote."""

    async def write_while_it_breaks() -> None:
        async with between(kafka) as (through, port):
            connection = await create_conn("127.0.0.1", port)
            transport = connection._writer.transport
            through.reset()
            async with asyncio.timeout(10):
                while not transport.is_closing():
                    await asyncio.sleep(0)  # a turn of the loop
                for _ in range(turns):
                    await asyncio.sleep(0)  # which turn the write meets is what is tested
                with pytest.raises(kafka_errors.KafkaError):
                    await connection.send(MetadataRequest([]))
            connection.close()

    uvloop.run(write_while_it_breaks())


def test_a_broker_that_is_away_is_asked_ever_more_rarely(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    node = Node(tmp_path / "broker")
    node.start()

    async def ask_until_given_up() -> int:
        cluster = Cluster(Connection(node.bootstrap), "patient", answer_within_s=3.0)
        await cluster.start()
        try:
            await asyncio.to_thread(node.kill)
            with caplog.at_level(logging.ERROR, "aiokafka"), pytest.raises(Unreachable):
                await asyncio.gather(*(cluster.describe_group(f"group-{number}") for number in range(8)))
        finally:
            await cluster.stop()
        return sum("Unable connect to node" in record.getMessage() for record in caplog.records)

    try:
        tries = uvloop.run(ask_until_given_up())
    finally:
        node.stop()
    assert 1 <= tries <= 15, f"{tries} tries to connect in 3 s"


async def test_a_reader_that_is_closed_leaves_no_connection_behind(kafka: str) -> None:
    topic = unique("a")
    await make_topics(kafka, [topic], 1)
    cluster = Cluster(Connection(kafka), "test")
    await cluster.start()
    await cluster.watch([topic])
    before = set(cluster.client._conns)
    reader = Reader(cluster, [topic], 0)
    reader.seek(topic, 0)
    await reader.poll(max_wait_ms=10)
    [opened] = [cluster.client._conns[place] for place in cluster.client._conns.keys() - before]
    assert opened.connected()
    await reader.close()
    assert not opened.connected()
    assert set(cluster.client._conns) == before
    await cluster.stop()
