"""It makes no difference when a worker looks: one that keeps up, one that was away for days, one that finds half a year at once."""

import random

import pytest

from tests.chaos.cases import stories
from tests.chaos.house import House, assert_clean, assert_like_replay, said
from tests.chaos.telling import tell
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(600)
FIRST, *MORE = range(1, 6)
DAYS_AWAY = 3
KEEPS_UP_EVERY = 4


@pytest.mark.parametrize("seed", [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)])
def test_a_worker_that_was_down_for_days_gives_what_one_that_keeps_up_gives(house: House, seed: int) -> None:
    """Up, it keeps up: now and then everything published is applied before more is. Down, it misses three days of events and ticks."""
    rng, cases = random.Random(seed), stories()
    pieces = cases.periods(DAYS_AWAY)
    house.furnish(cases)
    absences = rng.sample(range(1, len(pieces) - 1), 3)
    worker = house.worker("up-0")
    until(worker.ready, "the worker is ready")
    for number, piece in enumerate(pieces):
        if number in absences and worker.running:
            assert worker.terminate() == 0
        house.publish(piece)
        if not worker.running:
            worker = house.worker(f"up-{number}")
            until(worker.ready, "the worker is ready again")
        elif number % KEEPS_UP_EVERY == 0:
            house.settle()
    house.settle()
    counts = assert_like_replay(house, cases.replayed())
    verdict = house.audit()
    away = ", ".join(f"{pieces[first].lines[0].moment.date()} to {pieces[first].until}" for first in sorted(absences))
    tell(f"seed {seed}: away {away}; equal to the replay: {counts}; {said(verdict)}")
    assert_clean(verdict)


def test_a_backlog_gives_what_a_worker_that_keeps_up_gives(house: House) -> None:
    """Half a year found at once, by a worker whose buffers hold a fraction of it."""
    cases = stories()
    house.furnish(cases)
    house.publish(cases.whole())
    house.drain(batch_records="50")
    counts = assert_like_replay(house, cases.replayed())
    verdict = house.audit()
    tell(f"a backlog of {len(cases.lines)} events: equal to the replay: {counts}; {said(verdict)}")
    assert_clean(verdict)
