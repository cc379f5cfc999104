"""Publishers compress as they like."""

import pytest
from aiokafka import AIOKafkaProducer

from tests.engine.kit import House


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_compressed_events_are_applied_like_any_other(kafka: str, codec: str) -> None:
    house = await House.build(kafka, partitions=1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, compression_type=codec, linger_ms=50)
    await producer.start()
    try:
        sent = [await producer.send(house.config.inputs[0], b'{"add": 1}', b"k", timestamp_ms=1_000 + number) for number in range(20)]
        for future in sent:
            await future
    finally:
        await producer.stop()
    await house.drain()
    assert await house.totals() == {b"k": 20}
