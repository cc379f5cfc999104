"""What becomes of a record, whatever it is: applied, forwarded, skipped or a dead letter; and of a batch that must be taken back."""

import json
from typing import Any

import pytest

from streams.engine.applying import Applier, Condemned, ProcessorFailed
from streams.engine.cluster import Connection
from streams.engine.config import EngineConfig
from streams.engine.framing import PROGRESS_KEY, SHARED_KEY, unframe
from streams.engine.limits import Limits
from streams.engine.placing import partition_of
from streams.engine.protocol import Output, Record, Tick
from streams.engine.reroute import forwarded, original
from streams.engine.states import TooLarge
from streams.engine.store import MemoryStore
from streams.engine.ticking import TickRun
from tests.engine.counter import Count, Counter, Factor

PARTITION = 1
CONFIG = EngineConfig(
    "app", Connection("nowhere"), ("pay", "bill"), "rerouted", "timers", "changelog", "journal", 4, "host:1", limits=Limits(state_bytes=400)
)
MINE, MINE_TOO, OTHER = (
    next(key for key in (b"key-%d" % number for number in range(start, start + 100)) if partition_of(key, 4) == partition)
    for start, partition in ((0, PARTITION), (100, PARTITION), (0, 2))
)
FAR_DEADLINE = 1e12

CounterApplier = Applier[Count, Factor, dict[str, Any]]


def applier(store: MemoryStore | None = None, condemned: Condemned = ()) -> CounterApplier:
    return Applier(Counter("out", "timers"), store or MemoryStore(), PARTITION, CONFIG, condemned)


def record(value: object, *, key: bytes | None = MINE, topic: str = "pay", offset: int = 7) -> Record:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Record(topic, PARTITION, offset, 1_000, key, data, (("h", b"1"),))


def settled(done: CounterApplier) -> list[Output]:
    """Commit what was applied, as the partition does after its transaction. Returns the outputs."""
    outputs = done.outputs
    done.settle(done.changes(), 1)
    return outputs


def headers(letter: Output) -> dict[str, str]:
    return {name.removeprefix("__mahnlauf.errors."): value.decode() for name, value in letter.headers if name.startswith("__mahnlauf")}


def test_an_event_changes_its_key_and_says_so() -> None:
    done = applier()
    done.apply_all([record({"add": 2}), record({"add": 3})])
    assert [json.loads(output.value or b"")["total"] for output in done.outputs] == [2, 5]
    assert list(done.changes().records) == [MINE]
    assert done.states.committed(MINE) is None
    settled(done)
    assert done.states.committed(MINE) == Count(total=5, seen=2)


def test_a_misplaced_key_is_forwarded_unchanged_before_anybody_reads_it() -> None:
    done = applier()
    misplaced = record(b"not even JSON", key=OTHER)
    done.apply_all([misplaced])
    [sent] = settled(done)
    assert (sent.topic, sent.partition, sent.key, sent.value, sent.timestamp_ms) == ("rerouted", 2, OTHER, b"not even JSON", 1_000)
    assert original(Record("rerouted", 2, 99, 1_000, sent.key, sent.value, sent.headers)) == misplaced


def test_a_rerouted_record_is_applied_as_what_it_was_published_as() -> None:
    done = applier()
    sent = forwarded(record({"add": 1}, topic="bill"), "rerouted", PARTITION)
    done.apply_all([Record("rerouted", PARTITION, 99, 1_000, sent.key, sent.value, sent.headers)])
    assert done.counts.events == {("bill", "add"): 1}


def test_a_rerouted_record_that_is_poison_is_buried_where_it_was_published() -> None:
    done = applier()
    sent = forwarded(record(b"{", topic="bill", offset=3), "rerouted", PARTITION)
    done.apply_all([Record("rerouted", PARTITION, 99, 1_000, sent.key, sent.value, sent.headers)])
    [letter] = settled(done)
    assert letter.topic == "bill.dead-letters"
    assert headers(letter)["offset"] == "3"


@pytest.mark.parametrize(
    ("bad", "reason", "stage"),
    [
        (record(b"{"), "not JSON", "decode"),
        (record({"refuse": True}), "refused", "apply"),
        (record({"add": 1}, key=None), "wrong key", "decode"),
        (record({"add": 1}, key=b"\x00shared"), "wrong key", "decode"),
        (record({"add": 1}, key=b""), "wrong key", "decode"),
        (record({"add": 1}, topic="rerouted"), "no origin", "decode"),
        (record({"add": 1}, topic="timers", key=None), "wrong key", "decode"),
    ],
    ids=["undecodable", "refused", "no key", "reserved key", "empty key", "no origin", "event among timers"],
)
def test_poison_is_buried_unchanged_with_its_reason_and_everything_around_it_is_applied(bad: Record, reason: str, stage: str) -> None:
    done = applier()
    done.apply_all([record({"add": 1}, key=MINE_TOO), bad, record({"add": 1}, key=MINE_TOO)])
    letters = [output for output in settled(done) if output.topic.endswith(".dead-letters")]
    assert [(letter.topic, letter.key, letter.value, letter.timestamp_ms) for letter in letters] == [
        (bad.topic + ".dead-letters", bad.key, bad.value, 1_000)
    ]
    told = headers(letters[0])
    assert (told["topic"], told["partition"], told["offset"], told["stage"]) == (bad.topic, "1", "7", stage)
    assert told["exception.class.name"] == reason
    assert ("h", b"1") in letters[0].headers
    assert done.states.committed(MINE_TOO) == Count(total=2, seen=2)


