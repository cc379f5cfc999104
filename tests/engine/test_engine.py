"""The engine with a counter, end to end on a real Kafka: order, ticks, bad input, restarts and refusals."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from streams.engine.engine import Engine
from streams.engine.errors import EngineError, Stopped
from streams.engine.framing import frame
from streams.engine.journal import Entry, RecordsStep
from streams.engine.limits import Limits
from streams.engine.merge import ordered
from streams.engine.partition import Phase
from streams.engine.placing import partition_of
from streams.engine.protocol import Applied, Record
from tests.engine.counter import Count, Counter, Factor
from tests.engine.kit import House, Publisher, eventually, make_topics, read_all, unique

CounterEngine = Engine[Count, Factor, dict[str, Any]]


async def lags(house: House) -> list[tuple[str, int]]:
    """Inputs whose committed offset is behind the end, partition by partition."""
    engine = house.engine()
    await engine._cluster.start()
    try:
        found = []
        for partition in range(house.config.partitions):
            ends = await engine._cluster.high_watermarks(house.config.ordered_inputs, partition)
            committed = await engine._cluster.committed(house.config.app, house.config.ordered_inputs, partition)
            found += [(topic, end - committed.get(topic, 0)) for topic, end in ends.items() if end != committed.get(topic, 0)]
        return found
    finally:
        await engine._cluster.stop()


class Running:
    """An engine at work in the background: `async with Running(engine)`."""

    def __init__(self, engine: CounterEngine) -> None:
        self.engine = engine

    async def __aenter__(self) -> CounterEngine:
        self._task = asyncio.create_task(self.engine.run())
        await eventually(self._ready, "the engine is ready")
        return self.engine

    async def __aexit__(self, *_: object) -> None:
        self.engine.stop()
        await asyncio.wait_for(self._task, 60)

    async def _ready(self) -> bool:
        assert not self._task.done(), self._task.exception()
        return self.engine.health().ready and len(self.engine.partitions) > 0


async def test_everything_is_applied_once_and_told_once(kafka: str) -> None:
    house = await House.build(kafka)
    async with Publisher(kafka) as publisher:
        for number in range(40):
            await publisher.send(house.config.inputs[number % 2], b"key-%d" % (number % 5), b'{"add": 1}', 1_000 + number)
    await house.drain()
    assert await house.totals() == {b"key-%d" % number: 8 for number in range(5)}
    assert len(await house.outputs()) == 40
    await house.drain()
    assert len(await house.outputs()) == 40
    assert await lags(house) == []


async def test_inputs_are_applied_in_order_of_timestamp_then_input_and_the_journal_replays_it(kafka: str) -> None:
    house = await House.build(kafka, partitions=1, limits=Limits(batch_records=7))
    first, second = house.config.inputs
    async with Publisher(kafka) as publisher:
        await publisher.send_many(second, [(b"k", b'{"add": 1}', timestamp) for timestamp in (10, 20, 20, 40, 15, 60)])
        await publisher.send_many(first, [(b"k", b'{"add": 100}', timestamp) for timestamp in (20, 30, 5, 50)])
    await house.drain()
    totals = [content["total"] for _, content in await house.outputs()]
    assert totals == [1, 101, 102, 103, 203, 303, 304, 305, 405, 406]

    logs = {topic: await read_all(kafka, topic) for topic in house.config.inputs}
    replayed: list[int] = []
    for record in await read_all(kafka, house.config.journal):
        for step in Entry.decode(record.value or b"").steps:
            assert isinstance(step, RecordsStep)
            ranges = {topic: [r for r in logs[topic] if first <= r.offset < after] for topic, first, after in step.ranges}
            for applied in ordered([ranges.get(topic, []) for topic in house.config.inputs]):
                replayed.append((replayed[-1] if replayed else 0) + json.loads(applied.value or b"")["add"])
    assert replayed == totals


async def test_a_tick_waits_for_a_payment_behind_a_stranger_s_open_transaction(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    payments = house.config.inputs[0]
    async with (
        Publisher(kafka) as publisher,
        Publisher(kafka, house.config.app + "-stranger") as stranger,
        Running(house.engine()) as engine,
    ):
        await publisher.send(payments, b"k", b'{"add": 1, "due": 50}', 10)
        await stranger.producer.begin_transaction()
        await stranger.send(payments, b"k", b'{"add": 7}', 40)
        await house.tick(publisher, 50)

        async def waits() -> bool:
            return engine.health().partitions[0].tick_waits_s is not None

        await eventually(waits, "the tick waits")
        assert "tick" not in str(await house.outputs())
        await stranger.producer.commit_transaction()

        async def ticked() -> bool:
            return engine.metrics.ticks == 1

        await eventually(ticked, "the tick is applied")
        assert [content for _, content in await house.outputs() if "tick" in content] == [{"tick": 50, "total": 8, "factor": 1}]
        assert engine.health().partitions[0].tick_waits_s is None


async def test_what_is_younger_than_a_tick_waits_for_it_but_for_its_skew(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        await publisher.send_many(house.config.inputs[0], [(b"k", b'{"add": 1, "due": 50}', at) for at in (10, 49, 50, 55, 61, 70)])
        await house.tick(publisher, 50, skew=10)
    await house.drain()
    assert [content["total"] for _, content in await house.outputs() if "tick" in content] == [4]


async def test_a_backlog_of_ticks_gives_what_a_worker_that_keeps_up_gives(kafka: str) -> None:
    """The first worker keeps up day by day; the second finds all days at once, more of them than it may buffer."""
    results = []
    for keeps_up in (True, False):
        house = await House.build(kafka, partitions=1, limits=Limits(batch_records=20, fetch_bytes=1_000))
        first, second = house.config.inputs
        async with Publisher(kafka) as publisher:
            for day in range(1, 16):
                at = day * 1_000
                due = b'{"add": 1, "due": %d}' % (at + 400)
                await publisher.send_many(first, [(b"key-%d" % (number % 7), due, at + number) for number in range(25)])
                await publisher.send_many(second, [(b"key-%d" % (day % 7), b'{"add": 1000}', at - 300)])
                await house.tick(publisher, at + 500)
                if keeps_up:
                    await house.drain()
        engine = await house.drain()
        results.append(await house.outputs())
        if not keeps_up:
            assert engine.metrics.ticks == 15
    assert results[0] == results[1]
    assert sum("tick" in content for _, content in results[0]) > 15


class FailsOnce(Counter):
    """Fails at the visit of one key, once: a crash in the middle of a tick."""

    def __init__(self, out: str, timers: str, key: bytes) -> None:
        super().__init__(out, timers)
        self.key: bytes | None = key

    def visit(self, shared: Factor, key: bytes, state: Count, event: dict[str, Any]) -> Applied[Count]:
        if key == self.key:
            self.key = None
            raise RuntimeError("once")
        return super().visit(shared, key, state, event)


async def test_a_crash_in_the_middle_of_a_tick_visits_no_key_twice_and_lets_nothing_in_between(kafka: str) -> None:
    house = await House.build(kafka, partitions=1, limits=Limits(batch_records=4))
    keys = [b"key-%02d" % number for number in range(10)]
    async with Publisher(kafka) as publisher:
        await publisher.send_many(house.config.inputs[0], [(key, b'{"add": 1, "due": 50}', 10) for key in keys])
        await house.tick(publisher, 50)
        await publisher.send_many(house.config.inputs[1], [(key, b'{"add": 1}', 60) for key in keys])
    engine = Engine(house.config, FailsOnce(house.out, house.config.timers, keys[6]))
    await asyncio.wait_for(engine.drain(), 90)
    outputs = await house.outputs()
    assert [key for key, content in outputs if "tick" in content] == keys
    assert {content["total"] for _, content in outputs if "tick" in content} == {1}
    assert engine.metrics.failures == {"RuntimeError": 1}
    steps = [step for record in await read_all(kafka, house.config.journal) for step in Entry.decode(record.value or b"").steps]
    told = [(step.from_key, step.to_key, step.first, step.last) for step in steps if not isinstance(step, RecordsStep)]
    assert told[0][0] == keys[0]
    assert [(first, last) for _, _, first, last in told].count((True, False)) == 1
    assert sum(last for _, _, _, last in told) == 1


async def test_misplaced_keys_are_forwarded_and_no_state_splits(kafka: str) -> None:
    house = await House.build(kafka, partitions=4)
    keys = [b"key-%d" % number for number in range(30)]
    async with Publisher(kafka) as publisher:
        for turn, topic in enumerate(house.config.inputs):
            for key in keys:
                misplaced = (partition_of(key, 4) + turn) % 4
                await publisher.send(topic, key, b'{"add": 1}', 1_000, partition=misplaced)
    engine = await house.drain()
    assert await house.totals() == dict.fromkeys(keys, 2)
    assert engine.metrics.rerouted == {house.config.inputs[1]: 30}
    assert len(await house.outputs()) == 60
    assert await lags(house) == []


async def test_a_topic_that_takes_no_output_of_this_size_stops_the_partition_with_its_name(kafka: str) -> None:
    house, small = await House.build(kafka, partitions=1), unique("small")
    await make_topics(kafka, [small], 1, {"max.message.bytes": "1000"})
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1, "shout": 5000}', 1_000)
    engine = Engine(house.config, Counter(small, house.config.timers))
    with pytest.raises(Stopped, match=f"{small}-0.*max.message.bytes"):
        await asyncio.wait_for(engine.drain(), 60)
    assert engine.metrics.takes == {"taken": 1, "refused": 1}


async def test_poison_blocks_nothing_and_is_found_beside_its_topic(kafka: str) -> None:
    house = await House.build(kafka)
    topic = house.config.inputs[0]
    large = b'{"add": ' + b" " * 900_000
    async with Publisher(kafka) as publisher:
        for value in (b'{"add": 1}', b"not JSON", large, b'{"unknown": true}', b'{"refuse": true}', b'{"add": 1}'):
            await publisher.send(topic, b"k", value, 1_000)
    engine = await house.drain()
    letters = await read_all(kafka, topic + ".dead-letters")
    assert [letter.value for letter in letters] == [b"not JSON", large, b'{"refuse": true}']
    assert await house.totals() == {b"k": 2}
    assert engine.metrics.dead_letters == {(topic, "not JSON"): 2, (topic, "refused"): 1}
    assert engine.metrics.refused == {("add", "refused"): 1}
    assert engine.metrics.skipped == {(topic, "unknown"): 1}


async def test_a_record_at_which_our_code_fails_twice_is_buried_alone(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher:
        await publisher.send_many(topic, [(b"k", value, 1_000) for value in (b'{"add": 1}', b'{"raise": true}', b'{"add": 1}')])
    engine = await house.drain()
    assert [letter.value for letter in await read_all(kafka, topic + ".dead-letters")] == [b'{"raise": true}']
    assert await house.totals() == {b"k": 2}
    assert engine.metrics.failures == {"KeyError": 2}


async def test_our_code_failing_again_and_again_stops_the_partition_instead_of_burying_a_topic(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher:
        await publisher.send_many(topic, [(b"k", b'{"raise": true}', 1_000)] * 5)
    with pytest.raises(Stopped, match=r"3 unexpected failures within 10 minutes, the last: unexpected KeyError at counter.py"):
        await house.drain()
    assert await read_all(kafka, topic + ".dead-letters") == []


async def test_a_marker_after_an_aborted_transaction_leaves_no_lag(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher, Publisher(kafka, house.config.app + "-stranger") as stranger:
        await publisher.send(topic, b"k", b'{"add": 1}', 1_000)
        async with Running(house.engine()):
            await stranger.producer.begin_transaction()
            await stranger.send(topic, b"k", b'{"add": 7}', 1_000)
            await stranger.producer.abort_transaction()

            async def caught_up() -> bool:
                return await lags(house) == []

            await eventually(caught_up, "the group shows no lag")
    assert await house.totals() == {b"k": 1}


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "rocks"])
async def test_a_restart_goes_on_with_states_due_times_and_shared_state(kafka: str, tmp_path: Path, on_disk: bool) -> None:
    house = await House.build(kafka, state_folder=tmp_path if on_disk else None)
    keys = [b"key-%d" % number for number in range(20)]
    async with Publisher(kafka) as publisher:
        for partition in range(2):
            await publisher.send(house.config.timers, None, b'{"factor": 3}', 5, partition=partition)
        await publisher.send_many(house.config.inputs[0], [(key, b'{"add": 1, "due": 50}', 10) for key in keys])
        first = await house.drain()
        await publisher.send_many(house.config.inputs[0], [(key, b'{"add": 1}', 20) for key in keys[:5]])
        await publisher.send_many(house.config.inputs[0], [(keys[19], b'{"forget": true}', 20)])
        second = await house.drain()
        await house.tick(publisher, 50)
        await house.drain()
    outputs = await house.outputs()
    assert {key: content["total"] for key, content in outputs if "tick" in content} == {
        key: 6 if key in keys[:5] else 3 for key in keys[:19]
    }
    assert first.metrics.recovered == 0
    assert (second.metrics.recovered < 5) == on_disk


async def test_a_store_that_missed_what_another_worker_did_catches_up(kafka: str, tmp_path: Path) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        for folder in (tmp_path / "a", tmp_path / "b", tmp_path / "a"):
            await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 10)
            await house.drain(state_folder=folder)
    assert [content["total"] for _, content in await house.outputs()] == [1, 2, 3]


def spoil_tables(folder: Path) -> None:
    """Their first halves: the blocks, and nothing that opening looks at."""
    tables = list(folder.rglob("*.sst"))
    assert tables
    for table in tables:
        content = table.read_bytes()
        table.write_bytes(bytes(byte ^ 0xFF for byte in content[: len(content) // 2]) + content[len(content) // 2 :])


async def test_a_store_that_turns_out_damaged_is_rebuilt_and_no_record_is_to_blame(kafka: str, tmp_path: Path) -> None:
    house = await House.build(kafka, partitions=1, state_folder=tmp_path)
    keys = [b"key-%d" % number for number in range(200)]
    async with Publisher(kafka) as publisher:
        await publisher.send_many(house.config.inputs[0], [(key, b'{"add": 1}', 10) for key in keys])
        await house.drain()
        await house.drain()  # opening it again has written a table
        spoil_tables(tmp_path)
        await publisher.send_many(house.config.inputs[0], [(key, b'{"add": 1}', 20) for key in keys])
        engine = await house.drain()
    assert await house.totals() == dict.fromkeys(keys, 2)
    assert await read_all(kafka, f"{house.config.inputs[0]}.dead-letters") == []
    assert engine.metrics.failures == {}


async def move_group(house: House, topic: str, offset: int) -> None:
    """Somebody sets the group's offset by hand."""
    consumer = AIOKafkaConsumer(bootstrap_servers=house.bootstrap, group_id=house.config.app, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.commit({TopicPartition(topic, 0): offset})
    await consumer.stop()


async def test_offsets_that_somebody_moved_are_refused_with_the_reason(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher:
        await publisher.send_many(topic, [(b"k", b'{"add": 1}', 10)] * 3)
        await house.drain()
        await move_group(house, topic, 1)
        with pytest.raises(Stopped, match=f"the group has committed {topic} at 1, but the journal's last entry says {topic} at 3"):
            await house.drain()
    assert await house.totals() == {b"k": 3}


async def test_offsets_that_are_gone_are_refused_with_what_they_were(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher:
        await publisher.send(topic, b"k", b'{"add": 1}', 10)
    await house.drain()
    with pytest.raises(Stopped, match=f"committed offsets are gone for {topic} at 1"):
        await house.drain(app=house.config.app + "-anew")


async def test_state_without_a_journal_is_refused(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.changelog, b"k", frame(1, 0, b"{}"), partition=0)
    with pytest.raises(Stopped, match=r"holds state but .* is empty"):
        await house.drain()


async def test_a_state_of_a_newer_release_is_refused_and_one_of_the_next_is_read(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 10)
        await house.drain()
        await publisher.send(house.config.changelog, b"next", frame(2, 0, b"{}"), partition=0)
        await house.drain()
        await publisher.send(house.config.changelog, b"newer", frame(3, 0, b"{}"), partition=0)
    with pytest.raises(Stopped, match="schema version 3, written by a newer release; this one reads up to 2"):
        await house.drain()


async def test_a_release_that_reads_no_newer_state_than_it_writes_stops_at_the_next(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 10)
        await house.drain()
        await publisher.send(house.config.changelog, b"k", frame(2, 0, b"{}"), partition=0)
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 10)
    former = Counter(house.out, house.config.timers)
    former.newest_state_version = 1
    with pytest.raises(Stopped, match=r"schema version 2, written by a newer release; this one reads up to 1\. Run the newer release"):
        await asyncio.wait_for(Engine(house.config, former).drain(), 60)


async def test_a_failure_of_ours_is_one_line_without_what_it_said_and_the_way_there_at_debug(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.inputs[0], b"k", b'{"raise": true}', 10)
    with caplog.at_level(logging.DEBUG, "streams.engine.keeper"):
        await house.drain()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert [text.split(" at ")[0] for text in told] == ["partition 0: KeyError"] * 2
    assert all("counter.py:" in text and "\n" not in text for text in told)
    assert not any("secret of a debtor" in text for text in told)
    ways = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert len([way for way in ways if "counter.py" in way]) == 2


async def test_records_deleted_before_they_were_read_stop_the_partition_instead_of_being_skipped(kafka: str) -> None:
    house = await House.build(kafka, partitions=1)
    topic = house.config.inputs[0]
    async with Publisher(kafka) as publisher:
        await publisher.send(topic, b"k", b'{"add": 1}', 10)
        await house.drain()
        await publisher.send_many(topic, [(b"k", b'{"add": 1}', 10)] * 5)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=4)})
    await admin.close()
    with pytest.raises(Stopped, match=f"{topic}-0: position 1 is outside what the log holds"):
        await house.drain()


