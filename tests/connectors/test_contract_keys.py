"""The contracts' keys while others write them: what is erased at the same moment stays erased, and who was fenced begins anew."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.delivery.sealing import Key, Keys, SealBroken
from mahnlauf.accounts import change, stored
from mahnlauf.resealing import reseal
from schemas import topics
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Connection
from tests.connectors.kit import need_topics
from tests.connectors.test_texts import WORDS, texts_of
from tests.engine.kit import Publisher, unique

OLD, NEW = Key.new(), Key.new()


class Interrupted(Keys):
    """Keys that let something happen elsewhere, to its end, just before they seal for the first time: between reading and writing."""

    def __init__(self, meanwhile: Callable[[], Coroutine[Any, Any, None]], place: str) -> None:
        super().__init__([NEW, OLD])
        self._meanwhile = meanwhile
        self._place = place
        self.times = 0

    def seal(self, clear: bytes, place: str) -> str:
        if self._place in place:
            self.times += 1
            if self.times == 1:
                with ThreadPoolExecutor(1) as elsewhere:
                    elsewhere.submit(lambda: asyncio.run(self._meanwhile())).result(60)
        return super().seal(clear, place)


@pytest.mark.parametrize("fencing", [False, True])
async def test_a_key_that_is_erased_while_it_is_sealed_anew_stays_erased(own_kafka: str, fencing: bool) -> None:
    await need_topics(own_kafka)
    erased, other = f"{unique('acme')}/C-1", f"{unique('acme')}/C-2"

    async def meanwhile() -> None:
        if fencing:
            async with texts_of(own_kafka, Keys()) as texts:
                await texts.erase(erased)
        else:  # a person, who knows nothing of transactional ids
            async with Publisher(own_kafka) as publisher:
                await publisher.send(topics.DEBTOR_KEYS, erased.encode(), None, 1)

    async with texts_of(own_kafka, Keys([OLD])) as texts:
        sealed = {contract: await texts.seal(contract, WORDS) for contract in (erased, other)}
    keys = Interrupted(meanwhile, erased)
    async with texts_of(own_kafka, keys) as texts:
        await texts.reseal()
    assert keys.times == 1  # where it was fenced, the key was gone when it began anew
    async with texts_of(own_kafka, Keys([NEW])) as texts:
        with pytest.raises(SealBroken, match="erased"):
            await texts.open(erased, sealed[erased])
        assert await texts.open(other, sealed[other]) == WORDS


async def test_an_account_that_is_removed_while_it_is_sealed_anew_stays_removed(own_kafka: str) -> None:
    await need_topics(own_kafka)
    where, name = Connection(own_kafka), unique("acme")
    account = AgencyAccount(tenant=name, account="main", agency="atriga", mode="test", customer_id="1")
    account = account.model_copy(update={"secret": Keys([OLD]).seal(b"{}", f"agency.accounts/{name}/main/atriga/test/1/")})

    async def meanwhile() -> None:
        await change(where, lambda now: {f"{name}/main": None})

    await change(where, lambda now: {f"{name}/main": account})
    keys = Interrupted(meanwhile, f"{name}/main")
    await reseal(where, keys)
    assert keys.times == 1
    assert f"{name}/main" not in await stored(where)