def test_a_known_key_is_told_of_its_dead_letter_and_an_unknown_one_stays_unknown() -> None:
    done = applier()
    done.apply_all([record({"add": 1}), record(b"{"), record({"refuse": True}), record(b"{", key=MINE_TOO)])
    settled(done)
    assert done.states.committed(MINE) == Count(total=1, seen=1, told=2)
    assert done.states.committed(MINE_TOO) is None


def test_what_is_none_of_our_business_is_counted_and_passed_over() -> None:
    done = applier()
    done.apply_all([record({"unknown": True}), record({"unknown": True}, key=None)])
    assert done.counts.skipped == {("pay", "unknown"): 2}
    assert settled(done) == []


def test_an_exception_of_our_own_code_names_its_record_and_is_buried_only_once_condemned() -> None:
    with pytest.raises(ProcessorFailed) as failed:
        applier().apply_all([record({"raise": True})])
    assert failed.value.culprit == ("pay", 7)
    done = applier(condemned={("pay", 7)})
    done.apply_all([record({"add": 1}, offset=6), record({"raise": True}), record({"add": 1}, offset=8)])
    [letter] = [output for output in settled(done) if output.topic == "pay.dead-letters"]
    assert headers(letter)["exception.class.name"] == "KeyError"
    assert "secret" not in str(letter.headers)
    assert done.states.committed(MINE) == Count(total=2, seen=2, told=1)


def test_a_condemned_record_that_no_longer_fails_is_applied() -> None:
    done = applier(condemned={("pay", 7)})
    done.apply_all([record({"add": 1})])
    assert done.counts.events == {("pay", "add"): 1}


def test_a_state_over_its_limit_refuses_the_events_that_made_it_so() -> None:
    done = applier()
    batch = [record({"add": 1}), record({"add": 1, "pad": 1_000}), record({"add": 1}, key=MINE_TOO)]
    done.apply_all(batch[:1])
    settled(done)
    done.apply_all(batch[1:])
    with pytest.raises(TooLarge) as refused:
        done.changes()
    done.take_back(refused.value.key)
    done.apply_all(batch[1:])
    [letter] = [output for output in settled(done) if output.topic == "pay.dead-letters"]
    assert headers(letter)["exception.class.name"] == "state too large"
    assert done.states.committed(MINE) == Count(total=1, seen=1, told=1)
    assert done.states.committed(MINE_TOO) == Count(total=1, seen=1)


def test_an_output_no_record_can_hold_refuses_the_event_that_tells_it() -> None:
    done = applier()
    batch = [record({"add": 1}), record({"add": 1, "shout": 1_000}, key=MINE_TOO)]
    done.apply_all(batch)
    with pytest.raises(TooLarge) as refused:
        done.changes()
    assert refused.value.key == MINE_TOO
    done.take_back(refused.value.key)
    done.apply_all(batch)
    [letter] = [output for output in settled(done) if output.topic == "pay.dead-letters"]
    assert (letter.key, headers(letter)["exception.class.name"]) == (MINE_TOO, "state too large")
    assert done.states.committed(MINE) == Count(total=1, seen=1)


def test_a_batch_taken_back_leaves_no_trace() -> None:
    store = MemoryStore()
    store.loaded()
    done = applier(store)
    done.apply_all([record({"add": 1, "due": 5})])
    settled(done)
    broadcast = record({"factor": 3, "revisit": ["key"]}, topic="timers", key=None)
    done.apply_all([record({"add": 1}), broadcast, record({"forget": True}, key=MINE_TOO)])
    done.take_back()
    assert done.outputs == []
    assert done.shared == Factor()
    assert done.changes() == ({}, {}, {})
    assert done.states.due(5, ()) == [MINE]


def test_broadcasts_are_one_state_for_all_keys_and_survive_like_theirs() -> None:
    store = MemoryStore()
    done = applier(store)
    done.apply_all([record({"factor": 3}, topic="timers", key=None), record({"add": 2})])
    settled(done)
    again = applier(store)
    assert again.shared == Factor(factor=3)
    again.apply_all([record({"add": 2})])
    settled(again)
    assert again.states.committed(MINE) == Count(total=12, seen=2)
    assert unframe(store.get(SHARED_KEY) or b"").version == 1


def ticked(done: CounterApplier, now_ms: int, *, resumed: bool = False, fail: int | None = None) -> TickRun[Count, Factor, dict[str, Any]]:
    event = {"tick": now_ms, "fail": fail}
    tick = record(event, topic="timers", key=None, offset=now_ms)
    return TickRun(done, tick, Tick(event, "tick", now_ms, 0), CONFIG.limits, resumed=resumed)


