"""One command on its way to the agency, with fakes around it: what is committed before what is sent."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from connectors.agencies.atriga.capabilities import CAPABILITIES
from connectors.delivery import ledger
from connectors.delivery.agency import Agency
from connectors.delivery.book import Book, Entry
from connectors.delivery.debtors import Debtors
from connectors.delivery.errors import CaseEnded, Unavailable
from connectors.delivery.gate import Gate
from connectors.delivery.ledger import Parked
from connectors.delivery.metrics import Metrics
from connectors.delivery.sender import PROVEN_FOR_S, UNDER_WAY_S, NotNow, Result, Sender
from schemas.commands import CommandEvent
from tests.connectors.test_ledger import ANSWER, HANDOVER, RECALL, SUBMIT


class _World:
    """Ledger and agency in one; `done` is what happened, in order. Each of the lists is used up from its front."""

    capabilities = CAPABILITIES
    now_ms = 0

    def __init__(self) -> None:
        self.done: list[str] = []
        self.commit_takes_s: list[float] = []
        self.failures: list[Exception] = []
        self.later_s = 0.0
        self.known = HANDOVER

    def handover(self, handover_id: str) -> ledger.Handover:
        return self.known

    async def ask(self, handover_id: str) -> None:
        """The agency has no such case."""

    async def write(self, entry: Entry) -> None:
        self.done.append("intent")
        assert all(edit.proves for edit in entry.edits)
        self.later_s += self.commit_takes_s.pop(0) if self.commit_takes_s else 0

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        self.done.append("sent")
        if self.failures:
            raise self.failures.pop(0)

    async def send_message(self, *_: object) -> None: ...

    async def answer(self, *_: object) -> None:
        raise CaseEnded("closed")


def _sender(world: _World) -> Sender:
    gate = Gate(100, clock=asyncio.get_running_loop().time)
    return Sender(cast(Agency, world), cast(Book, world), cast(Debtors, None), gate, Metrics())


async def _performed(world: _World, command: CommandEvent) -> Result:
    sender = _sender(world)
    done = await sender.perform(ledger.taken(HANDOVER, "A1"), command)
    assert isinstance(done, Result)
    return done


async def _recalled(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + world.later_s)
    done: Any = await _sender(world).perform(ledger.taken(HANDOVER, "A1"), RECALL)
    assert isinstance(done, Result)


async def test_an_intent_whose_commit_took_as_long_as_a_pause_is_committed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World()
    world.commit_takes_s = [PROVEN_FOR_S, 2 * PROVEN_FOR_S]
    await _recalled(world, monkeypatch)
    assert world.done == ["intent", "intent", "intent", "sent"]


async def test_a_second_try_is_committed_before_it_is_sent_like_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World()
    world.failures = [Unavailable("away")]
    await _recalled(world, monkeypatch)
    assert world.done == ["intent", "sent", "intent", "sent"]


async def test_what_may_still_be_on_its_way_is_not_said_to_be_recalled_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World()
    world.known = ledger.parked(
        ledger.intended(HANDOVER, SUBMIT.id), Parked(RECALL.id, RECALL.type, msgspec.Raw(b"{}"), "behind", 1), None, maybe_sent=True
    )
    sender, loop = _sender(world), asyncio.get_running_loop()
    assert isinstance(await sender.perform(world.known, SUBMIT), NotNow)
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + UNDER_WAY_S)
    told: Any = await sender.perform(world.known, SUBMIT)
    assert [each.type for each in told.told] == ["case.closed"]


async def test_words_for_a_case_that_is_closed_are_told_as_not_delivered() -> None:
    [told] = (await _performed(_World(), ANSWER)).told
    assert "case_ended" in repr(told)


async def test_a_recall_of_a_case_that_is_closed_tells_nothing_of_its_own() -> None:
    world = _World()
    world.failures = [CaseEnded("closed")]
    assert (await _performed(world, RECALL)).told == ()
