"""Three brokers, two workers, two connectors and an agency, events that flow, and faults by a seed: nothing is lost, nothing happens twice.

A failure shows the seed and what happened at which slice. While one broker fails at a time, none may forget the end of a transaction as a
cluster's only one does (docs/guarantees.md, what is not guaranteed).
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.flow import Flow
from tests.chaos.telling import tell
from tests.faults.plan import MORE, ONE_AT_A_TIME, Draw, Faults, Plan
from tests.faults.release import before_this_one
from tests.faults.town import Town, cases, town

pytestmark = pytest.mark.timeout(600)
SLICES = 20
PAUSE_S = (0.2, 1.0)
FIRST = 1
SHORT = 5
"""The first seed is part of every test run: one in so many contracts, and no more slices than its faults need."""
LONG = range(41, 51)
LONG_SLICES = 60
LONG_FAULTS = 24
LONG_S = 300.0
"""How long events flow and faults happen in the long ones, at least."""
EVERYTHING = range(31, 34)
ATTEMPTS = 3
"""How often everything may begin anew because brokers forgot the end of a transaction."""


def test_everybody_fails_while_events_flow(tmp_path: Path) -> None:
    """With a fault of each kind that a night may bring."""
    with town(tmp_path) as of:
        one_at_a_time(of, FIRST, random.Random(FIRST).sample(ONE_AT_A_TIME, len(ONE_AT_A_TIME)))


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", LONG)
def test_everybody_fails_again_and_again_for_five_minutes(tmp_path: Path, seed: int) -> None:
    """With faults of all kinds, some of them many times."""
    with town(tmp_path, static=seed % 2 == 1) as of:
        lasted_s = one_at_a_time(of, seed, random.Random(seed).choices(MORE, k=LONG_FAULTS))
        assert lasted_s >= LONG_S


def one_at_a_time(of: Town, seed: int, what: Sequence[Draw]) -> float:
    """While others have the partitions of a broker that fails, none forgets the end of a transaction. Returns seconds."""
    lasted_s = live_through(of, seed, what)
    assert not of.brokers.forgot, f"brokers {of.brokers.forgot} forgot the end of a transaction, though others had its partition"
    return lasted_s


def live_through(of: Town, seed: int, what: Sequence[Draw]) -> float:
    """Events flow, all of that happens, and all is well at the end. Returns for how many seconds events flowed."""
    tell(f"seed {seed}:")
    rng, told = random.Random(seed), cases().of_contracts(SHORT if seed == FIRST else 2)
    of.settle_in(told)
    many = {FIRST: 2 + 2 * len(what), **dict.fromkeys(LONG, LONG_SLICES)}
    slices = told.slices(many.get(seed, SLICES))
    plan = Plan(of, rng, what, len(slices))
    began_s = time.monotonic()
    pause_s = LONG_S / len(slices)
    with Flow(plan.publish, slices, rng, (0.6 * pause_s, 1.7 * pause_s) if seed in LONG else PAUSE_S) as flow:
        plan.run(flow)
        flow.finish()
    lasted_s = time.monotonic() - began_s
    tell(f"seed {seed}: {lasted_s:.0f} s, {of.assert_all_is_well()}")
    return lasted_s


@pytest.mark.soak
def test_the_broker_that_keeps_a_group_is_killed(tmp_path: Path) -> None:
    with town(tmp_path, static=False) as of:
        one_at_a_time(of, 21, [Faults.coordinator_killed] * 4)


@pytest.mark.soak
def test_brokers_are_restarted_in_order_one_after_the_other(tmp_path: Path) -> None:
    with town(tmp_path) as of:
        one_at_a_time(of, 22, [Faults.brokers_rolled, Faults.brokers_rolled])


@pytest.mark.soak
def test_stores_are_lost_and_cut_short(tmp_path: Path) -> None:
    with town(tmp_path) as of:
        one_at_a_time(of, 23, [Faults.store_damaged] * 5)


@pytest.mark.soak
def test_a_stranger_leaves_transactions_open_while_brokers_are_killed(tmp_path: Path) -> None:
    with town(tmp_path) as of:
        one_at_a_time(of, 24, [Faults.transaction_left_open, Faults.broker_killed] * 3)


@pytest.mark.soak
def test_workers_of_the_release_before_are_replaced_one_by_one(tmp_path: Path) -> None:
    """With open cases, and stores that the release before has written."""
    commit = before_this_one(tmp_path / "before")
    tell(f"workers of {commit[:7]} are replaced")
    with town(tmp_path, code=tmp_path / "before") as of:
        live_through(
            of, 25, [Faults.worker_killed, Faults.worker_upgraded, Faults.worker_killed, Faults.worker_upgraded, Faults.worker_killed]
        )


@pytest.mark.soak
@pytest.mark.parametrize("seed", EVERYTHING)
def test_everything_is_killed_at_once(tmp_path: Path, seed: int) -> None:
    """Then partitions have no leader for a while, and brokers may forget the end of a transaction as a cluster's only one does. They say
    so, and a process says that it waits: that is told, and the scenario begins anew."""
    for attempt in range(ATTEMPTS):
        with town(tmp_path / str(attempt)) as of:
            try:
                live_through(of, seed, [Faults.everything, Faults.everything])
                tell(f"seed {seed}: brokers that forgot the end of a transaction: {of.brokers.forgot or 'none'}")
                return
            except AssertionError as error:
                if not (of.brokers.forgot and of.waits_for_an_end()):
                    raise
                tell(f"seed {seed}: brokers {of.brokers.forgot} forgot the end of a transaction, and a process waits for it: {error}")
    pytest.fail(f"brokers forgot the end of a transaction {ATTEMPTS} times")
