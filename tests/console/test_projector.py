"""The projector over a real Kafka: the views say what the topics say, whatever happens to whoever writes them."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import OperationalError

from console.database import opened, writing
from console.views.projector import Projector
from console.views.store import AWAY_MAX_MS, OtherTopic, Overtaken, Piece, Store
from console.views.tables import CASES, DEBTORS, HANDOVERS, HISTORY, NOTICES, POSITIONS, REPLIES
from mahnlauf.exporting import export
from schemas import topics
from streams.engine.cluster import Connection
from tests.console.kit import NAME, PARTITIONS, Sql, debtor, everything, lived, store, write

KILLS = 5
SOAK_KILLS = 20
LAST_KILL_AFTER = 120
"""Records."""


@pytest.fixture(scope="module")
def cluster(own_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Connection:
    return asyncio.run(lived(own_kafka, tmp_path_factory.mktemp("lived")))


async def _drained(connection: Connection, made: Store, *, persons: bool = False) -> Projector:
    projector = Projector(connection, made, persons=persons)
    await projector.drain()
    return projector


async def _exported(connection: Connection, topic: str) -> list[dict[str, Any]]:
    out = BytesIO()
    await export(connection, topic, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


async def test_the_views_say_what_export_tells(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made)
    latest = {line["key"]: line["value"]["data"] for line in await _exported(cluster, topics.CASE_STATUS)}
    with engine.connect() as connection:
        cases = {f"{row.tenant}/{row.contract}": row for row in connection.execute(select(CASES))}
        for topic, table in ((topics.CASE_HISTORY, HISTORY), (topics.NOTICES, NOTICES)):
            found = {(row.partition, row.offset): (f"{row.tenant}/{row.contract}", row.told) for row in connection.execute(select(table))}
            lines = await _exported(cluster, topic)
            assert found == {(line["partition"], line["offset"]): (line["key"], line["value"]["data"]) for line in lines}
            assert lines
    assert {key: row.told for key, row in cases.items()} == latest
    for key, row in cases.items():
        assert (row.status, row.open_amount, row.version) == tuple(latest[key][name] for name in ("status", "open_amount", "version"))


async def test_what_was_handed_over_is_there_with_what_was_claimed(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made)
    events = [line["value"] for line in await _exported(cluster, topics.COMMANDS)]
    sums = ("agency_account", "currency", "open_amount", "costs", "interest")
    submitted = {
        each["data"]["handover_id"]: tuple(each["data"][name] for name in sums) for each in events if each["type"] == "case.submit"
    }
    with engine.connect() as connection:
        rows = [row for row in connection.execute(select(HANDOVERS)) if row.account]
    assert {row.handover_id: (row.account, row.currency, row.open_amount, row.costs, row.interest) for row in rows} == submitted
    assert submitted


async def test_what_an_agency_wrote_in_the_clear_and_who_the_debtor_is_are_not_kept(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made)
    assert NAME not in repr(everything(engine))
    with engine.connect() as connection:
        assert connection.execute(select(REPLIES.c.type)).scalars().first() == "case.message_received"


async def test_a_debtor_is_shown_if_the_operator_wants_it_and_goes_with_the_tombstone(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await write(cluster, topics.DEBTORS, "D-2", debtor("D-2"))
    await _drained(cluster, made, persons=True)
    assert await _debtors(engine) == ["D-1", "D-2"]
    await write(cluster, topics.DEBTORS, "D-2", None)
    await _drained(cluster, made, persons=True)
    assert await _debtors(engine) == ["D-1"]
    await _drained(cluster, made)  # turned off: nothing stays
    assert await _debtors(engine) == []
    await _drained(cluster, made, persons=True)
    assert await _debtors(engine) == ["D-1"]


async def test_who_was_away_for_long_does_not_keep_what_was_erased_meanwhile(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made, persons=True)
    ghost = {"tenant": "acme", "contract": "gone", "name": NAME, "sought": NAME.lower()}  # its tombstone is compacted away
    with writing(engine).begin() as connection:
        connection.execute(DEBTORS.insert(), ghost)
        connection.execute(update(POSITIONS).values(caught_up_ms=POSITIONS.c.caught_up_ms - AWAY_MAX_MS - 1))
    await _drained(cluster, made, persons=True)
    assert "gone" not in await _debtors(engine)
    fresh, other = store(sql, "fresh")
    await _drained(cluster, other, persons=True)
    assert everything(engine) == everything(fresh)


async def test_two_projectors_never_double(cluster: Connection, sql: Sql) -> None:
    engine, _ = store(sql)
    both = [Projector(cluster, Store(engine)) for _ in range(2)]
    await asyncio.gather(*(one.drain() for one in both))
    alone, other = store(sql, "alone")
    await _drained(cluster, other)
    assert everything(engine) == everything(alone)


async def test_a_batch_that_another_applied_is_refused_whole(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made)
    before, place = everything(engine), (topics.CASE_STATUS, 0)
    with pytest.raises(Overtaken):
        made.apply({place: Piece(0, 10_000, [(0, ("acme", key), None) for key in ("C-1001", "C-1002")])})
    assert everything(engine) == before
    assert made.positions()[place] < 10_000


async def test_unreadable_records_and_aborted_ones_are_not_shown(cluster: Connection, sql: Sql) -> None:
    _, before = store(sql, "before")
    known = (await _drained(cluster, before)).progress.skipped
    await write(cluster, topics.REPLIES, "C-1001", b"no event")
    producer = AIOKafkaProducer(**cluster.options("test"), transactional_id="aborting")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topics.CASE_STATUS, b"{}", b"acme/never", partition=0)
    await producer.abort_transaction()
    await producer.stop()
    engine, made = store(sql)
    projector = await _drained(cluster, made)
    assert projector.progress.skipped == known + 1
    assert "never" not in repr(everything(engine))


async def test_views_of_another_cluster_are_refused(cluster: Connection, sql: Sql) -> None:
    engine, made = store(sql)
    await _drained(cluster, made)
    with writing(engine).begin() as connection:
        connection.execute(update(POSITIONS).values(topic_id="another"))
    with pytest.raises(OtherTopic, match="begin anew with mahnlauf project --rebuild"):
        await _drained(cluster, made)
    made.clear()
    await _drained(cluster, made)


@pytest.mark.parametrize("kills", [KILLS, pytest.param(SOAK_KILLS, marks=[pytest.mark.soak, pytest.mark.timeout(300)])])
def test_killed_at_any_point_the_views_equal_a_rebuild(cluster: Connection, tmp_path: Path, kills: int) -> None:
    for number in range(kills):
        _killed(cluster, tmp_path, after_records=number * LAST_KILL_AFTER // (kills - 1))
    assert _called(cluster, tmp_path, "project", "--drain").returncode == 0
    killed = everything(opened(f"sqlite:///{tmp_path / 'console' / 'views.sqlite'}"))
    assert _called(cluster, tmp_path, "project", "--rebuild", "--drain").returncode == 0
    assert everything(opened(f"sqlite:///{tmp_path / 'console' / 'views.sqlite'}")) == killed
    assert killed["cases"]


def _killed(connection: Connection, folder: Path, after_records: int) -> None:
    """A projector, killed once the positions have passed so many records."""
    running = subprocess.Popen(_words("project"), env=_variables(connection, folder), stderr=subprocess.DEVNULL)
    pause = threading.Event()
    try:
        for _ in range(3_000):
            if _passed(folder / "console" / "views.sqlite") >= after_records:
                return
            pause.wait(0.01)
        pytest.fail("the projector did not come so far")
    finally:
        running.kill()
        running.wait(10)


def _passed(database: Path) -> int:
    """How many records are in the views; -1 while there are none yet."""
    if not database.exists():
        return -1
    try:
        return sum(Store(opened(f"sqlite:///{database}")).positions().values())
    except OperationalError:  # the tables are being made
        return -1


def _called(connection: Connection, folder: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(_words(*words), env=_variables(connection, folder), check=False, timeout=60)


def _words(*words: str) -> list[str]:
    return [sys.executable, "-m", "mahnlauf", *words]


def _variables(connection: Connection, folder: Path) -> dict[str, str]:
    return {**os.environ, "MAHNLAUF_KAFKA__BOOTSTRAP": connection.bootstrap, "MAHNLAUF_STATE": str(folder)}


async def _debtors(engine: Engine) -> list[str]:
    """The contracts of the debtors that the kit described."""
    asked = select(DEBTORS.c.contract).where(DEBTORS.c.name == f"Eva {NAME}").order_by(DEBTORS.c.contract)
    with engine.connect() as connection:
        return list(connection.execute(asked).scalars())


async def test_positions_cover_every_partition(cluster: Connection, sql: Sql) -> None:
    _, made = store(sql)
    await _drained(cluster, made)
    assert len(made.positions()) == 7 * PARTITIONS
