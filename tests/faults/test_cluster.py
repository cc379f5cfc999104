"""Three brokers, two workers, two connectors and an agency, events that flow, and faults by a seed: nothing is lost, nothing happens twice.

A failure shows the seed and what happened at which slice. While one broker fails at a time, none may forget the end of a transaction as a
cluster's only one does (docs/guarantees.md, what is not guaranteed).
"""

import random
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
FIRST, *SEEDS = range(1, 11)
SHORT = 5
"""The first is part of every test run: one in so many contracts, and no more slices than its faults need."""
EVERYTHING = range(31, 34)
ATTEMPTS = 3
"""How often everything may begin anew because brokers forgot the end of a transaction."""


def draws(seed: int) -> tuple[Draw, ...]:
    """The first has a fault of each kind that a night may bring; the others have some of all kinds, and twice."""
    rng = random.Random(seed)
    return tuple(rng.sample(ONE_AT_A_TIME, len(ONE_AT_A_TIME))) if seed == FIRST else tuple(rng.choices(MORE, k=8))


@pytest.mark.parametrize("seed", [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in SEEDS)])
def test_everybody_fails_while_events_flow(tmp_path: Path, seed: int) -> None:
    with town(tmp_path, static=seed % 2 == 1) as of:
        one_at_a_time(of, seed, draws(seed))


def one_at_a_time(of: Town, seed: int, what: Sequence[Draw]) -> None:
    """While others have the partitions of a broker that fails, none forgets the end of a transaction."""
    live_through(of, seed, what)
    assert not of.brokers.forgot, f"brokers {of.brokers.forgot} forgot the end of a transaction, though others had its partition"


def live_through(of: Town, seed: int, what: Sequence[Draw]) -> None:
    """Events flow, all of that happens, and all is well at the end."""
    tell(f"seed {seed}:")
    rng, told = random.Random(seed), cases().of_contracts(SHORT if seed == FIRST else 2)
    of.settle_in(told)
    slices = told.slices(2 + 2 * len(what) if seed == FIRST else SLICES)
    plan = Plan(of, rng, what, len(slices))
    with Flow(plan.publish, slices, rng, PAUSE_S) as flow:
        plan.run(flow)
        flow.finish()
    tell(f"seed {seed}: {of.assert_all_is_well()}")


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
