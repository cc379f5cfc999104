"""Cases published by a client that places keys otherwise: everything misplaced is forwarded, counted, and no state splits."""

import random
from collections import Counter
from datetime import date

import pytest

from schemas import topics
from tests.chaos.cases import Cases, fines
from tests.chaos.house import PARTITIONS, House, assert_clean, assert_ends_like_replay, said
from tests.chaos.process import Worker
from tests.chaos.stranger import Stranger
from tests.chaos.telling import tell
from tests.chaos.waiting import until
from tests.replay.cases import POLICY, needs_fines

pytestmark = [needs_fines, pytest.mark.timeout(900)]
FIRST, *MORE = range(1, 4)


def chosen(seed: int) -> Cases:
    """The seed decides which contracts; the first takes few of them and a year, so that it fits into every test run."""
    rng, cases = random.Random(seed), fines(POLICY, date(2010, 6, 30))
    return cases.of_contracts(30, rng.randrange(30)).up_to(date(2007, 6, 30)) if seed == FIRST else cases.of_contracts(2, rng.randrange(2))


@pytest.mark.parametrize("seed", [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)])
def test_keys_placed_by_another_hash_find_home(house: House, seed: int) -> None:
    cases = chosen(seed)
    house.furnish(cases)
    worker = house.worker("A")
    until(worker.ready, "the worker is ready")
    with Stranger(house.bootstrap, PARTITIONS) as stranger:
        days = cases.days()
        for piece in days:
            stranger.publish(piece.lines)
            until(lambda: applied(worker) == stranger.sent, f"seed {seed}: all {stranger.sent} events are forwarded and applied")
            house.tick(piece.ticks())
    house.settle()
    figures = worker.figures()
    counted = {topic: figures.total("rerouted_total", topic=topic) for topic in stranger.misplaced}
    forwarded = house.exported(topics.REROUTED)
    verdict = house.audit()
    tell(
        f"seed {seed}: {stranger.sent} events in {len(days)} days, {stranger.misplaced.total()} misplaced: {dict(stranger.misplaced)}, "
        f"{len(forwarded)} forwarded; {said(verdict)}"
    )
    assert stranger.misplaced.total() > stranger.sent // 2
    assert counted == dict(stranger.misplaced)
    assert Counter(dict(line["headers"])["__mahnlauf.rerouted.topic"] for line in forwarded) == stranger.misplaced
    assert_one_home(house)
    assert verdict["forwarded"] == len(forwarded)
    assert_clean(verdict)
    tell(f"seed {seed}: {assert_ends_like_replay(house, cases, cases.replayed())}")


def applied(worker: Worker) -> int:
    return worker.figures().total("events_total") - worker.last.total("events_total", topic=topics.TIMERS)


def assert_one_home(house: House) -> None:
    """Every contract's state lies in one partition alone."""
    homes: dict[str, set[int]] = {}
    for line in house.exported(topics.CHANGELOG):
        if not line["key"].startswith("\0"):  # the engine's own
            homes.setdefault(line["key"], set()).add(line["partition"])
    assert homes
    assert not {key: where for key, where in homes.items() if len(where) > 1}
