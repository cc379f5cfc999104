"""Free text to an agency and back: in the clear at both ends, sealed with the contract's key everywhere between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from connectors.delivery.sealing import Key, Keys, SealBroken
from connectors.delivery.texts import Texts
from schemas import topics
from schemas.fields import TEXT_MAX_LENGTH, is_sealed
from schemas.ids import contract_key
from streams.engine import fetch
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import Undecided
from streams.engine.placing import partition_of
from tests.connectors.kit import PARTITIONS, Tenant, day, idle, need_topics, running
from tests.engine.kit import Publisher, eventually, read_all, unique

WORDS = "Frau Pl4nted-Muster zahlt am Freitag"
ASKED = "Wohnt Frau Pl4nted-Muster noch dort?"


@asynccontextmanager
async def texts_of(bootstrap: str, keys: Keys) -> AsyncIterator[Texts]:
    cluster = Cluster(Connection(bootstrap), "texts-test")
    await cluster.start()
    texts = Texts(Connection(bootstrap), cluster, keys)
    try:
        yield texts
    finally:
        await texts.stop()
        await cluster.stop()


async def test_words_and_questions_go_both_ways_and_stand_nowhere_in_the_clear(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    keys = Keys([Key.new()])
    await direct.post("/script", json={"story": [{"day": 1, "message": WORDS}, {"day": 2, "question": ASKED}]})
    contract = contract_key(tenant.name, "C-1")
    async with texts_of(tenant.bootstrap, keys) as texts, running(tenant, keys=keys) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await tenant.write("C-1", "M1", await texts.seal(contract, WORDS))
        await direct.post("/clock", json={"now": day(3).isoformat()})
        await tenant.until_told("C-1", "case.passed", "case.message_received", "case.question_asked")
        _, message, question = await tenant.replies()
        assert is_sealed(message.data.text)
        assert (await texts.open(contract, message.data.text), await texts.open(contract, question.data.text)) == (WORDS, ASKED)
        await tenant.answer("C-1", question.data.question_id, await texts.seal(contract, WORDS))
        await idle(connector)
    [case] = (await direct.get("/cases")).json()["cases"]
    answer = {"question_id": question.data.question_id, "answer": WORDS}
    assert sorted(case["received"].values(), key=str) == sorted([{"message_id": "M1", "text": WORDS}, answer], key=str)
    for topic in (topics.COMMANDS, topics.OUTBOX, topics.LEDGER, topics.REPLIES, topics.INBOX, topics.DEBTOR_KEYS):
        assert [record for record in await read_all(tenant.bootstrap, topic) if "Pl4nted" in repr(record)] == []


async def test_a_message_that_may_have_left_is_asked_about_and_not_sent_again(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    async with running(tenant, keys=Keys([Key.new()])) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await direct.post("/faults", json={"kind": "503", "when": "after", "operation": "message", "count": 1})
        await tenant.write("C-1", "M1", "words in the clear of a foreign publisher")
        await idle(connector)
    [case] = (await direct.get("/cases")).json()["cases"]
    assert [words["message_id"] for words in case["received"].values()] == ["M1"]


async def test_what_was_erased_is_not_sent_and_a_person_is_told(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    keys = Keys([Key.new()])
    contract = contract_key(tenant.name, "C-1")
    async with texts_of(tenant.bootstrap, keys) as texts, running(tenant, keys=keys):
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        sealed = await texts.seal(contract, WORDS)
        async with Publisher(tenant.bootstrap) as publisher:
            await publisher.send(topics.DEBTOR_KEYS, contract.encode(), None, 1)
        with pytest.raises(SealBroken, match="erased"):
            await texts.open(contract, sealed)
        await tenant.write("C-1", "M1", sealed)
        await tenant.until_told("C-1", "case.passed", "case.failed")
    assert (await tenant.replies())[-1].data.reason == "text_unreadable"
    [case] = (await direct.get("/cases")).json()["cases"]
    assert case["received"] == {}


async def test_who_erases_a_debtor_erases_what_was_written_about_them(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    """On both sides, also while no connector ran; what the agency writes later is not kept; who is described anew has new texts."""
    keys = Keys([Key.new()])
    await direct.post(
        "/script", json={"story": [{"day": 1, "message": WORDS}, {"day": 5, "message": WORDS}, {"day": 6, "status": "Accepted"}]}
    )
    contracts = [contract_key(tenant.name, name) for name in ("C-1", "C-2", "C-3")]
    async with texts_of(tenant.bootstrap, keys) as texts:
        sealed = [await texts.seal(contract, WORDS) for contract in contracts]

        def gone(contract: str, text: str) -> Callable[[], Awaitable[bool]]:
            async def closed() -> bool:
                try:
                    await texts.open(contract, text)
                except SealBroken:
                    return True
                return False

            return closed

        async with running(tenant, keys=keys) as connector:
            for name in ("C-1", "C-2", "C-3"):
                await tenant.submit(name)
                await tenant.until_told(name, "case.passed")
            await direct.post("/clock", json={"now": day(2).isoformat()})
            await tenant.until_told("C-1", "case.passed", "case.message_received")
            received = next(event.data.text for event in await tenant.replies() if event.subject == "C-1" and "received" in event.type)
            await tenant.erase("C-1")
            await eventually(gone(contracts[0], sealed[0]), "its key was taken away")
            assert await gone(contracts[0], received)()
            await direct.post("/clock", json={"now": day(7).isoformat()})
            await tenant.until_told("C-1", "case.message_received", "case.accepted")  # the second message is not among them
            await idle(connector)
        await tenant.erase("C-2")
        async with running(tenant, keys=keys):
            await eventually(gone(contracts[1], sealed[1]), "what was erased meanwhile is")
            assert await texts.open(contracts[2], sealed[2]) == WORDS
            await tenant.describe("C-2")
            anew = await texts.seal(contracts[1], WORDS)
        async with running(tenant, keys=keys):
            assert await texts.open(contracts[1], anew) == WORDS
    kept = [json.loads(record.value or b"{}") for record in await read_all(tenant.bootstrap, topics.INBOX) if tenant_s(record.key, tenant)]
    assert [each["why"] for each in kept if each["raw"]["reference"] == tenant.handover("C-1")] == ["debtor_erased"]


async def test_without_a_key_nothing_is_kept_in_the_clear(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/script", json={"story": [{"day": 1, "message": WORDS}, {"day": 2, "status": "Accepted"}]})
    async with running(tenant) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await direct.post("/clock", json={"now": day(3).isoformat()})
        await tenant.until_told("C-1", "case.passed", "case.accepted")
        await idle(connector)
    kept = [record for record in await read_all(tenant.bootstrap, topics.INBOX) if record.key == tenant.account.key.encode()]
    assert [b"encryption_key" in (record.value or b"") for record in kept] == [True]
    assert "Pl4nted" not in repr(kept)


async def test_two_who_make_a_key_at_the_same_time_make_one(kafka: str) -> None:
    await need_topics(kafka)
    keys, contract = Keys([Key.new()]), f"{unique('acme')}/C-1"
    async with texts_of(kafka, keys) as one, texts_of(kafka, keys) as other:
        sealed = await asyncio.gather(*(texts.seal(contract, WORDS) for texts in (one, other, one, other)))
        assert [await one.open(contract, each) for each in sealed] == [WORDS] * 4
    await eventually(lambda: _one_key(kafka, contract), "one key stands there")


async def test_a_lost_end_on_the_keys_topic_is_told_and_waited_for(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_DECIDED_WITHIN_S", 0.5)
    await need_topics(kafka)
    contract = f"{unique('acme')}/C-1"
    async with texts_of(kafka, Keys([Key.new()])) as texts, Publisher(kafka, unique("lost")) as lost:
        await lost.producer.begin_transaction()
        await lost.send(topics.DEBTOR_KEYS, contract.encode(), None, partition=partition_of(contract.encode(), PARTITIONS))
        async with asyncio.timeout(30):
            with pytest.raises(Undecided, match="kafka-transactions"):
                await texts.seal(contract, WORDS)
        await lost.producer.abort_transaction()
        assert await texts.open(contract, await texts.seal(contract, WORDS)) == WORDS


async def _one_key(kafka: str, contract: str) -> bool:
    return len([record for record in await read_all(kafka, topics.DEBTOR_KEYS) if record.key == contract.encode()]) == 1


async def test_a_text_may_be_as_long_as_one_may_be_whatever_its_signs(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    """Sealed it is five times as long, both ways; what is longer in the clear is kept for a person, named."""
    keys, longest = Keys([Key.new()]), "\U0001f4b6" * TEXT_MAX_LENGTH
    contract = contract_key(tenant.name, "C-1")
    story = [{"day": 1, "message": longest}, {"day": 2, "message": longest + "."}, {"day": 3, "status": "Accepted"}]
    await direct.post("/script", json={"story": story})
    async with texts_of(tenant.bootstrap, keys) as texts, running(tenant, keys=keys) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await tenant.write("C-1", "M1", await texts.seal(contract, longest))
        await idle(connector)
        await direct.post("/clock", json={"now": day(4).isoformat()})
        await tenant.until_told("C-1", "case.passed", "case.message_received", "case.accepted")
        assert await texts.open(contract, (await tenant.replies())[1].data.text) == longest
    [case] = (await direct.get("/cases")).json()["cases"]
    assert [words["text"] for words in case["received"].values()] == [longest]
    kept = [json.loads(record.value or b"{}") for record in await read_all(tenant.bootstrap, topics.INBOX) if tenant_s(record.key, tenant)]
    assert [each["why"] for each in kept] == ["text"]


def tenant_s(key: bytes | None, tenant: Tenant) -> bool:
    return key == tenant.account.key.encode()