async def test_a_stopped_partition_is_told_and_does_not_hold_up_the_others(kafka: str) -> None:
    house = await House.build(kafka, partitions=2)
    async with Publisher(kafka) as publisher:
        await publisher.send(house.config.changelog, b"newer", frame(9, 0, b"{}"), partition=0)
        key = next(key for key in (b"key-%d" % number for number in range(50)) if partition_of(key, 2) == 1)
        await publisher.send(house.config.inputs[0], key, b'{"add": 1}', 10)
    engine = house.engine()
    working = asyncio.create_task(engine.run())

    async def told() -> bool:
        phases = [health.phase for health in engine.health().partitions]
        return phases == [Phase.STOPPED, Phase.RUNNING] and engine.state(key) is not None

    await eventually(told, "one partition stands still, the other works")
    assert "newer release" in engine.health().partitions[0].reason
    assert not engine.health().ready
    assert await engine.alive(5.0)
    engine.stop()
    await working


async def test_a_topic_with_another_number_of_partitions_is_refused(kafka: str) -> None:
    house = await House.build(kafka, partitions=2)
    with pytest.raises(EngineError, match="has 2 partitions, the engine works with 3"):
        await house.drain(partitions=3)


async def test_states_can_be_read_from_outside_and_the_owner_of_the_others_is_known(kafka: str) -> None:
    house = await House.build(kafka)
    async with Publisher(kafka) as publisher, Running(house.engine()) as engine:
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 5}', 10)

        async def applied() -> bool:
            return engine.state(b"k") == Count(total=5, seen=1)

        await eventually(applied, "the state can be read")
        assert engine.state(b"unknown") is None
        assert await engine.owner(b"k") == "127.0.0.1:6066"
        assert await engine.alive(0.0)


def test_the_counter_says_nothing_the_engine_could_not_know() -> None:
    """The engine's tests stand on this processor being deterministic."""
    counter = Counter("out", "timers")
    record = Record("in", 0, 0, 1, b"k", b'{"add": 1}')
    assert counter.apply(Factor(), b"k", None, {"add": 1}, record) == counter.apply(Factor(), b"k", None, {"add": 1}, record)
