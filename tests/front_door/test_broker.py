"""The broker from jars: what clients see of it, and that it neither outlives us nor eats data."""

import asyncio
import subprocess
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def test_a_transaction_of_a_client_is_read_back(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("front-door.broker", 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="front-door.broker")
    await producer.start()
    async with producer.transaction():
        await (await producer.send("front-door.broker", b"hello"))
    await producer.stop()
    consumer = AIOKafkaConsumer(
        "front-door.broker", bootstrap_servers=kafka, group_id="front-door", auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), 20)
    await consumer.stop()
    assert record.value == b"hello"


OWNER = """
import sys, time
from pathlib import Path
from mahnlauf.broker.node import Node
node = Node(Path(sys.argv[1]))
node.start()
print(node.pid, flush=True)
time.sleep(600)
"""


def test_it_dies_with_its_owner_even_when_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert _runs(pid)
        owner.kill()
    assert _ends_within(pid, 10)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _ends_within(pid: int, seconds: float) -> bool:
    async def ended() -> None:
        while _runs(pid):
            await asyncio.sleep(0.02)

    async def bounded() -> bool:
        try:
            await asyncio.wait_for(ended(), seconds)
        except TimeoutError:
            return False
        return True

    return asyncio.run(bounded())
