"""What fails around the workers: the broker, one worker after the other, the folder with its state, the id it says it has."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest

from mahnlauf.broker import jars
from mahnlauf.broker.node import Node
from mahnlauf.broker.ports import answers_metadata
from mahnlauf.failures import ClusterWrong
from streams.engine.errors import EngineError
from streams.replay import Replayed
from tests.chaos.cases import Cases, Slice, stories
from tests.chaos.flow import Flow
from tests.chaos.house import House, assert_clean, assert_ends_like_replay, said
from tests.chaos.process import Worker
from tests.chaos.telling import tell
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(600)
FIRST, *MORE = range(1, 6)
SLICES = 16
SEEDS = [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)]
TRIES = 10
BROKERS = 3
"""How often the scenario may begin anew because Kafka forgot the end of a transaction."""


@lru_cache(maxsize=1)
def cases() -> Cases:
    return stories()


@lru_cache(maxsize=1)
def replayed() -> Replayed:
    return cases().replayed()


def assert_all_is_well(house: House, seed: int) -> None:
    house.settle()
    verdict = house.audit()
    tell(f"seed {seed}: {house.figures().transactions()}, {house.aborted()} aborted on the broker; {said(verdict)}")
    assert_clean(verdict)
    tell(f"seed {seed}: {assert_ends_like_replay(house, cases(), replayed())}")


@contextmanager
def broker(folder: Path) -> Iterator[Node]:
    """One that can be stopped."""
    found = Node(folder)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def settled(house: House) -> bool:
    """False if it does not settle because a worker says that a transaction's end is lost on the broker."""
    try:
        house.settle()
    except AssertionError:
        if any("kafka-transactions.sh" in worker.log.read_text(errors="replace") for worker in house.workers):
            return False
        raise
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_a_broker_that_goes_and_comes_back_while_events_flow(tmp_path: Path, seed: int) -> None:
    """A publisher that was refused publishes again, as publishers do: what is there twice counts once.

    The broker goes in order. A cluster's only broker may forget markers of a transaction it had promised to commit (docs/guarantees.md);
    what a partition does then is shown by tests/engine/test_outage.py, and here another broker takes its place.
    """
    if jars.java() is None:
        pytest.skip("only a broker from jars can be stopped here, and there is no Java")
    for number in range(BROKERS):
        with broker(tmp_path / f"kafka-{number}") as node:
            if work_goes_on(node, tmp_path / f"house-{number}", seed):
                return
        tell(f"seed {seed}: the broker forgot the end of a transaction")
    pytest.fail(f"{BROKERS} brokers in a row forgot the end of a transaction")


def work_goes_on(node: Node, folder: Path, seed: int) -> bool:
    """False if the broker forgot the end of a transaction that it was committing when it stopped."""
    folder.mkdir()
    rng, house = random.Random(seed), House(node.bootstrap, folder)

    def stubborn(piece: Slice) -> None:
        for _ in range(TRIES):
            try:
                house.publish(piece)
                return
            except (EngineError, ClusterWrong) as error:
                tell(f"seed {seed}: to be published again: {error}")
                until(lambda: answers_metadata(node.port), "the broker is there again")
        raise AssertionError(f"not published in {TRIES} tries")

    try:
        house.furnish(cases())
        for name in "AB":
            until(house.worker(name).ready, f"worker {name} is ready")
        with Flow(stubborn, cases().slices(SLICES), rng) as flow:
            for _ in range(2):
                flow.flow_on()
                port = node.port
                node.stop()
                node.start()
                assert node.port == port
                assert flow.flowing, f"seed {seed}: the broker went when nothing flowed"
                flow.flow_on()
            flow.finish()
        assert all(worker.running for worker in house.workers), "a worker ended because Kafka was away"
        if not settled(house):
            return False
        assert_all_is_well(house, seed)
        return True
    finally:
        house.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_worker_after_the_other_restarted_and_a_state_folder_lost(house: House, seed: int) -> None:
    """With RocksDB and instance ids; every stop is in order and in time, whatever flows."""
    rng = random.Random(seed)
    house.furnish(cases())
    folders = {name: house.folder / f"state-{name}" for name in "AB"}

    def started(name: str, turn: int) -> None:
        worker = house.worker(f"{name}-{turn}", store="rocksdb", state_folder=str(folders[name]), instance_id=f"worker-{name}")
        running[name] = worker
        until(worker.ready, f"worker {name} is ready")

    running: dict[str, Worker] = {}
    for name in folders:
        started(name, 0)
    with Flow(house.publish, cases().slices(SLICES), rng) as flow:
        lost = rng.choice("AB")
        for turn in (1, 2):
            for name in rng.sample("AB", 2):
                flow.flow_on()
                assert running[name].terminate() == 0
                if turn == 2 and name == lost:
                    shutil.rmtree(folders[name])
                started(name, turn)
        flow.finish()
    tell(
        f"seed {seed}: the state folder of {lost} was lost; {house.figures().total('recovered_records_total')} changelog offsets read back"
    )
    assert_all_is_well(house, seed)


def test_of_two_workers_with_one_instance_id_one_ends_and_says_why(house: House) -> None:
    house.furnish(cases())
    first = house.worker("first", instance_id="same")
    until(first.ready, "the first worker is ready")
    house.publish(cases().slices(2)[0])
    second = house.worker("second", instance_id="same")
    until(lambda: not (first.running and second.running), "one of the two ends")
    ended, other = (first, second) if not first.running else (second, first)
    assert ended.ended() not in (0, None)
    assert "same" in ended.last_words()
    assert "instance" in ended.last_words()
    until(other.ready, "the other one works on")
    house.publish(cases().slices(2)[1])
    assert_all_is_well(house, FIRST)
    assert other.running
