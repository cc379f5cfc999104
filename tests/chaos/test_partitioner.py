"""Cases published by a client that places keys otherwise: everything misplaced is forwarded, counted, and no state splits."""

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.topics import CASE_STATUS
from tests.chaos.cases import Cases, fines
from tests.chaos.house import PARTITIONS, House, assert_clean, assert_ends_like_replay, assert_same, latest, said
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


SEEDS = [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)]
EVENING = (time(19), time(20), time(21))
"""Of the day before, still in Rome's: everything of that day was decided at its noon, so whatever they overtake, they change nothing."""
MONEY = ("open_amount", "costs", "interest", "credit", "written_off", "currency")
"""What is owed; whether it is overdue on the ladder or in a case is for the steps to say."""


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_placed_by_another_hash_find_home(house: House, seed: int) -> None:
    """Ticks flow while records are forwarded; with those that follow once all are, every contract stands where it would."""
    cases = chosen(seed)
    worker = furnished(house, cases)
    with Stranger(house.bootstrap, PARTITIONS) as stranger:
        for piece in cases.days():
            stranger.publish(piece.lines)
            house.tick([datetime.combine(piece.lines[0].moment.date() - timedelta(days=1), at, UTC) for at in EVENING])
            until(lambda: applied(worker) == stranger.sent, f"seed {seed}: all {stranger.sent} events are forwarded and applied")
            house.tick(piece.ticks())
    assert_all_forwarded(house, worker, stranger, seed)
    tell(f"seed {seed}: {assert_ends_like_replay(house, cases, cases.replayed())}")


@pytest.mark.parametrize("seed", SEEDS)
def test_ticks_that_overtake_what_is_forwarded(house: House, seed: int) -> None:
    """Nobody waits for anything: a step may come before a payment that is on its way to its partition. All is forwarded and counted, no
    state splits, the audit finds nothing, and what is owed is what it would be."""
    cases = chosen(seed)
    worker = furnished(house, cases)
    with Stranger(house.bootstrap, PARTITIONS) as stranger:
        for piece in cases.days():
            stranger.publish(piece.lines)
            house.tick(piece.ticks())
    until(lambda: applied(worker) == stranger.sent, f"seed {seed}: all {stranger.sent} events are forwarded and applied", 180.0)
    assert_all_forwarded(house, worker, stranger, seed)
    found, wanted = house.status(), latest(cases.replayed())
    assert_same(CASE_STATUS, *({key: money(row) for key, row in rows.items()} for rows in (found, wanted)))


def furnished(house: House, cases: Cases) -> Worker:
    house.furnish(cases)
    worker = house.worker("A")
    until(worker.ready, "the worker is ready")
    return worker


def assert_all_forwarded(house: House, worker: Worker, stranger: Stranger, seed: int) -> None:
    """Every misplaced record was forwarded and counted, no state split, and the audit finds nothing."""
    house.settle()
    figures = worker.figures()
    counted = {topic: figures.total("rerouted_total", topic=topic) for topic in stranger.misplaced}
    forwarded = house.exported(topics.REROUTED)
    verdict = house.audit()
    tell(
        f"seed {seed}: {stranger.sent} events, {stranger.misplaced.total()} misplaced: {dict(stranger.misplaced)}, "
        f"{len(forwarded)} forwarded; {said(verdict)}"
    )
    assert stranger.misplaced.total() > stranger.sent // 2
    assert counted == dict(stranger.misplaced)
    assert Counter(dict(line["headers"])["__mahnlauf.rerouted.topic"] for line in forwarded) == stranger.misplaced
    assert_one_home(house)
    assert verdict["forwarded"] == len(forwarded)
    assert_clean(verdict)


def money(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row["data"][name] for name in MONEY}


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
