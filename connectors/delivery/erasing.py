"""Who is erased on `billing.debtors` (a record without a value) is erased on `debtor.keys` too: what was written about them, wherever it
stands, can't be opened any more (`architecture.md` 6).

Each contract's key is taken away by the connector that has the contract's partition number; who erases while no connector runs is obeyed
at the next start, as long as Kafka keeps the tombstone (`delete.retention.ms`). Afterwards nothing more is kept of what an agency writes
about them, until they are described anew.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from connectors.delivery.texts import Texts
from streams.engine.errors import EngineError

log = logging.getLogger(__name__)

AGAIN_S: Final = 5.0
"""How often is looked again for what could not be done, or has become ours since."""


class Erasing:
    """`mine`: whether a contract's partition number is held here. `took` is told each record of `billing.debtors` in its order."""

    def __init__(self, mine: Callable[[str], bool]) -> None:
        self._mine = mine
        self._erased: set[str] = set()
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._following = False

    def took(self, contract: str, *, described: bool) -> None:
        """A debtor was described, or erased. What is described again before the topic was read to its end was erased long ago; later, who
        erases means what stood until then, even where a new description follows at once."""
        if not described:
            self._erased.add(contract)
            self._due.add(contract)
            self._wake.set()
            return
        self._erased.discard(contract)
        if not self._following or not self._mine(contract):
            self._due.discard(contract)

    def is_erased(self, contract: str) -> bool:
        """Whether the last word about the contract's debtor was to erase it."""
        return contract in self._erased

    async def run(self, texts: Texts) -> None:
        """Take away the keys of who is erased. Begin when `billing.debtors` was read to its end."""
        self._following = True
        while True:
            self._wake.clear()
            for contract in sorted(filter(self._mine, self._due)):
                await self._erase(texts, contract)
            try:
                async with asyncio.timeout(AGAIN_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _erase(self, texts: Texts, contract: str) -> None:
        try:
            if await texts.erase(contract):
                log.info("the texts about %s were erased with its debtor", contract)
        except EngineError as error:
            log.warning("the texts about %s can't be erased for now: %s", contract, error)
            return
        self._due.discard(contract)
