"""What admins settle on the pages, at a real cluster and a real sandbox: the same as the command line tells."""

from pathlib import Path
from typing import Any

import pytest

from connectors.delivery.sealing import Key, Keys
from connectors.sandbox.app import create_app
from connectors.web import WebServer
from console.actions.desk import Unsent
from console.actions.office import Unfit
from mahnlauf.office import ClusterOffice
from mahnlauf.settings import Connector
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter
from tests.engine.kit import read_all
from tests.front_door.calling import Run

FIRST = "policy: standard\ntime_zone: Europe/Berlin\nsteps:\n  - {kind: remind, day: 5, level: 1}\n"
SECOND = FIRST.replace("day: 5", "day: 7")
ACCOUNT: dict[str, Any] = {"tenant": "acme", "account": "main", "agency": "atriga", "mode": "test", "customer_id": "4711", "settings": {}}


@pytest.mark.timeout(180)
async def test_policies_and_accounts_are_settled_as_the_command_line_tells_them(own_kafka: str, tmp_path: Path) -> None:
    run = Run(own_kafka, tmp_path)
    assert run("topics", "create", "--partitions", "2").returncode == 0
    sandbox = WebServer(create_app(), "127.0.0.1", 0)
    await sandbox.start()
    try:
        office = ClusterOffice(Connection(own_kafka), Keys([Key.new()]), Connector(sandbox_url=sandbox.url))
        with pytest.raises(Unfit, match="policy:3: steps"):
            await office.tried("acme", "policy: standard\ntime_zone: Europe/Berlin\nsteps: 5\n")
        assert (await office.tried("acme", FIRST)).version == 0
        assert [await office.apply("acme", text) for text in (FIRST, FIRST, SECOND)] == [1, 1, 2]
        tried = await office.tried("acme", FIRST)
        assert (tried.name, tried.version, len(tried.differences)) == ("standard", 2, 1)
        [told] = await office.policies()
        assert (told.tenant, told.name, told.version, told.ladder) == ("acme", "standard", 2, "remind 7")
        assert told.text in run("policy", "show", "acme/standard").stdout

        with pytest.raises(Unfit, match="mode"):
            await office.add_account(ACCOUNT | {"mode": "both"}, "s3cret")
        await office.add_account(ACCOUNT, "s3cret")
        with pytest.raises(Unfit, match="already"):
            await office.add_account(ACCOUNT, "s3cret")
        assert "atriga knows it" in await office.validate_account("acme", "main")
        await office.rotate_account("acme", "main", "an0ther")
        await office.pause_account("acme", "main", "a holiday")
        [known] = await office.accounts()
        assert (known.agency, known.mode, known.customer_id, known.paused) == ("atriga", "test", "4711", "a holiday")
        assert "a holiday" in run("accounts", "list").stdout
        await office.pause_account("acme", "main", "")
        assert (await office.accounts())[0].paused == ""
        with pytest.raises(Unfit, match="no account acme/other"):
            await office.pause_account("acme", "other", "x")
        await office.withdraw("acme", "standard")
        assert await office.policies() == []
    finally:
        await sandbox.stop()


async def test_a_cluster_that_is_not_there_is_unsent(tmp_path: Path) -> None:
    with pytest.raises(Unsent):
        await ClusterOffice(Connection("127.0.0.1:9"), Keys(), Connector()).policies()


async def test_a_dead_letter_goes_back_where_it_came_from_as_it_was_or_mended(own_kafka: str) -> None:
    connection, letters = Connection(own_kafka), topics.dead_letters(topics.PAYMENTS)
    headers = (("content-type", b"application/json"), ("__mahnlauf.errors.topic", b"billing.payments"), ("__mahnlauf.errors.offset", b"41"))
    told = (("__mahnlauf.errors.exception.class.name", b"invalid"), ("__mahnlauf.errors.exception.message", b"amount is missing"))
    writer = TransactionalWriter(connection, "a-worker", client_id="a-worker")
    await writer.start()
    await writer.commit([Output(letters, b"acme/C-9", b"{\xff", 1_700_000_000_000, (*headers, *told), 1)])
    await writer.stop()

    office = ClusterOffice(connection, Keys([Key.new()]), Connector())
    [found] = await office.dead_letters()
    assert (found.tenant, found.contract, found.origin, found.offset) == ("acme", "C-9", "billing.payments", "41")
    assert (found.reason, found.detail) == ("invalid", "amount is missing")
    await office.put_back(found.place, None)
    await office.put_back(found.place, "{}")
    for place in (found.place._replace(offset=99), found.place._replace(partition=7), found.place._replace(topic=topics.PAYMENTS)):
        with pytest.raises(Unfit, match="no dead letter"):
            await office.put_back(place, None)
    back = [record for record in await read_all(own_kafka, topics.PAYMENTS) if record.key == b"acme/C-9"]
    assert [record.value for record in back] == [b"{\xff", b"{}"]
    assert {(record.partition, record.timestamp_ms) for record in back} == {(1, 1_700_000_000_000)}
    assert [tuple(record.headers) for record in back] == [(("content-type", b"application/json"),)] * 2