def mine(count: int) -> list[bytes]:
    return [key for key in (b"key-%03d" % number for number in range(10 * count)) if partition_of(key, 4) == PARTITION][:count]


async def test_a_tick_visits_due_keys_in_order_and_resumes_behind_the_last_after_a_crash() -> None:
    store, keys = MemoryStore(), mine(5)
    store.loaded()
    done = applier(store)
    done.apply_all([record({"add": 1, "due": 50 if key != keys[3] else 51}, key=key) for key in reversed(keys)])
    settled(done)
    run = ticked(done, 50)
    step, visited = await run.visit(2, FAR_DEADLINE)
    assert (step.from_key, step.to_key, step.first, step.last, visited) == (keys[0], keys[1], True, False, 2)
    assert [output.key for output in settled(done)] == keys[:2]

    after_crash = applier(store)
    assert after_crash.progress.tick_offset == 50
    step, visited = await ticked(after_crash, 50, resumed=True).visit(2, FAR_DEADLINE)
    assert (step.from_key, step.to_key, step.first, step.last, visited) == (keys[2], keys[4], False, True, 2)
    assert [output.key for output in settled(after_crash)] == [keys[2], keys[4]]
    assert after_crash.progress.tick_offset is None


async def test_keys_of_the_open_batch_are_due_as_they_stand_now() -> None:
    done, keys = applier(), mine(2)
    done.apply_all([record({"add": 1, "due": 50}, key=keys[1])])
    step, _ = await ticked(done, 50).visit(10, FAR_DEADLINE)
    assert (step.from_key, step.last) == (keys[1], True)


async def test_a_revisit_is_durable_until_a_tick_has_finished() -> None:
    store, keys = MemoryStore(), mine(3)
    store.loaded()
    done = applier(store)
    done.apply_all([record({"add": 1}, key=key) for key in keys])
    done.apply_all([record({"factor": 2, "revisit": ["key-"]}, topic="timers", key=None)])
    settled(done)
    half = applier(store)
    await ticked(half, 50).visit(2, FAR_DEADLINE)
    settled(half)
    rest = applier(store)
    run = ticked(rest, 50, resumed=True)
    await run.visit(10, FAR_DEADLINE)
    assert [output.key for output in settled(rest)] == keys[2:]
    assert applier(store).progress.revisit == ()


async def test_an_ignored_tick_visits_nobody_and_keeps_what_must_be_revisited() -> None:
    done = applier()
    done.apply_all([record({"add": 1, "due": 10})])
    await ticked(done, 50).visit(10, FAR_DEADLINE)
    done.apply_all([record({"add": 1, "due": 10}), record({"factor": 2, "revisit": ["key-"]}, topic="timers", key=None)])
    settled(done)
    step, visited = await ticked(done, 40).visit(10, FAR_DEADLINE)
    assert (step.last, visited, done.progress.revisit) == (True, 0, (b"key-",))
    assert done.counts.ticks_ignored == 1


async def test_a_key_whose_visits_fail_is_a_dead_letter_where_that_begins_and_is_counted_at_each_tick() -> None:
    store = MemoryStore()
    store.loaded()
    done = applier(store)
    done.apply_all([record({"add": 1, "due": 50})])
    settled(done)
    with pytest.raises(ProcessorFailed):
        await ticked(done, 50, fail=1).visit(10, FAR_DEADLINE)

    letters: list[Output] = []
    done = applier(store, condemned={MINE})
    for now_ms in (50, 51):
        await ticked(done, now_ms, fail=1).visit(10, FAR_DEADLINE)
        assert done.counts.visits_failed == 1
        letters += settled(done)
    after_restart = applier(store)
    await ticked(after_restart, 52, fail=1).visit(10, FAR_DEADLINE)
    letters += settled(after_restart)
    assert [(letter.topic, letter.key) for letter in letters] == [("timers.dead-letters", MINE)]

    await ticked(after_restart, 53).visit(10, FAR_DEADLINE)
    assert [output.topic for output in settled(after_restart)] == ["out"]
    assert applier(store).progress.failing == {}


async def test_a_due_time_that_moves_alone_writes_nothing_to_the_changelog() -> None:
    done = applier()
    done.apply_all([record({"add": 1, "due": 50})])
    settled(done)
    done.states.put(MINE, done.states.find(MINE), done.states.find(MINE).state, 70)
    changes = done.changes()
    assert changes.records == {}
    done.settle(changes, 1)
    assert (done.states.due(60, ()), done.states.due(70, ())) == ([], [MINE])


async def test_progress_is_written_only_where_it_changed() -> None:
    done = applier()
    done.apply_all([record({"add": 1, "due": 50})])
    settled(done)
    await ticked(done, 50).visit(10, FAR_DEADLINE)
    assert PROGRESS_KEY not in done.changes().records
